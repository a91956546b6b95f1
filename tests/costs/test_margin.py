"""Revenue net of refunds, costs and margins: sums by day, plan and model, and what is unknown in them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver import costs, ids
from chatserver.costs import margin, refunds, usage
from chatserver.costs.margin import Revenue, Spending, margins
from chatserver.costs.models import ExchangeRate, Rates
from chatserver.errors import Conflict, Invalid, NotFound
from chatserver.sessions import checkout
from chatserver.statistics import figures
from tests.costs.prices import GRACE
from tests.support.people import make_session, make_user, run_sql, run_sql_as

DAY = date(2026, 11, 28)
RATES = Rates(base="INR", of={"USD": Decimal(88)})


def sale(amount="99", refunded="0", plan="pro", currency="INR", day=DAY, sold=1, free=0):
    return Revenue(
        day=day,
        plan_id=plan,
        currency=currency,
        sold_amount=Decimal(amount),
        refunded_amount=Decimal(refunded),
        sold=sold,
        free=free,
    )


def spent(cost="1", calls=1, unknown=0, done=1, model="m", plan="pro", currency="USD", day=DAY, kind="image"):
    return Spending(
        day=day,
        plan_id=plan,
        provider="huggingface",
        model=model,
        kind=kind,
        currency=currency,
        cost=Decimal(cost),
        calls=calls,
        unknown=unknown,
        done=done,
    )


def of(revenue=(), spending=()):
    return margins("INR", revenue, spending, spending, lambda day: RATES)


# Sums -------------------------------------------------------------------------------------------------------------------


def test_what_is_left_is_what_came_in_less_what_went_back_and_what_was_spent():
    found = of([sale("198", "-99", sold=2)], [spent("0.5", calls=3, done=2)])
    for line in (found.total, *found.days, *found.plans, *found.models):
        assert (line.revenue.exact, line.cost.exact, line.margin, line.loses) == (99, 44, 55, False)
        assert (line.calls, line.done, line.each) == (3, 2, 22)
    assert (found.total.sold, found.total.refunds.exact) == (2, -99)
    assert ([line.name for line in found.days], [line.name for line in found.models]) == (
        ["2026-11-28"],
        ["huggingface m"],
    )


def test_a_sum_with_unknown_parts_is_at_least_what_is_known():
    found = of([sale()], [spent("0.5", calls=2), spent("0", calls=3, unknown=3, currency=None)]).total
    assert (found.cost.words, found.margin, found.each, found.loses) == ("at least ₹44 (3 unknown)", None, None, False)
    assert of([sale()], [spent("2"), spent("0", calls=1, unknown=1, currency=None)]).total.loses


def test_replies_of_unknown_cost_are_told_and_hide_nothing():
    replies = [
        spent("0.1", calls=4, done=3, kind="reply", model="chat"),
        spent("0", calls=3, unknown=3, currency=None, kind="reply", model="chat"),
    ]
    found = of([sale()], [spent("0.5", calls=2, done=2), *replies])
    total = found.total
    assert (total.cost.exact, total.margin, total.unknown_replies) == (Decimal("52.8"), Decimal("46.2"), 3)
    assert (total.calls, total.done, total.each) == (9, 2, 22)
    assert {line.name: line.revenue.exact for line in found.models} == {"huggingface m": 99, "huggingface chat": None}


def test_what_has_no_exchange_rate_is_unknown_and_not_nothing():
    found = of([sale("10", currency="EUR")], [spent("1", currency="EUR")]).total
    assert (found.revenue.words, found.cost.words, found.margin, found.loses) == ("unknown", "unknown", None, False)
    refunded = of([sale("0", "-5", currency="EUR", sold=0)]).total
    assert (refunded.refunds.words, refunded.margin) == ("unknown", None)


def test_calls_that_cost_nothing_need_no_currency_and_free_sessions_are_no_revenue():
    found = of([sale("0", sold=0, free=4)], [spent("0", calls=5, currency=None)]).total
    assert (found.cost.words, found.revenue.words, found.margin, found.free) == ("₹0", "₹0", 0, 4)


def test_a_model_earns_its_share_of_what_was_made_on_each_plan():
    found = of([sale("100"), sale("40", plan="lite")], [
        spent("0", done=3, calls=3, model="a"), spent("0", done=1, model="b"), spent("0", plan="lite", model="b"),
        spent("0", done=0, model="c"),
    ])  # fmt: skip
    earned = {line.name.split()[1]: line.revenue.exact for line in found.models}
    assert earned == {"a": 75, "b": 65, "c": 0}


AMOUNTS = st.decimals(0, 10_000, places=2)
SALES = st.builds(
    lambda amount, plan, day, currency: sale(amount, plan=plan, day=DAY - timedelta(days=day), currency=currency),
    AMOUNTS, st.sampled_from(["pro", "lite"]), st.integers(0, 3), st.sampled_from(["INR", "USD", "EUR"]),
)  # fmt: skip
CALLS = st.builds(
    lambda cost, plan, day, model, unknown: spent(
        cost, plan=plan, day=DAY - timedelta(days=day), model=model, calls=3, unknown=unknown
    ),
    AMOUNTS, st.sampled_from(["pro", "lite"]), st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 2),
)  # fmt: skip


@given(st.lists(SALES), st.lists(CALLS))
def test_days_and_plans_and_models_each_add_up_to_the_whole(revenue, calls):
    found = of(revenue, calls)
    for lines in (found.days, found.plans):
        assert sum(line.revenue.known for line in lines) == found.total.revenue.known
        assert sum(line.revenue.unknown for line in lines) == found.total.revenue.unknown
    for lines in (found.days, found.plans, found.models):
        assert sum(line.cost.known for line in lines) == found.total.cost.known
        assert sum(line.cost.unknown for line in lines) == found.total.cost.unknown
        assert sum(line.calls for line in lines) == found.total.calls


def test_the_rates_of_a_day_are_those_at_its_end_in_its_zone():
    def rate(value, at):
        return ExchangeRate(id="", currency="USD", base="INR", rate=Decimal(value), valid_from=at)

    newest_first = [
        rate(90, datetime(2026, 11, 28, 18, 30, tzinfo=UTC)),
        rate(80, datetime(2026, 11, 27, 9, tzinfo=UTC)),
    ]
    of_day = margin.rates_of_days("INR", newest_first, ZoneInfo("Asia/Kolkata"))
    assert [of_day(date(2026, 11, day)).of.get("USD") for day in (26, 27, 28, 29)] == [None, 80, 80, 90]


# The database -----------------------------------------------------------------------------------------------------------


async def sells(database, how="manual", plan="pro"):
    """Sells a session, and returns the id of its purchase, the buyer and the session."""
    buyer = await make_user(database, "Ada")
    session = await database.run_system(checkout.buy, buyer, plan, None, checkout=how)
    [row] = await run_sql(database, "SELECT id FROM purchases WHERE session_id = $1", session.id)
    return row["id"], buyer, session.id


async def today(database):
    now = datetime.now(UTC)
    return (await database.run_system(margin.read, now - timedelta(hours=24), now + timedelta(hours=1), "UTC")).total


async def test_a_sale_is_revenue_less_its_refunds_and_what_is_granted_free_is_none(database):
    before = await today(database)
    purchase, *_ = await sells(database)
    await sells(database, "instant")
    after = await today(database)
    assert (after.revenue.known - before.revenue.known, after.sold - before.sold, after.free - before.free) == (
        99,
        1,
        1,
    )
    await database.run_system(refunds.refund, GRACE, purchase, Decimal("9.50"), "one hour was lost")
    await database.run_system(refunds.refund, GRACE, purchase, Decimal("89.5"), "")
    assert (await today(database)).revenue.known == before.revenue.known
    with pytest.raises(Conflict, match="of this sale are left"):
        await database.run_system(refunds.refund, GRACE, purchase, Decimal("0.01"), "")
    entries = await run_sql(database, "SELECT * FROM audit_entries WHERE target_id = $1 ORDER BY id", purchase)
    assert [(e["action"], e["details"]["amount"], e["reason"]) for e in entries] == [
        ("purchase.refunded", "9.50", "one hour was lost"),
        ("purchase.refunded", "89.5", ""),
    ]
    [line] = [each for each in await database.run_system(refunds.sales) if each.purchase_id == purchase]
    assert (line.amount, line.refunded) == (99, 99)


async def test_a_sale_in_test_mode_is_counted_and_is_no_revenue_nor_is_its_refund(database):
    before = await today(database)
    span = figures.Span(
        start=datetime.now(UTC) - timedelta(hours=24), end=datetime.now(UTC) + timedelta(hours=1), zone="UTC"
    )
    for mode in ("live", "test"):
        purchase, buyer, _ = await sells(database, "stripe")
        await run_sql(
            database,
            """INSERT INTO orders (id, user_id, gateway, mode, plan, amount, currency, expires_at, purchase_id)
               VALUES (gen_random_uuid(), $1, 'stripe', $2, '{}', 9900, 'INR', now(), $3)""",
            *(buyer, mode, purchase),
        )
        await database.run_system(refunds.book, purchase, Decimal(9))
        after = await today(database)
        assert (after.revenue.known - before.revenue.known, after.refunds.known - before.refunds.known) == (90, -9)
        listed = {each.purchase_id for each in await database.run_system(refunds.sales)}
        assert (purchase in listed) == (mode == "live")
    assert (after.sold - before.sold, after.free - before.free) == (1, 1)
    [sold] = [row for row in (await database.run_system(figures.table, "sold", span)).rows if row[1] == "stripe"]
    assert sold == ("pro", "stripe", 2, 2, 99, "INR")


async def test_a_refund_is_of_a_sale_that_was_paid_and_of_an_amount(database):
    granted, *_ = await sells(database, "instant")
    for purchase in (granted, ids.new()):
        with pytest.raises(NotFound):
            await database.run_system(refunds.refund, GRACE, purchase, Decimal(1), "")
    purchase, *_ = await sells(database)
    for amount in ("0", "-1", "1.001"):
        with pytest.raises(Invalid):
            await database.run_system(refunds.refund, GRACE, purchase, Decimal(amount), "")
    with pytest.raises(Conflict):
        await database.run_system(refunds.refund, GRACE, purchase, Decimal("99.01"), "")


async def test_revenue_stays_when_the_account_is_gone_and_names_nobody(database):
    purchase, buyer, _ = await sells(database)
    await run_sql(database, "DELETE FROM users WHERE id = $1", buyer)
    [row] = await run_sql(database, "SELECT * FROM revenue_entries WHERE purchase_id = $1", purchase)
    assert buyer not in {str(value) for value in row.values()}
    [line] = [each for each in await database.run_system(refunds.sales) if each.purchase_id == purchase]
    assert line.user_id is None


async def test_nobody_reads_or_changes_the_books_of_money(database):
    ada = await make_user(database, "Ada")
    for table in ("revenue_entries", "flat_prices"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run_sql_as(database, ada, f"SELECT * FROM {table}")
        for statement in (f"UPDATE {table} SET currency = 'EUR'", f"DELETE FROM {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run_sql(database, statement)


async def call(database, user, *, ago="0 s", cost=None, currency=None, outcome="done", provider="huggingface"):
    await run_sql(
        database,
        """INSERT INTO generation_attempts (id, attempt, user_id, plan_id, kind, provider, model, started_at, ended_at,
                                            outcome, error_code, blame, cost, currency)
           VALUES ($1, 1, $2, 'pro', 'image', $3, 'm', now() - $4::text::interval, now() - $4::text::interval, $5,
                   CASE WHEN $5 = 'failed' THEN 'timed-out' END, CASE WHEN $5 = 'failed' THEN 'provider' END, $6, $7)""",
        ids.new(), user, provider, ago, outcome, cost, currency,
    )  # fmt: skip


async def test_failed_calls_cost_too_and_what_is_built_in_is_no_part_of_the_advice(database):
    async def last_month():
        return await database.run_system(usage.read, [("huggingface", 3)], datetime.now(UTC), ZoneInfo("UTC"))

    ada = await make_user(database, "Ada")
    await database.run_system(costs.set_rate, GRACE, "USD", Decimal(100), datetime(2026, 1, 1, tzinfo=UTC))
    before, earlier = await today(database), await last_month()
    await call(database, ada, cost=Decimal("0.02"), currency="USD")
    await call(database, ada, cost=Decimal("0.02"), currency="USD", outcome="failed")
    await call(database, ada)
    await call(database, ada, cost=Decimal(0), provider="sketch")
    await call(database, ada, ago="31 days", cost=Decimal(5), currency="USD")
    after, seen = await today(database), await last_month()
    assert (after.cost.known - before.cost.known, after.cost.unknown - before.cost.unknown) == (4, 1)
    assert after.calls - before.calls == 4
    assert (seen.cost - earlier.cost, seen.unknown - earlier.unknown, seen.made - earlier.made) == (4, 1, 2)
    assert seen.currency == "INR"
    assert (seen.allowances[0].per_hour, seen.allowances[0].most >= 2) == (3, True)


async def test_people_who_wrote_or_had_something_made_yesterday_were_active(database):
    zone = ZoneInfo("Asia/Kolkata")
    noon = datetime.now(zone).replace(hour=12, minute=0)

    async def active():
        return (await database.run_system(usage.read, [], noon, zone)).active

    before = await active()
    ada, bob, eve = [await make_user(database, name) for name in ("Ada", "Bob", "Eve")]
    hours = (datetime.now(zone) - noon).total_seconds() / 3600
    await call(database, ada, ago=f"{24 + hours} hours")
    await call(database, ada, ago=f"{26 + hours} hours")
    await call(database, bob, ago=f"{hours} hours" if hours >= 0 else "0 s")
    session = await make_session(database, eve)
    await run_sql(
        database,
        """INSERT INTO messages (id, client_id, session_id, user_id, kind, author_kind, author_name, status, text, html, seq)
           VALUES ($1::uuid, $1::uuid::text, $2, $3, 'text', 'user', 'Eve', 'done', 'x', 'x', 1)""",
        ids.first_at(noon - timedelta(hours=20)), session, eve,
    )  # fmt: skip
    assert await active() == before + 2


async def test_what_to_compare_with_is_set_changed_and_taken_away(database):
    for amounts, kept in (
        ({"subscription": Decimal(800), "machine": Decimal("12.50")}, ["machine", "subscription"]),
        ({"subscription": Decimal(800), "machine": None}, ["subscription"]),
    ):
        await database.run_system(usage.set_flat_prices, GRACE, amounts, "USD")
        await database.run_system(usage.set_flat_prices, GRACE, amounts, "USD")
        found = await database.run_system(usage.flat_prices)
        assert found == {kind: (amounts[kind], "USD") for kind in kept}
    acts = await run_sql(database, "SELECT target_id, details FROM audit_entries WHERE action = 'flat_price.set'")
    assert [(row["target_id"], row["details"]["amount"]) for row in acts] == [
        ("subscription", "800"), ("machine", "12.50"), ("machine", None),
    ]  # fmt: skip
