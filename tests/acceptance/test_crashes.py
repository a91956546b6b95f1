"""The fault matrix, its first row: a process is killed exactly at a step (CRASH_AT), and what must hold then holds."""

import asyncio
import contextlib
import uuid

import aiohttp
import asyncpg
import pytest

from tests.support import product as products
from tests.support.cluster import Cluster
from tests.support.story import SessionSocket, sign_up
from tests.support.swift import KEYS

SAY = "chatserver.messages.sending.say_at_once"
MAKE = "chatserver.generations.creation.create_at_once"
MAKE_FIRST = "chatserver.generations.service.create"  # the first of a process, which has read no rules of prompts
QUEUE = "chatserver.generations.queue"

# Step of a web process → whether what it was asked for is stored when it dies.
WEB_STEPS = {
    f"before-commit:{SAY}": False,
    f"after-commit:{SAY}": True,
    f"fan-out:{SAY}": True,
    f"before-commit:{MAKE}": False,
    f"after-commit:{MAKE}": True,
    f"fan-out:{MAKE}": True,
    f"before-commit:{MAKE_FIRST}": False,  # the credits were held, the rows inserted
    f"after-commit:{MAKE_FIRST}": True,
    f"fan-out:{MAKE_FIRST}": True,
}
# Step of a worker → the attempt that brings it to its end afterwards.
WORKER_STEPS = {
    f"before-commit:{QUEUE}.claim": 1,
    f"after-commit:{QUEUE}.claim": 2,
    f"before-commit:{QUEUE}.set_stage": 2,
    "provider-call": 2,
    "put": 2,
    f"before-commit:{QUEUE}.finish": 2,
    f"after-commit:{QUEUE}.finish": 1,
}


@pytest.fixture(scope="module")
async def machines(database_url, redis_server, swift, tmp_path_factory):
    """A web process that lives, without any worker."""
    own = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url,
        "STORAGE_URL": swift.url(f"crashes-{uuid.uuid4()}"),
    }
    cluster = Cluster(tmp_path_factory.mktemp("crashes"), **own, **KEYS)
    try:
        assert (await cluster.run("storage", "create"))[0] == 0
        await cluster.start(web=1, workers=0)
        yield cluster
    finally:
        await cluster.close()


async def ask(person, session, node, step, client_id):
    """What dies at the step, over HTTP: a text, or a picture."""
    person.product = node
    if step.endswith((MAKE, MAKE_FIRST)):
        body = {"client_id": client_id, "kind": "image", "prompt": step, "width": 64, "height": 64}
        return (await person.call("POST", f"/sessions/{session['id']}/generations", body))["message"]
    body = {"client_id": client_id, "text": step}
    return (await person.call("POST", f"/sessions/{session['id']}/messages", body))["message"]


async def start_failing(machines, step):
    """A web process that dies when it comes to the step."""
    folder = machines.folder / f"failing-{uuid.uuid4().hex}"
    return await products.start(folder, "serve", "--role", "web", **machines.settings, CRASH_AT=step)


