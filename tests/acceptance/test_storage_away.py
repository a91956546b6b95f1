"""P13 and P16: the store of files swallows what it is given, or is full. The chat goes on, and no picture is lost."""

import json
import os
import subprocess
import time
from pathlib import Path

import asyncpg
import pytest

from chatserver.storage.s3 import DEADLINE_SECONDS
from tests.support import product as products
from tests.support.edge import running_edge
from tests.support.proxy import running_proxy
from tests.support.story import sign_up
from tests.support.swift import KEYS

# Beside what people ask for: their previews and the probes of readiness.
DISK_BYTES = 256 * 1024


@pytest.fixture
async def fresh_database(postgres_server):
    url = await postgres_server.create_database()
    yield url
    await postgres_server.drop_database(url)


async def chat_goes_on(chat, text):
    """What waited for the store would be told when the store is given up."""
    began = time.monotonic()
    await chat.says(text)
    assert time.monotonic() - began < DEADLINE_SECONDS / 2


@pytest.mark.parametrize(
    ("running", "fault"),
    [(running_proxy, "swallow"), (running_edge, "withhold")],
    ids=["black hole", "withheld 100-continue"],
)
async def test_p13_a_silent_store_delays_pictures_and_nothing_else(fresh_database, swift, tmp_path, running, fault):
    async with running(swift.port) as proxy:
        settings = {"DATABASE_URL": fresh_database, "STORAGE_URL": swift.url(fault, endpoint=proxy.endpoint)}
        create = await products.start(tmp_path, "storage", "create", wait=False, **settings, **KEYS)
        assert await create.process.wait() == 0, create.output()
        async with products.running(tmp_path, **settings, **KEYS) as product:
            ada = await sign_up(product, "Ada")
            session = await ada.buys("flash")
            chat = await ada.joins(session)
            proxy.mode = fault
            message = await chat.generates("a well without a bottom", width=64, height=64)
            hopeless = await chat.sees_ended(await create_with_deadline(chat, fresh_database, seconds=4))
            [generation] = hopeless["generations"]
            assert generation["status"] == "failed"
            assert generation["error"]["credit_returned"] is True
            await chat_goes_on(chat, "still here")
            status, _, body = await ada.fetch("/readyz")
            # No balancer should take a process out for that.
            assert (status, json.loads(body)["status"]) == (200, "degraded")
            assert chat.messages[message["id"]]["generations"][0]["status"] == "rendering"
            proxy.mode = "carry"
            proxy.end_lines()
            ended = await chat.sees_ended(message)
            assert ended["generations"][0]["status"] == "done"
            assert (await ada.credits(session))["image"]["left"] == 7
            await chat.leaves()


async def create_with_deadline(chat, url, seconds):
    """A picture whose job has only so long: the usual ten minutes would be long for a test."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET ROLE chatserver_worker")
    # The first claim makes the row; it may not have come yet.
    await connection.execute(
        "INSERT INTO provider_gates (name, paused) VALUES ('sketch', true) ON CONFLICT (name) DO UPDATE SET paused = true"
    )
    message = await chat.generates("never to be kept", width=64, height=64)
    await connection.execute(
        "UPDATE generations SET not_before = clock_timestamp(),"
        " deadline_at = clock_timestamp() + make_interval(secs => $2::float8) WHERE message_id = $1",
        message["id"],
        seconds,
    )
    await connection.execute("UPDATE provider_gates SET paused = false")
    await connection.close()
    return message


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, a quarter of a megabyte small."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.getuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], capture_output=True
        ).returncode
    ):
        pytest.skip("P16 is not shown here: only root may mount the small disk that it needs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_p16_a_full_disk_refuses_pictures_reads_on_and_recovers(fresh_database, small_disk, tmp_path):
    settings = {"DATABASE_URL": fresh_database, "STORAGE_URL": f"file:{small_disk}/files"}
    async with products.running(tmp_path, **settings) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys("flash")
        chat = await ada.joins(session)
        kept = await chat.sees_ended(await chat.generates("a picture that fits", width=64, height=64))
        ballast = fill(small_disk)
        waiting = await chat.generates("a picture that does not", width=64, height=64)
        await products.wait_for_line(product, "storage.put_failed")
        await chat_goes_on(chat, "no room, but words")
        status, _, body = await ada.fetch(kept["generations"][0]["assets"][0]["url"])
        assert (status, body[:4]) == (200, b"\x89PNG")
        ballast.unlink()
        ended = await chat.sees_ended(waiting)
        assert ended["generations"][0]["status"] == "done"
        assert (await ada.credits(session))["image"]["left"] == 6
        await chat.leaves()


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast
