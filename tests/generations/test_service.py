"""What people may set in motion: create, try again, cancel, look back; on a real Postgres, under each one's own rights."""

import asyncio
import itertools
import unicodedata

import pytest

from chatserver import credits, ids, messages, sessions
from chatserver.assets import service as assets
from chatserver.database import unit_of_work
from chatserver.errors import (
    Conflict,
    CreditsExhausted,
    GuestsMayNot,
    Invalid,
    NotAllowed,
    NotFound,
    PlanTooSmall,
    ProviderDown,
    SessionExpired,
)
from chatserver.generations import creation, deletion, history, queue, versions
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.provider_limits import ProviderLimits
from chatserver.generations.requests import CreateGeneration, EnlargeGeneration, RetryGeneration
from chatserver.imaging.protocol import Picture
from chatserver.messages.requests import CreateMessage
from chatserver.privacy import erasure, session_deletion
from tests.support.locks import until_somebody_waits
from tests.support.people import add_member, make_session, make_user, run_sql

PICTURE = Picture(
    data=b"png", content_type="image/png", width=64, height=64, sha256="0" * 64, thumbnail=b"webp", placeholder=""
)
CHOICE = ModelChoice("sketch", "Sketch")
CHAIN = (ProviderLimits("sketch", frozenset({"image", "video", "variation", "edit", "redraw"})),)
CHOICES = {"image": CHOICE, "video": CHOICE, "variation": CHOICE, "edit": CHOICE}
REDRAWN = {**CHOICES, "redraw": CHOICE}
UNFINISHED = """SELECT g.id, s.user_id FROM generations g JOIN user_sessions s ON s.id = g.session_id
                 WHERE g.finished_at IS NULL"""
_numbers = itertools.count()


def request(**fields):
    usual = {"client_id": f"c{next(_numbers)}", "kind": "image", "prompt": "a red boat", "width": 64, "height": 64}
    return CreateGeneration(**{**usual, **fields})


async def ask(database, user, session, choices=CHOICES, **fields):
    return await creation.create(database, user, session, request(**fields), choices)


async def retry(database, user, generation, choices=CHOICES, client_id=None):
    return await database.run_as(user, versions.retry, RetryGeneration(generation.id, client_id), choices)


async def cancel(database, user, generation):
    return await database.run_as(user, generations.cancel, generation.id)


async def bring_to(database, generation, status):
    """Works on a waiting generation until it has this status."""
    if status == "queued":
        return
    [job], _ = await database.run_system(queue.claim, "worker", CHAIN, 1)
    assert job.id == generation.id
    if status == "rendering":
        await database.run_system(queue.set_stage, job, "rendering", CHOICE)
    elif status == "failed":
        await database.run_system(queue.fail, job, ProviderDown())
    elif status == "done":
        staged = await database.run_system(assets.stage, job.id, job.attempt, PICTURE)
        result = queue.Result(
            asset_id=staged.id, made_by=CHOICE, seed=job.recipe.seed, width=job.recipe.width, height=job.recipe.height
        )
        await database.run_system(queue.finish, job, result)


async def done_asset(database, user, session):
    """The id of a finished picture of this session."""
    message = await ask(database, user, session)
    await bring_to(database, message.generations[0], "done")
    return (await database.run_as(user, generations.find, message.generations[0].id)).assets[0].id


async def cancelled(database, user, message):
    return await cancel(database, user, message.generations[0])


async def left(database, user, session):
    return (await database.run_as(user, credits.balances, session)).image.left


@pytest.fixture
async def ada(database):
    for row in await run_sql(database, UNFINISHED):
        await database.run_as(row["user_id"], generations.cancel, row["id"])
    yield await make_user(database, "Ada")
    assert await database.run_system(credits.check) == []


@pytest.fixture
async def bob(database):
    return await make_user(database, "Bob")


# Create -----------------------------------------------------------------------------------------------------------


async def test_each_picture_of_a_message_is_a_job_with_a_credit_and_a_seed_of_its_own(database, ada, published):
    session = await make_session(database, ada, "pro")
    message = await ask(database, ada, session, count=4, seed=2**32 - 2)
    assert [each.number for each in message.generations] == [1, 2, 3, 4]
    assert [each.seed for each in message.generations] == [2**32 - 2, 2**32 - 1, 0, 1]
    assert {each.status for each in message.generations} == {"queued"}
    assert await left(database, ada, session) == 11
    told = [event.message for event in published.events(f"session:{session}") if hasattr(event, "message")]
    assert told == [message]


