"""Prices and exchange rates as operators give them: checked, with what is wrong in words. Raises Invalid."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, cast, get_args

from chatserver import currencies
from chatserver.costs.calculation import FREE_PROVIDERS
from chatserver.costs.models import BilledKind, NewPrice, Unit
from chatserver.errors import Invalid
from chatserver.validation import optional_line, single_line

LONGEST_PROVIDER, LONGEST_MODEL = 60, 200
# What can be counted of each kind of work.
UNITS: Mapping[BilledKind, tuple[Unit, ...]] = {
    "image": ("picture", "megapixel", "second"),
    "video": ("picture", "second"),
    "reply": ("token",),
}
# A price times the units of the longest call still fits its column.
_AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,12})?")
_FLAT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


def new_price(given: Mapping[str, str]) -> NewPrice:
    """A price from its fields: provider, kind, unit, amount, currency; model and valid_from may be empty."""
    provider = single_line("provider", given.get("provider", ""), LONGEST_PROVIDER)
    if provider in FREE_PROVIDERS:
        raise Invalid.field("provider", "is built in: it costs nothing")
    model = given.get("model", "")
    kind = _kind(given.get("kind", ""))
    return NewPrice(
        provider=provider,
        model=optional_line("model", model, LONGEST_MODEL),
        kind=kind,
        unit=_unit(kind, given.get("unit", "")),
        amount=amount("amount", given.get("amount", "")),
        currency=currency(given.get("currency", "")),
        valid_from=moment(given.get("valid_from", "")),
    )


def _kind(text: str) -> BilledKind:
    text = text.strip()
    if text not in UNITS:
        raise Invalid.field("kind", f"must be one of {', '.join(get_args(BilledKind))}")
    return cast(BilledKind, text)


def _unit(kind: BilledKind, text: str) -> Unit:
    text = text.strip()
    if text not in UNITS[kind]:
        raise Invalid.field("unit", f"of kind {kind} must be one of {', '.join(UNITS[kind])}")
    return text


def amount(field: Literal["amount", "rate"], text: str) -> Decimal:
    """An amount with a point before the decimals. 1,000 could be a thousand or one, so it is refused."""
    if not _AMOUNT.fullmatch(text.strip()):
        raise Invalid.field(field, "must be a number such as 40, 0.04 or 0.00000015")
    return Decimal(text.strip())


def flat_amount(text: str) -> Decimal | None:
    """What something costs a month, with at most two decimals; None for an empty text."""
    if not text.strip():
        return None
    if not _FLAT.fullmatch(text.strip()) or not Decimal(text.strip()):
        raise Invalid.field("flat", "must be more than 0, such as 1200 or 9.50")
    return Decimal(text.strip())


def currency(text: str) -> str:
    """The three letters of a currency of ISO 4217, in capitals."""
    return currencies.checked(text, "USD")


def moment(text: str) -> datetime | None:
    """A date or a time of ISO 8601, in UTC where it names no zone; None for an empty text."""
    if not text.strip():
        return None
    try:
        value = datetime.fromisoformat(text.strip())
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid.field("valid_from", "must be a date such as 2026-11-29, or a time with its zone") from None
    if not _FIRST_YEAR <= value.year < _LAST_YEAR:
        raise Invalid.field("valid_from", f"must be within the years {_FIRST_YEAR} to {_LAST_YEAR - 1}")
    return value
