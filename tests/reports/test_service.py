"""Reports and decisions: what is hidden is gone for everybody, and comes back as it was."""

import asyncio

import pytest

from chatserver import messages
from chatserver.albums import service as albums
from chatserver.albums.requests import CreateAlbum
from chatserver.assets import favorites
from chatserver.assets import service as assets
from chatserver.audit import Actor
from chatserver.audit import service as audit
from chatserver.config import Config
from chatserver.errors import Conflict, Invalid, NotAllowed, NotFound, RateLimited
from chatserver.events import session_channel
from chatserver.generations import deletion, versions
from chatserver.generations import service as generations
from chatserver.generations.requests import CreateGeneration, RetryGeneration
from chatserver.messages import search
from chatserver.privacy import erasure, export
from chatserver.reports import service as reports
from tests.generations.test_queue import CHOICE, CHOICES, ask, finish, take
from tests.messages.test_service import say
from tests.support.people import add_member, make_session, make_user, newest_act, run_sql, run_sql_as

HOURS = Config().hours_by_report_kind
NOTHING = "00000000-0000-7000-8000-000000000000"
WHY = "Nobody wants to see this."


@pytest.fixture
async def grace(database):
    return Actor(id=await make_user(database, "Grace", role="admin"), name="Grace", address="192.0.2.7")


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


@pytest.fixture
async def bob(database):
    return await make_user(database, "Bob")


@pytest.fixture
async def session(database, ada, bob):
    return await make_session(database, ada, guests=(bob,))


@pytest.fixture
async def picture(database, ada, session):
    """The id of a finished picture of Ada's, and of its message."""
    await run_sql(database, "DELETE FROM generations WHERE finished_at IS NULL")
    message = await ask(database, ada, session)
    job = await take(database)
    await finish(database, job)
    [row] = await run_sql(database, "SELECT id FROM assets WHERE generation_id = $1", job.id)
    return row["id"], message.id


async def report(database, user, target_id, target_kind="picture", kind="spam", words=""):
    return await database.run_as(user, reports.report, target_kind, target_id, kind, words, user, HOURS)


async def decide(database, actor, target_id, act, reason=WHY, seen=""):
    return await database.run_system(reports.decide, actor, target_id, act, reason, seen)


async def thing(database, target_id):
    [found] = [each for each in await database.run_system(reports.queue, None) if each.target_id == target_id]
    return found


# Reporting ------------------------------------------------------------------------------------------------------------


async def test_a_report_is_made_once_by_each_person_and_waits_in_the_order_of_its_hour(
    database, published, ada, bob, session, picture
):
    cleo = await make_user(database, "Cleo")
    await add_member(database, session, cleo)
    asset, _ = picture
    assert await report(database, bob, asset, kind="spam", words="  Buy\r\nnow ")
    assert [type(event).__name__ for event in published.events("admin")] == ["ReportMade"]
    assert not await report(database, bob, asset, kind="illegal"), "it is reported already"
    assert await report(database, cleo, asset, kind="illegal")
    said = await say(database, ada, session, "buy my boat", client_id="boat")
    assert await report(database, bob, said.id, "message", kind="hate")
    queue = await database.run_system(reports.queue, None)
    assert [(each.target_id, each.count) for each in queue[:2]] == [(asset, 2), (said.id, 1)]
    assert [(each.kind, each.words, each.reporter_id) for each in queue[0].reports] == [
        ("illegal", "", cleo), ("spam", "Buy\nnow", bob),
    ]  # fmt: skip
    assert (queue[0].state, queue[0].media, queue[0].author_id, queue[0].seen) == ("shown", "image", ada, "")
    rest = await database.run_system(reports.queue, queue[0].cursor)
    assert rest[0].target_id == said.id
    counted = await database.run_system(reports.count_open)
    assert counted.number >= 2 and counted.newest is not None


async def test_only_what_one_sees_and_others_made_can_be_reported(database, ada, bob, session, picture):
    stranger = await make_user(database, "Eve")
    asset, message = picture
    for user, target, kind in (
        (stranger, asset, "picture"),
        (stranger, message, "message"),
        (bob, NOTHING, "picture"),
        (bob, asset, "message"),
    ):
        with pytest.raises(NotFound):
            await report(database, user, target, kind)
    with pytest.raises(NotAllowed, match="This is yours"):
        await report(database, ada, asset)
    for kind, words in (("rude", ""), ("spam", "x" * 1001), ("spam", "\x00"), ("spam", "\ud800")):
        with pytest.raises(Invalid):
            await report(database, bob, asset, kind=kind, words=words)
    forged = """INSERT INTO reports (id, kind, target_kind, target_id, session_id, reporter_id, due_at)
                VALUES ($1, 'spam', 'picture', $2, $3, $4, now())"""
    for target, reporter in ((asset, ada), (NOTHING, bob)):
        with pytest.raises(Exception, match="row-level security"):
            await run_sql_as(database, bob, forged, NOTHING, target, session, reporter)
    await report(database, bob, asset)
    assert await run_sql_as(database, ada, "SELECT id FROM reports") == []
    assert len(await run_sql_as(database, bob, "SELECT id FROM reports")) == 1


