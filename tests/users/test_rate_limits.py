"""Rate limits of users: counted exactly under concurrency, and never for a repeated request."""

import asyncio
import json
import time

import pytest

from chatserver import ids, messages, sessions, users
from chatserver.errors import (
    FreeSessionsUsedUp,
    RateLimited,
    SessionExpired,
    TooManySessions,
    TooManyWaiting,
)
from chatserver.generations import creation, prompt_improvement, versions
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.requests import CreateGeneration, RetryGeneration
from chatserver.identity.viewer import Viewer
from chatserver.messages import sending
from chatserver.messages.requests import CreateMessage
from chatserver.privacy import export
from chatserver.providers.base import TextDelta
from chatserver.realtime.ports import Caller
from chatserver.users import rate_limits
from tests.support.people import add_member, make_session, make_user, run_sql

CHOICES = {"image": ModelChoice("sketch", "Sketch"), "video": ModelChoice("sketch", "Sketch")}


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


async def outcomes(calls):
    """What came of calls made at the same moment, by the name of the value's or the error's type."""
    return sorted(type(each).__name__ for each in await asyncio.gather(*calls, return_exceptions=True))


async def time_passes(database, user, seconds):
    """The database's clock cannot be turned; what it is compared with can."""
    await run_sql(
        database,
        "UPDATE budgets SET times = ARRAY(SELECT t - make_interval(secs => $1) FROM unnest(times) t) WHERE user_id = $2",
        float(seconds),
        user,
    )


# The count --------------------------------------------------------------------------------------------------------


async def spend(database, user, budget=rate_limits.CHANGES):
    await database.run_as(user, rate_limits.consume, budget)


async def is_told_to_wait(database, user, budget=rate_limits.CHANGES):
    with pytest.raises(RateLimited) as refusal:
        await spend(database, user, budget)
    return refusal.value.retry_after


async def test_there_is_room_again_as_each_moment_grows_old(limited, ada):
    few, began = await limited(commands_per_10_seconds=3), time.monotonic()
    for _ in range(2):
        await spend(few, ada)
    await time_passes(few, ada, 6)
    await spend(few, ada)
    wait = await is_told_to_wait(few, ada)
    assert 4 - (time.monotonic() - began) <= wait <= 4
    await time_passes(few, ada, 4)
    await spend(few, ada)
    await spend(few, ada)
    wait = await is_told_to_wait(few, ada)
    assert 6 - (time.monotonic() - began) <= wait <= 6


async def test_of_many_at_the_same_moment_exactly_those_for_which_there_is_room_are_done(limited, ada):
    few, other = await limited(commands_per_10_seconds=5), await limited(commands_per_10_seconds=5)
    done = await outcomes(spend(database, ada) for database in (few, other) * 8)
    assert done == ["NoneType"] * 5 + ["RateLimited"] * 11


async def test_what_did_not_happen_is_not_counted(limited, ada):
    few = await limited(commands_per_10_seconds=1)

    async def fails(tx):
        await rate_limits.consume(tx, rate_limits.CHANGES)
        raise SessionExpired

    for _ in range(3):
        with pytest.raises(SessionExpired):
            await few.run_as(ada, fails)
    await spend(few, ada)


async def test_people_and_kinds_are_counted_apart(limited, ada):
    few = await limited(commands_per_10_seconds=1, exports_per_hour=1)
    await spend(few, ada)
    await spend(few, ada, rate_limits.EXPORTS)
    await spend(few, await make_user(few, "Bob"))
    assert 3500 < await is_told_to_wait(few, ada, rate_limits.EXPORTS) <= 3600


async def test_a_limit_changes_with_its_setting_and_no_limit_keeps_nothing(database, limited, ada):
    began = time.monotonic()
    for _ in range(6):
        await spend(await limited(commands_per_10_seconds=10), ada)
    few = await limited(commands_per_10_seconds=2)
    wait = await is_told_to_wait(few, ada)
    assert 10 - (time.monotonic() - began) <= wait <= 10
    for _ in range(30):
        await spend(database, ada)
    [row] = await run_sql(database, "SELECT cardinality(times) AS kept FROM budgets WHERE user_id = $1", ada)
    assert row["kept"] <= 1


async def test_what_nobody_did_for_a_day_is_forgotten(limited, ada):
    few = await limited(commands_per_10_seconds=2)
    await spend(few, ada)
    await few.run_system(users.sweep)
    assert await run_sql(few, "SELECT FROM budgets WHERE user_id = $1", ada)
    await time_passes(few, ada, 2 * 86_400)
    await few.run_system(users.sweep)
    assert not await run_sql(few, "SELECT FROM budgets WHERE user_id = $1", ada)


# Messages and replies ---------------------------------------------------------------------------------------------


async def say(database, user, session, client_id=None, text="hello"):
    request = CreateMessage(client_id or ids.new(), text)
    return await sending.send(database, user, session, request, f"<p>{text}</p>")


async def test_one_allowance_of_messages_for_all_sessions_of_a_person(limited, ada):
    few = await limited(commands_per_10_seconds=4)
    session_ids = [await make_session(few, ada) for _ in range(2)]
    assert (
        await outcomes(say(few, ada, session) for session in session_ids * 4) == ["Message"] * 4 + ["RateLimited"] * 4
    )


async def test_p4_a_repetition_hears_the_first_answer_though_the_budget_is_used_up(limited, ada):
    few = await limited(commands_per_10_seconds=2)
    session = await make_session(few, ada)
    first, _ = await say(few, ada, session, "c1"), await say(few, ada, session, "c2")
    for _ in range(5):
        assert (await say(few, ada, session, "c1")).id == first.id
    with pytest.raises(RateLimited):
        await say(few, ada, session, "c3")


async def test_p6_twins_are_counted_once_and_never_refused(limited, ada):
    few = await limited(commands_per_10_seconds=2)
    session = await make_session(few, ada)
    said = await asyncio.gather(*(say(few, ada, session, "twin") for _ in range(8)))
    assert len({message.id for message in said}) == 1
    await say(few, ada, session)
    with pytest.raises(RateLimited):
        await say(few, ada, session)


async def answers(database, user, session):
    """The statuses of the assistant's messages, in order."""
    rows = await run_sql(
        database, "SELECT status, text FROM messages WHERE session_id = $1 AND user_id IS NULL ORDER BY id", session
    )
    return [(row["status"], row["text"]) for row in rows]


async def test_one_guest_cannot_run_up_a_bill_without_end(database, limited, ada, published):
    few = await limited(replies_per_hour=2)
    bob = await make_user(database, "Bob")
    session = await make_session(database, ada, guests=(bob,))
    for _ in range(4):
        await say(few, bob, session, text="@assistant, sing")
    statuses = await answers(few, bob, session)
    assert [status for status, _ in statuses] == ["streaming", "streaming", "failed", "failed"]
    assert "I can answer you again in 1 h" in statuses[-1][1]
    assert "rate-limited" in statuses[-1][1]
    await say(few, ada, session, text="@assistant, and for me?")
    assert (await answers(few, ada, session))[-1][0] == "streaming", "the others have their own"
    await time_passes(few, bob, 3600)
    await say(few, bob, session, text="@assistant, sing now")
    assert (await answers(few, bob, session))[-1][0] == "streaming"


async def test_what_one_says_is_kept_where_the_assistant_does_not_answer(limited, ada):
    few = await limited(replies_per_hour=1)
    session = await make_session(few, ada)
    said = [await say(few, ada, session) for _ in range(3)]
    assert [message.status for message in said] == ["done"] * 3
    assert [status for status, _ in await answers(few, ada, session)] == ["streaming", "failed", "failed"]


async def test_stop_is_told_to_the_writers_once(database, ada, published):
    session = await make_session(database, ada)
    await say(database, ada, session)
    [reply] = await run_sql(database, "SELECT id FROM messages WHERE session_id = $1 AND user_id IS NULL", session)
    published.clear()
    for _ in range(3):
        await database.run_as(ada, messages.stop, reply["id"])
    assert len(published.events("jobs")) == 1


# Pictures ---------------------------------------------------------------------------------------------------------


async def ask(database, user, session, client_id=None, **fields):
    request = CreateGeneration(
        client_id=client_id or ids.new(), kind="image", prompt="a boat", **{"width": 64, "height": 64, **fields}
    )
    return await creation.create(database, user, session, request, CHOICES)


async def test_no_more_of_a_persons_pictures_wait_than_allowed_over_all_sessions_at_once(database, limited, ada):
    few = await limited(waiting_pictures_per_user=7)
    session_ids = [await make_session(database, ada, "pro") for _ in range(4)]
    done = await outcomes(ask(few, ada, session) for session in session_ids * 4)
    assert done == ["Message"] * 7 + ["TooManyWaiting"] * 9
    [row] = await run_sql(database, "SELECT count(*) AS n FROM generations WHERE user_id = $1", ada)
    assert row["n"] == 7


async def test_a_place_is_free_again_when_one_has_ended_and_the_refusal_says_all(database, limited, ada):
    few = await limited(waiting_pictures_per_user=4)
    session = await make_session(database, ada, "pro")
    message = await ask(few, ada, session, count=3)
    with pytest.raises(TooManyWaiting) as refusal:
        await ask(few, ada, session, count=2)
    assert refusal.value.retry_after > 0
    assert "3 of your pictures and clips are waiting" in refusal.value.message
    assert "No credit was used" in refusal.value.message
    await few.run_as(ada, generations.cancel, message.generations[0].id)
    await ask(few, ada, session, count=2)
    with pytest.raises(TooManyWaiting):
        await few.run_as(ada, versions.retry, RetryGeneration(message.generations[0].id), CHOICES)


async def test_a_guest_and_the_owner_have_places_of_their_own(database, limited, ada):
    few = await limited(waiting_pictures_per_user=2)
    bob = await make_user(database, "Bob")
    session = await make_session(database, ada, "pro", guests=(bob,), guests_may_generate=True)
    await ask(few, ada, session, count=2)
    await ask(few, bob, session, count=2)


async def test_p6_a_picture_that_is_asked_for_again_hears_the_first_answer_whatever_is_used_up(database, limited, ada):
    few = await limited(commands_per_10_seconds=1, waiting_pictures_per_user=3)
    session = await make_session(database, ada, "pro")
    asked = await asyncio.gather(*(ask(few, ada, session, "twin", count=3) for _ in range(6)))
    assert len({message.id for message in asked}) == 1
    with pytest.raises(TooManyWaiting):
        await ask(few, ada, session)


async def test_p6_whoever_has_fifteen_credits_may_use_them_all_at_once(database, limited, ada):
    few = await limited(commands_per_10_seconds=20, waiting_pictures_per_user=60)
    session = await make_session(database, ada, "pro")
    done = await outcomes(ask(few, ada, session) for _ in range(24))
    assert done == [*["CreditsExhausted"] * 9, *["Message"] * 15]


async def test_asking_and_trying_again_at_the_same_moment_never_wait_for_each_other(database, limited, ada):
    few = await limited(commands_per_10_seconds=100)
    session = await make_session(database, ada, "pro")
    ended = [(await ask(few, ada, session)).generations[0].id for _ in range(4)]
    for each in ended:
        await few.run_as(ada, generations.cancel, each)
    again = [few.run_as(ada, versions.retry, RetryGeneration(each), CHOICES) for each in ended]
    done = await outcomes([*again, *(ask(few, ada, session) for _ in range(4))])
    assert done == ["Generation"] * 4 + ["Message"] * 4


# Sessions ---------------------------------------------------------------------------------------------------------


async def buy(database, user, checkout="instant"):
    return await database.run_system(sessions.buy, user, "pro", None, checkout=checkout)


async def extend(database, user, session):
    return await database.run_system(sessions.extend, user, session, "pro", checkout="instant")


async def time_is_up(database, session):
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() - interval '1 s' WHERE id = $1", session)


async def test_no_more_sessions_are_open_than_allowed_however_many_are_taken_at_once(limited, ada):
    few, other = await limited(open_sessions_per_user=4), await limited(open_sessions_per_user=4)
    done = await outcomes(buy(database, ada) for database in (few, other) * 8)
    assert done == ["Session"] * 4 + ["TooManySessions"] * 12


