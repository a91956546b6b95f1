"""What calls cost, and the worst case of a plan: unknown is unknown, and 0 is known."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.costs import CostSum, ModelUse, Rates, cost_of, worst_case
from chatserver.costs.calculation import UNBILLED_ERRORS, base_currency
from chatserver.costs.models import BilledCall
from chatserver.web import filters
from tests.costs.prices import plan, unit_price


def call(kind="image", provider="huggingface", **given):
    return BilledCall(provider=provider, model="m", kind=kind, **given)


AMOUNTS = st.decimals(0, 999_999_999, places=9)
COUNTS = st.integers(0, 10**9)
SECONDS = st.floats(0, 10**6)


# One call ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "made", "amount"),
    [
        (unit_price("0.04"), call(), "0.04"),
        (unit_price("0.02", "megapixel"), call(width=2000, height=1000), "0.04"),
        (unit_price("0.00012", "second"), call(rendering=12.5), "0.0015"),
        (unit_price("0.3", "picture", "video"), call("video"), "0.3"),
        (unit_price("0.1", "second", "video"), call("video", seconds=4.5, rendering=60), "0.45"),
        (unit_price("0.00000015", "token", "reply"), call("reply", tokens=2_000_000), "0.3"),
        (unit_price("0"), call(), "0"),
        (unit_price("0", "token", "reply"), call("reply", tokens=None), "0"),
    ],
)
def test_a_call_costs_its_units_times_the_price(price, made, amount):
    cost = cost_of(made, price)
    assert (cost.amount, cost.currency, cost.price_id) == (Decimal(amount), "USD", price.id)


@pytest.mark.parametrize(
    ("price", "made"),
    [
        (None, call()),
        (unit_price("1", "megapixel"), call(width=100)),
        (unit_price("1", "second"), call(seconds=4)),
        (unit_price("1", "second", "video"), call("video", rendering=4)),
        (unit_price("1", "second"), call(rendering=float("inf"))),
        (unit_price("1", "second"), call(rendering=-1.0)),
        (unit_price("1", "token", "reply"), call("reply")),
    ],
)
def test_what_is_not_known_is_not_nothing(price, made):
    assert cost_of(made, price) is None


@pytest.mark.parametrize("provider", ["sketch", "guide"])
def test_what_is_built_in_costs_nothing_whatever_the_prices_say(provider):
    for price in (None, unit_price("5")):
        cost = cost_of(call(provider=provider), price)
        assert (cost.amount, cost.currency, cost.price_id) == (0, None, None)


def test_a_call_that_failed_costs_what_it_would_have_but_where_the_provider_did_not_begin():
    price = unit_price("0.04")
    for code in ("provider-error", "timed-out", "bad-bytes", "provider-down", "refused", "cancelled"):
        assert cost_of(call(error_code=code), price).amount == Decimal("0.04"), code
    for code in UNBILLED_ERRORS:
        assert cost_of(call(error_code=code), price).amount == 0, code
        assert cost_of(call(error_code=code), None).amount == 0, code


@given(AMOUNTS, COUNTS, COUNTS)
def test_two_calls_cost_as_much_as_one_with_the_units_of_both(amount, first, second):
    price = unit_price(amount, "token", "reply")

    def of(tokens):
        return cost_of(call("reply", tokens=tokens), price).amount

    assert of(first) + of(second) == of(first + second)


@given(AMOUNTS, SECONDS, SECONDS)
def test_a_longer_call_never_costs_less_and_none_costs_less_than_nothing(amount, one, other):
    price = unit_price(amount, "second")
    less, more = (cost_of(call(rendering=seconds), price).amount for seconds in sorted((one, other)))
    assert 0 <= less <= more


@given(AMOUNTS, st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_megapixel_is_a_million_pixels_whichever_side_is_longer(amount, width, height):
    price = unit_price(amount, "megapixel")
    cost = cost_of(call(width=width, height=height), price).amount
    assert cost == cost_of(call(width=height, height=width), price).amount
    assert abs(cost - amount * width * height / 10**6) <= Decimal("1e-11")


# Sums -------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.none() | AMOUNTS, st.integers(1, 50))))
def test_a_sum_says_how_many_of_its_parts_are_unknown(parts):
    total = CostSum("INR")
    for amount, count in parts:
        total.include(amount, count)
    unknown = sum(count for amount, count in parts if amount is None)
    assert (total.unknown, total.exact is None) == (unknown, unknown > 0)
    known = filters.money(sum((amount for amount, _ in parts if amount is not None), Decimal(0)), "INR")
    if unknown and all(amount is None for amount, _ in parts):
        assert total.words == "unknown"
    else:
        assert total.words == (f"at least {known} ({unknown:,} unknown)" if unknown else known)


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("1240", "INR", "₹1,240"),
        ("1240.4", "INR", "₹1,240"),
        ("0.31", "INR", "₹0.31"),
        ("-9.5", "USD", "−$9.50"),
        ("0.00000015", "USD", "$0.00000015"),
        ("0.0412", "USD", "$0.041"),
        ("0", "XYZ", "0 XYZ"),
        ("0.1", "USD", "$0.10"),
    ],
)
def test_amounts_are_shown_with_the_digits_that_say_something(amount, currency, words):
    assert filters.money(Decimal(amount), currency) == words


# The worst case of a plan -----------------------------------------------------------------------------------------------


def use(price, kind="image", provider="huggingface", model="m", longest=None):
    return ModelUse(provider=provider, model=model, kind=kind, price=price, longest_seconds=longest)


RATES = Rates(base="INR", of={"USD": Decimal(88)})
FREE = use(None, provider="sketch")


def test_every_credit_of_a_session_is_used_as_often_as_it_comes_back():
    clip = use(unit_price("0.4", "picture", "video"), "video")
    found = worst_case(plan(), [use(unit_price("0.01")), clip], RATES)
    assert (found.images, found.videos) == (45, 15)
    assert found.known == 45 * Decimal("0.88") + 15 * Decimal("35.2")
    assert (found.price, found.margin, found.loses) == (99, 99 - found.known, True)


@pytest.mark.parametrize(("minutes", "times"), [(1, 1), (60, 1), (61, 2), (90, 2), (120, 2), (180, 3)])
def test_an_hour_that_is_begun_gives_its_credits(minutes, times):
    assert worst_case(plan(minutes=minutes, images=8), [FREE], RATES).images == 8 * times


def test_the_dearest_model_counts_in_the_largest_size_of_the_plan():
    cheap, dear = use(unit_price("0.01"), model="cheap"), use(unit_price("1", "megapixel"), model="dear")
    found = worst_case(plan(images=1, videos=0, minutes=60, size=1000), [cheap, dear, FREE], RATES)
    assert (found.known, found.unknown) == (88, ())


def test_what_runs_on_the_built_in_painter_alone_costs_nothing_and_that_is_known():
    found = worst_case(plan(), [FREE, use(None, "video", "sketch")], RATES)
    assert (found.known, found.unknown, found.margin, found.loses) == (0, (), 99, False)


def test_what_is_unknown_is_named_and_a_loss_is_a_loss_without_it():
    unknown = use(None, model="new")
    seconds = use(unit_price("0.1", "second", "video"), "video", model="film")
    foreign = use(unit_price("1", currency="EUR"), model="other")
    found = worst_case(plan(), [unknown, seconds, foreign, use(unit_price("0.01"))], RATES)
    assert found.unknown == (
        "huggingface new: no price",
        "huggingface other: no exchange rate of EUR",
        "huggingface film: how long one takes",
    )
    assert (found.margin, found.loses) == (None, False)
    assert worst_case(plan(), [unknown, use(unit_price("1"))], RATES).loses


def test_seconds_count_as_long_as_the_longest_clip_so_far():
    film = use(unit_price("0.1", "second", "video"), "video", longest=5.0)
    found = worst_case(plan(images=0, videos=1, minutes=60), [film], RATES)
    assert (found.known, found.unknown) == (44, ())


def test_a_plan_without_clips_needs_no_price_of_clips():
    assert worst_case(plan(videos=0), [FREE, use(None, "video")], RATES).unknown == ()


def test_a_plan_in_a_currency_without_a_rate_has_no_margin():
    found = worst_case(plan(currency="EUR"), [FREE], RATES)
    assert (found.price, found.margin, found.loses) == (None, None, False)


def test_the_base_is_the_currency_of_most_plans_on_offer():
    dollars, rupees = plan(currency="USD"), plan(currency="INR")
    assert base_currency([dollars, rupees, rupees]) == "INR"
    assert base_currency([dollars, rupees]) == "USD"
    assert base_currency([dollars, plan(available=False), plan(available=False)]) == "USD"
    assert base_currency([plan(currency="EUR", available=False)]) == "EUR"
    assert base_currency([]) == "INR"


def test_amounts_are_converted_or_unknown_and_nothing_is_nothing():
    assert RATES.convert(Decimal(2), "USD") == 176
    assert RATES.convert(Decimal(2), "INR") == 2
    assert RATES.convert(Decimal(2), "EUR") is None
    assert RATES.convert(Decimal(0), None) == 0
