"""What is stuck, and the press that mends each of it; the books are in order afterwards, and the log says who it was."""

import asyncio

import pytest

from chatserver import credits
from chatserver.admin import checks, overview, providers, work
from chatserver.admin.checks import Checks
from chatserver.audit import Actor
from chatserver.errors import Busy, Conflict, NotFound
from chatserver.generations import provider_limits, queue
from chatserver.generations.provider_limits import ProviderLimits
from chatserver.jobs import worker_ids
from chatserver.monitoring import processes
from chatserver.storage.filesystem import FolderStorage
from tests.generations.test_queue import ask, balance, finish, row_of, take
from tests.support.people import make_session, make_user, run_sql

GRACE = Actor(name="Grace", address="192.0.2.7")
CHAIN = tuple(ProviderLimits(name, frozenset({"image"})) for name in ("first", "second", "third"))
NOTHING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ada(database):
    await run_sql(database, "DELETE FROM processes")
    return await make_user(database, "Ada")


@pytest.fixture
async def session(database, ada):
    return await make_session(database, ada)


async def acts(database):
    rows = await run_sql(database, "SELECT action, target_id, actor FROM audit_entries ORDER BY id")
    return [tuple(row.values()) for row in rows]


async def asked(database, ada, session):
    """The id of a generation that waits."""
    message = await ask(database, ada, session)
    return message.generations[0].id


# Waiting ----------------------------------------------------------------------------------------------------------------


async def test_the_oldest_waiting_is_shown_without_its_prompt_and_is_cancelled(database, ada, session):
    waiting = await asked(database, ada, session)
    stuck = await database.run_system(work.read)
    [job] = [each for each in stuck.waiting if each.id == waiting]
    assert (job.person, job.kind) == ("Ada", "image")
    assert not hasattr(job, "prompt")
    before = (await balance(database, ada, session)).left
    await database.run_system(work.cancel, GRACE, waiting)
    assert (await row_of(database, waiting))["status"] == "cancelled"
    assert (await balance(database, ada, session)).left == before + 1
    assert ("generation.cancelled", waiting, "Grace") in await acts(database)
    assert await database.run_system(credits.check) == []
    with pytest.raises(Conflict):
        await database.run_system(work.cancel, GRACE, waiting)
    with pytest.raises(NotFound):
        await database.run_system(work.cancel, GRACE, NOTHING)


async def test_a_picture_in_the_queue_of_its_provider_waits_on_the_overview_and_here(database, ada, session):
    waiting = await asked(database, ada, session)
    job = await take(database, worker=worker_ids.worker_id())
    assert job.id == waiting
    await run_sql(database, "UPDATE generations SET status = 'queued' WHERE id = $1", waiting)
    queued = await database.run_system(overview.read_queue)
    stuck = await database.run_system(work.read)
    assert [each.id for each in stuck.waiting] == [waiting]
    assert (queued.generations_waiting, queued.generations_running) == (1, 0)
    await database.run_system(work.cancel, GRACE, waiting)
    assert await database.run_system(credits.check) == []


# Leases -----------------------------------------------------------------------------------------------------------------


async def test_a_lease_whose_worker_is_gone_is_given_back_and_another_takes_it(database, ada, session):
    await asked(database, ada, session)
    job = await take(database, worker="gone-machine/boot/17/ab12")
    await run_sql(database, "UPDATE generations SET lease_until = now() + '5 s'::interval WHERE id = $1", job.id)
    assert [lease.id for lease in await database.run_system(work.lost_leases)] == [job.id]
    await database.run_system(work.give_back, GRACE, job.id)
    await database.run_system(work.recover, job.id)
    assert (await row_of(database, job.id))["lease_until"] is None
    again = await take(database)
    assert (again.id, again.attempt) == (job.id, job.attempt + 1)
    assert ("lease.given_back", job.id, "Grace") in await acts(database)
    await finish(database, again)
    assert await database.run_system(credits.check) == []


async def test_the_lease_of_a_worker_that_reports_itself_is_nobodys_to_take(database, ada, session):
    await asked(database, ada, session)
    job = await take(database, worker=worker_ids.worker_id())
    await run_sql(database, "UPDATE generations SET lease_until = now() + '5 s'::interval WHERE id = $1", job.id)
    await database.run_system(processes.report, "worker", 0)
    assert await database.run_system(work.lost_leases) == []
    with pytest.raises(Conflict):
        await database.run_system(work.give_back, GRACE, job.id)
    await run_sql(database, "UPDATE processes SET seen_at = now() - '1 minute'::interval")
    assert [lease.id for lease in await database.run_system(work.lost_leases)] == [job.id]
    await finish(database, job)


async def test_a_lease_that_was_just_renewed_is_not_lost_though_its_worker_reports_nothing(database, ada, session):
    await asked(database, ada, session)
    job = await take(database, worker="older-version/boot/17/ab12")
    assert await database.run_system(work.lost_leases) == []
    await finish(database, job)


# Holds ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"), [("failed", "released"), ("cancelled", "released"), ("done", "captured")]
)
async def test_a_credit_that_nothing_will_settle_is_settled_and_the_books_agree(
    database, ada, session, status, outcome
):
    stuck = await asked(database, ada, session)
    await run_sql(
        database,
        """UPDATE generations SET status = $2, finished_at = now(),
                  error_code = CASE WHEN $2 = 'failed' THEN 'drill' END WHERE id = $1""",
        stuck,
        status,
    )
    if status == "done":
        await run_sql(
            database, "UPDATE user_sessions SET images_generated = images_generated + 1 WHERE id = $1", session
        )
    assert await database.run_system(credits.check) != []
    assert stuck in {hold.generation_id for hold in (await database.run_system(work.read)).holds}
    before = (await balance(database, ada, session)).left
    assert await database.run_system(work.settle, GRACE, stuck) == outcome
    assert (await balance(database, ada, session)).left == before + (outcome == "released")
    assert await database.run_system(credits.check) == []
    assert ("credit.settled", stuck, "Grace") in await acts(database)
    with pytest.raises(Conflict):
        await database.run_system(work.settle, GRACE, stuck)


