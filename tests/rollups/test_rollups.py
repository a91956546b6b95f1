"""Figures read through sums equal an independent SQL over the rows, whatever happens to both in whatever order."""

import asyncio
import math
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatserver import rollups
from chatserver.audit import COMMAND_LINE
from chatserver.costs import margin
from chatserver.database import Transaction
from chatserver.rollups import histograms, pieces
from chatserver.statistics import figures
from chatserver.statistics import service as statistics
from chatserver.statistics.blame import blame_of
from chatserver.statistics.figures import Span
from tests.support.people import make_session, make_user, run_sql

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu")
EVER = datetime(9000, 1, 1, tzinfo=UTC)

# What each figure is, over the rows alone.
TOTALS = """
SELECT count(*), count(*) FILTER (WHERE outcome = 'done'), count(*) FILTER (WHERE outcome = 'done' AND loading IS NOT NULL),
       count(*) FILTER (WHERE outcome = 'failed'), count(*) FILTER (WHERE outcome = 'cancelled'),
       count(*) FILTER (WHERE outcome = 'lost'), count(DISTINCT user_id)
  FROM generation_attempts WHERE ended_at >= $1 AND ended_at < $2"""
DAILY = """
SELECT to_char(day, 'YYYY-MM-DD'), count(a.id), count(a.id) FILTER (WHERE outcome = 'done'),
       count(a.id) FILTER (WHERE outcome = 'failed'), count(a.id) FILTER (WHERE outcome IN ('cancelled', 'lost')),
       count(DISTINCT a.user_id)
  FROM generate_series(date_trunc('day', $1::timestamptz AT TIME ZONE $3::text),
                       date_trunc('day', $2::timestamptz AT TIME ZONE $3), interval '1 day') AS days (day)
  LEFT JOIN generation_attempts a ON a.ended_at >= $1 AND a.ended_at < $2
        AND date_trunc('day', a.ended_at AT TIME ZONE $3) = day
 GROUP BY day ORDER BY day"""
BY_MODEL = """
SELECT kind, provider, model, count(*), count(*) FILTER (WHERE outcome = 'done'), count(*) FILTER (WHERE outcome = 'failed'),
       count(*) FILTER (WHERE outcome = 'cancelled'), count(*) FILTER (WHERE outcome = 'lost')
  FROM generation_attempts WHERE ended_at >= $1 AND ended_at < $2 GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"""
TIMES = """
SELECT kind, provider, model,
       coalesce(percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waited), ARRAY[NULL, NULL]::float8[])
       || coalesce(percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY loading), ARRAY[NULL, NULL]::float8[])
       || coalesce(percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY rendering), ARRAY[NULL, NULL]::float8[])
  FROM generation_attempts WHERE ended_at >= $1 AND ended_at < $2 AND outcome = 'done' GROUP BY 1, 2, 3"""
ERRORS = """
SELECT blame, error_code, provider, count(*), max(ended_at) FROM generation_attempts
 WHERE ended_at >= $1 AND ended_at < $2 AND blame IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 4 DESC, 2, 3"""
SPENT = """
SELECT (ended_at AT TIME ZONE $3::text)::date, coalesce(plan_id, ''), provider, model, kind, currency,
       coalesce(sum(cost), 0), count(*), count(*) FILTER (WHERE cost IS NULL), count(*) FILTER (WHERE is_made)
  FROM (SELECT ended_at, plan_id, provider, model, kind, currency, cost, outcome = 'done' AS is_made FROM generation_attempts
         UNION ALL
        SELECT ended_at, plan_id, provider, model, 'reply', currency, cost, false FROM reply_calls) AS calls
 WHERE ended_at >= $1 AND ended_at < $2 GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6"""
REPLIES = """
SELECT provider, model, count(*), count(*) FILTER (WHERE outcome = 'done'), count(*) FILTER (WHERE outcome = 'failed'),
       count(*) FILTER (WHERE outcome = 'stopped'), sum(tokens_in)::bigint, sum(tokens_out)::bigint,
       CASE WHEN count(DISTINCT currency) <= 1 THEN sum(cost) END, coalesce(min(currency), ''),
       count(*) FILTER (WHERE cost IS NULL)
  FROM reply_calls WHERE ended_at >= $1 AND ended_at < $2 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"""
