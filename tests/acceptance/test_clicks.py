"""P6 on machines: the same click over two tabs at two web processes, and different clicks on the last credits."""

import asyncio
import collections
import uuid

import pytest

from tests.support.story import Refusal, sign_up

# Four processes are enough for all who share them.
pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture
async def tabs(cluster):
    """Four tabs of one person, two at each machine, on the smallest plan: three pictures an hour."""
    ada = await sign_up(cluster.web[0], "Ada")
    session = await ada.buys("flash-lite")
    chats = [await ada.joins(session, product=node) for node in cluster.web for _ in range(2)]
    yield chats
    for chat in chats:
        await chat.leaves()


async def click(chat, client_id):
    """The id of the message that a press led to, or the code of the refusal."""
    try:
        return (await chat.generates("a red boat", client_id, width=64, height=64))["id"]
    except Refusal as refusal:
        return refusal.code


async def test_p6_the_same_click_at_two_machines_is_one_picture_even_on_the_last_credit(tabs):
    for number in range(3):
        client_id = str(uuid.uuid4())
        # Each tab once: 14 presses in all, which is less than the 20 that one person has in ten seconds on all machines.
        told = await asyncio.gather(*(click(chat, client_id) for chat in tabs))
        assert len(set(told)) == 1, (number, told)
        assert told[0] != "credits-exhausted"
    assert await click(tabs[0], str(uuid.uuid4())) == "credits-exhausted"
    # The answer to a click that came through is the same when nothing is left.
    assert await click(tabs[3], client_id) == told[0]


async def test_p6_different_clicks_at_two_machines_spend_exactly_what_there_is(tabs):
    told = await asyncio.gather(*(click(chat, str(uuid.uuid4())) for chat in tabs for _ in range(2)))
    outcomes = collections.Counter(told)
    assert outcomes.pop("credits-exhausted") == 5
    assert sorted(outcomes.values()) == [1, 1, 1]
    balance = await tabs[0].person.credits({"id": tabs[0].session_id})
    assert balance["image"]["left"] == 0
