"""The product on many machines: two web processes, two workers, Postgres, Redis and S3; and what happens when some die."""

import asyncio
import contextlib
import hashlib
import io
import re
import time
import uuid

import aiohttp
import psutil
import pytest
import redis.asyncio
from PIL import Image

from tests.support import page_sockets
from tests.support import product as products
from tests.support.cluster import Cluster
from tests.support.conversation import talking
from tests.support.page_visits import opened
from tests.support.story import ApiUser, Refusal, SessionSocket, sign_up

# Four processes are enough for all who share them.
pytestmark = pytest.mark.xdist_group("cluster")

CHANGED = {"type": "gallery.changed"}


@pytest.fixture(scope="module", autouse=True)
async def lost_workers(cluster, postgres_server, swift, tmp_path_factory):
    """A lease has to run out in it, so it runs beside the other tests; the last one waits for it."""
    folder = tmp_path_factory.mktemp("lost-workers")
    task = asyncio.create_task(lose_workers(cluster, postgres_server, swift, folder))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def presence(chat):
    told = [event["users"] for event in chat.events if event["type"] == "presence"]
    return {user["name"]: user["connections"] for user in told[-1]}


async def shows_presence(chat, wanted, patience=30):
    await chat.changed(lambda: presence(chat) == wanted, patience)


async def test_the_story_with_its_tabs_on_different_machines(cluster):
    first, second = cluster.web
    ada, bob = await sign_up(first, "Ada"), await sign_up(second, "Bob")
    session = await ada.buys("flash")
    await bob.accepts(await ada.invites(session))
    one, other, guest = [
        await ada.joins(session),
        await ada.joins(session, product=second),
        await bob.joins(session, product=second),
    ]
    for chat in (one, other, guest):
        await shows_presence(chat, {"Ada": 2, "Bob": 1})
        await chat.hears(lambda event: event["type"] == "stats" and event["connections"] == 3)
    await guest.asks("typing")
    await one.hears(lambda event: event["type"] == "typing" and event["user_id"] == bob.id)
    await one.says("hello from the first machine")
    await guest.sees_text("hello from the first machine")
    message = await one.generates("a beautiful sunset over mountains", count=2)
    for chat in (one, other, guest):
        ended = await chat.sees_ended(message)
        assert [generation["status"] for generation in ended["generations"]] == ["done", "done"]
        await chat.hears(lambda event: event["type"] == "credits" and event["image"]["left"] == 6)
    for asset in [generation["assets"][0] for generation in ended["generations"]]:
        for node in cluster.web:
            ada.product = node
            status, _, body = await ada.fetch(asset["download_url"])
            assert status == 200
            assert hashlib.sha256(body).hexdigest() == asset["sha256"]
            assert Image.open(io.BytesIO(body)).size == (256, 256)
    await guest.leaves()
    await shows_presence(one, {"Ada": 2})
    for chat in (one, other):
        await chat.leaves()


async def test_what_happens_at_one_machine_reaches_a_gallery_that_is_open_at_the_other(cluster):
    first, second = cluster.web
    ada = await sign_up(first, "Ada")
    chat = await ada.joins(await ada.buys("flash"))
    there = ApiUser(second, ada.user, ada.token, ada.password)
    async with opened(there) as browser, page_sockets.connect(browser, "/ws/gallery") as socket:
        assert await page_sockets.next_events(socket) == [CHANGED], "what was missed before"
        made = await chat.sees_ended(await chat.generates("a boat", width=64, height=64))
        assert await page_sockets.next_events(socket) == [CHANGED]
        asset = made["generations"][0]["assets"][0]["id"]
        async with browser.client.get("/gallery/state") as answer:
            assert (await answer.json())["asset_ids"] == [asset]
        await chat.asks("generation.delete", generation_id=made["generations"][0]["id"])
        await becomes_empty(browser, socket)
    await chat.leaves()


async def becomes_empty(browser, socket):
    """Looks again as often as it is told to."""
    while True:
        assert await page_sockets.next_events(socket) == [CHANGED]
        async with browser.client.get("/gallery/state") as answer:
            if not (await answer.json())["asset_ids"]:
                return


