"""The queue as workers use it: fair turns, fenced writes, the reaper and the deadlines, on a real Postgres."""

import asyncio
import itertools

import pytest

from chatserver import credits
from chatserver.assets import service as assets
from chatserver.errors import ModelLoadingTooLong, ProviderDown
from chatserver.generations import queue, queue_positions
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.provider_limits import ProviderLimits
from chatserver.generations.queue import Result, SavedProgress
from chatserver.generations.requests import CreateGeneration
from chatserver.imaging.protocol import Picture
from chatserver.jobs.lease import LeaseLost
from tests.support.people import make_session, make_user, run_sql

PICTURE = Picture(
    data=b"png", content_type="image/png", width=64, height=64, sha256="0" * 64, thumbnail=b"webp", placeholder=""
)
BOTH, CHOICE = frozenset({"image", "video"}), ModelChoice("sketch", "Sketch")
CHAIN = (ProviderLimits("sketch", BOTH),)
CHOICES = {"image": CHOICE, "video": CHOICE}
UNFINISHED = """SELECT g.id, s.user_id FROM generations g JOIN user_sessions s ON s.id = g.session_id
                 WHERE g.finished_at IS NULL"""
_numbers = itertools.count()


@pytest.fixture
async def ada(database):
    """Somebody, on a queue that is empty."""
    for row in await run_sql(database, UNFINISHED):
        await database.run_as(row["user_id"], generations.cancel, row["id"])
    return await make_user(database, "Ada")


async def ask(database, user, session, kind="image", **fields):
    """One message with its generations."""
    request = CreateGeneration(
        client_id=f"c{next(_numbers)}", kind=kind, prompt="a red boat", **{"width": 64, "height": 64, **fields}
    )
    return await database.run_as(user, generations.create, session, request, CHOICES)


async def take(database, worker="worker-1", chain=CHAIN):
    jobs, _ = await database.run_system(queue.claim, worker, chain, 1)
    return jobs[0] if jobs else None


async def finish(database, job):
    staged = await database.run_system(assets.stage, job.id, job.attempt, PICTURE)
    result = Result(asset_id=staged.id, made_by=CHOICE, seed=job.recipe.seed, width=64, height=64)
    await database.run_system(queue.finish, job, result)


async def row_of(database, generation_id):
    [row] = await run_sql(database, "SELECT * FROM generations WHERE id = $1", generation_id)
    return dict(row)


async def lose(database, job):
    """Its worker falls silent, and the reaper comes by."""
    await run_sql(database, "UPDATE generations SET lease_until = now() - '1 second'::interval WHERE id = $1", job.id)
    await reap(database)


async def reap(database):
    for lost in await database.run_system(queue.lost):
        await database.run_system(queue.reap, *lost)


async def balance(database, user, session):
    return (await database.run_as(user, credits.balances, session)).image


# Turns ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_a_session_with_much_to_do_does_not_hold_up_the_others(database, ada, at_once):
    greedy = await make_session(database, ada, "pro")
    for _ in range(3):
        await ask(database, ada, greedy, count=4)
    modest = [await make_session(database, ada) for _ in range(3)]
    for session in modest:
        await ask(database, ada, session, count=2)
    running, order = [], []
    while len(order) < 18:
        while len(running) < at_once and (job := await take(database)):
            running.append(job)
            order.append(job.session_id)
        await finish(database, running.pop(0))
    # Everybody has had a turn before anybody has a second or, with the greedy one running already, a third.
    assert set(order[:5]) == {greedy, *modest}
    assert order[:9].count(greedy) <= 3
    assert set(order[9:]) == {greedy}


async def test_the_places_that_people_are_told_are_those_in_which_they_are_served(database, ada):
    greedy, other = await make_session(database, ada, "pro"), await make_session(database, ada)
    for _ in range(2):
        await ask(database, ada, greedy, count=4)
    await ask(database, ada, other, count=2)
    sessions = [greedy, other]
    first = await take(database)
    told = await database.run_system(queue_positions.of_sessions, sessions, CHAIN)
    places = {event.position: event.generation_id for _, _, event in told}
    assert sorted(places) == list(range(1, 10))
    await finish(database, first)
    served = []
    while job := await take(database):
        served.append(job.id)
        await finish(database, job)
    assert served[:4] == [places[place] for place in range(1, 5)]


