"""The limits that all workers share: calls at once, calls an hour, the breaker, the pause, and the wait that is told."""

import asyncio

import asyncpg
import pytest

from chatserver import credits, ids
from chatserver.errors import ModelLoadingTooLong, ProviderCreditsUsedUp, ProviderDown, ProviderRateLimited
from chatserver.generations import provider_limits, queue, queue_positions
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.provider_limits import Availability, LimitState, ProviderLimits
from chatserver.generations.requests import CreateGeneration
from chatserver.jobs.lease import LeaseLost
from tests.support.people import make_session, make_user, run_sql

BOTH = frozenset({"image", "video"})
FIRST = ProviderLimits("first", BOTH, concurrency=2, per_hour=5, failures=3, rest_seconds=20)
SECOND = ProviderLimits("second", frozenset({"image"}))
CHOICES = {"image": ModelChoice("first", "Model"), "video": ModelChoice("first", "Model")}


@pytest.fixture
async def session(database):
    """A session on the largest plan, with nothing else in the queue and no provider limited."""
    await run_sql(database, "DELETE FROM user_sessions")
    await run_sql(database, "DELETE FROM provider_gates")
    ada = await make_user(database)
    return ada, await make_session(database, ada, "pro")


async def enqueue(database, session, count=1, kind="image"):
    ada, session_id = session
    for _ in range(count):
        request = CreateGeneration(client_id=ids.new(), kind=kind, prompt="a cat", width=64, height=64)
        await database.run_as(ada, generations.create, session_id, request, CHOICES)


async def claim(database, chain=(FIRST,)):
    jobs, _ = await database.run_system(queue.claim, "worker", chain, 1)
    return jobs[0] if jobs else None


async def claim_and_count(tx, chain):
    """The claimed jobs, and how many rows Postgres read for that."""
    counted = (
        "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::integer FROM pg_stat_xact_user_tables"
    )
    before = await tx.connection.fetchval(counted)
    jobs, _ = await queue.claim(tx, "worker", chain, 1)
    return jobs, await tx.connection.fetchval(counted) - before


async def waits(database, session, chain=(FIRST,)):
    told = await database.run_system(queue_positions.of_sessions, [session[1]], chain)
    return [(event.waits_for or None, event.eta_seconds) for _, _, event in told]


async def pass_time(database, seconds):
    for table, column in (
        ("provider_calls", "started_at"),
        ("provider_calls", "failed_at"),
        ("provider_gates", "closed_until"),
    ):
        await run_sql(database, f"UPDATE {table} SET {column} = {column} - make_interval(secs => $1)", float(seconds))


async def end(database, job):
    await database.run_system(queue.fail, job, ProviderDown())


async def fail(database, job, error, limits=FIRST):
    return await database.run_system(provider_limits.record_failure, limits, job.permit, error)


async def test_no_more_calls_at_once_than_allowed_whoever_asks(database, session) -> None:
    # Of one session only one job at a time can be next, and adding the provider's row orders those who come first: neither
    # may do the lock's work here.
    for _ in range(6):
        ada = await make_user(database)
        await enqueue(database, (ada, await make_session(database, ada, "pro")))
    await database.run_system(provider_limits.lock, (FIRST,))
    claimed = await asyncio.gather(*(claim(database) for _ in range(6)))
    jobs = [job for job in claimed if job]
    assert len(jobs) == 2
    assert await claim(database) is None
    await end(database, jobs[0])
    assert await claim(database) is not None
    assert await claim(database) is None


async def test_a_crash_frees_the_call_when_its_lease_ends(database, session) -> None:
    await enqueue(database, session, 3)
    assert await claim(database)
    assert await claim(database)
    await run_sql(
        database, "UPDATE generations SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL"
    )
    assert await claim(database)


async def test_no_more_calls_an_hour_than_allowed_and_the_window_slides(database, session) -> None:
    await enqueue(database, session, 8)
    for _ in range(5):
        await end(database, await claim(database))
    assert await claim(database) is None
    await pass_time(database, 3590)
    assert await claim(database) is None
    assert [wait for wait, _ in await waits(database, session)] == ["limit"] * 3
    await pass_time(database, 11)
    assert await claim(database) is not None


async def test_the_wait_for_the_hour_is_that_of_each_place(database, session) -> None:
    wide = ProviderLimits("first", BOTH, concurrency=9, per_hour=2)
    await enqueue(database, session, 2)
    for _ in range(2):
        await end(database, await claim(database, (wide,)))
        await pass_time(database, 600)
    await enqueue(database, session, 3)
    assert await waits(database, session, (wide,)) == [("limit", 2400.0), ("limit", 3000.0), ("limit", 6000.0)]


async def test_a_claim_reads_each_of_thousands_that_wait_once_at_most(
    database, session, postgres_server, database_url
) -> None:
    await enqueue(database, session)
    await run_sql(
        database,
        """
        WITH more AS (
          INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, client_id, seq)
          SELECT gen_random_uuid(), session_id, user_id, 'user', 'Ada', 'image', n::text, 1000 + n
            FROM messages, generate_series(1, 4000) AS n
          RETURNING *
        )
        INSERT INTO generations (id, message_id, session_id, user_id, kind, number, prompt, seed, width, height)
        SELECT id, id, session_id, user_id, kind, 1, 'later', 1, 64, 64 FROM more
        """,
    )
    await run_sql(database, "INSERT INTO provider_gates (name, calls_made) VALUES ('open', 20000)")
    await run_sql(database, "INSERT INTO provider_calls (provider, number) SELECT 'open', generate_series(1, 20000)")
    chain = (ProviderLimits("open", BOTH, concurrency=1000, per_hour=1_000_000),)
    admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    await admin.execute("ANALYZE generations, messages, provider_calls")
    await admin.close()
    for _ in range(15):
        jobs, read = await database.run_system(claim_and_count, chain)
        assert jobs
        assert read < 4_200