async def test_p10_a_killed_node_loses_nothing_and_its_tabs_come_back_elsewhere_in_time(cluster):
    async with talking(cluster, ["Ada", "Bob", "Cyd", "Dan"]) as (tabs, said):
        for index in (0, 1):
            await asyncio.gather(*(tab.is_live() for tab in tabs))
            before = [len(own) for own in said]
            await cluster.web[index].kill()
            async with asyncio.timeout(20):
                while any(len(own) < count + 3 for own, count in zip(said, before, strict=True)):
                    await asyncio.sleep(0.05)
            await cluster.replace(cluster.web[index])
        away = sorted(seconds for tab in tabs for seconds in tab.away)
        assert len(away) >= len(tabs)
        assert away[-1] < 5
        print(f"P10: {len(away)} tabs came back after SIGKILL, the slowest after {away[-1]:.2f} s")


async def test_p10_a_rolling_restart_fails_no_command(cluster):
    async with talking(cluster, ["Ada", "Bob", "Cyd", "Dan"]) as (tabs, said):
        for node in list(cluster.web):
            await asyncio.gather(*(tab.is_live() for tab in tabs))
            before = sum(len(own) for own in said)
            assert await node.stop() == 0
            await cluster.replace(node)
            async with asyncio.timeout(20):
                while sum(len(own) for own in said) < before + 6:
                    await asyncio.sleep(0.05)
        assert {code for tab in tabs for code in tab.closes} == {1012}
        away = [seconds for tab in tabs for seconds in tab.away]
        print(f"P10: {len(away)} tabs came back after SIGTERM, the slowest after {max(away):.2f} s")


async def test_several_web_processes_want_redis_and_replace_one_that_dies(cluster, tmp_path):
    database = cluster.settings["DATABASE_URL"]
    arguments = ("serve", "--workers", "2")
    alone = await products.start(tmp_path, *arguments, wait=False, shares_database=True, DATABASE_URL=database)
    assert await asyncio.wait_for(alone.process.wait(), 30) == 2
    [line] = alone.output().strip().splitlines()
    assert "REDIS_URL" in line
    arguments = ("serve", "--role", "web", "--workers", "2")
    async with products.running(tmp_path, *arguments, **cluster.settings) as product:
        await products.wait_for_line(product, "web.started", times=2)
        web = [
            child for child in psutil.Process(product.process.pid).children() if "spawn_main" in str(child.cmdline())
        ]
        assert len(web) == 2
        assert await numbers_in_scrapes(product, 2) == {"0", "1"}
        web[0].kill()
        await products.wait_for_line(product, "web.started", times=3)
        assert await numbers_in_scrapes(product, 2) == {"0", "1"}
        ada = await sign_up(product, "Ada")
        assert (await ada.buys())["status"] == "active"
        # Nobody tells the children that their supervisor was killed: they end all the same, and free the port.
        web = web_processes(product)
        await product.kill()
        async with asyncio.timeout(20):
            while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in web):
                await asyncio.sleep(0.05)


async def numbers_in_scrapes(product, count):
    """By which the processes of one port tell their own figures, in as many scrapes as it takes to meet all of them."""
    found = set()
    async with asyncio.timeout(30):
        while len(found) < count:
            async with aiohttp.ClientSession() as client, client.get(f"{product.url}/metrics") as answer:
                text = await answer.text()
            [number] = set(re.findall(r'process="(\d+)"', text))
            own = [line for line in text.splitlines() if line.startswith(("process_", "chatserver_http_", "python_"))]
            assert all(f'process="{number}"' in line for line in own), own
            assert "chatserver_active_sessions " in text, "what all processes tell alike has no number"
            found.add(number)
    return found


def web_processes(product):
    return [child for child in psutil.Process(product.process.pid).children() if "spawn_main" in str(child.cmdline())]


async def test_p18_sockets_and_commands_are_bounded_over_all_nodes(cluster):
    ada = await sign_up(cluster.web[0], "Ada")
    session = await ada.buys()
    chats = [await ada.joins(session, product=cluster.web[number % 2]) for number in range(5)]
    await shows_presence(chats[0], {"Ada": 5})
    sixth = SessionSocket(ada, session["id"], cluster.web[0], "chat.v1.json")
    with contextlib.suppress(ConnectionRefusedError):
        await sixth.connect()
    assert await sixth.is_closed() == 4429
    assert all(chat.close_code is None for chat in chats)
    refused = await refusals(chats[:2])
    assert refused >= 1
    for chat in (*chats, sixth):
        await chat.leaves()


