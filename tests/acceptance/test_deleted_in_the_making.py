"""Deleting while something is being made: it ends, and every credit comes back once."""

import asyncio

import pytest

from chatserver.users.cli import _ban
from tests.acceptance.test_deleted import CANARY, SMALL, file_store, files, nothing_is_wrong, rows
from tests.imaging import samples
from tests.support import product as products
from tests.support.people import run_sql
from tests.support.story import Refusal, sign_up

__all__ = ["file_store", "files", "rows"]


@pytest.fixture(scope="module")
async def slow_product(database_url, files, tmp_path_factory):
    """A product whose pictures take longer than the tests."""
    settings = {"DATABASE_URL": database_url, "STORAGE_URL": files, "SKETCH_PACE": "60"}
    async with products.running(tmp_path_factory.mktemp("slow"), **settings) as process:
        yield process


async def test_deleting_what_is_being_made_ends_it_and_returns_each_credit_once(slow_product, database, rows):
    ada = await sign_up(slow_product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    message = await chat.generates(f"{CANARY} slowly", count=2, **SMALL)
    await chat.hears(lambda event: event["type"] == "progress" and event["status"] == "rendering")
    assert (await ada.credits(session))["image"] == {**(await ada.credits(session))["image"], "left": 6, "held": 2}
    deleting = [ada.call("DELETE", f"/messages/{message['id']}") for _ in range(4)]
    await asyncio.gather(*deleting)
    assert (await ada.credits(session))["image"] == {**(await ada.credits(session))["image"], "left": 8, "held": 0}
    books = await run_sql(
        database,
        "SELECT action, count(*) AS n FROM credit_entries WHERE session_id = $1 GROUP BY 1 ORDER BY 1",
        session["id"],
    )
    assert [(row["action"], row["n"]) for row in books] == [("hold", 2), ("release", 2)]
    assert CANARY not in (await rows()).lower()
    await nothing_is_wrong(database)
    await chat.leaves()


async def test_deleting_an_active_session_ends_what_is_being_made_in_it(slow_product, database, file_store):
    ada = await sign_up(slow_product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    await chat.generates("slowly", count=4, **SMALL)
    await chat.hears(lambda event: event["type"] == "progress" and event["status"] == "rendering")
    await ada.call("DELETE", f"/sessions/{session['id']}")
    assert await chat.is_closed() == 4504
    books = await run_sql(
        database,
        "SELECT action, count(*) AS n FROM credit_entries WHERE session_id = $1 GROUP BY 1 ORDER BY 1",
        session["id"],
    )
    assert [(row["action"], row["n"]) for row in books] == [("hold", 4), ("release", 4)]
    # The next person's picture is not held up by work that nobody wants any more.
    async with asyncio.timeout(30):
        while await run_sql(database, "SELECT 1 FROM generations WHERE session_id = $1", session["id"]):
            await asyncio.sleep(0.1)
    await file_store.swept()
    await nothing_is_wrong(database)
    await chat.leaves()


@pytest.mark.parametrize("how", ["sent away", "left", "banned"])
async def test_what_a_guest_has_waiting_ends_with_the_membership_and_its_credits_come_back(slow_product, database, how):
    ada, bob = [await sign_up(slow_product, name) for name in ("Ada", "Bob")]
    session = await ada.buys()
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    theirs, own = [await person.joins(session) for person in (bob, ada)]
    waiting = [await theirs.generates("slowly", count=2, **SMALL) for _ in range(2)]
    kept = await own.generates("slowly, too", **SMALL)
    assert (await ada.credits(session))["image"]["left"] == 3
    if how == "banned":
        await database.run_system(_ban, bob.user["email"], "spam")
    else:
        await (ada if how == "sent away" else bob).call("DELETE", f"/sessions/{session['id']}/members/{bob.id}")
        for message in waiting:
            ended = await own.sees_ended(message)
            assert {each["status"] for each in ended["generations"]} == {"cancelled"}
        await own.hears(lambda event: event["type"] == "credits" and event["image"]["left"] == 7)
    messages = (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"]
    ids = {message["id"] for message in waiting}
    theirs_now = [each for message in messages if message["id"] in ids for each in message["generations"]]
    assert [each["status"] for each in theirs_now] == ["cancelled"] * 4
    assert (await ada.credits(session))["image"]["left"] == 7
    # Those of others go on.
    [generation] = (await ada.call("GET", "/generations"))["generations"]
    assert generation["message_id"] == kept["id"]
    assert generation["status"] in {"queued", "model-loading", "rendering"}
    await nothing_is_wrong(database)
    await ada.call("DELETE", f"/messages/{kept['id']}")  # it would hold up what other tests ask for
    for chat in (theirs, own):
        await chat.leaves()


async def test_the_ban_of_an_owner_ends_what_guests_have_waiting_in_the_session(slow_product, database):
    ada, bob = [await sign_up(slow_product, name) for name in ("Ada", "Bob")]
    session = await ada.buys()
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    chat = await bob.joins(session)
    await chat.generates("slowly", count=2, **SMALL)
    await database.run_system(_ban, ada.user["email"], "spam")
    assert (await bob.credits(session))["image"] == {**(await bob.credits(session))["image"], "left": 8, "held": 0}
    await nothing_is_wrong(database)
    await chat.leaves()


async def test_one_who_may_send_nobody_away_cancels_nothing(slow_product):
    ada, bob, eve = [await sign_up(slow_product, name) for name in ("Ada", "Bob", "Eve")]
    session = await ada.buys()
    code = await ada.invites(session, guests_may_generate=True)
    for guest in (bob, eve):
        await guest.accepts(code)
    chat = await bob.joins(session)
    await chat.generates("slowly", **SMALL)
    for whose in (eve, await sign_up(slow_product, "Stranger")):
        with pytest.raises(Refusal):
            await whose.call("DELETE", f"/sessions/{session['id']}/members/{bob.id}")
    assert (await ada.credits(session))["image"]["left"] == 7
    await chat.leaves()


async def test_an_answer_to_what_is_deleted_is_not_written_on(postgres_server, tmp_path):
    # Nobody works here, so that the reply is still to be written.
    url = await postgres_server.create_database()
    async with products.running(tmp_path, "serve", "--role", "web", DATABASE_URL=url) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys()
        chat = await ada.joins(session)
        message = await chat.says("tell me a long story")
        reply = await chat.sees(lambda each: each["reply_to"] == message["id"])
        assert reply["status"] == "streaming"
        await ada.call("DELETE", f"/messages/{message['id']}")
        await chat.sees(lambda each: each["id"] == reply["id"] and each["status"] == "deleted")
        await chat.leaves()


@pytest.fixture
async def own_product(own_database_url, tmp_path):
    """Another one, in which no other test's pictures are under way."""
    async with products.running(tmp_path, DATABASE_URL=own_database_url, SKETCH_PACE="60") as process:
        yield process


async def test_a_picture_whose_source_was_deleted_before_its_turn_says_so_and_gives_its_credit_back(own_product):
    eve = await sign_up(own_product, "Eve")
    session = await eve.buys("pro")
    chat = await eve.joins(session)
    source = (await eve.uploads(session, samples.picture("PNG", (64, 64))))["asset"]
    running = [await chat.generates(f"slowly {number}", **SMALL) for number in range(2)]
    waiting = await chat.generates("the same by night", source_asset_id=source["id"], change="edit", **SMALL)
    await eve.call("DELETE", f"/assets/{source['id']}")
    for message in running:
        await eve.call("POST", f"/generations/{message['generations'][0]['id']}/cancel", {})
    [ended] = (await chat.sees_ended(waiting))["generations"]
    assert (ended["status"], ended["error"]["code"], ended["error"]["credit_returned"]) == (
        "failed",
        "source-gone",
        True,
    )
    assert "was deleted" in ended["error"]["message"]
    with pytest.raises(Refusal) as refused:
        await chat.asks("generation.retry", generation_id=ended["id"])
    assert refused.value.code == "conflict"
    await chat.leaves()
