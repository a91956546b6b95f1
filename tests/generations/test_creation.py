"""Generations in one statement: the same as the verb makes, and nothing at all where anything is out of the ordinary."""

import asyncio
import itertools

import pytest

from chatserver import credits, ids, messages, sessions
from chatserver.database import StatementUndone
from chatserver.errors import (
    Conflict,
    CreditsExhausted,
    GuestsMayNot,
    Invalid,
    NotAllowed,
    NotFound,
    PlanTooSmall,
    PromptNotAllowed,
    RateLimited,
    SessionExpired,
    TooManyWaiting,
)
from chatserver.generations import creation, service
from chatserver.generations.models import ModelChoice
from chatserver.generations.requests import CreateGeneration
from chatserver.jobs.events import JOBS_CHANNEL
from chatserver.privacy import session_deletion
from chatserver.styles import service as styles
from chatserver.styles.models import Style
from tests.messages.test_sending import WAITING
from tests.support.people import make_session, make_user, run_sql

CHOICE = ModelChoice("sketch", "Sketch")
CHOICES = {"image": CHOICE, "video": CHOICE, "variation": CHOICE, "edit": CHOICE}
# What differs between two that are the same.
OWN = {
    "id",
    "session_id",
    "client_id",
    "request_hash",
    "created_at",
    "user_id",
    "author_hue",
    "message_id",
    "not_before",
}
_numbers = itertools.count()


def request(**fields):
    usual = {"client_id": f"c{next(_numbers)}", "kind": "image", "prompt": "a red boat", "width": 64, "height": 64}
    return CreateGeneration(**{**usual, **fields})


async def at_once(database, user, session, asked, choices=CHOICES):
    checked = creation.checked_request(asked, choices)
    try:
        return checked and await database.run_single(creation.create_at_once, user, session, checked)
    except StatementUndone:
        return None


async def by_the_verb(database, user, session, asked, choices=CHOICES):
    return await database.run_as(user, service.create, session, asked, choices)


async def titled_session(database, owner, plan="pro", **options):
    session = await make_session(database, owner, plan, **options)
    await run_sql(database, "UPDATE user_sessions SET untitled = false WHERE id = $1", session)
    return session


@pytest.fixture
async def ada(database):
    """Somebody in whose process the rules of prompts have been read: somebody has asked for a picture before."""
    user = await make_user(database, "Ada")
    await by_the_verb(database, user, await titled_session(database, user), request())
    return user


@pytest.fixture
async def bob(database):
    return await make_user(database, "Bob")


async def stored(database, session, user):
    """All that a generation leaves behind, without what is its own."""
    statements = {
        "messages": "SELECT * FROM messages WHERE session_id = $1 ORDER BY seq",
        "generations": "SELECT * FROM generations WHERE session_id = $1 ORDER BY number",
        "credits": "SELECT kind, number, generation_id IS NOT NULL, available_at > now() + interval '59 minutes', extra"
        " FROM credits WHERE session_id = $1 ORDER BY kind, number",
        "entries": "SELECT kind, number, action, reason FROM credit_entries WHERE session_id = $1 ORDER BY id",
        "stream": "SELECT seq, messages_count, title, untitled FROM user_sessions WHERE id = $1",
    }
    found = {name: await run_sql(database, statement, session) for name, statement in statements.items()}
    budgets = "SELECT kind, cardinality(times) FROM budgets WHERE user_id = $1 ORDER BY kind"
    found["budgets"] = await run_sql(database, budgets, user)
    return {name: [_without_own(row) for row in rows] for name, rows in found.items()}


def _without_own(row):
    return {name: value for name, value in row.items() if name not in OWN}


WISHES = {
    "usual": {"seed": 7},
    "four": {"count": 4, "seed": 2**32 - 2, "negative_prompt": " blur ", "prompt": "  two\r\nlines “ü” 🛶  "},
    "a clip": {"kind": "video", "seed": 1},
    "settings": {"seed": 3, "steps": 7, "guidance": 7.1, "width": 128},
    "the usual size": {"seed": 4, "width": None, "height": None},
    "a style of the list": {"seed": 5, "style": "mAdE uP"},
    "another style": {"seed": 6, "style": "  of   nobody "},
    "a variation": {"seed": 8, "change": "variation", "strength": 0.3},
    "an edit": {"seed": 9, "change": "edit"},
}