async def test_how_long_one_waits_is_told_by_what_is_waited_for_not_by_what_was_made_of_other_sizes(database, ada):
    session = await make_session(database, ada, "pro")
    for size, seconds in ((64, 2), (64, 2), (512, 60)):
        await ask(database, ada, session)
        await finish(database, job := await take(database))
        took = "width = $2, height = $2, started_at = finished_at - make_interval(secs => $3)"
        await run_sql(database, f"UPDATE generations SET {took} WHERE id = $1", job.id, size, seconds)
    await ask(database, ada, session, count=2, width=512, height=512)
    told = await database.run_system(queue_positions.of_sessions, [session], CHAIN)
    assert [event.eta_seconds for _, _, event in told] == [30, 90]


async def test_turns_are_taken_by_person_however_many_sessions_one_has(database, ada):
    sessions = [await make_session(database, ada, "pro") for _ in range(5)]
    for session in sessions:
        await ask(database, ada, session, count=4)
    running = [await take(database) for _ in range(2)]
    bob, cleo = await make_user(database, "Bob"), await make_user(database, "Cleo")
    his, hers = await make_session(database, bob), await make_session(database, cleo)
    first = [await ask(database, bob, his), await ask(database, cleo, hers)]
    told = await database.run_system(queue_positions.of_sessions, [his, hers], CHAIN)
    assert sorted(event.position for _, _, event in told) == [1, 2]
    for job in running:
        await finish(database, job)
    served = [(await take(database)).message_id for _ in range(2)]
    assert served == [message.id for message in first]


async def test_a_guest_has_a_turn_of_her_own_in_a_session_that_is_full_of_the_owners(database, ada):
    bob = await make_user(database, "Bob")
    session = await make_session(database, ada, "pro", guests=(bob,), guests_may_generate=True)
    for _ in range(3):
        await ask(database, ada, session, count=4)
    await finish(database, await take(database))
    hers = await ask(database, bob, session)
    assert (await take(database)).message_id == hers.id


async def test_the_sessions_of_one_person_take_turns(database, ada):
    sessions = [await make_session(database, ada, "pro") for _ in range(3)]
    for session in sessions:
        await ask(database, ada, session, count=4)
    order = []
    for _ in range(6):
        job = await take(database)
        order.append(job.session_id)
        await finish(database, job)
    assert order[:3] == sessions
    assert order[3:] == sessions


@pytest.mark.parametrize("running", [0, 1, 3])
async def test_the_places_told_to_several_people_with_several_sessions_are_those_served(database, ada, running):
    people = [ada, await make_user(database, "Bob"), await make_user(database, "Cleo")]
    sessions = {user: [await make_session(database, user, "pro") for _ in range(2)] for user in people}
    for user, count in zip(people, (4, 2, 1), strict=True):
        for session in sessions[user]:
            await ask(database, user, session, count=count)
    begun = [await take(database) for _ in range(running)]
    told = await database.run_system(
        queue_positions.of_sessions, [s for owned in sessions.values() for s in owned], CHAIN
    )
    for job in begun:
        await finish(database, job)
    served = []
    while job := await take(database):
        served.append(job.id)
        await finish(database, job)
    # What runs when they are told ends before the next is taken here, so the first rounds are what can be told.
    if running == 0:
        assert served == [event.generation_id for _, _, event in told]
    else:
        assert served[:3] == [event.generation_id for _, _, event in told][:3]


async def test_two_workers_never_take_the_same_job(database, ada):
    session = await make_session(database, ada, "pro")
    for _ in range(3):
        await ask(database, ada, session, count=4)
    jobs = await asyncio.gather(*(take(database, f"worker-{n}") for n in range(20)))
    taken = [job.id for job in jobs if job]
    assert len(taken) == len(set(taken)) == 12
    assert await take(database) is None