async def test_asking_again_with_the_same_key_changes_nothing_and_another_wish_is_a_conflict(database, ada, published):
    session = await make_session(database, ada)
    first = await ask(database, ada, session, client_id="once")
    published.clear()
    assert await ask(database, ada, session, client_id="once") == first
    assert published == []
    for other in ({"prompt": "a blue boat"}, {"count": 2}, {"kind": "video"}, {"seed": 5}):
        with pytest.raises(Conflict):
            await ask(database, ada, session, client_id="once", **other)
    assert await left(database, ada, session) == 7


async def test_what_was_made_is_the_answer_also_after_the_end_of_the_session(database, ada, bob):
    session = await make_session(database, ada, "pro", guests=(bob,), guests_may_generate=True)
    picture = await ask(database, bob, session, client_id="picture")
    request = CreateMessage("words", "hello")
    words = await database.run_as(bob, messages.say, session, request, "<p>hello</p>")
    await database.run_as(ada, sessions.allow_guests, session, False)
    assert (await ask(database, bob, session, client_id="picture")).id == picture.id
    with pytest.raises(GuestsMayNot):
        await ask(database, bob, session, client_id="another")
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() - '1 s'::interval WHERE id = $1", session)
    assert (await ask(database, bob, session, client_id="picture")).id == picture.id
    assert (await database.run_as(bob, messages.say, session, request, "<p>hello</p>")).id == words.id
    with pytest.raises(SessionExpired):
        await database.run_as(bob, messages.say, session, CreateMessage("more", "hello"), "<p>hello</p>")


async def test_one_key_serves_one_command_also_for_words(database, ada):
    session = await make_session(database, ada)
    await database.run_as(ada, messages.say, session, CreateMessage("k", "a red boat"), "<p>a red boat</p>")
    with pytest.raises(Conflict):
        await ask(database, ada, session, client_id="k")


async def test_two_people_may_use_the_same_key(database, ada, bob):
    session = await make_session(database, ada, guests=(bob,), guests_may_generate=True)
    mine, theirs = [await ask(database, user, session, client_id="k") for user in (ada, bob)]
    assert mine.id != theirs.id


@pytest.mark.parametrize(
    ("plan", "wish", "error"),
    [
        ("flash-lite", {"count": 2}, PlanTooSmall),
        ("flash-lite", {"width": 520}, PlanTooSmall),
        ("flash", {"height": 776}, PlanTooSmall),
        ("flash", {"count": 3}, PlanTooSmall),
        ("pro", {"count": 5}, Invalid),
        ("pro", {"width": 1024, "kind": "video"}, Invalid),
        ("pro", {"prompt": "   "}, Invalid),
        ("pro", {"prompt": "x" * 2001}, Invalid),
        ("pro", {"source_asset_id": "nonsense"}, Invalid),
    ],
)
async def test_what_the_plan_does_not_hold_is_refused_and_costs_nothing(database, ada, plan, wish, error):
    session = await make_session(database, ada, plan)
    before = await left(database, ada, session)
    with pytest.raises(error):
        await ask(database, ada, session, **wish)
    assert await left(database, ada, session) == before
    assert (await database.run_as(ada, messages.newest, session)).messages == ()


async def test_the_largest_that_a_plan_holds_is_taken(database, ada):
    for plan, side, count in (("flash-lite", 512, 1), ("flash", 768, 2), ("pro", 1024, 4)):
        message = await ask(
            database, ada, await make_session(database, ada, plan), width=side, height=side, count=count
        )
        assert [(each.width, each.height) for each in message.generations] == [(side, side)] * count


async def test_a_source_is_a_picture_of_this_session_or_of_any_other_that_one_has_made(database, ada, bob):
    here = await make_session(database, ada, guests=(bob,), guests_may_generate=True)
    there = await make_session(database, ada)
    elsewhere = await make_session(database, bob, guests=(ada,), guests_may_generate=True)
    of_ada_here, of_bob_here = [await done_asset(database, user, here) for user in (ada, bob)]
    of_ada_there = await done_asset(database, ada, there)
    of_ada_elsewhere, of_bob_elsewhere = [await done_asset(database, user, elsewhere) for user in (ada, bob)]
    for source in (of_ada_here, of_bob_here, of_ada_there, of_ada_elsewhere):
        assert (await ask(database, ada, here, source_asset_id=source)).generations
    answers = set()
    for user, session, source in (
        (ada, there, of_bob_here),
        (ada, there, of_bob_elsewhere),
        (bob, here, of_ada_there),
        (bob, here, ids.new()),
    ):
        with pytest.raises(Invalid) as refused:
            await ask(database, user, session, source_asset_id=source)
        answers.add((refused.value.message, str(refused.value.details)))
    assert len(answers) == 1


