"""Files of prices: CSV with a line of names, or JSON with a list of objects. The whole file is read, or none of it."""

import csv
import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chatserver.costs import checks
from chatserver.costs.models import NewPrice
from chatserver.errors import ChatserverError, Invalid

MOST_BYTES, MOST_PRICES = 2_000_000, 10_000
NAMES = ("provider", "model", "kind", "unit", "amount", "currency", "valid_from")
_NEEDED = ("provider", "kind", "unit", "amount", "currency")
# With which spreadsheets write CSV in countries where a comma stands before decimals.
_SEPARATOR = re.compile(r"[;\t|]")


def read(data: bytes) -> list[NewPrice]:
    """The prices of a file in UTF-8; Invalid names the line of the first that is wrong."""
    if len(data) > MOST_BYTES:
        raise Invalid(f"The file is larger than {MOST_BYTES:,} bytes.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Invalid(f"Line {line}: it is not UTF-8.") from None
    prices = list[NewPrice]()
    for line, given in _from_json(text) if text.lstrip().startswith(("[", "{")) else _from_csv(text):
        if len(prices) == MOST_PRICES:
            raise Invalid(f"Line {line}: a file has at most {MOST_PRICES:,} prices.")
        try:
            prices.append(checks.new_price(given))
        except ChatserverError as error:
            raise Invalid(f"Line {line}: {error.message}") from None
    if not prices:
        raise Invalid("Line 1: the file has no prices.")
    return prices


def _require_names(line: int, names: list[str]) -> None:
    for name in names:
        if len(names) == 1 and (found := _SEPARATOR.search(name)):
            raise Invalid(f"Line {line}: values have commas between them, and no {found[0]!r}.")
        if name not in NAMES:
            raise Invalid(f"Line {line}: {name[:40]!r} is none of {', '.join(NAMES)}.")
    if missing := [name for name in _NEEDED if name not in names]:
        raise Invalid(f"Line {line}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.")


# CSV ------------------------------------------------------------------------------------------------------------------


def _from_csv(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line's number and values by the names of the first line. Empty lines are passed over."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    line, names = 1, list[str]()
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                pass
            elif not names:
                names = [cell.strip().lower() for cell in cells]
                _require_names(line, names)
                if len(set(names)) < len(names):
                    raise Invalid(f"Line {line}: a name stands there twice.")
            elif len(cells) != len(names):
                raise Invalid(f"Line {line}: it has {len(cells)} values, and the first line {len(names)} names.")
            else:
                yield line, dict(zip(names, cells, strict=True))
            line = lines.line_num + 1
    except csv.Error as error:
        raise Invalid(f"Line {max(lines.line_num, 1)}: {error}.") from None


# JSON -----------------------------------------------------------------------------------------------------------------


def _from_json(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each object's first line and values. Objects are read one after the other, so that each knows its line."""
    decoder = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
    at = _skip(text, 0)
    if text[at] != "[":
        raise Invalid(f"Line {_line(text, at)}: a list of prices has to begin with [.")
    at = _skip(text, at + 1)
    while not text.startswith("]", at):
        try:
            found, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise Invalid(f"Line {error.lineno}: {error.msg}.") from None
        except (RecursionError, ValueError):
            raise Invalid(f"Line {_line(text, at)}: it is no price.") from None
        line = _line(text, at)
        yield line, _values(line, found)
        at = _skip(text, end)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
            if text.startswith("]", at):
                raise Invalid(f"Line {_line(text, at)}: a price is missing after the comma.")
        elif not text.startswith("]", at):
            raise Invalid(f"Line {_line(text, min(at, len(text) - 1))}: , or ] is missing.")
    if _skip(text, at + 1) < len(text):
        raise Invalid(f"Line {_line(text, _skip(text, at + 1))}: there is more after the list.")


def _values(line: int, found: Any) -> dict[str, str]:
    if not isinstance(found, dict):
        raise Invalid(f"Line {line}: each price is an object.")
    _require_names(line, list(found))
    return {name: _text(line, name, value) for name, value in found.items()}


def _text(line: int, name: str, value: Any) -> str:
    if value is None and name not in _NEEDED:
        return ""
    if isinstance(value, Decimal) and name == "amount":
        # An exponent such as 1e999999999 is not written out.
        return f"{value:f}" if -40 < value.adjusted() < 40 else "too large"
    if not isinstance(value, str):
        raise Invalid(f"Line {line}: {name} must be a text{' or a number' if name == 'amount' else ''}.")
    return value


def _no_number(word: str) -> Any:
    raise ValueError(word)


def _skip(text: str, at: int) -> int:
    """The next place that is no white space of JSON."""
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
