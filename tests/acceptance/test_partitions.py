"""A network that parts machines from what they share, in silence: each has lines of its own to Postgres, Redis and S3.

P7, P10, P11 and P12 where nothing is refused and nobody dies: what a parted machine has begun stays open at the
others' end, and arrives late when the network is whole again.
"""

import asyncio
import contextlib
import json
import time
import uuid

import asyncpg
import pytest

from chatserver import ids
from chatserver.config import Timing
from tests.support import product as products
from tests.support.cluster import Cluster
from tests.support.delivery import check_delivery, delivery, durable_seqs
from tests.support.lines import ENGINES
from tests.support.story import Refusal, sign_up
from tests.support.swift import KEYS

# A parted worker stops in time only where a renewal that hangs for a whole unit of work fits between two others.
TIMING = Timing(lease=20.0, reap=1.0)
# A machine is whole so soon after its lines are; one that stands still meanwhile, and answers `busy`, needs longer.
WHOLE_SECONDS = 5 + 10
# What a parted machine had locked is free again after the deadline of its unit of work, and a roll back.
FREE_SECONDS = 6 + 4


@pytest.fixture(scope="module")
async def machines(database_url, redis_server, swift, tmp_path_factory):
    """Two web processes and a slow worker, each with its own lines."""
    engines = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url,
        "STORAGE_URL": swift.url(f"parted-{uuid.uuid4()}"),
        **KEYS,
    }
    settings = {**engines, "TIMING": str(TIMING)}
    cluster = Cluster(tmp_path_factory.mktemp("parted"), parting=True, **settings)
    try:
        assert (await cluster.run("storage", "create"))[0] == 0
        # Slower than another worker can be to start.
        await asyncio.gather(cluster.start(web=2, workers=0), cluster.add_worker(SKETCH_PACE="120"))
        yield cluster
    finally:
        await cluster.close()


@pytest.fixture(scope="module", autouse=True)
async def parted_workers(machines, postgres_server, tmp_path_factory):
    """A lease has to run out in it, so it runs beside the other tests; the last ones wait for it."""
    tasks = [
        asyncio.create_task(part_a_worker(machines)),
        asyncio.create_task(part_a_worker_briefly(machines, postgres_server, tmp_path_factory.mktemp("briefly"))),
    ]
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def part_a_worker(machines):
    """A worker loses the database in mid-render, and nothing else: another one finishes, and it publishes nothing."""
    ada = await sign_up(machines.web[1], "Ada")
    session = await ada.buys("flash")
    chat = await ada.joins(session)
    message = await chat.generates("a lighthouse beyond the horizon", width=128, height=128)
    await is_rendering(chat, message, attempt=1)
    [lonely] = machines.workers
    other = await machines.add_worker()
    machines.lines_of(lonely).part("DATABASE_URL")
    began = time.monotonic()
    await products.wait_for_line(lonely, "generation.lease_lost")
    stopped = time.monotonic() - began
    assert message["id"] not in {each["id"] for each in chat.messages.values() if each["generations"][0]["finished_at"]}
    ended = await chat.sees_ended(message)
    done = time.monotonic() - began
    [generation] = ended["generations"]
    assert (generation["status"], generation["stage"]["attempt"], len(generation["assets"])) == ("done", 2, 1)
    machines.lines_of(lonely).heal()
    # It is whole when it takes work again; by then all that it had under way has arrived.
    assert await other.stop() == 0
    more = await chat.generates("another lighthouse", width=128, height=128)
    await is_rendering(chat, more, attempt=1)
    assert chat.messages[message["id"]] == ended
    assert (await ada.credits(session))["image"]["left"] == 6
    await chat.asks("generation.cancel", generation_id=more["generations"][0]["id"])
    assert (await ada.credits(session))["image"]["left"] == 7
    await chat.leaves()
    return stopped, done


async def part_a_worker_briefly(machines, postgres_server, folder):
    """The database is away while a picture is finished, but not for as long as its lease."""
    url = await postgres_server.create_database()
    own = {"DATABASE_URL": url, "STORAGE_URL": f"file:{folder}/files", "SKETCH_PACE": "3"}
    cluster = Cluster(folder, parting=True, **{**machines.settings, **own})
    try:
        await cluster.start(web=1, workers=1)
        ada = await sign_up(cluster.web[0], "Ada")
        session = await ada.buys("flash")
        chat = await ada.joins(session)
        message = await chat.generates("a ferry that is late", width=128, height=128)
        await is_rendering(chat, message, attempt=1)
        [worker] = cluster.workers
        cluster.lines_of(worker).part("DATABASE_URL")
        await products.wait_for_line(worker, '"verb": "stage"')
        cluster.lines_of(worker).heal()
        [generation] = (await chat.sees_ended(message))["generations"]
        await chat.leaves()
        return generation, (await ada.credits(session))["image"]
    finally:
        await cluster.close()
        await postgres_server.drop_database(url)


async def is_rendering(chat, message, attempt):
    generation_id = message["generations"][0]["id"]
    await chat.hears(
        lambda event: (
            event["type"] == "progress"
            and (event["generation_id"], event.get("status"), event.get("attempt"))
            == (generation_id, "rendering", attempt)
        )
    )


@pytest.fixture
async def chats(machines):
    """One person's tabs at both machines; the first machine is the one that is parted."""
    ada = await sign_up(machines.web[1], "Ada")
    session = await ada.buys("flash")
    tabs = [await ada.joins(session, product=node) for node in machines.web]
    yield tabs
    for tab in tabs:
        await tab.leaves()