async def test_a_change_to_somebody_elses_picture_of_another_session_is_not_made_again(database, ada, bob):
    here = await make_session(database, ada, guests=(bob,), guests_may_generate=True)
    source = await done_asset(database, ada, await make_session(database, ada))
    varied = await cancelled(database, ada, await ask(database, ada, here, source_asset_id=source))
    with pytest.raises(Conflict, match="not yours"):
        await retry(database, bob, varied)
    assert (await retry(database, ada, varied)).source_asset_id == source


async def test_a_picture_is_varied_unless_it_is_to_be_edited(database, ada):
    session = await make_session(database, ada)
    source = await done_asset(database, ada, session)
    varied = await ask(database, ada, session, source_asset_id=source)
    gently = await ask(database, ada, session, source_asset_id=source, strength=0.25)
    edited = await ask(database, ada, session, source_asset_id=source, change="edit")
    for message, wish in ((varied, ("variation", None)), (gently, ("variation", 0.25)), (edited, ("edit", None))):
        generation = message.generations[0]
        assert (generation.source_asset_id, generation.change, generation.strength) == (source, *wish)
    again = await retry(database, ada, await cancelled(database, ada, gently))
    assert (again.source_asset_id, again.change, again.strength) == (source, "variation", 0.25)


async def test_a_change_needs_its_source_and_a_strength_its_variation(database, ada):
    session = await make_session(database, ada)
    source = await done_asset(database, ada, session)
    before = await left(database, ada, session)
    for field, wish in (
        ("source_asset_id", {"change": "edit"}),
        ("source_asset_id", {"change": "variation"}),
        ("source_asset_id", {"source_asset_id": source, "kind": "video"}),
        ("strength", {"strength": 0.5}),
        ("strength", {"strength": 0.5, "source_asset_id": source, "change": "edit"}),
        ("strength", {"strength": 1.1, "source_asset_id": source}),
        ("strength", {"strength": float("nan"), "source_asset_id": source}),
    ):
        with pytest.raises(Invalid) as refused:
            await ask(database, ada, session, **wish)
        assert refused.value.details["field"] == field
    assert await left(database, ada, session) == before


async def test_a_change_that_nothing_here_makes_is_refused_in_words_and_costs_nothing(database, ada):
    session = await make_session(database, ada)
    source = await done_asset(database, ada, session)
    before = await left(database, ada, session)
    for change, words in (("variation", "cannot start from a picture"), ("edit", "takes no instructions")):
        with pytest.raises(NotAllowed, match=words):
            await ask(database, ada, session, choices={"image": CHOICE}, source_asset_id=source, change=change)
    assert await left(database, ada, session) == before


async def test_a_change_waits_for_a_provider_that_makes_it(database, ada):
    session = await make_session(database, ada)
    source = await done_asset(database, ada, session)
    edit = (await ask(database, ada, session, source_asset_id=source, change="edit")).generations[0]
    new = (await ask(database, ada, session)).generations[0]
    plain, able = ProviderLimits("plain", frozenset({"image"})), ProviderLimits("able", frozenset({"image", "edit"}))
    jobs, _ = await database.run_system(queue.claim, "worker", (plain,), 5)
    assert [job.id for job in jobs] == [new.id]
    jobs, _ = await database.run_system(queue.claim, "worker", (plain, able), 5)
    assert [(job.id, job.permit.provider) for job in jobs] == [(edit.id, "able")]


# Larger ------------------------------------------------------------------------------------------------------------


async def enlarge(database, user, generation, side, choices=REDRAWN, client_id=None):
    request = EnlargeGeneration(generation_id=generation.id, side=side, client_id=client_id)
    return await database.run_as(user, versions.enlarge, request, choices)


async def done_picture(database, user, session, **fields):
    message = await ask(database, user, session, **fields)
    await bring_to(database, message.generations[0], "done")
    return await database.run_as(user, generations.find, message.generations[0].id)


async def test_a_larger_version_is_drawn_again_by_who_draws_the_same_at_every_size(database, ada):
    session = await make_session(database, ada, "pro")
    small = await done_picture(database, ada, session, width=96, height=64, seed=5, style="ink")
    before = await left(database, ada, session)
    large = await enlarge(database, ada, small, 192)
    assert (large.width, large.height, large.seed, large.style, large.prompt) == (192, 128, 5, "ink", small.prompt)
    assert (large.enlargement, large.change, large.parent_id, large.number) == ("redrawn", None, small.id, 2)
    assert large.message_id == small.message_id
    assert await left(database, ada, session) == before - 1
    # Nobody else may draw it: it would be another picture.
    other = ProviderLimits("other", frozenset({"image", "variation", "edit"}))
    assert (await database.run_system(queue.claim, "worker", (other,), 5))[0] == []
    [job], _ = await database.run_system(queue.claim, "worker", (other, *CHAIN), 5)
    assert (job.id, job.permit.provider, job.task) == (large.id, "sketch", "redraw")


