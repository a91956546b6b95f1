"""Names that pretend: guests called Assistant, exactly like the owner, with a Cyrillic letter, with nothing to see."""

import json
import uuid

import pytest

from tests.support.people import run_sql
from tests.support.story import Refusal, call, sign_up


@pytest.mark.parametrize(
    "name",
    ["Assistant", "System", "\u0410ssistant", "Assis\u200btant", "chatserver", "\u3164", "\u200b", "Ada (owner)"],
)
async def test_an_account_with_such_a_name_is_refused_with_its_field(product, name):
    body = {"email": f"{uuid.uuid4().hex}@example.org", "name": name, "password": "a good long one"}
    with pytest.raises(Refusal) as refusal:
        await call(product, "POST", "/users", body)
    assert (refusal.value.status, refusal.value.code) == (422, "invalid")
    assert refusal.value.error["details"]["field"] == "name"


@pytest.mark.parametrize("name", ["Ada", "ada", "\u0410d\u0430"])
async def test_a_guest_who_looks_like_the_owner_is_told_apart_wherever_the_name_is_seen(product, database, ada, name):
    twin = await sign_up(product, "Twin")
    # As an account from before, or one that was called so before the owner's.
    await run_sql(database, "UPDATE users SET name = $2 WHERE id = $1", twin.id, name)
    session = await ada.buys()
    members = (await twin.accepts(await ada.invites(session)))["members"]
    assert [(each["name"], each["role"]) for each in members] == [("Ada", "owner"), (f"{name} (2)", "guest")]
    chat, guest, page = await ada.joins(session), await twin.joins(session), None
    page = await ada.joins(session, subprotocol="chat.v1.html")
    assert guest.events[0]["you"]["name"] == f"{name} (2)"
    said = await guest.says("it is me")
    heard = await chat.sees_text("it is me")
    assert said["author"] == heard["author"]
    assert (heard["author"]["name"], heard["author"]["role"]) == (f"{name} (2)", "guest")
    drawn = await page.hears(lambda event: event["type"] == "message" and "it is me" in event["html"])
    assert 'data-author-role="guest"' in drawn["html"] and ">guest</span>" in drawn["html"]
    presence = await chat.hears(lambda event: event["type"] == "presence" and len(event["users"]) == 2)
    assert sorted(each["name"] for each in presence["users"]) == sorted(["Ada", f"{name} (2)"])
    for each in (chat, guest, page):
        await each.leaves()


async def test_the_assistant_and_the_owner_are_known_by_their_roles(product, ada, bob):
    session = await ada.buys()
    chat = await ada.joins(session)
    assert (await chat.says("hello"))["author"]["role"] == "owner"
    reply = await chat.sees(lambda each: each["author"]["kind"] == "assistant")
    assert (reply["author"]["name"], reply["author"]["role"]) == ("Assistant", "assistant")
    await bob.accepts(await ada.invites(session))
    assert (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"][0]["author"]["role"] == "owner"
    assert json.dumps(reply["author"]).count("assistant") == 2
    await chat.leaves()


@pytest.mark.parametrize("text", ["\u200b", "\u3164", "\u2800", "\ufe0f\u00ad"], ids=ascii)
async def test_a_title_or_a_name_of_an_album_with_nothing_to_see_is_refused_with_its_field(product, ada, text):
    session = await ada.buys(title=text)
    assert session["title"] == "New session"
    album = (await ada.call("POST", "/albums", {"name": "Boats"}))["album"]
    for method, path, field in (
        ("PATCH", f"/sessions/{session['id']}", "title"),
        ("POST", "/albums", "name"),
        ("PATCH", f"/albums/{album['id']}", "name"),
    ):
        with pytest.raises(Refusal) as refusal:
            await ada.call(method, path, {field: text})
        assert (refusal.value.status, refusal.value.error["details"]["field"]) == (422, field), path