async def crash_a_node(machines, step, is_stored):
    [survivor] = machines.web
    failing = await start_failing(machines, step)
    ada = await sign_up(survivor, "Ada")
    session = await ada.buys("flash", title="Crashes")  # the first words in another would be its title
    other = await ada.joins(session)
    client_id = str(uuid.uuid4())
    if step.endswith(MAKE):
        await ask(ada, await ada.buys("flash", title="Before"), failing, step, client_id)
    with pytest.raises(aiohttp.ClientError):
        await ask(ada, session, failing, step, client_id)
    assert await failing.process.wait() == -9
    if is_stored:
        # Others get it by the poll, although nobody lives who could have told them.
        told = await other.sees(lambda message: message["text"] == step)
    ada.product = survivor
    again = await ask(ada, session, survivor, step, client_id)
    if is_stored:
        assert again["id"] == told["id"]
    stored = (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"]
    assert [message["text"] for message in stored if message["author"]["kind"] == "user"] == [step]
    assert (await ada.credits(session))["image"]["left"] == (8 if step.endswith(SAY) else 7)
    await other.leaves()


async def test_p1_p4_a_node_killed_at_each_step_stores_once_what_is_sent_again(machines):
    await asyncio.gather(*(crash_a_node(machines, step, is_stored) for step, is_stored in WEB_STEPS.items()))


async def test_p3_p10_a_node_killed_in_the_middle_of_a_resume_leaves_nothing_out_and_nothing_twice(machines):
    [survivor] = machines.web
    ada = await sign_up(survivor, "Ada")
    session = await ada.buys("flash")
    first = await ada.joins(session)
    await first.says("before")
    await first.leaves()
    for number in range(8):
        await ask(ada, session, survivor, f"while away {number}", str(uuid.uuid4()))
    failing = await start_failing(machines, "resume")
    torn = SessionSocket(ada, session["id"], failing, "chat.v1.json")
    with contextlib.suppress(AssertionError, ConnectionRefusedError):
        await torn.connect(first.seq)
    assert await failing.process.wait() == -9
    await torn.is_closed()
    back = await ada.joins(session, after=max(first.seq, torn.seq))
    fresh = await ada.joins(session)
    await fresh.sees_text("while away 7")
    await back.hears(lambda event: event["type"] == "stats")
    assert {**first.messages, **torn.messages, **back.messages} == fresh.messages
    seqs = [event["seq"] for chat in (first, torn, back) for event in chat.events if event["type"] == "message"]
    assert seqs == sorted(set(seqs))
    for chat in (torn, back, fresh):
        await chat.leaves()


async def crash_a_worker(machines, ada, session, step):
    """One worker, one job, which it leaves as it is when it dies; kept from the next worker until all have died."""
    ada.product = machines.web[0]
    message = await ask(ada, session, ada.product, f"{step} {MAKE}", str(uuid.uuid4()))
    settings = {**machines.settings, "CRASH_AT": step}
    worker = await products.start(machines.folder / f"failing-{uuid.uuid4().hex}", "worker", wait=False, **settings)
    assert await asyncio.wait_for(worker.process.wait(), 60) == -9, worker.output()
    await set_aside(machines.settings["DATABASE_URL"])
    return message


async def set_aside(url):
    """Another worker on this machine would bury its dead neighbour at once; one elsewhere waits for the lease."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET ROLE chatserver_worker")
    await connection.execute(
        "UPDATE generations SET worker_id = 'elsewhere', lease_until = now() + interval '1 hour'"
        " WHERE lease_until IS NOT NULL"
    )
    await connection.execute("UPDATE generations SET not_before = now() + interval '1 hour' WHERE status = 'queued'")
    await connection.close()


async def end_all_leases(url):
    connection = await asyncpg.connect(url)
    await connection.execute("SET ROLE chatserver_worker")
    await connection.execute("UPDATE generations SET lease_until = now() WHERE lease_until IS NOT NULL")
    await connection.execute("UPDATE generations SET not_before = now() WHERE status = 'queued'")
    await connection.close()


@pytest.mark.timeout(400)  # eight processes start in it, one after the other
async def test_p7_p8_a_worker_killed_at_each_step_leaves_a_job_that_ends_once(machines):
    ada = await sign_up(machines.web[0], "Ada")
    session = await ada.buys("pro")
    await set_aside(machines.settings["DATABASE_URL"])
    made = {step: await crash_a_worker(machines, ada, session, step) for step in WORKER_STEPS}
    await end_all_leases(machines.settings["DATABASE_URL"])
    await machines.add_worker()
    chat = await ada.joins(session)
    for step, attempt in WORKER_STEPS.items():
        [generation] = (await chat.sees_ended(made[step]))["generations"]
        assert (step, generation["status"], generation["stage"]["attempt"]) == (step, "done", attempt)
        assert len(generation["assets"]) == 1
    assert (await ada.credits(session))["image"] == {**(await ada.credits(session))["image"], "left": 8, "held": 0}
    await machines.check()
    await chat.leaves()
