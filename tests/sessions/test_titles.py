"""Titles of sessions: given by the owner, or made from the first descriptive text."""

import asyncio

import pytest

from chatserver import ids, messages, sessions
from chatserver.errors import Invalid, RateLimited
from chatserver.messages.requests import CreateMessage
from chatserver.sessions import routes
from chatserver.sessions.events import SessionChanged
from chatserver.sessions.titles import shorten
from tests.support.people import make_user, run_sql


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


async def buy(database, user, title=None):
    return await database.run_system(sessions.buy, user, "flash", title, checkout="instant")


async def say(database, user, session, text):
    request = CreateMessage(client_id=ids.new(), text=text)
    return await database.run_as(user, messages.say, session.id, request, "")


async def title_of(database, session):
    rows = await run_sql(database, "SELECT title FROM user_sessions WHERE id = $1", session.id)
    return rows[0]["title"]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("a beautiful sunset over mountains", "A beautiful sunset over mountains"),
        ("What can I do here?", "What can I do here?"),
        ("@assistant  tell me\n\nabout **red** `foxes`.", "Tell me about red foxes"),
        ("Hello **world**. What is `this`?", "Hello world. What is this?"),
        ("# A plan\n\n- first\n- second", "A plan - first - second"),
        ("Two pictures for the hallway, something warm, please", "Two pictures for the hallway, something…"),
        ("Two pictures for the hallways, everything - in blue", "Two pictures for the hallways…"),
        ("Donaudampfschifffahrtsgesellschaftskapitän heute", "Donaudampfschifffahrtsgesellschaftskapit…"),
        ("山の上の美しい夕焼け", "山の上の美しい夕焼け"),
        ("abc\u202edef\x07ghi", "Abc def ghi"),
        ("Write C# code for issue #12", "Write C# code for issue #12"),
        ("is 2*3*4 > 20 or ~20?", "Is 2*3*4 > 20 or ~20?"),
        ("<b>bold</b> words are here", "<b>bold</b> words are here"),
        ("> a quote\n\nand ~~an~~ answer", "A quote and an answer"),
        ("see [the page](https://example.org 'x') now", "See the page now"),
        ("![a boat](https://example.org/x.png) here", "A boat here"),
        ("| a | b |\n|---|---|\n| one | two |", "A b one two"),
        ("https://example.org/a is nice", "https://example.org/a is nice"),
        ("[" * 400, "[" * 40 + "…"),
        ("@assistant", ""),
        (" ** ", ""),
        ("x" * 8000, "X" + "x" * 39 + "…"),
    ],
)
def test_words_become_a_title_of_one_short_line(words, title) -> None:
    assert shorten(words) == title
    assert len(title) <= 41


async def test_the_owners_first_words_name_a_session_once_and_everybody_hears_it(database, ada, published):
    session = await buy(database, ada)
    published.clear()
    await say(database, ada, session, "Hello!")
    assert await title_of(database, session) == "New session"
    await say(database, ada, session, "@assistant ideas for the garden?")
    await say(database, ada, session, "and for the balcony, while we are at it")
    assert await title_of(database, session) == "Ideas for the garden?"
    changes = [each for each in published.events(f"session:{session.id}") if isinstance(each, SessionChanged)]
    assert [each.session.title for each in changes] == ["Ideas for the garden?"]


@pytest.mark.parametrize("given", ["New session", "Evening pictures"])
async def test_a_title_that_somebody_gave_stays(database, ada, given):
    session = await buy(database, ada, given)
    await say(database, ada, session, "ideas for the garden?")
    assert await title_of(database, session) == given


async def test_a_session_that_was_renamed_keeps_its_name(database, ada):
    session = await buy(database, ada)
    renamed = await database.run_as(ada, sessions.rename, session.id, "  Our  garden ")
    await say(database, ada, session, "ideas for the garden?")
    assert renamed.title == await title_of(database, session) == "Our garden"
    with pytest.raises(Invalid):
        await database.run_as(ada, sessions.rename, session.id, " ")


async def test_guests_name_nothing(database, ada):
    bob, session = await make_user(database, "Bob"), await buy(database, ada)
    await database.run_system(sessions.join, await database.run_as(ada, sessions.invite, session.id), bob)
    await say(database, bob, session, "this is Bob's session now")
    assert await title_of(database, session) == "New session"


async def test_of_two_first_words_at_once_one_names_the_session(database, ada, published):
    session = await buy(database, ada)
    published.clear()
    await asyncio.gather(*(say(database, ada, session, f"the {n}. beginning of it all") for n in range(4)))
    changes = [each for each in published.events(f"session:{session.id}") if isinstance(each, SessionChanged)]
    assert len(changes) == 1
    assert await title_of(database, session) == changes[0].session.title


async def test_of_two_changes_in_one_request_none_is_made_where_one_is_refused(limited, ada):
    few = await limited(commands_per_10_seconds=1)
    session = await buy(few, ada, "Boats")
    both = routes.Changes(title="Ships", guests_may_generate=True)
    with pytest.raises(RateLimited):
        await few.run_as(ada, routes._change_session, session.id, both)
    assert await title_of(few, session) == "Boats"
