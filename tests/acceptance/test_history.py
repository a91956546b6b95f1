"""Histories: clients on two machines log all that they do while a nemesis hurts the machines; then all of it is judged.

Seconds, kills and seed come from SOAK_SECONDS, SOAK_KILLS and SOAK_SEED; `make soak` sets them high.
"""

import asyncio
import os
import random

import asyncpg
import pytest

from tests.support.cluster import Cluster
from tests.support.history import History
from tests.support.nemesis import Nemesis
from tests.support.redis import running_redis
from tests.support.story import sign_up
from tests.support.tab import Tab

# Without a number, everything that the nemesis can do, once.
SECONDS = float(os.environ.get("SOAK_SECONDS", "0"))
KILLS = int(os.environ.get("SOAK_KILLS", "15"))
SEED = int(os.environ.get("SOAK_SEED", "20261122"))
# People in one session, a tab each.
CLIENTS = ("Ada", "Bob", "Cyd", "Dan", "Eve", "Fay")


@pytest.fixture(scope="module")
async def own_redis():
    async with running_redis() as server:
        yield server


@pytest.fixture(scope="module")
async def machines(database_url, own_redis, tmp_path_factory):
    """Two web processes and two workers; nobody else's, so that they may be hurt."""
    folder = tmp_path_factory.mktemp("history")
    store = {"STORAGE_URL": f"file:{folder}/files", "TIMING": "lease=15,reap=1"}
    settings = {"DATABASE_URL": database_url, "REDIS_URL": own_redis.url, **store}
    cluster = Cluster(folder, parting=True, **settings)
    try:
        await cluster.start(web=2, workers=2)
        yield cluster
    finally:
        await cluster.close()


async def join_clients(machines):
    """Everybody in one session; the tabs begin on different machines."""
    people = [await sign_up(machines.web[0], name) for name in CLIENTS]
    session = await people[0].buys("pro")
    code = await people[0].invites(session)
    for guest in people[1:]:
        await guest.accepts(code)
    await people[0].call("PATCH", f"/sessions/{session['id']}", {"guests_may_generate": True})
    return session, [Tab(person, session["id"], lambda: list(machines.web), n) for n, person in enumerate(people)]


async def all_ended(database_url):
    """Waits until no job is left: no lease needs more than its seconds, and one more to be found."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET ROLE chatserver_worker")
        async with asyncio.timeout(90):
            while await connection.fetchval("SELECT count(*) FROM generations WHERE finished_at IS NULL"):
                await asyncio.sleep(0.2)
    finally:
        await connection.close()


async def stored(person, session):
    """The whole stream, page by page."""
    messages, after, more = [], 0, True
    while more:
        page = await person.call("GET", f"/sessions/{session['id']}/messages?after={after}&limit=200")
        messages += page["messages"]
        more = page["more"] and bool(page["messages"])
        after = max((message["seq"] for message in page["messages"]), default=after)
    return messages


async def agree(tabs, messages):
    """Every tab shows what is stored, and applied every change once, in order."""
    truth = {message["id"]: message for message in messages}
    for tab in tabs:
        async with asyncio.timeout(15):
            while tab.messages != truth:
                await asyncio.sleep(0.1)
        assert tab.seqs == sorted(set(tab.seqs))


async def judge(machines, session, tabs, history, database_url):
    person = tabs[0].person
    person.product = machines.web[0]
    await all_ended(database_url)
    await asyncio.gather(*(tab.says(f"{tab.person.name} is well") for tab in tabs))
    messages = await until_still(person, session)
    await agree(tabs, messages)
    outcomes = history.judge([message for message in messages if not message["text"].endswith(" is well")])
    await machines.check()
    return dict(outcomes)


async def until_still(person, session):
    """The stream, once the assistant has answered too."""
    async with asyncio.timeout(60):
        while True:
            messages = await stored(person, session)
            if all(message["status"] != "streaming" for message in messages):
                return messages
            await asyncio.sleep(0.2)


@pytest.mark.timeout(SECONDS + 240)
async def test_p2_p3_p4_p5_p7_p10_a_history_under_a_nemesis_holds(machines, own_redis, database_url, postgres_server):
    session, tabs = await join_clients(machines)
    history, stopped = History(SEED), asyncio.Event()
    nemesis = Nemesis(machines, own_redis, postgres_server.admin_url_of(database_url), SEED)
    clients = [asyncio.create_task(history.run_client(tab, stopped)) for tab in tabs]
    await nemesis.rage(SECONDS)
    stopped.set()
    await asyncio.gather(*clients)
    outcomes = await judge(machines, session, tabs, history, database_url)
    away = sorted(seconds for tab in tabs for seconds in tab.away)
    print(f"history: seed {SEED}, {len(nemesis.deeds)} deeds, {outcomes}, {len(away)} returns, p95 {p95(away):.2f} s")
    for tab in tabs:
        await tab.leaves()


def p95(sorted_values):
    return sorted_values[int(len(sorted_values) * 0.95) - 1] if sorted_values else 0.0


@pytest.mark.timeout(KILLS * 10 + 240)
async def test_p1_p5_p7_a_loop_of_kills_leaves_the_books_in_order(machines, database_url):
    session, tabs = await join_clients(machines)
    history, stopped, chance = History(SEED + 1), asyncio.Event(), random.Random(SEED)
    clients = [asyncio.create_task(history.run_client(tab, stopped)) for tab in tabs]
    kills = 0
    while kills < KILLS:
        kills += await kill_all(machines, chance)
    stopped.set()
    await asyncio.gather(*clients)
    outcomes = await judge(machines, session, tabs, history, database_url)
    print(f"kills: {kills} SIGKILLs, {outcomes}; the auditors found nothing")
    for tab in tabs:
        await tab.leaves()


async def kill_all(machines, chance):
    """Every process, each at a moment of its own; then all of them again."""
    nodes, workers = list(machines.web), list(machines.workers)

    async def kill(process):
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        await process.kill()

    await asyncio.gather(*(kill(process) for process in (*nodes, *workers)))
    machines.workers.clear()
    await asyncio.gather(*(machines.replace(node) for node in nodes), *(machines.add_worker() for _ in workers))
    return len(nodes) + len(workers)
