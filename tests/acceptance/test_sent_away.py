"""A guest sent away, a guest who left, and the guests of an owner who is banned: what each of them may still do."""

import asyncio

import aiohttp
import pytest

from chatserver import sessions, users
from chatserver.errors import ChatserverError
from chatserver.privacy.erasure import close_account
from tests.acceptance.test_strangers import Asker
from tests.support import access_checks
from tests.support.people import make_session, make_user
from tests.support.story import Refusal, call, sign_up


@pytest.fixture
async def chat(product, ada, bob):
    """(session, code, picture): Ada's session with Bob in it, and a picture that he made."""
    session = await ada.buys()
    code = await ada.invites(session, guests_may_generate=True)
    await bob.accepts(code)
    here = await bob.joins(session)
    message = await here.sees_ended(await here.generates("a harbour at dawn", width=64, height=64))
    await here.leaves()
    return session, code, message["generations"][0]


async def is_refused(asking, status, code):
    with pytest.raises(Refusal) as refusal:
        await asking
    assert (refusal.value.status, refusal.value.code) == (status, code)
    return refusal.value.error["message"]


async def sends_away(owner, session, guest):
    await owner.call("DELETE", f"/sessions/{session['id']}/members/{guest.id}")


async def opens(product, address):
    """What a link answers to whoever has it, without signing in."""
    async with aiohttp.ClientSession() as client, client.get(address) as answer:
        return answer.status


async def test_a_guest_sent_away_is_refused_by_every_link_until_the_owner_lets_them_back_in(ada, bob, chat):
    session, code, _ = chat
    await sends_away(ada, session, bob)
    await ada.call("DELETE", f"/sessions/{session['id']}/invites")
    for link in (code, await ada.invites(session)):
        with pytest.raises(Refusal) as refusal:
            await bob.accepts(link)
        assert refusal.value.status in {403, 404}
    assert "sent you away" in await is_refused(bob.accepts(await ada.invites(session)), 403, "not-allowed")
    [removal] = (await ada.call("GET", f"/sessions/{session['id']}/removals"))["removals"]
    assert (removal["id"], removal["name"]) == (bob.id, "Bob") and removal["removed_at"].endswith("Z")
    await is_refused(bob.call("DELETE", f"/sessions/{session['id']}/removals/{bob.id}"), 404, "not-found")

    await ada.call("DELETE", f"/sessions/{session['id']}/removals/{bob.id}")
    assert (await ada.call("GET", f"/sessions/{session['id']}/removals"))["removals"] == []
    await is_refused(ada.call("DELETE", f"/sessions/{session['id']}/removals/{bob.id}"), 404, "not-found")
    assert bob.id in {member["id"] for member in (await bob.accepts(await ada.invites(session)))["members"]}


async def test_a_guest_who_left_comes_back_and_one_who_left_to_escape_it_is_kept_out_too(ada, bob, chat):
    session, code, _ = chat
    await sends_away(bob, session, bob)
    await bob.accepts(code)
    await sends_away(bob, session, bob)
    await sends_away(ada, session, bob)
    await is_refused(bob.accepts(code), 403, "not-allowed")
    await is_refused(ada.call("DELETE", f"/sessions/{session['id']}/members/{ada.id}"), 404, "not-found")


async def test_a_guest_sent_away_reads_writes_and_spends_nothing_more_by_any_way(product, database, ada, bob, chat):
    session, _, generation = chat
    here = await bob.joins(session)
    await access_checks.has_passed(product, database)
    await sends_away(ada, session, bob)
    for asking in (
        here.says("one more thing"),
        here.generates("one more picture"),
        here.asks("generation.retry", generation_id=generation["id"]),
        here.asks("generation.cancel", generation_id=generation["id"]),
        here.asks("prompt.improve", prompt="a harbour"),
    ):
        with pytest.raises(Refusal) as refusal:
            await asking
        assert refusal.value.code in {"not-found", "not-allowed"}
    assert await here.is_closed() == 4504
    await is_refused(bob.call("GET", f"/sessions/{session['id']}"), 404, "not-found")
    await is_refused(bob.call("GET", f"/sessions/{session['id']}/messages"), 404, "not-found")
    await is_refused(bob.call("POST", f"/generations/{generation['id']}/retry", {}), 404, "not-found")
    assert (await ada.credits(session))["image"]["left"] == 7