@pytest.mark.parametrize("who", ["owner", "guest", "operator"])
@pytest.mark.parametrize("wish", list(WISHES))
async def test_it_stores_and_announces_what_the_verb_does(database, ada, bob, published, who, wish):
    style = Style(name="Made up", before="of", after="in chalk", without="ink")
    await database.run_system(styles.add, style, b"")
    fields = {name: value for name, value in WISHES[wish].items() if value is not None}
    sizes = {} if wish != "the usual size" else {"width": 512, "height": 512}
    if who == "operator":
        await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", bob)
    found = []
    for create in (at_once, by_the_verb):
        owner = await make_user(database, "Owner")
        speaker = owner if who == "owner" else await make_user(database, "Speaker")
        if who == "operator":
            await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", speaker)
        session = await titled_session(database, owner, guests=(speaker,) * (who != "owner"), guests_may_generate=True)
        if "change" in fields:
            fields["source_asset_id"] = "urn:uuid:" + await _picture(database, session, owner)
        published.clear()
        message = await create(database, speaker, session, request(**{**fields, **sizes}))
        told = published.events(f"session:{session}")
        assert [type(event).__name__ for event in told] == ["CreditsChanged", "MessageChanged"]
        assert told[1].message == message
        assert await database.run_as(speaker, messages.find, message.id) == message
        now = await database.run_as(speaker, credits.balances, session)
        assert (told[0].image, told[0].video) == (now.image, now.video)
        jobs = [event.kind for event in published.events(JOBS_CHANNEL)]
        newest = await run_sql(database, "SELECT newest_message_id FROM user_sessions WHERE id = $1", session)
        assert newest[0][0] == message.id
        rows = await stored(database, session, speaker)
        for row in rows["generations"]:
            row["source_asset_id"] = row["source_asset_id"] is not None
        found.append((rows, jobs, message.author.role, message.author.name))
    assert found[0] == found[1]
    assert found[0][1] == ["generation"]


async def _picture(database, session, owner):
    """The id of a stored picture of a session."""
    asset = ids.new()
    await run_sql(
        database,
        """INSERT INTO assets (id, session_id, user_id, kind, status, origin, storage_key, thumbnail_key, content_type,
                               bytes, sha256, width, height, filename, placeholder)
           VALUES ($1, $2, $3, 'image', 'stored', 'upload', $4, '', 'image/png', 1, '', 8, 8, 'a.png', '')""",
        asset,
        session,
        owner,
        f"test/{asset}",
    )
    return asset


async def test_only_what_is_ordinary_is_made_at_once(database, ada, bob):
    eve = await make_user(database, "Eve")
    session = await titled_session(database, ada, "flash", guests=(bob,))
    over, closed, untitled = [await titled_session(database, ada) for _ in range(3)]
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() - interval '1 second' WHERE id = $1", over)
    await run_sql(database, "UPDATE user_sessions SET untitled = true WHERE id = $1", untitled)
    await run_sql(database, "UPDATE session_members SET left_at = now() WHERE session_id = $1", closed)
    elsewhere = await titled_session(database, eve)
    theirs = await _picture(database, elsewhere, eve)
    places = [(session, ada), (session, bob), (over, ada), (untitled, ada), (elsewhere, eve)]
    before = [await stored(database, *place) for place in places]
    for user, place, wish, error in (
        (eve, session, {}, NotFound),
        (ada, ids.new(), {}, NotFound),
        (ada, closed, {}, NotFound),
        (bob, session, {}, GuestsMayNot),
        (ada, over, {}, SessionExpired),
        (ada, untitled, {}, None),
        (ada, session, {"client_id": ""}, Invalid),
        (ada, session, {"client_id": "\ud800"}, Invalid),
        (ada, session, {"prompt": " "}, Invalid),
        (ada, session, {"prompt": "a\x00b"}, Invalid),
        (ada, session, {"count": 0}, Invalid),
        (ada, session, {"count": 3}, PlanTooSmall),
        (ada, session, {"count": 5}, Invalid),
        (ada, session, {"width": 65}, Invalid),
        (ada, session, {"height": 776}, PlanTooSmall),
        (ada, session, {"steps": 101}, Invalid),
        (ada, session, {"source_asset_id": "no id"}, Invalid),
        (ada, session, {"source_asset_id": ids.new()}, Invalid),
        (ada, session, {"source_asset_id": theirs}, Invalid),
    ):
        asked = request(**wish)
        assert await at_once(database, user, place, asked) is None, wish
        if error is not None:
            with pytest.raises(error):
                await creation.create(database, user, place, asked, CHOICES)
    assert await at_once(database, ada, session, request(), {}) is None
    with pytest.raises(NotAllowed):
        await creation.create(database, ada, session, request(), {})
    assert [await stored(database, *place) for place in places] == before