async def test_a_larger_version_is_enlarged_from_the_picture_where_its_maker_draws_another_one(database, ada):
    session = await make_session(database, ada, "pro")
    small = await done_picture(database, ada, session)
    large = await enlarge(database, ada, small, 128, {"image": CHOICE, "variation": CHOICE})
    assert (large.enlargement, large.change, large.source_asset_id) == ("enlarged", "variation", small.assets[0].id)
    assert 0 < large.strength < 0.5
    elsewhere = {**REDRAWN, "redraw": ModelChoice("another", "Another")}
    await cancel(database, ada, large)
    assert (await enlarge(database, ada, small, 128, elsewhere)).enlargement == "enlarged"


async def test_another_version_of_a_larger_one_is_another_picture_of_its_size(database, ada):
    session = await make_session(database, ada, "pro")
    small = await done_picture(database, ada, session)
    large = await enlarge(database, ada, small, 128)
    again = await retry(database, ada, await cancel(database, ada, large), REDRAWN)
    assert (again.enlargement, again.seed, again.width) == ("redrawn", small.seed, 128)
    await bring_to(database, again, "done")
    other = await retry(database, ada, again, REDRAWN)
    assert (other.enlargement, other.width) == (None, 128)
    assert other.seed != small.seed


async def test_what_cannot_be_made_larger_is_refused_and_costs_nothing(database, ada, bob):
    session = await make_session(database, ada, "flash", guests=(bob,))
    small = await done_picture(database, ada, session, width=96)
    waiting = (await ask(database, ada, session)).generations[0]
    before = await left(database, ada, session)
    for user, generation, side, choices, error in (
        (ada, small, 96, REDRAWN, Invalid),
        (ada, small, 100, REDRAWN, Invalid),
        (ada, small, -8, REDRAWN, Invalid),
        (ada, small, 776, REDRAWN, PlanTooSmall),
        (ada, small, 10**12, REDRAWN, PlanTooSmall),
        (ada, small, 128, {"image": CHOICE}, NotAllowed),
        (ada, waiting, 128, REDRAWN, Conflict),
        (bob, small, 128, REDRAWN, GuestsMayNot),
        (await make_user(database, "Eve"), small, 128, REDRAWN, NotFound),
    ):
        with pytest.raises(error):
            await enlarge(database, user, generation, side, choices)
    assert await left(database, ada, session) == before
    assert await enlarge(database, ada, small, 128)
    with pytest.raises(Conflict, match="is being made"):
        await enlarge(database, ada, small, 128)


async def test_what_nobody_here_makes_is_refused(database, ada):
    session = await make_session(database, ada)
    with pytest.raises(NotAllowed):
        await ask(database, ada, session, choices={"image": CHOICE}, kind="video")


async def test_when_the_time_is_up_nothing_new_is_begun_but_what_runs_may_be_cancelled(database, ada):
    session = await make_session(database, ada)
    message = await ask(database, ada, session)
    failed = await ask(database, ada, session)
    await cancel(database, ada, failed.generations[0])
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() - '1 s'::interval WHERE id = $1", session)
    with pytest.raises(SessionExpired):
        await ask(database, ada, session)
    with pytest.raises(SessionExpired):
        await retry(database, ada, failed.generations[0])
    assert (await cancel(database, ada, message.generations[0])).status == "cancelled"


# Versions that are asked for again, since the answer was lost -----------------------------------------------------------


async def test_a_version_that_is_asked_for_again_is_made_once_for_one_credit(database, ada):
    session = await make_session(database, ada, "pro")
    small = await done_picture(database, ada, session)
    asks = (
        lambda: retry(database, ada, small, client_id="another"),
        lambda: enlarge(database, ada, small, 128, client_id="larger"),
    )
    for ask_again in asks:
        before = await left(database, ada, session)
        first, second = await asyncio.gather(ask_again(), ask_again())
        await bring_to(database, first, "done")
        third = await ask_again()
        assert first.id == second.id == third.id
        assert (third.status, await left(database, ada, session)) == ("done", before - 1)
    # Without the key, or with another, it is another version.
    assert len({(await retry(database, ada, small, client_id=key)).id for key in ("another", None)}) == 2