async def test_a_kind_without_an_available_provider_waits_and_the_other_goes(database, ada):
    session = await make_session(database, ada)
    await ask(database, ada, session)
    await ask(database, ada, session, kind="video")
    clips_only = (ProviderLimits("films", frozenset({"video"})),)
    assert (await take(database, chain=clips_only)).kind == "video"
    assert await take(database, chain=clips_only) is None
    assert (await take(database)).kind == "image"


async def test_a_job_that_was_sent_back_with_a_wait_is_not_taken_before(database, ada):
    session = await make_session(database, ada)
    await ask(database, ada, session)
    job = await take(database)
    await database.run_system(queue.requeue, job, wait_seconds=60, fault=True)
    assert await take(database) is None
    await run_sql(database, "UPDATE generations SET not_before = now() WHERE id = $1", job.id)
    again = await take(database)
    assert (again.id, again.attempt, again.faults) == (job.id, 2, 1)


# The fence --------------------------------------------------------------------------------------------------------


LATE_WRITES = {
    "stage": lambda job: (queue.set_stage, job, "rendering", CHOICE),
    "progress": lambda job: (queue.save_progress, job, SavedProgress(fraction=0.9)),
    "fail": lambda job: (queue.fail, job, ProviderDown()),
    "requeue": lambda job: (queue.requeue, job),
    "switch_provider": lambda job: (queue.switch_provider, job, CHAIN),
}


async def late_writes(database, job, published):
    """Tries everything that a worker may write, as one that comes too late."""
    before = await row_of(database, job.id)
    staged = await database.run_system(assets.stage, job.id, job.attempt, PICTURE)
    published.clear()
    for name, make in LATE_WRITES.items():
        verb, *arguments = make(job)
        more = {"fault": True} if verb is queue.requeue else {}
        with pytest.raises(LeaseLost):
            await database.run_system(verb, *arguments, **more)
        assert await row_of(database, job.id) == before, name
    result = Result(asset_id=staged.id, made_by=CHOICE, seed=1, width=64, height=64)
    with pytest.raises(LeaseLost):
        await database.run_system(queue.finish, job, result)
    assert await row_of(database, job.id) == before
    assert published == []
    [asset] = await run_sql(database, "SELECT status FROM assets WHERE id = $1", staged.id)
    assert asset["status"] == "staged"


async def test_a_worker_that_comes_back_too_late_writes_and_says_nothing(database, ada, published):
    session = await make_session(database, ada)
    await ask(database, ada, session)
    late = await take(database, "the late one")
    await lose(database, late)
    await late_writes(database, late, published)
    now = await take(database, "the new one")
    assert (now.id, now.attempt) == (late.id, late.attempt + 1)
    await late_writes(database, late, published)
    await finish(database, now)
    await late_writes(database, late, published)
    row = await row_of(database, late.id)
    assert (row["status"], row["attempt"]) == ("done", 2)
    assert await database.run_system(credits.check) == []


async def test_nothing_is_written_after_somebody_cancelled(database, ada, published):
    session = await make_session(database, ada)
    await ask(database, ada, session)
    job = await take(database)
    await database.run_as(ada, generations.cancel, job.id)
    await late_writes(database, job, published)
    assert (await balance(database, ada, session)).left == 8
    assert await database.run_system(credits.check) == []


async def test_one_attempt_finishes_once(database, ada):
    session = await make_session(database, ada)
    await ask(database, ada, session)
    job = await take(database)
    staged = await database.run_system(assets.stage, job.id, job.attempt, PICTURE)
    result = Result(asset_id=staged.id, made_by=CHOICE, seed=7, width=64, height=64)
    ends = [database.run_system(queue.finish, job, result) for _ in range(4)]
    ends += [database.run_system(queue.fail, job, ProviderDown()) for _ in range(2)]
    answers = await asyncio.gather(*ends, return_exceptions=True)
    assert [type(answer) for answer in answers if answer is not None] == [LeaseLost] * 5
    assert await database.run_system(credits.check) == []


# The reaper -------------------------------------------------------------------------------------------------------


