"""Tables as CSV files: streamed, and safe to open in a spreadsheet."""

import codecs
import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import StreamingResponse

from chatserver.web.errors import wants_html

# What a spreadsheet takes for the beginning of a formula, in East Asia also in full width, and the separators that it may
# skip before one.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r")
_ROWS_AT_ONCE = 200
BYTE_ORDER_MARK = codecs.BOM_UTF8

Cell = str | int | float | Decimal | datetime | None


def csv_response(
    request: Request, name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]] | AsyncIterable[Sequence[Cell]]
) -> StreamingResponse:
    """A download `<name>.csv` in UTF-8 (RFC 4180) with a line of `columns` and one line for each row.

    Numbers stay numbers, times are RFC 3339, None is an empty cell. A text that a spreadsheet would run as a formula gets a
    leading apostrophe. What a browser downloads begins with a byte order mark, without which spreadsheets take it for the
    machine's own encoding; programs, for which it would be a part of the first name, get none.
    """
    mark = BYTE_ORDER_MARK if wants_html(request) else b""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(_lines(mark, columns, rows), media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(
    mark: bytes, columns: Sequence[str], rows: Iterable[Sequence[Cell]] | AsyncIterable[Sequence[Cell]]
) -> AsyncIterator[bytes]:
    batch: list[Sequence[Cell]] = [columns]
    async for row in _asynchronous(rows):
        batch.append(row)
        if len(batch) >= _ROWS_AT_ONCE:
            yield mark + _encoded(batch)
            batch, mark = [], b""
    if batch:
        yield mark + _encoded(batch)


async def _asynchronous(
    rows: Iterable[Sequence[Cell]] | AsyncIterable[Sequence[Cell]],
) -> AsyncIterator[Sequence[Cell]]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row


def _encoded(rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_shown(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _shown(cell: Cell) -> str | int | float | Decimal | None:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    # Some spreadsheets skip leading spaces.
    if isinstance(cell, str) and (cell.startswith(_FORMULA) or cell.lstrip().startswith(_FORMULA)):
        return f"'{cell}"
    return cell
