"""P12: the database crashes, throws everybody out, and freezes for ten seconds, while people talk."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest

from chatserver.database import embedded
from tests.support.cluster import Cluster
from tests.support.conversation import talking

# The promise, after the watch has brought the server back (it looks once a second), on a machine that is busy.
WHOLE_SECONDS = 5 + 3
FROZEN_SECONDS = 10


@pytest.fixture(scope="module")
async def own_server():
    """A server that may be killed: with fsync, as in production."""
    with tempfile.TemporaryDirectory(prefix="chatserver-database-") as name:
        Path(name).chmod(0o755)
        postgres = await embedded.open_in(Path(name))
        yield postgres
        await postgres.stop()


@pytest.fixture(scope="module")
async def machines(own_server, redis_server, tmp_path_factory):
    """Two web processes on it."""
    folder = tmp_path_factory.mktemp("machines")
    settings = {"DATABASE_URL": own_server.url, "REDIS_URL": redis_server.url, "STORAGE_URL": f"file:{folder}/files"}
    cluster = Cluster(folder, **settings)
    try:
        await cluster.start(web=2, workers=0)
        yield cluster
    finally:
        await cluster.close()


def postmaster(server):
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


async def all_answered(said):
    """Seconds until everybody got two more answers."""
    began, before = time.monotonic(), [len(own) for own in said]
    async with asyncio.timeout(30):
        while any(len(own) < count + 2 for own, count in zip(said, before, strict=True)):
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def crash(server):
    os.kill(postmaster(server), signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
    async with asyncio.timeout(20):
        while server._server.alive():
            await asyncio.sleep(0.01)
    async with asyncio.timeout(20):
        while not server._server.alive():
            await asyncio.sleep(0.01)


async def throw_out(server):
    admin = await asyncpg.connect(server.admin_url)
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'chatserver'")
    await admin.close()


async def freeze(server):
    admin = await asyncpg.connect(server.admin_url)
    rows = await admin.fetch("SELECT pid FROM pg_stat_activity WHERE datname = 'chatserver'")
    await admin.close()
    pids = [postmaster(server), *(row["pid"] for row in rows)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN_SECONDS)  # the fault itself
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def test_p12_nothing_acknowledged_is_lost_and_the_pool_is_whole_again(machines, own_server):
    async with talking(machines, ["Ada", "Bob", "Cyd", "Dan"]) as (_, said):
        await all_answered(said)
        for fault in (crash, throw_out, freeze):
            await fault(own_server)
            seconds = await all_answered(said)
            print(f"P12: {fault.__name__}: everybody was answered twice again after {seconds:.2f} s")
            assert seconds < WHOLE_SECONDS