async def test_a_job_whose_worker_is_gone_is_taken_up_again_and_costs_nothing_more(database, ada, published):
    session = await make_session(database, ada)
    message = await ask(database, ada, session)
    job = await take(database)
    published.clear()
    await lose(database, job)
    row = await row_of(database, job.id)
    assert (row["status"], row["faults"], row["lease_until"]) == ("queued", 1, None)
    told = [event.message for event in published.events(f"session:{session}") if hasattr(event, "message")]
    assert [each.generations[0].status for each in told if each.id == message.id] == ["queued"]
    await finish(database, await take(database))
    assert (await balance(database, ada, session)).left == 7


async def test_after_three_lost_attempts_it_fails_and_the_credit_comes_back(database, ada):
    session = await make_session(database, ada)
    message = await ask(database, ada, session)
    for _ in range(queue.MAX_FAULTS):
        await lose(database, await take(database))
    assert await take(database) is None
    found = await database.run_as(ada, generations.find, message.generations[0].id)
    assert (found.status, found.error.code, found.error.credit_returned) == ("failed", "too-many-attempts", True)
    assert (await balance(database, ada, session)).left == 8
    assert await database.run_system(credits.check) == []


async def test_a_lost_job_whose_time_is_up_fails_at_once(database, ada):
    session = await make_session(database, ada)
    await ask(database, ada, session)
    job = await take(database)
    assert 590 < job.seconds_left <= 600
    await run_sql(database, "UPDATE generations SET deadline_at = now() - '1 s'::interval WHERE id = $1", job.id)
    await lose(database, job)
    assert (await row_of(database, job.id))["error_code"] == "timed-out"


async def test_what_nobody_took_in_a_day_fails_too(database, ada):
    session = await make_session(database, ada)
    message = await ask(database, ada, session)
    generation_id = message.generations[0].id
    await run_sql(
        database, "UPDATE generations SET created_at = now() - '25 hours'::interval WHERE id = $1", generation_id
    )
    await reap(database)
    assert (await row_of(database, generation_id))["status"] == "failed"
    assert (await balance(database, ada, session)).left == 8


async def test_two_reapers_and_a_worker_at_once_do_it_once(database, ada):
    session = await make_session(database, ada)
    await ask(database, ada, session, count=2)
    jobs = [await take(database), await take(database)]
    await run_sql(
        database, "UPDATE generations SET lease_until = now() - '1 s'::interval WHERE session_id = $1", session
    )
    lost = [entry for entry in await database.run_system(queue.lost) if entry[1] == session]
    assert len(lost) == 2
    reapers = [database.run_system(queue.reap, *entry) for entry in lost * 3]
    workers = [database.run_system(queue.set_stage, job, "rendering", CHOICE) for job in jobs]
    answers = await asyncio.gather(*reapers, *workers, return_exceptions=True)
    assert all(answer in (True, False, None) or isinstance(answer, LeaseLost) for answer in answers)
    for entry in lost:
        taken_up = [answer for each, answer in zip(lost * 3, answers, strict=False) if each == entry and answer is True]
        assert len(taken_up) <= 1
    for job in jobs:
        row = await row_of(database, job.id)
        assert (row["status"], row["faults"]) in {("queued", 1), ("rendering", 0)}


async def test_time_in_the_queue_does_not_count_against_the_deadline(database, ada):
    session = await make_session(database, ada)
    await ask(database, ada, session)
    job = await take(database)
    await database.run_system(queue.requeue, job, fault=False)
    await run_sql(
        database,
        "UPDATE generations SET not_before = now() - '9 minutes'::interval,"
        " deadline_at = deadline_at - '9 minutes'::interval WHERE id = $1",
        job.id,
    )
    assert (await take(database)).seconds_left > 590


async def test_a_clip_has_an_hour(database, ada):
    session = await make_session(database, ada)
    await ask(database, ada, session, kind="video")
    assert 3590 < (await take(database)).seconds_left <= 3600


async def test_a_temporary_failure_says_when_to_try_again(database, ada):
    session = await make_session(database, ada)
    await ask(database, ada, session)
    job = await take(database)
    await database.run_system(queue.fail, job, ModelLoadingTooLong(retry_after=90))
    found = await database.run_as(ada, generations.find, job.id)
    assert (found.status, found.error.code) == ("failed", ModelLoadingTooLong().code)
    assert found.error.message