async def test_a_version_that_is_being_made_is_not_the_answer_to_another_key_which_would_make_a_second_one(
    database, ada
):
    session = await make_session(database, ada, "pro")
    small = await done_picture(database, ada, session)
    first = await retry(database, ada, small, client_id="one-tab")
    with pytest.raises(Conflict):
        await retry(database, ada, small, client_id="another-tab")
    assert (await retry(database, ada, small)).id == first.id
    await bring_to(database, first, "done")
    assert (await retry(database, ada, small, client_id="another-tab")).id != first.id


async def test_a_larger_version_that_is_being_made_is_not_the_answer_to_who_asks_for_another_picture(database, ada):
    session = await make_session(database, ada, "pro")
    small = await done_picture(database, ada, session)
    larger = await enlarge(database, ada, small, 128)
    for client_id in (None, "another"):
        with pytest.raises(Conflict):
            await retry(database, ada, small, client_id=client_id)
    await bring_to(database, larger, "done")
    another = await retry(database, ada, small)
    assert (another.width, another.enlargement) == (small.width, None)


async def test_a_version_that_was_made_is_the_answer_whatever_has_changed_since(database, ada):
    session = await make_session(database, ada, "pro")
    small = await done_picture(database, ada, session)
    asks = (
        lambda choices: retry(database, ada, small, choices, client_id="another"),
        lambda choices: enlarge(database, ada, small, 128, choices, client_id="larger"),
    )
    made = []
    for ask_again in asks:
        version = await ask_again(REDRAWN)
        await bring_to(database, version, "done")
        made.append(version.id)
    assert [(await ask_again({})).id for ask_again in asks] == made  # nobody makes pictures any more
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() WHERE id = $1", session)
    assert [(await ask_again(REDRAWN)).id for ask_again in asks] == made


async def test_a_version_that_was_deleted_is_not_made_again_for_another_credit(database, ada, bob):
    session = await make_session(database, ada, "pro", guests=(bob,), guests_may_generate=True)
    small = await done_picture(database, ada, session)
    asks = (
        lambda who: retry(database, who, small, client_id="another"),
        lambda who: enlarge(database, who, small, 128, client_id="larger"),
    )
    for ask_again in asks:
        version = await ask_again(ada)
        await bring_to(database, version, "done")
        before = await left(database, ada, session)
        # Deleted by the owner of the session, or whoever asked for it: the key is that of whoever asked.
        await database.run_system(deletion.delete, ada, version.id)
        for _ in range(2):
            with pytest.raises(NotFound):
                await ask_again(ada)
        assert await left(database, ada, session) == before
        bobs = await ask_again(bob)
        await cancel(database, bob, bobs)
        await database.run_system(deletion.delete, ada, bobs.id)
        with pytest.raises(NotFound):
            await ask_again(bob)
        assert await left(database, ada, session) == before
    await cancel(database, ada, await retry(database, ada, small, client_id="another-wish"))


async def test_a_version_that_is_deleted_and_asked_for_at_the_same_moment_is_made_once(database, ada):
    session = await make_session(database, ada, "pro")
    small = await done_picture(database, ada, session)
    for number in range(6):
        key = f"both-{number}"
        version = await retry(database, ada, small, client_id=key)
        await cancel(database, ada, version)
        before = await left(database, ada, session)
        again = [retry(database, ada, small, client_id=key) for _ in range(2)]
        told = await asyncio.gather(
            again[0], database.run_system(deletion.delete, ada, version.id), again[1], return_exceptions=True
        )
        for each in (told[0], told[2]):
            assert isinstance(each, NotFound) or each.id == version.id, each
        assert await left(database, ada, session) == before


async def test_a_picture_and_a_clip_deleted_at_the_same_moment_never_wait_for_each_other(database, ada, monkeypatch):
    session = await make_session(database, ada, "pro")
    made = []
    for kind in ("image", "video"):
        first = (await ask(database, ada, session, kind=kind)).generations[0]
        await cancel(database, ada, first)
        await cancel(database, ada, await retry(database, ada, first, client_id=f"another-{kind}"))
        made.append(first.message_id)
    monkeypatch.setattr(unit_of_work, "RETRIES", 1)  # a deadlock is not tried again
    changing, both_wait = asyncio.Event(), asyncio.Event()

    async def change(tx):
        await tx.fetch_value("sessions.next_seq", session_id=session)
        changing.set()
        await both_wait.wait()

    change = asyncio.create_task(database.run_system(change))
    await changing.wait()
    deletions = [asyncio.create_task(database.run_system(deletion.delete_message, ada, each)) for each in made]
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pg_blocking_pids(pid) <> '{}'"
    while len(await run_sql(database, waiting)) < len(deletions):
        await asyncio.sleep(0.02)
    both_wait.set()
    await asyncio.gather(change, *deletions)


