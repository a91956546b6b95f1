"""P12: the database crashes, throws everybody out, freezes for ten seconds, and becomes a standby, while people talk."""

import asyncio
import contextlib
import json
import os
import signal
import time

import asyncpg
import pytest

from tests.support import postgres
from tests.support import product as products
from tests.support.cluster import Cluster
from tests.support.conversation import talking
from tests.support.story import Refusal, sign_up

# The promise, after the watch has brought the server back (it looks once a second), on a machine that is busy.
WHOLE_SECONDS = 5 + 3
FROZEN_SECONDS = 10


@pytest.fixture(scope="module")
async def own_server():
    async with postgres.durable_server() as server:
        yield server


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


async def all_answered(said):
    """Seconds until everybody got two more answers."""
    began, before = time.monotonic(), [len(own) for own in said]
    async with asyncio.timeout(30):
        while any(len(own) < count + 2 for own, count in zip(said, before, strict=True)):
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def throw_out(server):
    admin = await asyncpg.connect(server.admin_url)
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'chatserver'")
    await admin.close()


async def freeze(server):
    admin = await asyncpg.connect(server.admin_url)
    rows = await admin.fetch("SELECT pid FROM pg_stat_activity WHERE datname = 'chatserver'")
    await admin.close()
    pids = [postgres.postmaster(server), *(row["pid"] for row in rows)]
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
        for fault in (postgres.crash, throw_out, freeze):
            await fault(own_server)
            seconds = await all_answered(said)
            print(f"P12: {fault.__name__}: everybody was answered twice again after {seconds:.2f} s")
            assert seconds < WHOLE_SECONDS


@contextlib.asynccontextmanager
async def only_read(server):
    """Everybody is thrown out, and whoever connects meanwhile may only read: also afterwards, as a connection does that
    leads to the primary of before a failover."""
    admin = await asyncpg.connect(server.admin_url)
    await admin.execute("ALTER ROLE chatserver SET default_transaction_read_only = on")
    await throw_out(server)
    try:
        yield
    finally:
        await admin.execute("ALTER ROLE chatserver RESET default_transaction_read_only")
        await admin.close()


async def database_of(person):
    status, _, body = await person.fetch("/readyz")
    return status, json.loads(body)["checks"]["database"]


async def test_p12_a_failover_is_busy_is_read_and_keeps_the_picture_that_is_being_made(machines, own_server):
    worker = await machines.add_worker(SKETCH_PACE="2")
    ada = await sign_up(machines.web[0], "Ada")
    session = await ada.buys("flash")
    chat = await ada.joins(session)
    message = await chat.generates("a harbour whose pilot is changed", width=64, height=64)
    await chat.hears(lambda event: event["type"] == "progress" and event.get("status") == "rendering")
    async with only_read(own_server):
        with pytest.raises(Refusal) as refusal:
            await chat.says("nobody writes this down")
        assert refusal.value.code == "busy"
        while await database_of(ada) != (200, "read-only"):
            await asyncio.sleep(0.1)
        assert (await ada.credits(session))["image"]["held"] == 1
        await products.wait_for_line(worker, '"verb": "stage"')
    [generation] = (await chat.sees_ended(message))["generations"]
    assert (generation["status"], generation["stage"]["attempt"]) == ("done", 1)
    assert (await ada.credits(session))["image"]["left"] == 7
    await chat.says("this one is")
    await chat.leaves()
