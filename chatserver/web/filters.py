"""Jinja filters. Times are rendered in UTC, inside an element that converts them to the reader's time zone."""

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from markupsafe import Markup, escape

from chatserver.identity import colours
from chatserver.runtime import clock
from chatserver.text import graphemes

TimeFormat = Literal["datetime", "date", "clock", "day", "relative", "left", "moment"]
_SYMBOLS = {"INR": "₹", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "KRW": "₩", "BRL": "R$"}
# Each message shows two times, and `strftime` asks the C library for the names.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

# The accents of static/css/accents.css are so far apart.
ACCENT_DEGREES = 15
_DAY_MINUTES = 24 * 60


class Amount(Protocol):
    """An amount in units of an ISO 4217 currency, as plans have it."""

    @property
    def amount(self) -> float: ...
    @property
    def currency(self) -> str: ...


def time(value: datetime, style: TimeFormat = "datetime") -> Markup:
    """A `<time>` inside the element that localises it; without JavaScript it shows UTC.

    What counts from now is as long as the reader will have it: nothing on the page moves when it is localised.
    """
    value = value.astimezone(UTC)
    day = f"{value.day} {_MONTHS[value.month - 1]} {value.year}"
    shown = day if style in {"date", "day"} else f"{day}, {value.hour:02}:{value.minute:02} UTC"
    if style in {"relative", "left"}:
        seconds = (value - clock.now()).total_seconds()
        shown = _relative(seconds) if style == "relative" else _left(seconds)
    # Nothing in it has to be escaped; `Markup.format` would take longer than all the rest.
    return Markup(f'<local-time data-style="{style}"><time datetime="{iso(value)}">{shown}</time></local-time>')  # noqa: S704


def _relative(seconds: float) -> str:
    """5 min ago, in 2 days, yesterday, now."""
    for unit, size in (("days", 86400), ("hr", 3600), ("min", 60)):
        if abs(seconds) >= size:
            count = round(seconds / size)
            if unit == "days" and abs(count) == 1:
                return "tomorrow" if count > 0 else "yesterday"
            return f"in {count} {unit}" if count > 0 else f"{-count} {unit} ago"
    return "now"


def _left(seconds: float) -> str:
    """1 h 12 min left, to the minute; 29 days 23 h left."""
    return "time is up" if seconds <= 0 else f"{_minutes(math.ceil(seconds / 60))} left"


def iso(value: datetime) -> str:
    """RFC 3339 in UTC, to the second, with Z."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def price(value: Amount) -> str:
    """₹49, $9.50, 12 XYZ; Free for an amount of 0."""
    if value.amount == 0:
        return "Free"
    amount = f"{value.amount:,.0f}" if value.amount == int(value.amount) else f"{value.amount:,.2f}"
    symbol = _SYMBOLS.get(value.currency)
    return f"{symbol}{amount}" if symbol else f"{amount} {value.currency}"


def money(amount: Decimal | int, currency: str) -> str:
    """₹1,240, ₹0.31, −$9.50, $0.00000015, 12 XYZ: two decimals, and below a tenth the first two digits."""
    sign, amount = "−" if amount < 0 else "", abs(Decimal(amount))
    decimals = 0 if amount == amount.to_integral_value() or amount >= 1000 else 2
    if 0 < amount < Decimal("0.1"):
        decimals = 1 - amount.adjusted()
    shown = f"{amount:,.{decimals}f}"
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{shown}" if symbol else f"{sign}{shown} {currency}"


def size(count: int) -> str:
    """A size in bytes, in powers of ten as operating systems print them: 1.2 MB."""
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def duration(seconds: float) -> str:
    """Seconds in at most two units: 45 s, 3 min, 2 h, 1 h 30 min, 30 days."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 and seconds != int(seconds) else f"{seconds:.0f} s"
    return _minutes(round(seconds / 60))


def _minutes(minutes: int) -> str:
    """Minutes as words, of which the larger unit is days from the second day on."""
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 2 * _DAY_MINUTES:
        return _in_units(minutes, 60, "h", "min")
    return _in_units(minutes // 60, 24, "days", "h")


def _in_units(count: int, size: int, large: str, small: str) -> str:
    whole, rest = divmod(count, size)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"


def count(number: int, one: str, many: str) -> str:
    """1 picture, 3,000 pictures."""
    return f"{number:,} {one if number == 1 else many}"


def number(value: float | Decimal) -> str:
    """A number with its thousands apart, in the digits that it has: 1,234,567; 1,234.50."""
    return f"{value:,}"


def isolate(text: str) -> str:
    """A name or title for use within a sentence: right-to-left text is put between bidi isolates (U+2068, U+2069)."""
    return f"\u2068{text}\u2069" if any(unicodedata.bidirectional(each) in {"R", "AL"} for each in text) else text


def accent(hue: int) -> int:
    """The accent nearest to a hue of 0–359 degrees: its number in static/css/accents.css."""
    return round(hue / ACCENT_DEGREES) % (360 // ACCENT_DEGREES)


# A number with its unit or currency, or two sides; no number is in the middle of a word or an entity.
_UNIT = (
    r"(?:[kMGT]i?B|bytes?|(?:mega)?pixels?|characters?|s|min|h|d|seconds?|minutes?|hours?|days?"
    r"|credits?|pictures?|clips?|uploads?|[A-Z]{3})\b"
)
_MEASURE = re.compile(rf"(?<![\w#])\d[\d.,]*(?: × \d+(?: {_UNIT})?| (?:{_UNIT}|%))")


def with_units(text: str) -> Markup:
    """A sentence in which no line ends between a number and its unit; the spaces are those that people type.

    >>> with_units("At most 25 MB.")
    Markup('At most <span class="nowrap">25 MB</span>.')
    """
    return Markup(_MEASURE.sub(r'<span class="nowrap">\g<0></span>', str(escape(text))))  # noqa: S704


FILTERS: dict[str, Callable[..., Any]] = {
    "time": time,
    "iso": iso,
    "price": price,
    "money": money,
    "size": size,
    "duration": duration,
    "with_units": with_units,
    "count_of": count,
    "number": number,
    "accent": accent,
    "hue": colours.hue_of,
    "initial": graphemes.initial,
    "isolate": isolate,
}