async def test_the_keys_of_what_was_deleted_go_with_the_session_and_with_the_account(database, ada, bob):
    kept = "SELECT client_id FROM deleted_client_ids WHERE session_id = $1 ORDER BY client_id"
    session = await make_session(database, ada, "pro", guests=(bob,), guests_may_generate=True)
    small = await done_picture(database, ada, session)
    for who, key in ((ada, "adas"), (bob, "bobs")):
        version = await retry(database, who, small, client_id=key)
        await cancel(database, who, version)
        await database.run_system(deletion.delete, who, version.id)
    assert [row["client_id"] for row in await run_sql(database, kept, session)] == ["adas", "bobs"]
    await database.run_system(erasure.close_account, bob)
    while await database.run_system(erasure.remove_closed_account):
        pass
    assert [row["client_id"] for row in await run_sql(database, kept, session)] == ["adas"]
    await database.run_system(session_deletion.delete_session, ada, session)
    while await database.run_system(session_deletion.purge_session, session):
        pass
    assert await run_sql(database, kept, session) == []


@pytest.mark.parametrize("held", ["credits WHERE session_id", "user_sessions WHERE id"])
async def test_what_goes_with_a_session_waits_for_its_credits_and_its_row_first(database, ada, held):
    """As everything does: whatever else ends in the session meanwhile locks them in this order."""
    session = await make_session(database, ada, "pro")
    await done_picture(database, ada, session)
    await database.run_system(session_deletion.delete_session, ada, session)

    async def hold(tx):
        await tx.connection.execute(f"SELECT FROM {held} = $1 FOR UPDATE", session)
        purging = asyncio.create_task(database.run_system(session_deletion.purge_session, session))
        await until_somebody_waits(tx)
        await tx.connection.execute("SELECT FROM messages WHERE session_id = $1 FOR UPDATE NOWAIT", session)
        return purging

    assert await (await database.run_system(hold))