async def test_nobody_fills_the_queue(database, bob, session, picture, monkeypatch):
    monkeypatch.setattr(reports, "MOST_OPEN", 1)
    monkeypatch.setattr(reports, "MOST_OF_VISITORS", 2)
    asset, message = picture
    await report(database, bob, asset)
    with pytest.raises(RateLimited):
        await report(database, bob, message, "message")
    made = [
        await database.run_system(reports.report_shared, asset, "spam", "", f"network {number}", HOURS)
        for number in (1, 1, 2, 3)
    ]
    assert made == [True, False, True, False]


# Pictures ---------------------------------------------------------------------------------------------------------------


async def test_a_hidden_picture_is_gone_everywhere_and_comes_back_as_it_was(
    database, published, grace, ada, bob, session, picture
):
    asset, message = picture
    await database.run_as(ada, albums.create, CreateAlbum(name="Boats", asset_ids=[asset]))
    for user in (ada, bob):
        await database.run_as(user, assets.favorite, asset, True)
    await report(database, bob, asset)

    async def seen():
        found = await database.run_as(bob, messages.find, message)
        return (
            [each.id for made in found.generations for each in made.assets],
            [made.withheld for made in found.generations],
            [row["asset_id"] for row in await run_sql(database, "SELECT asset_id FROM album_assets")],
            [
                row["asset_id"]
                for row in await run_sql(database, "SELECT asset_id FROM pictures WHERE asset_id = $1", asset)
            ],
            await database.run_as(bob, favorites.marked, [asset]),
        )

    before = await seen()
    published.clear()
    decision = await decide(database, grace, asset, "hide")
    assert (decision.action, decision.author_id, decision.reason) == ("hidden", ada, WHY)
    [changed] = [
        event for event in published.events(session_channel(session)) if type(event).__name__ == "MessageChanged"
    ]
    assert changed.message.generations[0].withheld == WHY and changed.message.generations[0].assets == ()
    for user in (ada, bob):
        with pytest.raises(NotFound):
            await database.run_as(user, assets.find_file, asset)
        assert await run_sql_as(database, user, "SELECT id FROM assets WHERE id = $1", asset) == []
        assert (
            await run_sql_as(database, user, "UPDATE assets SET status = 'stored' WHERE id = $1 RETURNING id", asset)
            == []
        )
    hidden = await seen()
    assert (hidden[0], hidden[1], hidden[2], hidden[3]) == ([], [WHY], [], [])
    generation = changed.message.generations[0].id
    with pytest.raises(Invalid, match="names no picture"):
        changing = {"image": CHOICE, "variation": CHOICE}
        request = CreateGeneration(
            client_id="v", kind="image", prompt="a boat", width=64, height=64, source_asset_id=asset, change="variation"
        )
        await database.run_as(ada, generations.create, session, request, changing)
    with pytest.raises(Conflict, match="operator has hidden"):
        await database.run_as(ada, versions.retry, RetryGeneration(generation), CHOICES)
    entry = await newest_act(database)
    assert (entry.action, entry.target_id, entry.reason, entry.subject_id) == ("picture.hidden", asset, WHY, ada)
    assert (await database.run_system(reports.told, ada, None))[0][0].reason == WHY
    assert (await database.run_system(reports.told, bob, None))[1][0].action == "hidden"

    await decide(database, grace, asset, "restore", "It was fine.", seen=decision.id)
    assert await seen() == before
    assert (await newest_act(database)).action == "picture.restored"


async def test_a_picture_that_is_deleted_while_it_is_hidden_leaves_nothing(database, grace, ada, bob, session, picture):
    asset, message = picture
    await database.run_as(ada, albums.create, CreateAlbum(name="Boats", asset_ids=[asset]))
    await database.run_as(bob, assets.favorite, asset, True)
    await report(database, bob, asset)
    decision = await decide(database, grace, asset, "hide")
    await database.run_system(deletion.delete_message, ada, message)
    for table in ("hidden_places", "favorites"):
        assert await run_sql(database, f"SELECT FROM {table} WHERE asset_id = $1", asset) == []
    with pytest.raises((NotFound, Conflict), match="deleted meanwhile"):
        await decide(database, grace, asset, "restore", seen=decision.id)


async def test_a_reported_picture_that_is_deleted_is_said_to_be_gone_and_can_only_be_dismissed(
    database, grace, ada, bob, picture
):
    asset, message = picture
    await report(database, bob, asset)
    await database.run_system(deletion.delete_message, ada, message)
    assert (await thing(database, asset)).state == "gone"
    with pytest.raises(NotFound, match="deleted meanwhile"):
        await decide(database, grace, asset, "hide")
    assert (await decide(database, grace, asset, "dismiss")).action == "dismissed"
    assert (await newest_act(database)).action == "picture.report_dismissed"


