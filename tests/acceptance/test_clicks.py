"""P6 on machines: the same click over two tabs at two web processes, and different clicks on the last credits."""

import asyncio
import collections
import uuid

import pytest

from tests.imaging import samples
from tests.support.story import ApiUser, Refusal, sign_up

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


async def test_p6_another_and_a_larger_version_that_are_asked_for_twice_are_made_once(cluster):
    first, second = cluster.web
    ada = await sign_up(first, "Ada")
    session = await ada.buys("pro")
    tabs = [await ada.joins(session, product=node) for node in (first, second)]
    small = (await tabs[0].sees_ended(await tabs[0].generates("a kite", width=64, height=64)))["generations"][0]["id"]
    for name, fields in (("retry", {}), ("enlarge", {"side": 128})):
        client_id = str(uuid.uuid4())
        fields = {"generation_id": small, "client_id": client_id, **fields}
        told = await asyncio.gather(*(tab.asks(f"generation.{name}", **fields) for tab in tabs))
        made = {each["generation"]["id"] for each in told}
        await tabs[0].sees(
            lambda message, new=made: {g["id"] for g in message["generations"] if g["status"] == "done"} >= new
        )
        # The answer was lost, and the command comes once more when the version is there: over HTTP, too.
        made.add((await tabs[1].asks(f"generation.{name}", **fields))["generation"]["id"])
        if name == "retry":
            answer = await ada.call("POST", f"/generations/{small}/retry?client_id={client_id}")
        else:
            answer = await ada.call("POST", f"/generations/{small}/enlarge", {"side": 128, "client_id": client_id})
        made.add(answer["generation"]["id"])
        assert len(made) == 1, name
    assert (await ada.credits(session))["image"]["left"] == 15 - 3
    for tab in tabs:
        await tab.leaves()


async def outcome(asked):
    """What a command led to, or the code of its refusal."""
    try:
        return await asked
    except Refusal as refusal:
        return refusal.code


async def test_p4_a_version_that_is_deleted_at_one_machine_is_not_made_again_at_another(cluster):
    first, second = cluster.web
    ada = await sign_up(first, "Ada")
    session = await ada.buys("pro")
    tabs = [await ada.joins(session, product=node) for node in (first, second)]
    small = (await tabs[0].sees_ended(await tabs[0].generates("a kite", width=64, height=64)))["generations"][0]["id"]
    for name, fields in (("retry", {}), ("enlarge", {"side": 128})):
        command, key = f"generation.{name}", str(uuid.uuid4())
        fields = {"generation_id": small, "client_id": key, **fields}
        version = (await tabs[0].asks(command, **fields))["generation"]["id"]
        await tabs[0].sees(
            lambda message, new=version: new in {g["id"] for g in message["generations"] if g["status"] == "done"}
        )
        paid = (await ada.credits(session))["image"]["left"]
        _, at_once = await asyncio.gather(
            tabs[0].asks("generation.delete", generation_id=version), outcome(tabs[1].asks(command, **fields))
        )
        assert at_once == "not-found" or at_once["generation"]["id"] == version
        assert [await outcome(tab.asks(command, **fields)) for tab in tabs] == ["not-found"] * 2
        path, body = f"/generations/{small}/{name}", None
        if name == "retry":
            path += f"?client_id={key}"
        else:
            body = {"side": 128, "client_id": key}
        assert await outcome(ada.call("POST", path, body)) == "not-found"
        assert (await ada.credits(session))["image"]["left"] == paid
    message = (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"][-1]
    assert [each["id"] for each in message["generations"]] == [small]
    for tab in tabs:
        await tab.leaves()


async def test_p4_an_upload_that_is_deleted_at_one_machine_does_not_come_back_at_another(cluster):
    first, second = cluster.web
    ada = await sign_up(first, "Ada")
    session, key, picture = await ada.buys("pro"), str(uuid.uuid4()), samples.picture("PNG")
    elsewhere = ApiUser(second, ada.user, ada.token, ada.password)
    asset = (await ada.uploads(session, picture, key))["asset"]
    _, at_once = await asyncio.gather(
        ada.call("DELETE", f"/assets/{asset['id']}"), outcome(elsewhere.uploads(session, picture, key))
    )
    assert at_once == "not-found" or at_once["asset"]["id"] == asset["id"]
    assert [await outcome(who.uploads(session, picture, key)) for who in (ada, elsewhere)] == ["not-found"] * 2
    page = await ada.call("GET", f"/uploads?session_id={session['id']}")
    assert (page["uploads"], page["quota"]["used"]) == ([], 0)
