"""Prices, plans and exchange rates are in currencies that are in use, with the decimals that they have."""

import msgspec
import pytest

from chatserver import currencies
from chatserver.costs import checks
from chatserver.errors import Invalid
from chatserver.payments.models import smallest, whole
from chatserver.plans import service
from chatserver.plans.models import Plan, Price

PLAN = Plan(
    id="x",
    name="X",
    price=Price(1, "INR"),
    minutes=60,
    image_credits_per_hour=3,
    video_credits_per_hour=0,
    max_size=512,
    max_count=1,
)


def sold_for(amount, currency):
    return service.check(msgspec.structs.replace(PLAN, price=Price(amount, currency))).price


@pytest.mark.parametrize("code", ["", "XYZ", "QQQ", "US", "USDT", "XXX", "XAU", "DEM", "₹₹₹", "USD\x00", "ＵＳＤ"])
def test_a_currency_that_nobody_pays_with_is_refused(code):
    for refused in (lambda: sold_for(1, code), lambda: checks.currency(code)):
        with pytest.raises(Invalid) as refusal:
            refused()
        assert refusal.value.details["field"] == "currency"
        assert "ISO 4217, such as" in refusal.value.message


def test_currencies_in_use_are_taken_in_whatever_letters():
    for code in sorted(currencies.CODES):
        assert checks.currency(f" {code.lower()} ") == code
        assert sold_for(49, code) == Price(49, code)


@pytest.mark.parametrize(("code", "decimals"), [("JPY", 0), ("XPF", 0), ("INR", 2), ("USD", 2), ("KWD", 3)])
def test_a_currency_has_its_decimals(code, decimals):
    assert currencies.decimals(code) == decimals


def test_a_price_of_parts_that_its_currency_has_not_is_refused():
    assert sold_for(9.5, "EUR").amount == sold_for(9.5, "KWD").amount == 9.5
    with pytest.raises(Invalid) as refusal:
        sold_for(9.5, "JPY")
    assert (refusal.value.details["field"], "JPY has no smaller unit" in refusal.value.message) == ("price", True)


def test_what_a_gateway_is_asked_for_is_what_a_plan_costs_in_every_currency_that_it_takes():
    for code in currencies.CODES:
        # UGX, because it is not certain what a gateway takes it for.
        if currencies.decimals(code) == 3 or code == "UGX":
            with pytest.raises(Invalid):
                smallest(49, code)
        else:
            assert whole(smallest(49, code), code) == 49
