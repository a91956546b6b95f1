"""Prices and exchange rates: a new row supersedes, nothing changes, and the audit log says who."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from chatserver import costs
from chatserver.costs import checks, service
from chatserver.costs.models import BilledCall
from chatserver.errors import Invalid
from tests.costs.prices import GRACE
from tests.support.people import make_user, run_sql, run_sql_as

NOW = datetime.now(UTC)


def given(provider, amount="0.04", model="", valid_from="", **others):
    fields = {"provider": provider, "model": model, "kind": "image", "unit": "picture", "currency": "USD"}
    return checks.new_price({**fields, "amount": amount, "valid_from": valid_from, **others})


async def amount_at(database, provider, model="m", at=None):
    price = await database.run_system(costs.price_at, provider, model, "image", at)
    return None if price is None else price.amount


async def entries(database, action):
    return await run_sql(database, "SELECT * FROM audit_entries WHERE action = $1 ORDER BY id", action)


async def test_a_price_is_in_effect_from_its_time_until_the_next_and_stays_in_the_history(database):
    for amount, at in (("1", "2026-01-01"), ("3", "2099-01-01"), ("2", "2026-02-01")):
        await database.run_system(costs.set_price, GRACE, given("first", amount, valid_from=at))
    assert await amount_at(database, "first", at=datetime(2025, 12, 31, tzinfo=UTC)) is None
    assert await amount_at(database, "first", at=datetime(2026, 1, 1, tzinfo=UTC)) == 1
    assert await amount_at(database, "first", at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC)) == 1
    assert await amount_at(database, "first") == 2
    lines = [line for line in await database.run_system(costs.list_prices) if line.price.provider == "first"]
    assert [(line.price.amount, line.has_begun, line.is_in_effect) for line in lines] == [
        (2, True, True),
        (3, False, False),
        (1, True, False),
    ]
    correction = await database.run_system(costs.set_price, GRACE, given("first", "2.5", valid_from="2026-02-01"))
    assert correction.amount == await amount_at(database, "first") == Decimal("2.5")


async def test_the_price_of_a_model_goes_before_that_of_all_models_even_if_that_is_newer(database):
    await database.run_system(costs.set_price, GRACE, given("second", "1", model="own", valid_from="2026-01-01"))
    await database.run_system(costs.set_price, GRACE, given("second", "2"))
    assert [await amount_at(database, "second", model) for model in ("own", "another", "")] == [1, 2, 2]
    assert await database.run_system(costs.price_at, "second", "own", "video") is None


async def test_a_price_that_comes_later_does_not_change_what_a_call_has_cost(database):
    call = BilledCall(provider="third", model="m", kind="image")
    assert await database.run_system(costs.cost_now, call) is None
    await database.run_system(costs.set_price, GRACE, given("third", "0.04"))
    before = await database.run_system(costs.cost_now, call)
    await database.run_system(costs.set_price, GRACE, given("third", "0.08"))
    after = await database.run_system(costs.cost_now, call)
    assert (before.amount, after.amount) == (Decimal("0.04"), Decimal("0.08"))
    [row] = await run_sql(database, "SELECT amount FROM prices WHERE id = $1", before.price_id)
    assert row["amount"] == Decimal("0.04")
    painted = await database.run_system(costs.cost_now, BilledCall(provider="sketch", model="", kind="image"))
    assert painted.amount == 0


async def test_setting_what_is_so_already_adds_nothing(database):
    price = given("fourth", "0.04", valid_from="2026-01-01")
    for _ in range(2):
        await database.run_system(costs.set_price, GRACE, price)
    await database.run_system(costs.set_price, GRACE, given("fourth", "0.040"))
    assert len(await run_sql(database, "SELECT 1 FROM prices WHERE provider = 'fourth'")) == 1
    assert await database.run_system(costs.import_prices, GRACE, [price, given("fourth", "0.05")]) == 1
    [entry] = [e for e in await entries(database, "price.set") if e["details"]["provider"] == "fourth"]
    assert (entry["actor"], entry["details"]["amount"]) == ("Grace", "0.04")
    assert (await entries(database, "price.imported"))[-1]["details"] == {"prices": 2, "new": 1}


async def test_an_import_that_fails_in_the_database_leaves_nothing(database):
    prices = [given("fifth"), given("fifth", model="m" * 200)]
    broken = [
        *prices,
        checks.NewPrice(**{**{n: getattr(prices[0], n) for n in prices[0].__struct_fields__}, "kind": "x"}),
    ]
    with pytest.raises(asyncpg.PostgresError):
        await database.run_system(costs.import_prices, GRACE, broken)
    assert await run_sql(database, "SELECT 1 FROM prices WHERE provider = 'fifth'") == []


async def test_an_exchange_rate_is_into_the_currency_of_the_plans(database):
    assert (await database.run_system(costs.rates_now)).of == {}
    last_week = NOW - timedelta(days=7)
    await database.run_system(costs.set_rate, GRACE, "USD", Decimal("88.5"), None)
    await database.run_system(costs.set_rate, GRACE, "USD", Decimal("86"), last_week)
    rates = await database.run_system(costs.rates_now)
    assert (rates.base, rates.of) == ("INR", {"USD": Decimal("88.5")})
    lines = await database.run_system(service.list_rates)
    assert [(line.rate.rate, line.is_in_effect) for line in lines] == [(86, False), (Decimal("88.5"), True)]
    assert [entry["details"]["rate"] for entry in await entries(database, "exchange_rate.set")] == ["88.5", "86"]
    for valid_from in (None, last_week):
        await database.run_system(costs.set_rate, GRACE, "USD", lines[valid_from is None].rate.rate, valid_from)
    assert await database.run_system(service.list_rates) == lines, "a form that is sent again adds nothing"
    with pytest.raises(Invalid, match="that of the plans"):
        await database.run_system(costs.set_rate, GRACE, "INR", Decimal(1), None)
    with pytest.raises(Invalid, match="more than 0"):
        await database.run_system(costs.set_rate, GRACE, "USD", Decimal(0), None)


async def test_nobody_who_uses_the_product_sees_prices_and_nobody_changes_them(database):
    ada = await make_user(database, "Ada")
    await database.run_system(costs.set_price, GRACE, given("sixth"))
    for table in ("prices", "exchange_rates"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run_sql_as(database, ada, f"SELECT * FROM {table}")
        for statement in (f"UPDATE {table} SET currency = 'EUR'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run_sql(database, statement)
