"""The contract of brokers, on both; then what Redis adds: other processes, and outages of Redis."""

import asyncio
import time

import pytest
import redis.asyncio as redis_client
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from chatserver import brokers
from chatserver.brokers import publisher, subscriber
from chatserver.brokers.base import Envelope
from chatserver.brokers.redis import CONNECT_SECONDS as REDIS_SECONDS
from chatserver.config import Config
from tests.support.redis import running_redis


@pytest.fixture(scope="module")
async def redis_server():
    async with running_redis() as server:
        yield server


@pytest.fixture
async def redis_again(redis_server):
    """A server that the test may freeze or kill; it is restored afterwards."""
    yield redis_server
    redis_server.thaw()
    if not await redis_server._answers():
        await redis_server.kill()
        await redis_server.start()


# Before a test gives up. What must not wait for Redis is done before one wait for it would end.
PATIENCE_SECONDS = 30


class Node:
    """The broker of one process, and what it received."""

    def __init__(self, broker):
        self.broker, self.got, self.lost = broker, [], []
        self.receive = self.got.append

    def say(self, *data, channel="session"):
        self.broker.publish([Envelope(channel, each.encode()) for each in data])

    def heard(self, channel="session"):
        return [envelope.data.decode() for envelope in self.got if envelope.channel == channel]

    async def hears(self, data, channel="session"):
        await until(lambda: data in self.heard(channel))


async def until(condition):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


async def open_node(config, *channels):
    node = Node(brokers.open_broker(config))
    await node.broker.start(lambda envelope: node.receive(envelope), node.lost.append)
    for channel in channels:
        node.broker.subscribe(channel)
    return node


async def connected(*nodes):
    """Waits until each node receives from each other one: their subscriptions are confirmed."""
    for number, speaker in enumerate(nodes):
        for hearer in nodes:
            word = f"hello {number} {time.monotonic()}"
            async with asyncio.timeout(PATIENCE_SECONDS):
                while word not in hearer.heard():
                    speaker.say(word)
                    await asyncio.sleep(0.02)
    # Order is kept, so after these no repeated greeting is under way.
    for number, speaker in enumerate(nodes):
        speaker.say(f"done {number}")
    for hearer in nodes:
        await until(lambda hearer=hearer: all(f"done {n}" in hearer.heard() for n in range(len(nodes))))
    for node in nodes:
        node.got.clear()
        node.lost.clear()


@pytest.fixture(params=["memory", "redis"])
async def node(request, redis_server):
    opened = await open_node(Config(redis_url=redis_server.url if request.param == "redis" else ""), "session")
    yield opened
    await opened.broker.close()


@pytest.fixture
async def pair(redis_server):
    """Two processes on one Redis, both subscribed to the same channel."""
    nodes = [await open_node(Config(redis_url=redis_server.url), "session") for _ in range(2)]
    await connected(*nodes)
    yield nodes
    for each in nodes:
        await each.broker.close()


async def test_what_is_published_arrives_once_in_order_with_its_event(node):
    words = [str(number) for number in range(500)]
    node.say(*words[:250])
    node.say(*words[250:])
    await until(lambda: len(node.got) >= 500)
    await node.broker.check()
    assert node.heard() == words


async def test_only_subscribed_channels_arrive(node):
    node.say("one", channel="elsewhere")
    node.broker.subscribe("jobs")
    node.say("two", channel="jobs")
    node.broker.unsubscribe("session")
    node.say("three")
    node.broker.subscribe("session")
    node.say("four")
    await node.hears("four")
    assert [envelope.data for envelope in node.got] == [b"two", b"four"]


async def test_a_failing_receiver_harms_nobody(node):
    def receive(envelope):
        if envelope.data == b"bad":
            raise LookupError
        node.got.append(envelope)

    node.receive = receive
    node.say("bad", "good")
    await node.hears("good")


async def test_after_close_nothing_arrives(node):
    await node.broker.close()
    node.say("late")
    assert node.heard() == []


async def test_the_other_process_hears_once_in_order_without_the_event(pair):
    here, there = pair
    for number in range(300):
        here.say(str(number))
    await there.hears("299")
    assert there.heard() == here.heard() == [str(number) for number in range(300)]
    assert {envelope.event for envelope in there.got} == {None}
    there.say("after")
    await here.hears("after")  # behind the echo of all of it
    assert len(here.got) == 301


async def test_one_process_hears_itself_at_once(pair):
    here, _ = pair
    here.say("now")
    assert here.heard() == ["now"]


async def test_leaving_a_channel_ends_what_others_say_there(pair):
    here, there = pair
    there.broker.subscribe("other")
    there.broker.unsubscribe("session")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not there.heard("other"):
            here.say("over there", channel="other")
            await asyncio.sleep(0.01)
    here.say("gone", "gone")
    here.say("last", channel="other")
    await there.hears("last", "other")
    assert there.heard() == []


async def test_a_killed_redis_delays_nobody_here_and_comes_back_with_word_of_the_loss(pair, redis_again):
    here, there = pair
    await redis_again.kill()
    began = time.monotonic()
    here.say(*(str(number) for number in range(100)))
    assert time.monotonic() - began < REDIS_SECONDS
    assert len(here.heard()) == 100
    with pytest.raises((OSError, RedisError)):
        await here.broker.check()
    here.broker.subscribe("new")
    await redis_again.start()
    await until(lambda: "session" in there.lost and {"session", "new"} <= set(here.lost))
    here.say("back")
    await there.hears("back")
    assert there.heard() == ["back"]