REPLY_TIMES = """
SELECT provider, model,
       coalesce(percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY first_token), ARRAY[NULL, NULL]::float8[])
       || coalesce(percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE outcome = 'done'),
                   ARRAY[NULL, NULL]::float8[])
  FROM reply_calls WHERE ended_at >= $1 AND ended_at < $2 GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2"""
BUSIEST = """
SELECT coalesce(max(calls), 0), count(*) FILTER (WHERE calls >= 2)
  FROM (SELECT count(*) AS calls FROM generation_attempts WHERE provider = 'sketch' AND ended_at >= $1 AND ended_at < $2
         GROUP BY date_trunc('hour', ended_at AT TIME ZONE 'UTC')) AS hours"""
LONGEST = """
SELECT max(CASE WHEN kind = 'video' THEN duration ELSE rendering END) FROM generation_attempts
 WHERE provider = 'sketch' AND model = 'm' AND kind = 'video' AND outcome = 'done' AND ended_at >= $1 AND ended_at < $2"""
CREDITS = """
SELECT s.plan_id, e.kind, count(*) FILTER (WHERE e.action = 'hold'), count(*) FILTER (WHERE e.action = 'capture'),
       count(*) FILTER (WHERE e.action = 'release'), count(*) FILTER (WHERE e.action = 'grant')
  FROM credit_entries e JOIN user_sessions s ON s.id = e.session_id
 WHERE e.created_at >= $1 AND e.created_at < $2 GROUP BY 1, 2 ORDER BY 1, 2"""