async def test_a_guest_sent_away_keeps_what_they_had_made_and_sees_nothing_of_the_others(product, ada, bob, chat):
    session, _, generation = chat
    room = await ada.joins(session)
    other = (await room.sees_ended(await room.generates("a boat", width=64, height=64)))["generations"][0]
    await room.leaves()
    await sends_away(ada, session, bob)
    assert (await bob.fetch(generation["assets"][0]["url"]))[0] == 200
    assert (await bob.fetch(other["assets"][0]["url"]))[0] == 404
    assert [each["id"] for each in (await bob.call("GET", "/generations"))["generations"]] == [generation["id"]]
    asker = await Asker(product, bob).signs_in()
    page = await asker.browser.visit(f"/generations/{generation['id']}")
    assert page.path == f"/gallery?at={generation['assets'][0]['id']}", page
    await asker.client.close()
    await bob.call("DELETE", f"/assets/{generation['assets'][0]['id']}")
    assert (await bob.fetch(generation["assets"][0]["url"]))[0] == 404
    assert (await bob.call("GET", "/generations"))["generations"] == []


@pytest.mark.parametrize("how", ["sent away", "left", "banned", "deleted"])
async def test_a_link_to_a_file_ends_with_whoever_signed_it(product, database, ada, bob, chat, how):
    session, _, generation = chat
    asset = generation["assets"][0]
    room = await ada.joins(session)
    other = (await room.sees_ended(await room.generates("a boat", width=64, height=64)))["generations"][0]["assets"][0]
    await room.leaves()
    link, of_ada, of_others = [
        await each.call("POST", f"/assets/{linked['id']}/links", {"seconds": 3600})
        for each, linked in ((bob, asset), (ada, asset), (bob, other))
    ]
    assert [await opens(product, each["url"]) for each in (link, of_ada, of_others)] == [200, 200, 200]
    if how == "banned":
        await database.run_system(users.ban, bob.id)
    elif how == "deleted":
        await database.run_system(close_account, bob.id)
    else:
        await sends_away(ada if how == "sent away" else bob, session, bob)
    for name in ("url", "download_url"):
        assert await opens(product, of_others[name]) == 404
        # What somebody had made stays theirs when they leave.
        assert await opens(product, link[name]) == (404 if how in {"banned", "deleted"} else 200)
        # A deleted account takes its pictures along.
        assert await opens(product, of_ada[name]) == (404 if how == "deleted" else 200)


async def test_a_link_to_a_file_ends_with_the_token_by_which_it_was_signed(product, ada, chat):
    _, _, generation = chat
    path = f"/assets/{generation['assets'][0]['id']}/links"
    stolen = await call(product, "POST", "/tokens", {"email": ada.user["email"], "password": ada.password})
    link = await call(product, "POST", path, {"seconds": 604_800}, {"Authorization": f"Bearer {stolen['token']}"})
    of_ada = await ada.call("POST", path, {"seconds": 3600})
    assert [await opens(product, each["url"]) for each in (link, of_ada)] == [200, 200]
    await ada.call("DELETE", f"/tokens/{stolen['id']}")
    for name in ("url", "download_url"):
        assert [await opens(product, each[name]) for each in (link, of_ada)] == [404, 200]
        for fewer in (link[name].replace(f"&with={stolen['id']}", ""), link[name].replace(stolen["id"], "")):
            assert fewer != link[name] and await opens(product, fewer) == 404