async def test_a_frozen_redis_delays_nobody_here_and_is_noticed(pair, redis_again):
    here, there = pair
    redis_again.freeze()
    began = time.monotonic()
    for number in range(2000):
        here.say(str(number))
    assert time.monotonic() - began < REDIS_SECONDS
    assert len(here.heard()) == 2000
    with pytest.raises(TimeoutError):
        await here.broker.check()
    await until(lambda: here.broker._subscriber._was_disconnected)
    redis_again.thaw()
    await until(lambda: "session" in there.lost and "session" in here.lost)
    await connected(here, there)


async def test_a_killed_subscription_is_told(pair, redis_server):
    here, there = pair
    await kill_subscribers(redis_server)
    await until(lambda: there.lost == ["session"] and here.lost == ["session"])
    await connected(here, there)


async def kill_subscribers(server):
    process = await asyncio.create_subprocess_exec(
        "redis-cli", "-p", str(server.port), "CLIENT", "KILL", "TYPE", "pubsub", stdout=asyncio.subprocess.DEVNULL
    )
    await process.wait()


async def test_a_blocked_event_loop_drops_nothing_that_is_on_its_way_to_others(pair, redis_again, monkeypatch):
    here, there = pair
    send, behind = AbstractConnection.send_packed_command, ["behind"]

    def block():
        redis_again.thaw()
        time.sleep(2 * publisher.SEND_SECONDS)

    async def block_once(*arguments, **options):
        await send(*arguments, **options)
        if behind:
            here.say(behind.pop())
            # In the loop's next turn the acknowledgement is waited for.
            asyncio.get_running_loop().call_soon(block)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", block_once)
    redis_again.freeze()
    here.say("sent")
    await there.hears("behind")
    assert there.heard() == ["sent", "behind"]


@pytest.mark.parametrize(("half", "method"), [("_subscriber", "_handle"), ("_publisher", "_pop")])
async def test_an_unforeseen_error_costs_one_connection_and_is_logged(pair, monkeypatch, half, method):
    part = getattr(pair[0].broker, half)
    works, failures = getattr(part, method), [LookupError()]

    def fails_once(*arguments):
        if failures:
            raise failures.pop()
        return works(*arguments)

    monkeypatch.setattr(part, method, fails_once)
    with capture_logs() as lines:
        await connected(*pair)
    assert [line["event"] for line in lines] == ["broker.connection_failed"]


async def test_a_process_starts_without_redis_and_joins_later(redis_again):
    await redis_again.kill()
    node = await open_node(Config(redis_url=redis_again.url), "session")
    node.say("alone")
    assert node.heard() == ["alone"]
    await until(lambda: node.broker._subscriber._was_disconnected)
    await redis_again.start()
    await until(lambda: node.lost == ["session"])
    await node.broker.check()
    await node.broker.close()


async def test_a_redis_that_refuses_each_command_is_asked_once_a_second(redis_server):
    url = redis_server.url.replace("redis://", "redis://mute:mute@")
    admin = redis_client.from_url(redis_server.url)
    await admin.execute_command("ACL", "SETUSER", "mute", "on", ">mute", "~*", "&*", "+@all", "-@pubsub")
    broker = brokers.open_broker(Config(redis_url=url))
    with capture_logs() as lines:
        await broker.start(lambda _: None, lambda _: None)
        broker.subscribe("session:1")
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(refusals := [line for line in lines if line["event"] == "broker.redis_away"]) < 12:
                    await asyncio.sleep(0.1)
            began = time.monotonic()
            before = len(refusals)
            await asyncio.sleep(3)  # the span that is counted
            more = len([line for line in lines if line["event"] == "broker.redis_away"]) - before
            # Half a second to a second lies between two of the subscriber; the publisher has nothing to say.
            assert more <= 2 * (time.monotonic() - began) + 1
        finally:
            await broker.close()
            await admin.execute_command("ACL", "DELUSER", "mute")
            await admin.aclose()


async def test_the_queue_is_bounded_and_keeps_the_newest(monkeypatch):
    monkeypatch.setattr(publisher, "MAX_QUEUE_BYTES", 10_000)
    queue = publisher.RedisPublisher()
    for number in range(1000):
        queue.enqueue(b"session", str(number).encode())
    kept = [payload for _, payload in queue._queue]
    assert 10 < len(kept) < 60
    assert kept[-1] == b"999"
    assert queue._bytes <= 10_000


async def test_a_long_outage_keeps_no_list_of_the_channels_that_came_and_went():
    wanted = set()
    half = subscriber.RedisSubscriber(b"", print, print, wanted)
    for number in range(1000):
        wanted.add(f"session:{number}")
        half.channel_changed(f"session:{number}")
        wanted.discard(f"session:{number}")
        half.channel_changed(f"session:{number}")
    assert not half._changed_channels


async def test_the_last_words_of_a_process_are_sent(pair):
    here, there = pair
    here.say("goodbye")
    await here.broker.close()
    await there.hears("goodbye")


async def test_an_address_with_a_password_says_it_nowhere(redis_server, capsys):
    broker = brokers.open_broker(Config(redis_url=f"redis://:sesame@127.0.0.1:{redis_server.port}/0"))
    with pytest.raises(RedisError) as failure:
        await broker.check()
    said = str(failure.value)
    await broker.start(print, print)
    async with asyncio.timeout(30):
        while "broker.redis_away" not in said:
            await asyncio.sleep(0.005)
            said += "".join(capsys.readouterr())
    await broker.close()
    assert "sesame" not in said + "".join(capsys.readouterr())