async def test_p18_sockets_of_an_address_are_bounded_over_all_nodes(cluster, redis_server):
    address = "203.0.113.7"
    # One after the other: a process hashes two passwords at once, and is busy for the rest.
    people = [await sign_up(cluster.web[number % 2], f"Guest-{number}") for number in range(11)]
    sessions = await asyncio.gather(*(person.buys() for person in people))
    for person in people:
        person.headers = {"X-Forwarded-For": address}
    async with overhearing(redis_server) as told:
        chats = []
        for person, session in zip(people[:10], sessions, strict=False):
            chats += [await person.joins(session, product=cluster.web[number % 2]) for number in range(5)]
        late, session = people[10], sessions[10]
        one_more = SessionSocket(late, session["id"], cluster.web[0], "chat.v1.json")
        with contextlib.suppress(ConnectionRefusedError):
            await one_more.connect()
        assert await one_more.is_closed() == 4429
        assert all(chat.close_code is None for chat in chats)
        late.headers = {"X-Forwarded-For": "203.0.113.8"}
        chats.append(await late.joins(session))
    assert any(channel.startswith("chatserver:address:") for channel, _ in told)
    assert not [line for line in told if address in str(line)]
    for chat in (*chats, one_more):
        await chat.leaves()


@contextlib.asynccontextmanager
async def overhearing(redis_server):
    """Everything that the processes tell each other through Redis meanwhile: channels and what was said there."""
    told = []
    async with redis.asyncio.from_url(redis_server.url, decode_responses=True) as client, client.pubsub() as pubsub:
        await pubsub.psubscribe("*")

        async def listen():
            while True:
                message = await pubsub.get_message(timeout=None)
                told.append((message["channel"], message["data"]))

        listener = asyncio.create_task(listen())
        try:
            yield told
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)


async def refusals(chats):
    """How many of thirty pings, fifteen on each of two nodes, are refused."""
    results = await asyncio.gather(*(chats[0].asks("ping") for _ in range(15)), return_exceptions=True)
    await asyncio.sleep(1.5)  # a node tells once a second what it allowed
    results += await asyncio.gather(*(chats[1].asks("ping") for _ in range(15)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, Refusal)]
    assert {refusal.code for refusal in refused} <= {"rate-limited"}
    return len(refused)


async def lose_workers(cluster, postgres_server, swift, folder):
    """Two jobs, whose workers are killed and frozen; a third worker has to find out by their leases."""
    url = await postgres_server.create_database()
    # Slower than a third worker can be to start.
    slow = {"WORKER_CONCURRENCY": "1", "SKETCH_PACE": "120", "TIMING": "lease=12,reap=1"}
    own = {"DATABASE_URL": url, "STORAGE_URL": swift.url(f"lost-workers-{uuid.uuid4()}")}
    machines = Cluster(folder, **{**cluster.settings, **own, **slow})
    try:
        assert (await machines.run("storage", "create"))[0] == 0
        await machines.start(web=1, workers=2)
        ada = await sign_up(machines.web[0], "Ada")
        session = await ada.buys("flash")
        chat = await ada.joins(session)
        message = await chat.generates("two lighthouses", count=2, width=128, height=128)
        ids = {generation["id"] for generation in message["generations"]}
        for generation_id in ids:
            await chat.hears(lambda event, wanted=generation_id: rendering(event, wanted))
        await machines.add_worker(WORKER_CONCURRENCY="2", SKETCH_PACE="0")
        killed, frozen = machines.workers[:2]
        frozen.process.send_signal(products.signal.SIGSTOP)
        await killed.kill()
        began = time.monotonic()
        ended = await chat.sees_ended(message, patience=60)
        seconds = time.monotonic() - began
        assert [generation["status"] for generation in ended["generations"]] == ["done", "done"]
        assert {generation["stage"]["attempt"] for generation in ended["generations"]} == {2}
        frozen.process.send_signal(products.signal.SIGCONT)
        await products.wait_for_line(frozen, "generation.lease_lost")
        after = await chat.says("and nothing changes")
        assert after["seq"] == ended["seq"] + 1
        assert (await ada.credits(session))["image"]["left"] == 6
        await chat.leaves()
        await machines.check()
        return seconds
    finally:
        await machines.close()
        await postgres_server.drop_database(url)


def rendering(event, generation_id):
    return (
        event["type"] == "progress" and event["generation_id"] == generation_id and event.get("status") == "rendering"
    )


async def test_p7_a_killed_and_a_frozen_worker_are_replaced_and_publish_nothing(lost_workers):
    print(f"P7: taken up and done {await lost_workers:.1f} s after their workers were lost")