# Messages ---------------------------------------------------------------------------------------------------------------


async def test_the_words_of_a_hidden_message_leave_every_place_and_come_back(database, grace, ada, bob, session):
    said = await say(database, ada, session, "a canary sings in the morning")
    await report(database, bob, said.id, "message")

    async def places():
        found = await database.run_as(bob, messages.find, said.id)
        results = await database.run_as(ada, search.search, "canary")
        [title] = await run_sql(database, "SELECT title FROM user_sessions WHERE id = $1", session)
        return found.text, found.html, found.withheld, len(results.messages), title["title"]

    before = await places()
    decision = await decide(database, grace, said.id, "hide")
    hidden = await places()
    assert hidden[:4] == ("", "", WHY, 0) and "canary" not in hidden[4]
    exported = b"".join([piece async for piece in await export.export_account(database, ada)])
    assert b"a canary sings" in exported and b'"decisions":[\n{' in exported, "one's own words stay one's own"
    assert (await database.run_system(reports.read_message, grace, said.id)) == "a canary sings in the morning"
    assert [entry.action for entry in await database.run_system(audit.readings, ada, None, 5)] == ["message.read"]
    await decide(database, grace, said.id, "restore", seen=decision.id)
    assert (await places())[:4] == before[:4]


async def test_a_message_with_pictures_takes_them_along_and_brings_back_only_those(
    database, grace, ada, bob, session, picture
):
    asset, message = picture
    await report(database, bob, message, "message")
    decision = await decide(database, grace, message, "hide")
    found = await database.run_as(bob, messages.find, message)
    assert (found.text, found.generations, found.withheld) == ("", (), WHY)
    with pytest.raises(NotFound):
        await database.run_as(ada, assets.find_file, asset)
    rows = await run_sql(database, "SELECT prompt FROM generations WHERE message_id = $1", message)
    assert [row["prompt"] for row in rows] == [""]
    await decide(database, grace, message, "restore", seen=decision.id)
    found = await database.run_as(bob, messages.find, message)
    assert (found.text, found.generations[0].prompt, found.generations[0].assets[0].id) == (
        "a red boat",
        "a red boat",
        asset,
    )


async def test_what_is_deleted_while_it_is_hidden_keeps_no_words(database, grace, ada, bob, session):
    said = await say(database, ada, session, "a canary sings")
    await report(database, bob, said.id, "message")
    await decide(database, grace, said.id, "hide")
    await database.run_system(deletion.delete_message, ada, said.id)
    assert await run_sql(database, "SELECT FROM withheld_texts WHERE message_id = $1", said.id) == []
    assert (await database.run_as(bob, messages.find, said.id)).withheld is None


# Deciding ---------------------------------------------------------------------------------------------------------------


async def test_of_two_operators_who_decide_at_once_one_wins_and_the_other_is_told(database, grace, bob, picture):
    heidi = Actor(id=await make_user(database, "Heidi", role="admin"), name="Heidi")
    asset, _ = picture
    await report(database, bob, asset)
    answers = await asyncio.gather(
        decide(database, grace, asset, "dismiss", "It is fine."), decide(database, heidi, asset, "hide", "It is not."),
        return_exceptions=True,
    )  # fmt: skip
    [error] = [answer for answer in answers if isinstance(answer, Exception)]
    [decision] = [answer for answer in answers if not isinstance(answer, Exception)]
    assert isinstance(error, Conflict) and decision.decider in str(error.message) and decision.reason in error.message
    with pytest.raises(Conflict, match=r"No report of it is open|meanwhile"):
        await decide(database, grace, asset, "dismiss", seen=decision.id)


async def test_a_decision_needs_a_reason_and_a_report(database, grace, bob, picture):
    asset, _ = picture
    with pytest.raises(NotFound):
        await decide(database, grace, asset, "hide")
    await report(database, bob, asset)
    for reason in ("", "  ", "x" * 501, "\x00"):
        with pytest.raises(Invalid):
            await decide(database, grace, asset, "hide", reason)
    assert (await thing(database, asset)).state == "shown"


async def test_a_deleted_account_leaves_reports_and_decisions_without_its_name(database, grace, ada, bob, picture):
    asset, _ = picture
    await report(database, bob, asset, words="It is mine.")
    await decide(database, grace, asset, "hide")
    exported = b"".join([piece async for piece in await export.export_account(database, bob)])
    assert b"It is mine." in exported
    for user in (ada, bob):
        await database.run_system(erasure.close_account, user)
        for table in ("reports", "moderation_decisions"):
            assert await run_sql(database, f"SELECT FROM {table} t WHERE t::text LIKE '%' || $1 || '%'", user) == [], (
                table
            )
    assert await run_sql(database, "SELECT FROM reports WHERE words LIKE '%mine%'") == []