async def test_a_session_that_ends_makes_room_and_the_refusal_says_when(limited, ada):
    few = await limited(open_sessions_per_user=2)
    first, _ = await buy(few, ada), await buy(few, ada)
    with pytest.raises(TooManySessions) as refusal:
        await buy(few, ada)
    assert 3 * 3600 - 60 < refusal.value.retry_after <= 3 * 3600
    assert "You have 2 open sessions, and 2 is the most" in refusal.value.message
    await extend(few, ada, first.id)
    await time_is_up(few, first.id)
    await buy(few, ada)
    with pytest.raises(TooManySessions):
        await extend(few, ada, first.id)


async def test_free_sessions_and_extensions_of_a_day_are_bounded_and_come_back(limited, ada):
    few = await limited(free_sessions_per_day=3)
    session = await buy(few, ada)
    done = await outcomes([*(buy(few, ada) for _ in range(3)), *(extend(few, ada, session.id) for _ in range(3))])
    assert done == ["FreeSessionsUsedUp"] * 4 + ["Session"] * 2
    with pytest.raises(FreeSessionsUsedUp) as refusal:
        await buy(few, ada)
    assert 86_000 < refusal.value.retry_after <= 86_400
    await time_passes(few, ada, 86_400)
    await buy(few, ada)


async def test_a_session_of_anothers_costs_no_free_one(limited, ada):
    few = await limited(free_sessions_per_day=1)
    theirs = await make_session(few, await make_user(few, "Bob"))
    with pytest.raises(Exception, match="nothing here"):
        await extend(few, ada, theirs)
    await buy(few, ada)


async def test_what_the_operator_grants_is_counted_nowhere(limited, ada):
    few = await limited(free_sessions_per_day=1, open_sessions_per_user=1)
    for _ in range(3):
        await buy(few, ada, checkout="manual")


# The rest ---------------------------------------------------------------------------------------------------------


async def test_exports_are_bounded_before_their_first_piece(limited, ada):
    few = await limited(exports_per_hour=2)
    for _ in range(2):
        pieces = [piece async for piece in await export.export_account(few, ada)]
        assert json.loads(b"".join(pieces))["user"]["id"] == ada
    with pytest.raises(RateLimited):
        await export.export_account(few, ada)


class Model:
    """A language model that counts how often it is asked."""

    is_model, label, asked = True, "Test", 0

    async def reply(self, request):
        self.asked += 1
        yield TextDelta("a better boat")


async def test_improved_prompts_are_bounded_before_the_model_is_asked(limited, ada):
    few = await limited(improved_prompts_per_hour=2)
    session, model = await make_session(few, ada), Model()
    viewer = Viewer(id=ada, name="Ada", role="member", via="cookie", credential_id="c")
    caller = Caller(viewer=viewer, session_id=session, connection_id="1")
    wishes = [
        prompt_improvement.improve(few, model, caller, prompt_improvement.ImprovePrompt("a boat")) for _ in range(6)
    ]
    assert await outcomes(wishes) == ["ImprovedPrompt"] * 2 + ["RateLimited"] * 4
    assert model.asked == 2
    with pytest.raises(RateLimited, match=r"Yours is as it was; it can be improved in 1 h\."):
        await prompt_improvement.improve(few, model, caller, prompt_improvement.ImprovePrompt("a boat"))


async def test_an_invite_is_bounded_for_who_makes_it_and_for_who_comes(limited, ada):
    few = await limited(commands_per_10_seconds=2)
    bob = await make_user(few, "Bob")
    session = await make_session(few, ada)
    code = await few.run_as(ada, sessions.invite, session)
    await few.run_as(ada, sessions.invite, session)
    with pytest.raises(RateLimited):
        await few.run_as(ada, sessions.invite, session)
    for _ in range(2):
        await few.run_system(sessions.join, code, bob)
    with pytest.raises(RateLimited):
        await few.run_system(sessions.join, code, bob)


async def test_a_message_and_a_mark_at_the_same_moment_never_wait_for_each_other(database, limited, ada):
    few = await limited(commands_per_10_seconds=100)
    session = await make_session(database, ada)
    bob = await make_user(database, "Bob")
    await add_member(database, session, bob)
    calls = [say(few, ada, session) for _ in range(8)]
    calls += [few.run_as(ada, sessions.rename, session, f"Title {n}") for n in range(4)]
    calls += [few.run_as(ada, sessions.allow_guests, session, n % 2 == 0) for n in range(4)]
    assert await outcomes(calls) == ["Message"] * 8 + ["Session"] * 8