async def test_the_key_of_a_version_is_its_makers_and_stands_for_nothing_else(database, ada, bob):
    session = await make_session(database, ada, "pro", guests=(bob,), guests_may_generate=True)
    small = await done_picture(database, ada, session)
    adas = await retry(database, ada, small, client_id="key")
    await bring_to(database, adas, "done")
    bobs = await retry(database, bob, small, client_id="key")
    assert bobs.id != adas.id
    before = await left(database, ada, session)
    with pytest.raises(Conflict, match="used for something else"):
        await retry(database, ada, adas, client_id="key")
    with pytest.raises(Conflict, match="used for something else"):
        await enlarge(database, ada, small, 128, client_id="key")
    # Nor at the same moment, under the other credits of the session.
    clip = (await ask(database, ada, session, kind="video")).generations[0]
    await cancel(database, ada, clip)
    told = await asyncio.gather(
        *(retry(database, ada, each, client_id="both") for each in (adas, clip)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in told) == ["Conflict", "Generation"]
    for each in told:
        if not isinstance(each, Conflict):
            await cancel(database, ada, each)
    for wrong in ("", "x" * 65, "two words", "é"):
        with pytest.raises(Invalid):
            await retry(database, ada, adas, client_id=wrong)
    assert await left(database, ada, session) == before


# Guests -----------------------------------------------------------------------------------------------------------


async def test_guests_make_pictures_only_where_the_owner_lets_them(database, ada, bob):
    session = await make_session(database, ada, guests=(bob,))
    done = await ask(database, ada, session)
    await cancel(database, ada, done.generations[0])
    with pytest.raises(GuestsMayNot):
        await ask(database, bob, session)
    with pytest.raises(GuestsMayNot):
        await retry(database, bob, done.generations[0])
    await database.run_as(ada, sessions.allow_guests, session, True)
    assert (await ask(database, bob, session)).author.id == bob
    await database.run_as(ada, sessions.allow_guests, session, False)
    with pytest.raises(GuestsMayNot):
        await ask(database, bob, session)


async def test_a_guest_cancels_their_own_and_the_owner_every_one(database, ada, bob):
    zoe = await make_user(database, "Zoe")
    session = await make_session(database, ada, guests=(bob, zoe), guests_may_generate=True)
    adas, bobs, zoes = [(await ask(database, user, session)).generations[0] for user in (ada, bob, zoe)]
    for other in (adas, zoes):
        with pytest.raises(NotAllowed):
            await cancel(database, bob, other)
    assert (await cancel(database, bob, bobs)).status == "cancelled"
    for each in (zoes, adas):
        assert (await cancel(database, ada, each)).status == "cancelled"


async def test_strangers_find_nothing(database, ada, bob):
    session = await make_session(database, ada)
    [generation] = (await ask(database, ada, session)).generations
    with pytest.raises(NotFound):
        await ask(database, bob, session)
    for verb in (retry, cancel):
        with pytest.raises(NotFound):
            await verb(database, bob, generation)


async def test_a_guest_who_left_may_do_nothing_more(database, ada, bob):
    session = await make_session(database, ada, guests=(bob,), guests_may_generate=True)
    [generation] = (await ask(database, bob, session)).generations
    await database.run_as(bob, sessions.remove_member, session, bob)
    for verb in (retry, cancel):
        with pytest.raises(NotFound):
            await verb(database, bob, generation)
    await add_member(database, await make_session(database, ada), bob)
    with pytest.raises(NotFound):
        await ask(database, bob, session)


# Cancel -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["queued", "model-loading", "rendering"])
async def test_what_is_not_done_can_be_cancelled_at_every_stage(database, ada, published, status):
    session = await make_session(database, ada)
    [generation] = (await ask(database, ada, session)).generations
    await bring_to(database, generation, status)
    published.clear()
    answers = await asyncio.gather(*(cancel(database, ada, generation) for _ in range(3)))
    assert {answer.status for answer in answers} == {"cancelled"}
    assert await left(database, ada, session) == 8
    told = [event.message for event in published.events(f"session:{session}") if hasattr(event, "message")]
    assert [[each.status for each in message.generations] for message in told] == [["cancelled"]]
    assert [event.cancelled for event in published.events("jobs")] == [generation.id]


@pytest.mark.parametrize(("status", "credits_left"), [("done", 7), ("failed", 8)])
async def test_what_has_ended_stays_as_it_ended(database, ada, published, status, credits_left):
    session = await make_session(database, ada)
    [generation] = (await ask(database, ada, session)).generations
    await bring_to(database, generation, status)
    published.clear()
    assert (await cancel(database, ada, generation)).status == status
    assert published == []
    assert await left(database, ada, session) == credits_left


async def test_a_cancel_and_an_end_at_the_same_moment_are_one_end(database, ada):
    session = await make_session(database, ada, "pro")
    for _ in range(6):
        [generation] = (await ask(database, ada, session)).generations
        [job], _ = await database.run_system(queue.claim, "worker", CHAIN, 1)
        staged = await database.run_system(assets.stage, job.id, job.attempt, PICTURE)
        result = queue.Result(asset_id=staged.id, made_by=CHOICE, seed=1, width=64, height=64)
        ends = [database.run_system(queue.finish, job, result), cancel(database, ada, generation)]
        _, answer = await asyncio.gather(*ends, return_exceptions=True)
        ended = await database.run_as(ada, generations.find, generation.id)
        assert answer.status == ended.status
        assert (ended.status == "done") == (len(ended.assets) == 1)


# Try again --------------------------------------------------------------------------------------------------------


async def test_another_version_of_a_finished_picture_has_another_seed_and_stands_beside_it(database, ada):
    session = await make_session(database, ada)
    message = await ask(database, ada, session, seed=7, steps=12, guidance=4.5, negative_prompt="fog", style="ink")
    [first] = message.generations
    await bring_to(database, first, "done")
    again = await retry(database, ada, first)
    assert (again.number, again.parent_id, again.message_id, again.status) == (2, first.id, message.id, "queued")
    assert again.seed != 7
    for same in ("prompt", "negative_prompt", "style", "width", "height", "steps", "guidance"):
        assert getattr(again, same) == getattr(first, same)
    whole = await database.run_as(ada, messages.find, message.id)
    assert [each.status for each in whole.generations] == ["done", "queued"]
    assert await left(database, ada, session) == 6


async def test_after_a_failure_the_same_seed_is_tried_again(database, ada):
    session = await make_session(database, ada)
    [first] = (await ask(database, ada, session, seed=7)).generations
    await bring_to(database, first, "failed")
    assert (await retry(database, ada, first)).seed == 7
    assert await left(database, ada, session) == 7


async def test_pressed_twice_makes_one_version(database, ada):
    session = await make_session(database, ada)
    [first] = (await ask(database, ada, session)).generations
    await bring_to(database, first, "done")
    answers = await asyncio.gather(*(retry(database, ada, first) for _ in range(6)))
    assert len({answer.id for answer in answers}) == 1
    assert await left(database, ada, session) == 6


async def test_what_is_still_being_made_has_no_second_version(database, ada):
    session = await make_session(database, ada)
    [first] = (await ask(database, ada, session)).generations
    with pytest.raises(Conflict):
        await retry(database, ada, first)


async def test_without_a_credit_there_is_no_second_version(database, ada):
    session = await make_session(database, ada, "flash-lite")
    [first] = (await ask(database, ada, session)).generations
    await bring_to(database, first, "done")
    for _ in range(2):
        await ask(database, ada, session)
    with pytest.raises(CreditsExhausted) as refusal:
        await retry(database, ada, first)
    assert 3500 < refusal.value.retry_after <= 3600


async def test_a_message_keeps_forty_versions_at_most(database, ada):
    session = await make_session(database, ada)
    [first] = (await ask(database, ada, session)).generations
    await bring_to(database, first, "failed")
    await run_sql(database, "UPDATE generations SET number = 40 WHERE id = $1", first.id)
    with pytest.raises(Conflict):
        await retry(database, ada, first)


async def test_a_deleted_message_gets_no_new_version(database, ada):
    session = await make_session(database, ada)
    message = await ask(database, ada, session)
    await bring_to(database, message.generations[0], "failed")
    await database.run_system(deletion.delete_message, ada, message.id)
    with pytest.raises(NotFound):
        await retry(database, ada, message.generations[0])
    assert await left(database, ada, session) == 8


# Looking back -----------------------------------------------------------------------------------------------------


async def test_the_history_is_ones_own_and_comes_page_by_page(database, ada, bob):
    session = await make_session(database, ada, "pro", guests=(bob,), guests_may_generate=True)
    for number in range(5):
        await ask(database, ada, session, prompt=f"boat number {number} at 100%")
    await ask(database, bob, session, prompt="bob's boat")
    seen, before = [], None
    while True:
        page = await database.run_as(ada, history.read, history.HistoryQuery(before=before, limit=2))
        seen += [each.prompt for each in page.generations]
        before = page.next
        if before is None:
            break
    assert seen == [f"boat number {number} at 100%" for number in (4, 3, 2, 1, 0)]


async def test_the_history_is_searched_in_either_form_of_unicode(database, ada):
    session = await make_session(database, ada, "pro")
    # A word with more marks than letters have keeps its form, and hides no other.
    marks = "a" + "\u0301\u0323" * 60
    for form in ("NFC", "NFD"):
        await ask(database, ada, session, prompt=unicodedata.normalize(form, "café 한국 가나다 ") + marks)
    for words, found in {"café": 2, "국 caf": 2, "나": 2, "cafè": 0, "CAFE": 2}.items():
        for form in ("NFC", "NFD"):
            query = history.HistoryQuery(q=unicodedata.normalize(form, words))
            assert len((await database.run_as(ada, history.read, query)).generations) == found, (words, form)


async def test_the_history_is_searched_by_words_as_they_are(database, ada):
    session = await make_session(database, ada, "pro")
    for prompt in ("a_b", "axb", "50% off", "500 off", "back\\slash", "Лодка у 富士山, naïve"):
        await ask(database, ada, session, prompt=prompt)
    searches = {
        "a_b": ["a_b"],
        "50%": ["500 off", "50% off"],
        "off 50": ["500 off", "50% off"],
        "sla back": ["back\\slash"],
        "лод": ["Лодка у 富士山, naïve"],
        "士": ["Лодка у 富士山, naïve"],
        "ïve": [],
        "' | !(:*": [],
    }
    for words, found in searches.items():
        page = await database.run_as(ada, history.read, history.HistoryQuery(q=words))
        assert [each.prompt for each in page.generations] == found, words
    one = await database.run_as(ada, history.read, history.HistoryQuery(q="off", limit=1))
    rest = await database.run_as(ada, history.read, history.HistoryQuery(q="off", before=one.next))
    assert [each.prompt for each in (*one.generations, *rest.generations)] == ["500 off", "50% off"]
    assert (await database.run_as(ada, history.read, history.HistoryQuery(q="off", status="done"))).generations == ()
    bob = await make_user(database, "Bob")
    assert (await database.run_as(bob, history.read, history.HistoryQuery(q="off"))).generations == ()
    with pytest.raises(NotFound):
        await database.run_as(ada, history.read, history.HistoryQuery(before="nonsense"))
    other = await database.run_as(ada, history.read, history.HistoryQuery(session_id=ids.new()))
    assert other.generations == ()
