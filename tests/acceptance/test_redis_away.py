"""P11: Redis is a courier. With it dead, frozen, emptied or deaf, everything is still right, and soon on every screen."""

import asyncio

import pytest
import redis.asyncio

from tests.support.delivery import check_delivery, delivery
from tests.support.story import sign_up

# Four processes are enough for all who share them.
pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture
async def pair(cluster):
    """One person's tabs at both machines."""
    ada = await sign_up(cluster.web[0], "Ada")
    session = await ada.buys("flash")
    chats = [await ada.joins(session, product=node) for node in cluster.web]
    yield chats
    for chat in chats:
        await chat.leaves()


async def until_at_once(chats):
    """Waits until Redis carries again: what is said is there faster than any poll."""
    async with asyncio.timeout(30):
        number = 0
        while (await delivery(chats, f"again {number}"))[1] > 0.4:
            number += 1
            await asyncio.sleep(1)  # a person may send twenty commands in ten seconds


async def test_p11_with_redis_dead_everything_goes_on(pair, redis_server):
    await until_at_once(pair)
    await redis_server.kill()
    try:
        await check_delivery(pair, "dead")
        message = await pair[0].generates("a picture without a courier", width=64, height=64)
        ended = await pair[1].sees_ended(message)
        assert ended["generations"][0]["status"] == "done"
        # Bounds fall back to each machine's own: five sockets here although there are others elsewhere.
        extra = [await pair[0].person.joins({"id": pair[0].session_id}) for _ in range(4)]
        for chat in extra:
            await chat.says("a tab more")
            await chat.leaves()
    finally:
        await redis_server.start()
    await until_at_once(pair)


async def test_p11_with_redis_frozen_nobody_waits(pair, redis_server):
    await until_at_once(pair)
    redis_server.freeze()
    try:
        await check_delivery(pair, "frozen")
    finally:
        redis_server.thaw()
    await until_at_once(pair)


async def test_p11_an_emptied_redis_and_a_killed_subscriber_are_nothing(pair, redis_server):
    await until_at_once(pair)
    client = redis.asyncio.Redis.from_url(redis_server.url)
    try:
        await client.flushall()
        await check_delivery(pair, "emptied")
        for _ in range(2):
            await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await check_delivery(pair, "killed subscriber")
    finally:
        await client.aclose()
    await until_at_once(pair)