ADD = """
INSERT INTO generation_attempts (id, attempt, user_id, plan_id, kind, provider, model, started_at, ended_at, waited, loading,
                                 rendering, duration, outcome, error_code, blame, cost, currency)
VALUES ($1, 1, $2, $3, $4, $5, 'm', $6, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"""
ADD_REPLY = """
INSERT INTO reply_calls (id, plan_id, provider, model, ended_at, outcome, error_code, first_token, seconds, tokens_in,
                         tokens_out, cost, currency)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""
HELD = """
INSERT INTO credit_entries (session_id, kind, number, generation_id, action, created_at)
VALUES ($1, $2, 1, gen_random_uuid(), $3, $4)"""


class ProcessEnded(Exception):
    """The process ends between two statements."""


@dataclass(eq=False)
class EndingTransaction(Transaction):
    """Ends after so many statements that change something."""

    left: int = 0

    async def execute(self, name, /, **values):
        if self.left == 0:
            raise ProcessEnded
        self.left -= 1
        await super().execute(name, **values)


async def end_after(tx, statements):
    await rollups.roll_up_next(EndingTransaction(tx.connection, tx.queries, left=statements), EVER)


class History:
    """One random history around a change of the clocks, in a year of its own so that examples do not meet."""

    def __init__(self, database, admin, sessions, year, chance):
        self.database, self.admin, self.sessions, self.chance = database, admin, sessions, chance
        # The days on which the clocks of the zones change, the days before them and a day in between.
        changes = [date(year, 3, 27), date(year, 3, 28), date(year, 10, 31), date(year, 11, 1), date(year, 11, 7)]
        self.days = [datetime(each.year, each.month, each.day, tzinfo=UTC) for each in changes]
        self.people = [str(uuid.uuid4()) for _ in range(4)]
        self.rows = []
        self.replies = []

    def moment(self):
        day = self.chance.choice(self.days)
        # Often on the edge of a bucket.
        seconds = self.chance.choice([self.chance.random() * 172_800, self.chance.randrange(192) * 900])
        return day + timedelta(seconds=seconds)

    async def add(self):
        code = self.chance.choice([None, None, None, "provider-down", "refused"])
        cost = self.chance.choice([None, Decimal("0.04"), Decimal("1.000000000001")])
        row = (
            str(uuid.uuid4()),
            self.chance.choice([*self.people, None]),
            self.chance.choice(["pro", "flash", None]),
            self.chance.choice(["image", "video"]),
            self.chance.choice(["sketch", "huggingface"]),
            self.moment(),
            self.chance.random() * 9,
            self.chance.choice([None, self.chance.random()]),
            self.chance.expovariate(0.1),
            self.chance.choice([None, 5.0, 6.5]),
            "failed" if code else self.chance.choice(["done", "done", "cancelled", "lost"]),
            code,
            code and blame_of(code),
            cost,
            None if cost is None else self.chance.choice(["USD", "EUR"]),
        )
        await run_sql(self.database, ADD, *row)
        self.rows.append(row[0])
        # Somebody who was told twice.
        if self.chance.random() < 0.2:
            await run_sql(self.database, ADD + " ON CONFLICT (id) DO NOTHING", *row)

    async def change(self):
        if self.rows:
            row = self.chance.choice(self.rows)
            await self.admin.execute(
                "UPDATE generation_attempts SET ended_at = $2, cost = 7, currency = 'INR', loading = 1 WHERE id = $1",
                row,
                self.moment(),
            )

    async def remove(self):
        if self.rows:
            row = self.rows.pop(self.chance.randrange(len(self.rows)))
            await self.admin.execute("DELETE FROM generation_attempts WHERE id = $1", row)

    async def reply(self):
        cost = self.chance.choice([None, Decimal("0.002"), Decimal("1.000000000001")])
        outcome = self.chance.choice(["done", "done", "failed", "stopped"])
        row = (
            str(uuid.uuid4()),
            self.chance.choice(["pro", "flash", None]),
            self.chance.choice(["sketch", "huggingface"]),
            self.chance.choice(["m", "writer"]),
            self.moment(),
            outcome,
            "provider-down" if outcome == "failed" else None,
            self.chance.choice([None, self.chance.random()]),
            self.chance.expovariate(0.1),
            self.chance.randrange(3_000),
            self.chance.randrange(600),
            cost,
            None if cost is None else self.chance.choice(["USD", "USD", "EUR"]),
        )
        await run_sql(self.database, ADD_REPLY, *row)
        self.replies.append(row[0])

    async def change_reply(self):
        if self.replies:
            row = self.chance.choice(self.replies)
            await self.admin.execute(
                "UPDATE reply_calls SET ended_at = $2, cost = 7, currency = 'INR' WHERE id = $1", row, self.moment()
            )

    async def remove_reply(self):
        if self.replies:
            row = self.replies.pop(self.chance.randrange(len(self.replies)))
            await self.admin.execute("DELETE FROM reply_calls WHERE id = $1", row)

    async def forget(self):
        await self.database.run_system(statistics.forget_user, self.chance.choice(self.people))

    async def hold(self):
        kind, action = self.chance.choice(["image", "video"]), self.chance.choice(["hold", "capture", "release"])
        await run_sql(self.database, HELD, self.chance.choice(self.sessions), kind, action, self.moment())

    async def change_plan(self):
        plan, session = self.chance.choice(["pro", "flash"]), self.chance.choice(self.sessions)
        await run_sql(self.database, "UPDATE user_sessions SET plan_id = $2 WHERE id = $1", session, plan)

    async def roll_up(self):
        await self.database.run_system(rollups.roll_up_next, EVER)

    async def roll_all_up(self):
        while await self.database.run_system(rollups.roll_up_next, EVER):
            pass

    async def end_early(self):
        with pytest.raises(ProcessEnded):
            await self.database.run_system(end_after, self.chance.randrange(30))
            raise ProcessEnded

    async def rebuild(self):
        await self.database.run_system(rollups.rebuild, COMMAND_LINE)

    async def check(self):
        start, end = sorted([self.moment(), self.moment()])
        if start.replace(tzinfo=None) == end.replace(tzinfo=None):
            return
        await equal(self.database, start, end, self.chance.choice(ZONES))

    async def check_all(self):
        await equal(self.database, self.days[0], self.days[-1] + timedelta(days=2), self.chance.choice(ZONES))


async def equal(database, start, end, zone):
    span = Span(start=start.astimezone(ZoneInfo(zone)), end=end.astimezone(ZoneInfo(zone)), zone=zone)

    async def expected(statement, *more):
        return [tuple(row) for row in await run_sql(database, statement, start, end, *more)]

    async def table(name):
        return (await database.run_system(figures.table, name, span)).rows

    totals = await database.run_system(figures.totals, span.start, span.end)
    assert [tuple(getattr(totals, name) for name in totals.__struct_fields__)] == await expected(TOTALS)
    assert await table("daily") == await expected(DAILY, zone)
    models = await table("by_model")
    assert [row[:8] for row in models] == await expected(BY_MODEL)
    times = {row[:3]: row[3] for row in await expected(TIMES)}
    for row in models:
        for seen, seconds in zip(row[9:], times.get(row[:3], [None] * 6), strict=True):
            assert seen == near(seconds)
    faults = {"provider": "the provider's", "user": "the user's"}
    assert await table("errors") == [(faults[row[0]], *row[1:]) for row in await expected(ERRORS)]
    days = pieces.days(span.start, span.end, ZoneInfo(zone))
    spent = await database.run_system(margin.spending, days)
    calls = await expected(SPENT, zone)
    names = ("day", "plan_id", "provider", "model", "kind", "currency", "cost", "calls", "unknown", "done")
    assert [tuple(getattr(each, name) for name in names) for each in spent] == calls
    read = await database.run_system(rollups.costs, days)
    by_day = await database.run_system(Transaction.fetch_all, "costs.spent_by_day", **read)
    summed = {}
    for day, *_, kind, currency, cost, number, unknown, done in calls:
        so_far = summed.get((day, kind, currency), (0, 0, 0, 0))
        summed[day, kind, currency] = tuple(map(sum, zip(so_far, (cost, number, unknown, done), strict=True)))
    assert {(row["day"], row["kind"], row["currency"]): tuple(row.values())[3:] for row in by_day} == summed
    read = await database.run_system(rollups.attempts, pieces.hours(span.start, span.end))
    hours = await database.run_system(
        Transaction.fetch_all, "costs.busiest_hour", provider="sketch", per_hour=2, **read
    )
    assert [tuple(row) for row in hours] == await expected(BUSIEST)
    read = await database.run_system(rollups.attempts, [("", span.start, span.end)])
    called = {"provider": "sketch", "model": "m", "kind": "video"}
    longest = await database.run_system(Transaction.fetch_all, "costs.longest_seconds", **called, **read)
    assert [tuple(row) for row in longest] == await expected(LONGEST)
    assert await table("credits") == await expected(CREDITS)
    replies = await table("replies")
    assert [row[:6] + row[10:] for row in replies] == await expected(REPLIES)
    for row, (*_, seconds) in zip(replies, await expected(REPLY_TIMES), strict=True):
        assert list(row[6:10]) == [near(each) for each in seconds]


def near(seconds):
    """To within 1 %, and then rounded."""
    return None if seconds is None else pytest.approx(seconds, abs=0.01 * seconds + 0.015)


STEPS = ("add", "add", "add", "add", "reply", "reply", "reply",
         "hold", "hold", "change", "change_reply", "remove", "remove_reply", "forget", "change_plan", "roll_up", "roll_up",
         "roll_all_up", "end_early", "rebuild", "check", "check")  # fmt: skip


# However short a history is, something changes and goes that was summed up.
AT_LAST = ("add", "add", "reply", "reply", "roll_all_up", "change", "remove", "change_reply", "remove_reply")


@pytest.fixture
async def admin(postgres_server, own_database_url):
    """Somebody with the database's own rights, who changes and removes what nobody else can."""
    connection = await asyncpg.connect(postgres_server.admin_url_of(own_database_url))
    yield connection
    await connection.close()