async def test_the_breaker_opens_after_failures_and_lets_one_trial_through(database, session) -> None:
    limits = ProviderLimits("first", BOTH, concurrency=2, failures=3, rest_seconds=20)
    await enqueue(database, session, 6)
    for number in range(3):
        job = await claim(database, (limits,))
        closed = await fail(database, job, ProviderDown())
        await end(database, job)
        assert (closed is not None) == (number == 2)
    assert await claim(database, (limits,)) is None
    [(cause, seconds), *_] = await waits(database, session, (limits,))
    assert cause == "closed"
    assert 15 <= seconds <= 25
    await pass_time(database, 21)
    trial = await claim(database, (limits,))
    assert trial.permit.half_open
    assert await claim(database, (limits,)) is None, "a second one beside the trial"
    assert 35 < await fail(database, trial, ProviderDown()) <= 40, "twice as long the second time"
    await end(database, trial)
    await pass_time(database, 41)
    trial = await claim(database, (limits,))
    await database.run_system(provider_limits.record_success, trial.permit)
    assert await claim(database, (limits,)) is not None
    [report] = (await database.run_system(provider_limits.reports)).values()
    assert (report.state, report.last_error_code, report.running) == ("open", "provider-down", 2)


async def test_failures_far_apart_and_refusals_do_not_open_it(database, session) -> None:
    await enqueue(database, session, 5)
    for error in (ProviderDown(), ProviderCreditsUsedUp(), ModelLoadingTooLong(), ProviderDown()):
        job = await claim(database)
        assert await fail(database, job, error) is None
        await end(database, job)
    await pass_time(database, 31)
    job = await claim(database)
    assert await fail(database, job, ProviderDown()) is None


async def test_a_rate_limit_closes_for_everyone_for_as_long_as_it_said(database, session) -> None:
    await enqueue(database, session, 3)
    first, second = await claim(database), await claim(database)
    assert 43 < await fail(database, first, ProviderRateLimited(retry_after=44)) <= 44
    assert 30 < await fail(database, second, ProviderRateLimited(retry_after=7)) <= 44, "the longer one stands"
    await end(database, first)
    assert await claim(database) is None
    assert (await waits(database, session))[0] == ("closed", 45.0)
    await pass_time(database, 45)
    assert await claim(database)


async def test_rate_limits_without_a_time_pause_longer_each_time(database, session) -> None:
    await enqueue(database, session, 3)
    pauses = []
    for _ in range(3):
        job = await claim(database)
        pauses.append(await fail(database, job, ProviderRateLimited()))
        await end(database, job)
        await pass_time(database, 120)
    for number, pause in enumerate(pauses):
        assert 0.7 * 5 * 2**number < pause < 1.3 * 5 * 2**number


async def test_the_pause_stops_new_work_until_it_is_lifted(database, session) -> None:
    await enqueue(database, session, 1)
    await database.run_system(provider_limits.pause, "first", paused=True)
    assert await claim(database) is None
    assert (await waits(database, session))[0][0] == "paused"
    await database.run_system(provider_limits.pause, "first", paused=False)
    assert await claim(database)


async def test_work_goes_to_the_next_provider_while_the_first_is_shut_but_waits_for_a_busy_one(
    database, session
) -> None:
    chain = (FIRST, SECOND)
    await enqueue(database, session, 5)
    await enqueue(database, session, 1, "video")
    assert (await claim(database, chain)).permit.provider == "first"
    assert (await claim(database, chain)).permit.provider == "first"
    assert await claim(database, chain) is None
    await database.run_system(provider_limits.pause, "first", paused=True)
    jobs = [await claim(database, chain) for _ in range(4)]
    assert [job and (job.kind, job.permit.provider) for job in jobs] == [("image", "second")] * 3 + [None]


async def test_an_attempt_moves_on_and_gives_its_first_call_back(database, session) -> None:
    await enqueue(database, session, 3)
    job, other = await claim(database), await claim(database)
    assert await claim(database) is None
    _, permit = await database.run_system(queue.switch_provider, job, (SECOND,))
    assert permit.provider == "second"
    assert await claim(database) is not None
    await database.run_system(queue.requeue, other, fault=False)
    with pytest.raises(LeaseLost):
        await database.run_system(queue.switch_provider, other, (SECOND,))
    assert await database.run_system(credits.check) == []


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, Availability(FIRST)),
        ({"first": LimitState(running=2)}, Availability(None, "busy")),
        ({"first": LimitState(running=1, half_open=True)}, Availability(None, "busy")),
        ({"first": LimitState(hour_seconds=9)}, Availability(None, "limit", 9)),
        ({"first": LimitState(closed_seconds=9)}, Availability(SECOND)),
        ({"first": LimitState(paused=True), "second": LimitState(closed_seconds=3)}, Availability(None, "closed", 3)),
        (
            {"first": LimitState(closed_seconds=9), "second": LimitState(closed_seconds=3)},
            Availability(None, "closed", 3),
        ),
        ({"first": LimitState(paused=True), "second": LimitState(paused=True)}, Availability(None, "paused")),
    ],
)
def test_what_a_fallback_chain_means(states, expected) -> None:
    assert provider_limits.availability((FIRST, SECOND), states, "image") == expected