async def test_a_link_to_a_file_ends_with_the_sign_in_by_which_it_was_signed(product, ada, chat):
    _, _, generation = chat
    thief, owner = [await Asker(product, ada).signs_in() for _ in range(2)]
    path = f"/assets/{generation['assets'][0]['id']}/links"
    links = [(await each.browser.call("POST", path, {"seconds": 3600}))[1] for each in (thief, owner)]
    assert [await opens(product, each["url"]) for each in links] == [200, 200]
    assert (await owner.asks("POST /", "/settings/sign-ins/end-others", {}))[0] == 303
    assert [await opens(product, each["url"]) for each in links] == [404, 200]
    for each in (thief, owner):
        await each.client.close()


async def test_the_session_of_a_banned_owner_rests_its_guests_read_and_spend_nothing(product, database, ada, bob, chat):
    session, code, generation = chat
    eve, here = await sign_up(product, "Eve"), await bob.joins(session)
    await database.run_system(users.ban, ada.id)
    for asking in (
        here.says("@assistant are you there?"),
        here.generates("a picture on her credits"),
        here.asks("generation.retry", generation_id=generation["id"]),
    ):
        assert "owner's account is closed" in await is_refused(asking, 0, "not-allowed")
    body = {"client_id": "c", "kind": "image", "prompt": "x", "width": 64, "height": 64}
    path = f"/sessions/{session['id']}"
    await is_refused(bob.call("POST", f"{path}/generations", body), 403, "not-allowed")
    await is_refused(
        bob.call("POST", f"{path}/messages", {"client_id": "c", "text": "@assistant hi"}), 403, "not-allowed"
    )
    await is_refused(bob.call("POST", f"/generations/{generation['id']}/retry", {}), 403, "not-allowed")
    assert (await bob.credits(session))["image"]["left"] == 7

    await is_refused(eve.accepts(code), 404, "not-found")
    assert len((await bob.call("GET", f"{path}/messages"))["messages"]) == 1
    assert (await bob.fetch(generation["assets"][0]["url"]))[0] == 200

    await database.run_system(users.unban, ada.id)
    await here.says("she is back")
    await eve.accepts(code)
    await here.leaves()


async def test_an_invite_of_a_banned_owner_makes_no_account_where_accounts_need_one(database, ada, chat):
    _, code, _ = chat
    assert await database.run_system(invite_stands, code)
    await database.run_system(users.ban, ada.id)
    assert not await database.run_system(invite_stands, code)


async def invite_stands(tx, code):
    return await tx.fetch_value("users.is_valid_invite", code=code)


async def test_one_who_comes_in_at_the_very_moment_of_being_sent_away_is_out(database):
    ada = await make_user(database, "Ada")
    session = await make_session(database, ada)
    code = await database.run_as(ada, sessions.invite, session)
    for _ in range(10):
        guest = await make_user(database, "Gus")
        await database.run_system(sessions.join, code, guest)
        await asyncio.gather(
            *(database.run_system(sessions.join, code, guest) for _ in range(3)),
            database.run_as(ada, sessions.remove_member, session, guest),
            return_exceptions=True,
        )
        with pytest.raises(ChatserverError):
            await database.run_as(guest, sessions.find, session)


async def test_only_the_owner_sees_who_was_sent_away(product, ada, bob, chat):
    session, code, _ = chat
    eve = await sign_up(product, "Eve")
    await eve.accepts(code)
    await sends_away(ada, session, eve)
    await is_refused(bob.call("GET", f"/sessions/{session['id']}/removals"), 403, "not-allowed")
    await is_refused(bob.call("DELETE", f"/sessions/{session['id']}/removals/{eve.id}"), 403, "not-allowed")
    await is_refused(eve.call("GET", f"/sessions/{session['id']}/removals"), 404, "not-found")
    await is_refused(call(product, "GET", f"/sessions/{session['id']}/removals"), 401, "not-signed-in")