async def test_figures_are_those_of_the_rows_in_any_order_of_events(own_database, admin, monkeypatch):
    monkeypatch.setattr(figures, "EXACT_CALLS", 0)
    ada = await make_user(own_database, "Ada")
    sessions = [await make_session(own_database, ada, plan) for plan in ("pro", "flash")]
    loop, years = asyncio.get_running_loop(), iter(range(2030, 9000))

    async def live(steps, seed):
        history = History(own_database, admin, sessions, next(years), random.Random(seed))
        for step in steps:
            await getattr(history, step)()
        await history.check()
        for step in AT_LAST:
            await getattr(history, step)()
        await history.check_all()
        await history.roll_all_up()
        await history.check_all()
        await history.check()

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(STEPS), min_size=10, max_size=25), st.integers(0, 10**9))
    def histories(steps, seed):
        asyncio.run_coroutine_threadsafe(live(steps, seed), loop).result(60)

    await asyncio.to_thread(histories)


async def test_what_was_summed_up_is_read_from_sums_and_the_same_when_it_is_done_again(database):
    ada = str(uuid.uuid4())
    at = datetime(2029, 5, 1, 10, 7, tzinfo=UTC)
    row = ("pro", "image", "sketch", at, 1.0, 2.0, 3.0, None, "done", None, None, None, None)
    await run_sql(database, ADD, str(uuid.uuid4()), ada, *row)
    counted = "SELECT count(*) FROM generation_attempts"
    kept = "SELECT (SELECT sum(calls) FROM attempt_rollups), (SELECT count(*) FROM attempt_people_rollups)"
    for _ in range(2):
        while await database.run_system(rollups.roll_up_next, EVER):
            pass
        [[calls]] = await run_sql(database, counted)
        assert tuple((await run_sql(database, kept))[0]) == (calls * len(pieces.GRAINS), len(pieces.GRAINS))
        span = (at - timedelta(hours=2), at + timedelta(hours=2))
        read = await database.run_system(rollups.attempts, [("", *span)])
        # Four hours that begin at 8:07: only the parts of quarters at both ends are rows.
        lengths = [stop - start for start, stop in zip(read["starts"], read["stops"], strict=True)]
        assert list(zip(read["grains"], lengths, strict=True)) == [
            (0, timedelta(minutes=8)), (900, timedelta(minutes=45)), (3600, timedelta(hours=3)), (0, timedelta(minutes=7)),
        ]  # fmt: skip
        totals = await database.run_system(figures.totals, *span)
        assert (totals.calls, totals.done, totals.people) == (1, 1, 1)
        await database.run_system(rollups.rebuild, COMMAND_LINE)
    acts = await run_sql(database, "SELECT actor, details FROM audit_entries WHERE action = 'statistics.rebuilt'")
    assert len(acts) == 2


