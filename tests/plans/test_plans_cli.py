"""Amounts as operators type them."""

import pytest

from chatserver.errors import Invalid
from chatserver.plans.cli import _amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [("49", 49), ("9.50", 9.5), ("9,50", 9.5), (" 9,5 ", 9.5), ("0", 0), ("٩٫٥٠".replace("٫", "."), 9.5)],
)
def test_an_amount_may_have_a_point_or_a_comma(text, amount):
    assert _amount(text) == amount


@pytest.mark.parametrize("text", ["1,000", "1.000", "-1", "nan", "inf", "1e3", "", "9,5,0", "₹49", "9" * 400, "1_0"])
def test_what_could_be_two_amounts_or_none_is_refused(text):
    with pytest.raises(Invalid) as refusal:
        _amount(text)
    assert refusal.value.details["field"] == "--price"
