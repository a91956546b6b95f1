"""When to upgrade: each branch of the advice, with its arithmetic; what is unknown is said to be."""

from decimal import Decimal

import pytest

from chatserver.costs.upgrade import Allowance, FlatPrice, Usage30, advice


def usage(active=12, cost="0", unknown=0, made=0, allowances=(), flats=()):
    flats = tuple(FlatPrice(kind=kind, amount=None if amount is None else Decimal(amount)) for kind, amount in flats)
    return Usage30(
        active=active,
        currency="INR",
        cost=Decimal(cost),
        unknown=unknown,
        made=made,
        allowances=tuple(allowances),
        flats=flats,
    )


def allowance(most, full_hours=0):
    return Allowance(provider="huggingface", per_hour=100, most=most, full_hours=full_hours, days=7)


MACHINE, SUBSCRIPTION = ("machine", "1200"), ("subscription", "800")


def test_a_machine_that_costs_less_than_what_is_paid_pays_now():
    found = advice(usage(active=58, cost="1271", made=4100, flats=[MACHINE]))
    assert (found.state, found.words) == ("attention", "Now: a machine of your own costs less")
    assert found.sentences == (
        "58 people were active yesterday, at or above the mark of 50; the next is 500.",
        "Providers cost ₹1,271 in the last 30 days for 4,100 pictures and clips: ₹0.31 each.",
        "A machine of your own of ₹1,200 a month pays from 3,871 pictures a month; you make 4,100.",
    )


def test_the_break_even_is_the_first_number_of_pictures_that_costs_as_much():
    for made, cost, least in ((10, "10", "1,200"), (1000, "310", "3,871"), (3, "1", "3,600"), (1, "7", "172")):
        [*_, sentence] = advice(usage(cost=cost, made=made, flats=[MACHINE])).sentences
        assert f"pays from {least} pictures a month; you make {made:,}." in sentence
        assert (int(least.replace(",", "")) - 1) * Decimal(cost) / made < 1200


@pytest.mark.parametrize(
    ("active", "words", "looks_ahead"),
    [
        (0, "0 people were active yesterday, below the mark of 50.", False),
        (1, "1 person was active yesterday, below the mark of 50.", False),
        (49, "49 people were active yesterday, below the mark of 50.", False),
        (50, "50 people were active yesterday, at or above the mark of 50; the next is 500.", True),
        (499, "499 people were active yesterday, at or above the mark of 50; the next is 500.", True),
        (500, "500 people were active yesterday, at or above the mark of 500.", True),
        (1234, "1,234 people were active yesterday, at or above the mark of 500.", True),
    ],
)
def test_the_marks_of_active_people(active, words, looks_ahead):
    found = advice(usage(active=active, cost="1", made=1, flats=[MACHINE]))
    assert found.sentences[0] == words
    assert (found.words.startswith("Look ahead"), found.state == "attention") == (looks_ahead, looks_ahead)


@pytest.mark.parametrize(
    ("most", "full_hours", "words", "is_tight"),
    [
        (0, 0, "took 0 of them (0%), and none took all of it.", False),
        (79, 0, "took 79 of them (79%), and none took all of it.", False),
        (80, 0, "took 80 of them (80%), and none took all of it.", True),
        (100, 1, "took 100 of them (100%), and all of it was used in 1 hour, in which further work waited.", True),
        (120, 9, "took 120 of them (120%), and all of it was used in 9 hours, in which further work waited.", True),
    ],
)
def test_the_allowance_of_an_hour(most, full_hours, words, is_tight):
    found = advice(usage(cost="1", made=1, allowances=[allowance(most, full_hours)], flats=[MACHINE]))
    assert found.sentences[2] == f"huggingface allows 100 calls an hour; the busiest hour of 7 days {words}"
    assert (found.words == "Soon: the allowance of huggingface is nearly used up") == is_tight
    assert found.state == ("attention" if is_tight else "good")


@pytest.mark.parametrize(
    ("given", "sentence", "short"),
    [
        ({}, "In the last 30 days no provider that is paid for has made anything.", "₹0 in 30 days"),
        (
            {"cost": "12", "made": 1},
            "Providers cost ₹12 in the last 30 days for 1 picture or clip: ₹12 each.",
            "₹12 in 30 days",
        ),
        (
            {"cost": "12", "made": 3, "unknown": 2},
            "Providers cost at least ₹12 in the last 30 days for 3 pictures and clips; the cost of 2 calls is unknown.",
            "At least ₹12 in 30 days",
        ),
        (
            {"made": 3, "unknown": 1},
            "Providers cost an unknown amount in the last 30 days for 3 pictures and clips; the cost of 1 call is unknown.",
            "Unknown: no price of what was asked",
        ),
        ({"cost": "12"}, "Providers cost ₹12 in the last 30 days, and nothing came of it.", "₹12 in 30 days"),
        (
            {"made": 5},
            "Providers cost ₹0 in the last 30 days for 5 pictures and clips: ₹0 each.",
            "₹0 in 30 days",
        ),
    ],
)
def test_what_providers_cost(given, sentence, short):
    found = advice(usage(**given))
    assert (found.sentences[1], found.cost) == (sentence, short)


def test_without_a_price_to_compare_with_that_is_said_and_nothing_is_advised():
    found = advice(usage(cost="1", made=1))
    assert found.sentences[-1].startswith("The price of a subscription or a machine of your own is unknown")
    assert (found.state, found.words) == ("quiet", "No need is seen; not everything is known")


def test_a_flat_price_without_an_exchange_rate_is_unknown():
    found = advice(usage(cost="1", made=1, flats=[("machine", None)]))
    assert found.sentences[-1] == "Whether a machine of your own pays is unknown: its currency has no exchange rate."
    assert found.state == "quiet"


def test_what_is_known_alone_may_be_more_than_a_flat_price():
    found = advice(usage(cost="900", made=10, unknown=5, flats=[SUBSCRIPTION, MACHINE]))
    assert found.words == "Now: a subscription costs less"
    assert advice(usage(cost="9000", made=10, flats=[MACHINE, SUBSCRIPTION])).words == found.words
    assert found.sentences[2:] == (
        "A subscription of ₹800 a month costs less than what is known to be paid already.",
        "A machine of your own of ₹1,200 a month does not pay by what is known: what a picture costs is unknown.",
    )


def test_who_pays_nothing_needs_no_machine():
    found = advice(usage(made=10, flats=[MACHINE]))
    assert found.sentences[-1].endswith("does not pay by what is known: nothing is paid for a picture.")
    assert (found.state, found.words) == ("good", "Not yet")


def test_what_is_paid_is_said_before_what_is_tight_and_that_before_the_marks():
    tight = allowance(100, 3)
    assert advice(usage(500, "1300", 0, 9, [tight], [MACHINE])).words.startswith("Now")
    assert advice(usage(500, "1", 0, 9, [tight], [MACHINE])).words.startswith("Soon")
    assert advice(usage(500, "1", 0, 9, [], [MACHINE])).words.startswith("Look ahead")
