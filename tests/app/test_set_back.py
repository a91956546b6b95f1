"""The database's clock is set back by two hours: nobody waits for it to get there again."""

import asyncpg
import pytest
from structlog.testing import capture_logs

from chatserver import credits, ids
from chatserver.app.housekeeping import Housekeeping
from chatserver.errors import CreditsExhausted, RateLimited
from chatserver.generations import provider_limits, queue
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.provider_limits import ProviderLimits
from chatserver.generations.requests import CreateGeneration
from chatserver.monitoring import processes
from chatserver.users import attempt_limits, rate_limits
from tests.support.people import make_session, make_user, run_sql

CHOICES = {"image": ModelChoice("sketch", "Sketch"), "video": ModelChoice("sketch", "Sketch")}
CHAIN = (ProviderLimits("sketch", frozenset({"image", "video"}), per_hour=1),)
LIMIT = attempt_limits.AttemptLimit("test", free=1, window=900, first_wait=600, longest_wait=600)
TIMES = """SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
             JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
              AND (c.data_type = 'timestamp with time zone' OR c.udt_name = '_timestamptz')"""


@pytest.fixture
async def set_back(database, postgres_server, database_url):
    """Sets the clock back by two hours: every stored time is two hours later."""
    admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    await admin.execute("SET session_replication_role = replica")

    async def turn():
        for table, column, kind in await admin.fetch(TIMES):
            later = f"{column} + interval '2 hours'"
            if kind == "ARRAY":
                later = f"ARRAY(SELECT t + interval '2 hours' FROM unnest({column}) AS t ORDER BY 1)"
            await admin.execute(f"UPDATE {table} SET {column} = {later}")

    yield turn
    await admin.close()


async def create(database, user, session):
    request = CreateGeneration(client_id=ids.new(), kind="image", prompt="a sundial", width=64, height=64)
    return await database.run_as(user, generations.create, session, request, CHOICES)


async def claim(database, chain=CHAIN):
    jobs, _ = await database.run_system(queue.claim, "worker-1", chain, 1)
    return jobs


async def attempt(database):
    return await database.run_system(attempt_limits.count_attempt, LIMIT, "somebody")


async def spend_all(database, user):
    with pytest.raises(RateLimited):
        for _ in range(100):
            await database.run_as(user, rate_limits.consume, rate_limits.CHANGES)


async def test_what_waits_is_brought_forward_once_the_clock_was_set_back(database, limited, set_back):
    few = await limited(commands_per_10_seconds=3)
    ada = await make_user(database, "Ada")
    busy, fresh = [await make_session(database, ada, "flash-lite") for _ in range(2)]
    await create(database, ada, busy)
    assert await claim(database)
    await create(database, ada, busy)
    await run_sql(database, "UPDATE user_sessions SET status = 'expired' WHERE id = $1", fresh)
    await spend_all(few, ada)
    while await attempt(database) is None:
        pass
    await Housekeeping(database).clean_up(sweep=False)
    await database.run_system(processes.report, "all", 0)
    await database.run_system(processes.leave)
    await set_back()

    # Before anybody notices: no credit of a new session is free, and nobody may say more.
    with pytest.raises(CreditsExhausted):
        await create(database, ada, fresh)
    assert not await claim(database, ())
    with pytest.raises(RateLimited) as refusal:
        await few.run_as(ada, rate_limits.consume, rate_limits.CHANGES)
    assert refusal.value.retry_after > 7000
    # A process that begins and reports meanwhile hides nothing.
    await database.run_system(processes.report, "all", 0)

    with capture_logs() as lines:
        await Housekeeping(database).clean_up(sweep=False)
        await Housekeeping(database).clean_up(sweep=False)
    told = [line for line in lines if line["event"] == "database.clock_set_back"]
    assert [7190 < line["seconds"] <= 7200 for line in told] == [True]

    await create(database, ada, fresh)
    left = (await database.run_as(ada, credits.balances, busy)).image
    assert left.left == 1
    seconds = (left.next_at - (await run_sql(database, "SELECT now()"))[0][0]).total_seconds()
    assert 3500 < seconds <= 3601
    rows = await run_sql(database, "SELECT status FROM user_sessions WHERE id = $1", fresh)
    assert rows[0]["status"] == "active"
    # The next call of the hour, the next attempt to sign in and the next action come as soon as they would have.
    states = await database.run_system(provider_limits.states, CHAIN)
    assert 3500 < states["sketch"].hour_seconds <= 3601
    assert (await attempt(database)).retry_after <= 900
    await run_sql(
        database, "UPDATE budgets SET times = ARRAY(SELECT t - interval '10 seconds' FROM unnest(times) AS t)"
    )
    await few.run_as(ada, rate_limits.consume, rate_limits.CHANGES)
    assert await claim(database, (ProviderLimits("sketch", frozenset({"image", "video"})),))


async def test_a_clock_that_goes_on_brings_nothing_forward(database):
    ada = await make_user(database, "Ada")
    session = await make_session(database, ada, "flash-lite")
    await create(database, ada, session)
    for _ in range(2):
        await database.run_system(processes.report, "all", 0)
        await Housekeeping(database).clean_up(sweep=False)
    assert (await database.run_as(ada, credits.balances, session)).image.left == 2