async def test_a_credit_whose_picture_is_gone_comes_back_at_once(database, ada, session):
    gone = await asked(database, ada, session)
    before = (await balance(database, ada, session)).left
    await run_sql(database, "DELETE FROM generations WHERE id = $1", gone)
    assert gone in {hold.generation_id for hold in (await database.run_system(work.read)).holds}
    assert await database.run_system(work.settle, GRACE, gone) == "released"
    assert (await balance(database, ada, session)).left == before + 1
    assert await database.run_system(credits.check) == []


async def test_a_credit_whose_picture_is_being_made_is_not_touched(database, ada, session):
    waiting = await asked(database, ada, session)
    assert waiting not in {hold.generation_id for hold in (await database.run_system(work.read)).holds}
    with pytest.raises(Conflict):
        await database.run_system(work.settle, GRACE, waiting)
    with pytest.raises(Conflict):
        await database.run_system(work.settle, GRACE, NOTHING)
    await database.run_system(work.cancel, GRACE, waiting)


async def test_two_admins_who_settle_at_once_settle_once(database, ada, session):
    gone = await asked(database, ada, session)
    await run_sql(database, "DELETE FROM generations WHERE id = $1", gone)
    outcomes = await asyncio.gather(
        *(database.run_system(work.settle, GRACE, gone) for _ in range(4)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "Conflict", "Conflict", "str"]
    assert await database.run_system(credits.check) == []


# Providers --------------------------------------------------------------------------------------------------------------


async def test_the_order_of_the_operator_is_that_in_which_providers_are_asked(database):
    async def order():
        states = await database.run_system(provider_limits.states, CHAIN)
        first = provider_limits.availability(CHAIN, states, "image").limits.name
        return first, [limits.name for limits in provider_limits.ordered(CHAIN, states)]

    await run_sql(database, "UPDATE provider_gates SET position = NULL")
    assert await order() == ("first", ["first", "second", "third"])
    await database.run_system(providers.move, GRACE, CHAIN, "third", -1)
    assert await order() == ("first", ["first", "third", "second"])
    await database.run_system(providers.move, GRACE, CHAIN, "third", -1)
    assert await order() == ("third", ["third", "first", "second"])
    await database.run_system(providers.move, GRACE, CHAIN, "third", -1)
    assert await order() == ("third", ["third", "first", "second"])
    await database.run_system(providers.pause, GRACE, "third", paused=True)
    assert (await order())[0] == "first"
    await database.run_system(providers.pause, GRACE, "third", paused=False)
    assert (await order())[0] == "third"
    with pytest.raises(NotFound):
        await database.run_system(providers.move, GRACE, CHAIN, "fourth", 1)
    added = ProviderLimits("fourth", frozenset({"image"}))
    states = await database.run_system(provider_limits.states, (added, *CHAIN))
    assert [each.name for each in provider_limits.ordered((added, *CHAIN), states)][-1] == "fourth"


async def test_workers_claim_from_the_provider_that_the_operator_has_put_first(database, ada, session):
    await asked(database, ada, session)
    await database.run_system(provider_limits.set_order, ["second", "first", "third"])
    jobs, _ = await database.run_system(queue.claim, "w", CHAIN, 1)
    assert jobs[0].permit.provider == "second"
    await finish(database, jobs[0])


# Checks -----------------------------------------------------------------------------------------------------------------


async def test_a_check_runs_once_at_a_time_and_its_findings_are_kept(database, ada, session, tmp_path):
    running = Checks(database, FolderStorage(tmp_path))
    first = await database.run_system(checks.begin, GRACE, "files")
    with pytest.raises(Conflict):
        await database.run_system(checks.begin, GRACE, "files")
    await asked(database, ada, session)
    await finish(database, await take(database))
    running.start(first, "files")
    found = await ended(database, "files")
    assert (found.outcome, found.findings["rows"] >= 1, found.findings["missing"] >= 1) == ("found", True, True)
    running.start(await database.run_system(checks.begin, GRACE, "books"), "books")
    assert (await ended(database, "books")).outcome == "clean"
    running.start(await database.run_system(checks.begin, GRACE, "sweep"), "sweep")
    assert (await ended(database, "sweep")).findings["objects"] == 0


async def test_what_a_check_found_is_kept_when_the_database_answers_again(database, tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "RETRY_SECONDS", 0.001)
    run_system, refusals = database.run_system, [Busy(), Busy()]

    async def run(verb, *args):
        if verb is checks._end and refusals:
            raise refusals.pop()
        return await run_system(verb, *args)

    started = await database.run_system(checks.begin, GRACE, "books")
    monkeypatch.setattr(database, "run_system", run)
    Checks(database, FolderStorage(tmp_path)).start(started, "books")
    async with asyncio.timeout(20):
        assert (await ended(database, "books")).outcome == "clean"


async def ended(database, kind):
    while (found := (await database.run_system(checks.newest))[kind]).ended_at is None:
        await asyncio.sleep(0.02)
    return found
