"""The page of money: prices and rates are set by forms, kept with their history, and refused in words."""

import csv
import functools
import io
from decimal import Decimal

import asyncpg
import pytest
from markupsafe import Markup

from chatserver import ids
from chatserver.admin import money
from chatserver.admin.period import Period
from chatserver.config import Config
from chatserver.providers.sketch.provider import Sketch
from chatserver.runtime import clock
from chatserver.sessions import checkout
from tests.support.page_visits import opened
from tests.support.people import make_user, run_sql

CALLED = [("sketch", "painter", "image"), ("huggingface", "a/b", "image"), ("huggingface", "film", "video")]


@pytest.fixture(autouse=True)
async def nothing_set_or_sold(postgres_server, database_url):
    """What another test has set and sold is in every sum. The product itself deletes none of it."""
    admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    for table in ("prices", "exchange_rates", "flat_prices", "revenue_entries", "generation_attempts"):
        await admin.execute(f"DELETE FROM {table}")
    await admin.close()


async def sets_price(operator, **fields):
    given = {"provider": "huggingface", "model": "", "counted": "image/picture", "currency": "USD", "amount": "0.04"}
    return await operator.fills("/admin/money", "/admin/money/prices", follow=True, **{**given, **fields})


async def sets_rate(operator, **fields):
    given = {"rate_currency": "USD", "rate": "88.5", "rate_valid_from": ""}
    return await operator.fills("/admin/money", "/admin/money/rates", follow=True, **{**given, **fields})


async def rows_of(operator, table):
    answer = await operator.visit(f"/admin/money/tables/{table}.csv", Accept="*/*")
    assert answer.status == 200, table
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_a_price_and_a_rate_decide_whether_a_plan_loses_money(operator, database):
    before = await run_sql(database, "SELECT action FROM audit_entries ORDER BY id")
    page = await operator.visit("/admin/money")
    assert "nothing, it is built in" in page.text
    assert "loses money" not in page.text
    assert "huggingface has its price" in (await sets_price(operator, provider=" huggingface ", currency="usd")).text
    film = {"model": "film", "counted": "video/picture", "amount": "0.4", "valid_from": "2026-01-01"}
    answer = await sets_price(operator, **film)
    assert "2 prices" in answer.text
    found = await database.run_system(money.read, CALLED, [], Period.at(clock.now()))
    [pro] = [each.case for each in found.cases if each.plan.id == "pro"]
    assert pro.unknown == ("huggingface a/b: no exchange rate of USD", "huggingface film: no exchange rate of USD")
    assert (money.worst_words(pro), pro.loses) == ("unknown", False)
    assert "USD has its rate" in (await sets_rate(operator)).text
    found = await database.run_system(money.read, CALLED, [], Period.at(clock.now()))
    [pro] = [each.case for each in found.cases if each.plan.id == "pro"]
    assert (pro.known, pro.loses) == (45 * pro_price("0.04") + 15 * pro_price("0.4"), True)
    assert [row["amount"] for row in await rows_of(operator, "prices")] == ["0.4", "0.04"]
    assert [row["rate"] for row in await rows_of(operator, "exchange-rates")] == ["88.5"]
    assert {row["cost"] for row in await rows_of(operator, "worst-cases")} == {"0"}
    acts = await run_sql(database, "SELECT action FROM audit_entries ORDER BY id")
    assert [row["action"] for row in acts[len(before) :]] == ["price.set", "price.set", "exchange_rate.set"]


def pro_price(amount):
    return money.Decimal(amount) * money.Decimal("88.5")


async def test_a_price_by_the_second_counts_the_longest_that_a_model_has_made(operator, database):
    await sets_price(operator, provider="filmer", counted="video/second", amount="2", currency="INR")

    async def pro():
        found = await database.run_system(money.read_plans, [("filmer", "f", "video")])
        return next(each.case for each in found.cases if each.plan.id == "pro")

    assert (await pro()).unknown == ("filmer f: how long one takes",)
    for model, outcome, seconds in (
        ("f", "done", 4),
        ("f", "done", 6.5),
        ("f", "cancelled", 99),
        ("other", "done", 99),
    ):
        await run_sql(
            database,
            """INSERT INTO generation_attempts (id, attempt, kind, provider, model, started_at, ended_at, outcome,
                                                rendering, duration)
               VALUES ($1, 1, 'video', 'filmer', $2, now() - '20 days'::interval, now() - '19 days'::interval, $3,
                       500, $4)""",
            *(ids.new(), model, outcome, seconds),
        )
    assert ((await pro()).known, (await pro()).unknown) == (15 * 13, ())