async def test_what_is_asked_again_is_not_made_again_and_another_wish_with_its_key_is_refused(database, ada):
    session = await titled_session(database, ada)
    first = await at_once(database, ada, session, asked := request())
    before = await stored(database, session, ada)
    assert await at_once(database, ada, session, asked) is None
    assert await creation.create(database, ada, session, asked, CHOICES) == first
    other = request(client_id=asked.client_id, prompt="a blue boat")
    assert await at_once(database, ada, session, other) is None
    with pytest.raises(Conflict):
        await creation.create(database, ada, session, other, CHOICES)
    assert await stored(database, session, ada) == before


async def test_an_owner_whose_account_is_closed_makes_nothing_and_neither_do_guests(database, bob):
    owner = await make_user(database, "Ada")
    session = await titled_session(database, owner, guests=(bob,), guests_may_generate=True)
    await by_the_verb(database, owner, session, request())
    await run_sql(database, "UPDATE users SET status = 'banned' WHERE id = $1", owner)
    before = await stored(database, session, owner)
    assert await at_once(database, owner, session, request()) is None
    assert await at_once(database, bob, session, request()) is None
    assert await stored(database, session, owner) == before


async def test_limits_hold_and_what_they_refuse_costs_nothing(limited, database, ada):
    session = await titled_session(database, ada)
    few = await limited(commands_per_10_seconds=2, waiting_pictures_per_user=0)
    await run_sql(database, "DELETE FROM budgets WHERE user_id = $1", ada)
    for _ in range(6):
        assert await at_once(few, ada, session, request()) is not None
    before = await stored(database, session, ada)
    assert await at_once(few, ada, session, request()) is None
    with pytest.raises(RateLimited):
        await creation.create(few, ada, session, request(), CHOICES)
    full = await limited(waiting_pictures_per_user=8)
    assert await at_once(full, ada, session, request(count=2)) is None
    with pytest.raises(TooManyWaiting):
        await creation.create(full, ada, session, request(count=2), CHOICES)
    assert await stored(database, session, ada) == before
    # One waits in another session, six in this one: an eighth has its place.
    assert await at_once(full, ada, session, request()) is not None


async def test_what_began_to_wait_while_another_wish_was_counted_is_counted_too(limited, database, ada):
    one, other = [await titled_session(database, ada) for _ in range(2)]
    few, waiting = await limited(waiting_pictures_per_user=2), []

    async def ask_meanwhile(tx):
        await tx.connection.execute("SELECT FROM budgets WHERE user_id = $1 FOR UPDATE", ada)
        waiting.append(asyncio.create_task(at_once(few, ada, other, request())))
        async with asyncio.timeout(30):
            while await tx.connection.fetchval(WAITING) < 1:
                await asyncio.sleep(0.01)
        await service.create(tx, one, request(), CHOICES)

    await few.run_as(ada, ask_meanwhile)
    assert await waiting[0] is None  # the first is of the fixture


async def test_p5_no_more_is_made_than_there_are_credits_and_none_where_some_are_too_few(database, ada):
    session = await titled_session(database, ada, "flash")
    for _ in range(3):
        assert await at_once(database, ada, session, request(count=2)) is not None
    assert await at_once(database, ada, session, request()) is not None
    before = await stored(database, session, ada)
    assert await at_once(database, ada, session, request(count=2)) is None
    with pytest.raises(CreditsExhausted) as refusal:
        await creation.create(database, ada, session, request(count=2), CHOICES)
    assert refusal.value.details["left"] == 1
    assert await stored(database, session, ada) == before
    assert await database.run_system(credits.check) == []