async def test_the_quarter_that_is_not_over_waits(database):
    now = datetime.now(UTC)
    row = ("pro", "image", "sketch", now, 1.0, 2.0, 3.0, None, "done", None, None, None, None)
    await run_sql(database, ADD, str(uuid.uuid4()), None, *row)
    while await database.run_system(rollups.roll_up_next):
        pass
    waiting = await run_sql(database, "SELECT bucket FROM rollup_marks WHERE bucket = quarter_of($1)", now)
    assert waiting


async def test_no_number_of_a_person_outlives_their_account(database):
    ada = str(uuid.uuid4())
    at = datetime(2028, 5, 1, 10, 7, tzinfo=UTC)
    row = ("pro", "image", "sketch", at, 1.0, 2.0, 3.0, None, "done", None, None, None, None)
    await run_sql(database, ADD, str(uuid.uuid4()), ada, *row)
    while await database.run_system(rollups.roll_up_next, EVER):
        pass
    assert await run_sql(database, "SELECT FROM attempt_people WHERE user_id = $1", ada)
    await database.run_system(statistics.forget_user, ada)
    while await database.run_system(rollups.roll_up_next, EVER):
        pass
    assert not await run_sql(database, "SELECT FROM attempt_people WHERE user_id = $1", ada)
    assert not await run_sql(database, "SELECT FROM attempt_people_rollups WHERE bucket = quarter_of($1)", at)
    totals = await database.run_system(figures.totals, at - timedelta(hours=1), at + timedelta(hours=1))
    assert (totals.calls, totals.people) == (1, 0)


@given(st.lists(st.floats(0, 9_000), min_size=1, max_size=40), st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_percentile_of_a_histogram_is_right_to_within_one_percent(seconds, share):
    # As `histogram_of` in the database.
    bins = [0 if each < 0.01 else min(math.floor(math.log(each / 0.01) / math.log(1.02)) + 1, 800) for each in seconds]
    histogram = "".join(f"{bins.count(each):08}" for each in range(800, -1, -1)).lstrip("0")
    place = share * (len(seconds) - 1)
    below, above = sorted(seconds)[int(place)], sorted(seconds)[min(int(place) + 1, len(seconds) - 1)]
    exact = below + (above - below) * (place - int(place))
    assert histograms.percentile(histogram, share) == pytest.approx(exact, rel=0.01, abs=0.01)
