"""The operator's figures equal what is counted by hand from the same rows."""

import itertools
import random
import statistics as arithmetic
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from chatserver.admin import charts
from chatserver.statistics import figures
from chatserver.statistics.blame import blame_of
from chatserver.statistics.figures import Span
from tests.support.people import make_session, make_user, run_sql

# A year of its own, so that no other test's calls are counted.
END = datetime(2031, 3, 31, 5, tzinfo=UTC)
START = END - timedelta(days=7)
CODES = [None, None, None, "provider-down", "refused", "invalid-token", "timed-out"]
ADD = """
INSERT INTO generation_attempts (id, attempt, user_id, plan_id, kind, provider, model, started_at, ended_at, waited, loading,
                                 rendering, outcome, error_code, blame)
VALUES ($1, 1, $2, 'pro', $3, $4, 'm', $5, $5, $6, $7, $8, $9, $10, $11)"""


@pytest.fixture(scope="module")
async def calls(database):
    """Two thousand calls around the period, as they were written."""
    chance, people = random.Random(13), [str(uuid.uuid4()) for _ in range(20)]
    made = []
    for _ in range(2000):
        code = chance.choice(CODES)
        outcome = "failed" if code else chance.choice(["done", "done", "done", "cancelled", "lost"])
        made.append(
            {
                "id": str(uuid.uuid4()),
                "user_id": chance.choice(people),
                "kind": chance.choice(["image", "video"]),
                "provider": chance.choice(["sketch", "huggingface"]),
                "ended_at": START - timedelta(days=1) + timedelta(seconds=chance.randrange(9 * 86_400)),
                "waited": chance.random(),
                "loading": chance.random() * 3 if chance.random() < 0.9 else None,
                "rendering": chance.random() * 9,
                "outcome": outcome,
                "error_code": code,
                "blame": code and blame_of(code),
            }
        )
    for each in made:
        await run_sql(database, ADD, *each.values())
    return [each for each in made if START <= each["ended_at"] < END]


async def test_the_totals_are_those_of_the_rows(database, calls):
    totals = await database.run_system(figures.totals, START, END)
    counted = {name: sum(each["outcome"] == name for each in calls) for name in ("done", "failed", "cancelled", "lost")}
    assert {name: getattr(totals, name) for name in counted} == counted
    assert (totals.calls, totals.people) == (len(calls), len({each["user_id"] for each in calls}))
    measured = sum(each["outcome"] == "done" and each["loading"] is not None for each in calls)
    assert 0 < measured < counted["done"]
    assert totals.success_rate == measured / (measured + counted["failed"])
    nothing = await database.run_system(figures.totals, END + timedelta(days=99), END + timedelta(days=100))
    assert (nothing.calls, nothing.success_rate) == (0, None)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
async def test_days_are_those_of_the_zone(database, calls, zone):
    table = await database.run_system(figures.table, "daily", Span(start=START, end=END, zone=zone))
    counted = {}
    for each in calls:
        day = each["ended_at"].astimezone(ZoneInfo(zone)).date().isoformat()
        counted.setdefault(day, []).append(each)
    assert [row[0] for row in table.rows] == sorted(counted)
    for day, total, done, failed, other, people in table.rows:
        rows = counted[day]
        outcomes = [each["outcome"] for each in rows]
        assert (total, done, failed) == (len(rows), outcomes.count("done"), outcomes.count("failed"))
        assert (other, people) == (total - done - failed, len({each["user_id"] for each in rows}))


async def test_models_have_their_rates_and_times_and_errors_their_blame(database, calls):
    span = Span(start=START, end=END, zone="UTC")
    table = await database.run_system(figures.table, "by_model", span)
    assert len(table.rows) == 4
    for kind, provider, _, total, done, failed, *_, rate, waited, _, _, _, _, slowest in table.rows:
        rows = [each for each in calls if (each["kind"], each["provider"]) == (kind, provider)]
        finished = [each for each in rows if each["outcome"] == "done"]
        assert (total, done) == (len(rows), len(finished))
        measured = sum(each["loading"] is not None for each in finished)
        assert rate == round(measured / (measured + failed), 4)
        assert waited == pytest.approx(arithmetic.median(each["waited"] for each in finished), abs=0.01)
        times = sorted(each["rendering"] for each in finished)
        assert slowest == pytest.approx(arithmetic.quantiles(times, n=100, method="inclusive")[94], abs=0.01)
    errors = await database.run_system(figures.table, "errors", span)
    keys = {"provider": "the provider's", "ours": "ours", "user": "the user's"}
    expected = sorted((keys[each["blame"]], each["error_code"], each["provider"]) for each in calls if each["blame"])
    assert sorted((key, len(list(group))) for key, group in itertools.groupby(expected)) == sorted(
        (row[:3], row[3]) for row in errors.rows
    )


async def test_a_session_that_was_bought_twice_counts_once_with_both_its_purchases(database):
    ada = await make_user(database, "Ada")
    for checkout, paid in (("manual", [49, 50]), ("manual", [49]), ("instant", [99])):
        session = await make_session(database, ada, "pro")
        for amount in paid:
            await run_sql(
                database,
                """INSERT INTO purchases (id, session_id, user_id, plan_id, amount, currency, checkout, created_at)
                   VALUES (gen_random_uuid(), $1, $2, 'pro', $3, 'INR', $4, $5)""",
                *(session, ada, Decimal(amount), checkout, START),
            )
    table = await database.run_system(figures.table, "sold", Span(start=START, end=END, zone="UTC"))
    free_of_charge = ("pro", "instant", 1, 1, 0, "INR")
    assert table.rows == [free_of_charge, ("pro", "manual", 3, 2, 148, "INR")]


def test_bars_stand_on_each_other_and_the_highest_fills_the_chart():
    bars = charts.stacked_bars(["one", "two"], {"done": [3, 0], "failed": [1, 2]})
    assert [(each.series, each.y, each.height) for each in bars] == [
        ("done", 30, 90), ("failed", 0, 30), ("failed", 60, 60),
    ]  # fmt: skip
    assert bars[2].words == "two: 2 failed"
    assert charts.stacked_bars(["one"], {"done": [0]}) == []
    assert charts.stacked_bars([], {"done": []}) == []


def test_bars_of_money_stand_beside_each_other_and_what_was_given_back_is_no_bar():
    amounts = {"revenue": [Decimal(10), Decimal(-3)], "cost": [Decimal("2.5"), Decimal(0)]}
    bars = charts.grouped_bars(["one", "two"], amounts, lambda amount: f"INR {amount}")
    assert [(bar.series, bar.height, bar.words) for bar in bars] == [
        ("revenue", charts.HEIGHT, "one: revenue INR 10"),
        ("cost", charts.HEIGHT / 4, "one: cost INR 2.5"),
    ]
    assert bars[0].x + bars[0].width == bars[1].x
    assert charts.grouped_bars(["one"], {"revenue": [Decimal(0)]}, str) == []
    assert charts.grouped_bars([], {"revenue": []}, str) == []
