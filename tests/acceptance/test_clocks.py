"""P15: one machine's clock is two hours ahead, another's two hours behind. The database's clock decides everything."""

import datetime
import json

import pytest

from tests.support.cluster import Cluster
from tests.support.preloading import compiled
from tests.support.story import Refusal, sign_up


@pytest.fixture(scope="module")
def wrong_clock(tmp_path_factory):
    """What makes a process believe that it is so many hours later (or earlier): the variables of its environment."""
    library = compiled("wrong_clock.c", tmp_path_factory.mktemp("clock"))
    return lambda hours: {"LD_PRELOAD": library, "CLOCK_OFFSET_SECONDS": str(hours * 3600)}


@pytest.fixture
async def machines(database_url, redis_server, tmp_path, wrong_clock):
    """A web process and a worker ahead, another of each behind."""
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_server.url, "STORAGE_URL": f"file:{tmp_path}/files"}
    cluster = Cluster(tmp_path, **settings)
    try:
        await cluster.add_web(**wrong_clock(2))
        await cluster.add_web(**wrong_clock(-2))
        await cluster.add_worker(**wrong_clock(2))
        yield cluster
    finally:
        await cluster.close()


def seconds_from_now(text):
    return (datetime.datetime.fromisoformat(text) - datetime.datetime.now(datetime.UTC)).total_seconds()


def first_timestamp(product):
    return json.loads(product.output().partition("\n")[0])["timestamp"]


async def test_p15_a_clock_that_is_wrong_decides_nothing(machines):
    ahead, behind = machines.web
    # Their own clocks are wrong indeed.
    assert seconds_from_now(first_timestamp(ahead)) > 7000
    assert seconds_from_now(first_timestamp(behind)) < -7000
    ada = await sign_up(ahead, "Ada")
    session = await ada.buys("flash-lite")  # sixty minutes: over, if the clock ahead had a say
    chats = [await ada.joins(session, product=node) for node in (ahead, behind)]
    for chat in chats:
        assert abs(seconds_from_now(chat.events[0]["now"])) < 60
    said = [(await chats[number % 2].says(f"word {number}"))["id"] for number in range(6)]
    assert said == sorted(said)  # ids are the order in which messages are shown
    for number in range(3):
        message = await chats[number % 2].generates("a sundial", width=64, height=64)
        ended = await chats[number % 2].sees_ended(message)
        assert ended["generations"][0]["status"] == "done"
        assert ended["generations"][0]["stage"]["attempt"] == 1
    for chat in chats:
        with pytest.raises(Refusal) as refusal:
            await chat.generates("one more within the hour", width=64, height=64)
        assert refusal.value.code == "credits-exhausted"
        assert 3000 < refusal.value.error["retry_after"] <= 3600
        await chat.leaves()
    for node in machines.web:
        ada.product = node
        status, _, _ = await ada.fetch(ended["generations"][0]["assets"][0]["url"])
        assert status == 200
    assert (await ada.call("GET", f"/sessions/{session['id']}"))["session"]["status"] == "active"