async def test_p6_many_clicks_at_once_are_accepted_as_often_as_there_are_credits(database, ada):
    session = await titled_session(database, ada, "flash")
    clicks = [request(client_id=f"click-{n % 12}") for n in range(36)]
    made = await asyncio.gather(
        *(creation.create(database, ada, session, click, CHOICES) for click in clicks), return_exceptions=True
    )
    by_click = {}
    for click, answer in zip(clicks, made, strict=True):
        by_click.setdefault(click.client_id, set()).add(getattr(answer, "id", type(answer)))
    assert all(len(answers) == 1 for answers in by_click.values()), by_click
    assert sum(answers == {CreditsExhausted} for answers in by_click.values()) == 4
    held = "SELECT count(*) FROM credit_entries WHERE session_id = $1 AND action = 'hold'"
    assert (await run_sql(database, held, session))[0][0] == 8
    assert await database.run_system(credits.check) == []


async def test_a_rule_of_the_operators_holds_from_its_commit_on_also_for_what_is_made_at_once(database, ada):
    session = await titled_session(database, ada)
    assert await at_once(database, ada, session, request(prompt="a red boat")) is not None
    await run_sql(
        database,
        """INSERT INTO prompt_rules (id, terms, plans, message, enabled, tried_at)
           VALUES ($1, '{boat}', '{flash}', 'No boats.', true, now())""",
        ids.new(),
    )
    try:
        # Of other rules than this process has read; then of rules that refuse it on some plan.
        assert await at_once(database, ada, session, request(prompt="a red boat")) is None
        assert await creation.create(database, ada, session, request(prompt="a red boat"), CHOICES) is not None
        assert await at_once(database, ada, session, request(prompt="a red boat")) is None
        assert await at_once(database, ada, session, request(prompt="a red house")) is not None
        flash = await titled_session(database, ada, "flash")
        with pytest.raises(PromptNotAllowed, match="No boats"):
            await creation.create(database, ada, flash, request(prompt="a red boat"), CHOICES)
    finally:
        await run_sql(database, "DELETE FROM prompt_rules")


async def test_p2_a_message_with_pictures_comes_after_the_sessions_newest_whatever_its_process_thinks_of_the_time(
    database, ada
):
    session = await titled_session(database, ada)
    later = "ffffffff-fffe-7fff-bfff-000000000000"
    await run_sql(database, "UPDATE user_sessions SET newest_message_id = $2 WHERE id = $1", session, later)
    made = [await at_once(database, ada, session, request()) for _ in range(2)]
    assert later < made[0].id < made[1].id
    assert [each.seq for each in made] == [1, 2]
    assert {each.message_id for each in made[1].generations} == {made[1].id}


@pytest.mark.parametrize("gone", ["member", "session"])
async def test_who_is_removed_while_a_wish_of_theirs_waits_is_told_that_there_is_no_session(database, ada, bob, gone):
    session = await titled_session(database, ada, guests=(bob,), guests_may_generate=True)
    waiting = []

    async def remove(tx):
        if gone == "session":
            await credits.lock(tx, session, "image")
        await tx.connection.execute("SELECT FROM user_sessions WHERE id = $1 FOR UPDATE", session)
        waiting.append(asyncio.create_task(creation.create(database, bob, session, request(), CHOICES)))
        waiting.append(asyncio.create_task(by_the_verb(database, bob, session, request())))
        async with asyncio.timeout(30):
            while await tx.connection.fetchval(WAITING) < len(waiting):
                await asyncio.sleep(0.01)
        if gone == "member":
            await sessions.remove_member(tx, session, bob)
        else:
            await session_deletion.delete_session(tx, ada, session)

    await (database.run_as(ada, remove) if gone == "member" else database.run_system(remove))
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [NotFound] * 2
    rows = await stored(database, session, bob)
    assert (rows["messages"], rows["generations"], rows["entries"], rows["budgets"]) == ([], [], [], [])