async def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_kept(operator, database):
    before = await run_sql(database, "SELECT count(*) AS n FROM prices")
    for fields, words in (
        ({"amount": "1,000"}, "Must be a number"),
        ({"amount": "-1"}, "Must be a number"),
        ({"currency": "dollars"}, "three letters"),
        ({"provider": ""}, "Must not be empty"),
        ({"provider": "sketch"}, "Is built in"),
        ({"provider": "x" * 61}, "at most 60"),
        ({"model": "a\u202eb"}, "control characters"),
        ({"counted": "image/token"}, "Of kind image"),
        ({"counted": "everything"}, "Must be one of"),
        ({"valid_from": "tomorrow"}, "Must be a date"),
    ):
        answer = await sets_price(operator, **fields)
        assert (answer.status, words in Markup(answer.text).striptags()) == (422, True), (fields, answer.status)
    for fields, words in (
        ({"rate_currency": "INR"}, "that of the plans"),
        ({"rate": "0"}, "Must be more than 0"),
        ({"rate": "NaN"}, "Must be a number"),
        ({"rate_valid_from": "9999-12-31"}, "within the years"),
    ):
        answer = await sets_rate(operator, **fields)
        assert (answer.status, words in Markup(answer.text).striptags()) == (422, True), (fields, answer.status)
    assert (await operator.post("/admin/money/prices", {"csrf_token": "x" * 43})).status == 403
    assert (await operator.post("/admin/money/rates", {})).status == 403
    assert (await operator.visit("/admin/money/tables/users.csv")).status == 404
    assert await run_sql(database, "SELECT count(*) AS n FROM prices") == before


async def test_a_member_reads_and_changes_no_money(ada, product, database):
    async with opened(ada) as browser:
        token = (await browser.visit("/settings")).forms["/sign-out"]["csrf_token"]
        for path in ("/admin/money", "/admin/money/tables/prices.csv"):
            assert (await browser.visit(path)).status == 403
        for path in ("/admin/money/prices", "/admin/money/rates", "/admin/money/flat-prices"):
            assert (await browser.post(path, {"csrf_token": token})).status == 403


async def test_a_sale_its_refund_and_what_to_compare_with_are_seen_in_the_page_and_in_its_tables(operator, database):
    buyer = await make_user(database, "Ada")
    sold = await database.run_system(checkout.buy, buyer, "pro", None, checkout="manual")
    [row] = await run_sql(database, "SELECT id FROM purchases WHERE session_id = $1", sold.id)
    action = f"/admin/money/sales/{row['id']}/refund"
    page = await operator.visit("/admin/money?period=7d&zone=Asia/Kolkata")
    assert page.forms[action]["amount"] == "99.00"
    for amount, words in (("99.01", "Only 99.00 INR"), ("0", "must be more than 0"), ("1,5", "must be a number")):
        refused = await operator.post(action, {**page.forms[action], "amount": amount}, follow=True)
        assert (refused.status, words in Markup(refused.text).striptags()) == (200, True), amount
    answer = await operator.post(action, {**page.forms[action], "amount": "9.50", "reason": "late"}, follow=True)
    assert "The refund is booked" in answer.text
    again = await operator.post(action, {**page.forms[action], "amount": "9.50", "reason": "late"}, follow=True)
    assert "given back since this page was opened" in again.text
    assert (await operator.visit("/admin/money")).forms[action]["amount"] == "89.50"
    for table in ("days", "plans"):
        # Two days, where it was sold before midnight and refunded after it.
        lines = await rows_of(operator, table)
        sums = [str(sum(Decimal(line[name]) for line in lines)) for name in ("revenue", "refunds", "cost", "margin")]
        assert sums == ["89.50", "-9.50", "0", "89.50"], table
    assert await rows_of(operator, "models") == []
    nothing = action.replace(str(row["id"]), "00000000-0000-7000-8000-000000000000")
    assert (await operator.post(nothing, page.forms[action])).status == 404
    assert (await operator.post(action, {"amount": "1"})).status == 403


async def test_the_advice_says_what_it_is_compared_with_and_stands_on_the_overview(operator, database):
    assert "is unknown: set it below to compare" in (await operator.visit("/admin/money")).text
    compares = functools.partial(operator.fills, "/admin/money", "/admin/money/flat-prices", follow=True)
    for fields, words in (
        ({"machine": "much"}, "Must be more than 0"),
        ({"subscription": "0"}, "Must be more than 0"),
        ({"flat_currency": "₹"}, "three letters"),
    ):
        answer = await compares(**{"machine": "1200", "subscription": "", "flat_currency": "INR", **fields})
        assert (answer.status, words in Markup(answer.text).striptags()) == (422, True), fields
    answer = await compares(machine="1200", subscription="", flat_currency="inr")
    assert "A machine of your own of ₹1,200 a month" in answer.text
    assert answer.forms["/admin/money/flat-prices"]["machine"] == "1200"
    overview = (await operator.visit("/admin")).text
    assert ("Paid to providers" in overview, "active yesterday" in overview) == (True, True)


def test_each_model_that_may_be_called_is_listed_once(tmp_path):
    class Guide:
        name = "guide"

        def model(self):
            return ""

    called = money.models_called([Sketch(Config(data_dir=tmp_path, port=0))], Guide())
    assert len(set(called)) == len(called)
    assert {(provider, kind) for provider, _, kind in called} == {
        ("sketch", "image"),
        ("sketch", "video"),
        ("guide", "reply"),
    }
    assert called[-1][2] == "reply"