async def test_p11_a_node_parted_from_redis_alone_delivers_by_the_poll_both_ways(machines, chats):
    lines = machines.lines_of(machines.web[0])
    there, back = chats, chats[::-1]
    lines.part("REDIS_URL")
    try:
        await check_delivery(there, "from a node without Redis")
        await check_delivery(back, "to a node without Redis")
    finally:
        lines.heal()
    async with asyncio.timeout(WHOLE_SECONDS):
        while max([await seconds_of(there), await seconds_of(back)]) > 0.4:
            await asyncio.sleep(0.5)
    async with asyncio.timeout(10):
        while chats[0].messages != chats[1].messages:
            await asyncio.sleep(0.05)
    for tab in chats:
        assert durable_seqs(tab.events) == sorted(set(durable_seqs(tab.events)))


async def seconds_of(chats):
    return (await delivery(chats, f"again {ids.new()}"))[1]


async def comes_back(chat, product):
    """As tabs do it: a node that has just found its engines again may still send one away."""
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            return await chat.person.joins({"id": chat.session_id}, after=chat.seq, product=product)
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("engines", [("DATABASE_URL",), ENGINES], ids=["the database alone", "everything"])
async def test_p10_p12_a_node_parted_from_the_database_says_no_ok_and_holds_nobody_up(
    machines, chats, database_url, engines
):
    parted, lines = machines.web[0], machines.lines_of(machines.web[0])
    client_id, text = ids.new(), f"said once, parted from {len(engines)}"
    async with locked(database_url, chats[0].session_id) as connection:
        asked = asyncio.create_task(chats[0].says(text, client_id))
        await somebody_waits_for(connection)
        lines.part(*engines)
    # Now its transaction has the session's row, and the database hears no more of it.
    began = time.monotonic()
    try:
        resumed = await chats[0].person.joins({"id": chats[0].session_id}, after=chats[0].seq, product=machines.web[1])
        await says_until_ok(resumed, text, client_id)
        seconds = time.monotonic() - began
        print(
            f"P12: parted from {len(engines)}: what it had locked was free, and said elsewhere, after {seconds:.1f} s"
        )
        assert seconds < FREE_SECONDS
        with pytest.raises(Refusal) as refusal:
            await asked
        assert refusal.value.code == "busy"
        refused = await is_not_told_ok(chats[0], "to nobody")
        assert await readiness(chats[0].person, parted) == (503, "not-ready")
        # Others have what it lacks: whoever only looks on should not look at nothing.
        assert await chats[0].is_closed() == 1012
        print(f"P10: parted from {len(engines)}: sent away after {time.monotonic() - began:.1f} s")
        assert [chat.close_code for chat in (chats[1], resumed)] == [None, None]
    finally:
        lines.heal()
    healed = time.monotonic()
    while (await readiness(chats[0].person, parted))[0] != 200:
        await asyncio.sleep(0.1)
    back = await comes_back(chats[0], parted)
    await back.says("whole again")
    seconds = time.monotonic() - healed
    print(f"P12: parted from {len(engines)}: whole {seconds:.1f} s after its lines")
    assert seconds < WHOLE_SECONDS
    for shown in (chats[1].messages, resumed.messages, chats[0].messages | back.messages):
        texts = [message["text"] for message in shown.values()]
        assert texts.count(text) == 1
        # Where the socket closed before an answer came, the command went on, and may end well with its lines.
        assert texts.count("to nobody") <= (0 if refused else 1)
    await resumed.leaves()
    await back.leaves()


@contextlib.asynccontextmanager
async def locked(url, session_id):
    """A connection that keeps a session's row for as long as the block runs."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL ROLE chatserver_worker")
            await connection.execute("SELECT 1 FROM user_sessions WHERE id = $1 FOR UPDATE", session_id)
            yield connection
    finally:
        await connection.close()


async def somebody_waits_for(connection):
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    async with asyncio.timeout(4):
        while not await connection.fetchval(waiting):
            await asyncio.sleep(0.01)


async def is_not_told_ok(chat, text):
    """Says something until it is refused, or the socket closes; whether it was refused."""
    ref = await chat.send("message.create", client_id=ids.new(), text=text)
    told = lambda: [each["ok"] for each in chat.events if each["type"] == "reply" and each["ref"] == ref]  # noqa: E731
    await chat.changed(lambda: bool(told()) or chat.close_code is not None, 30)
    assert True not in told()
    return bool(told())


async def says_until_ok(chat, text, client_id):
    while True:
        try:
            return await chat.says(text, client_id)
        except Refusal as refusal:
            assert refusal.code == "busy"
            await asyncio.sleep(0.2)


async def readiness(person, node):
    person.product = node
    status, _, body = await person.fetch("/readyz")
    return status, json.loads(body)["status"]


async def test_p7_a_worker_parted_from_the_database_stops_by_itself_and_another_finishes_once(parted_workers, machines):
    stopped, done = await parted_workers[0]
    print(f"P7: parted in mid-render, it stopped after {stopped:.1f} s; another was done after {done:.1f} s")
    assert stopped < TIMING.lease
    await machines.check()


async def test_p12_a_worker_parted_for_a_moment_keeps_what_it_has_made(parted_workers):
    generation, credits = await parted_workers[1]
    assert (generation["status"], generation["stage"]["attempt"], generation["error"]) == ("done", 1, None)
    assert (credits["left"], credits["held"]) == (credits["limit"] - 1, 0)
