"""Tables as files: numbers stay numbers, and no text runs as a formula."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from starlette.requests import Request

from chatserver.admin.csv import csv_response


def asking(accept):
    return Request({"type": "http", "path": "/", "headers": [(b"accept", accept), (b"host", b"localhost")]})


async def downloaded(rows, accept=b"*/*"):
    response = csv_response(asking(accept), "things", ("name", "number"), rows)
    return b"".join([piece async for piece in response.body_iterator])


async def lines(rows):
    return list(csv.reader(io.StringIO((await downloaded(rows)).decode())))


async def test_spreadsheets_are_told_the_encoding_and_programs_get_the_bare_names():
    rows = [("Zoë", number) for number in range(500)]
    for_people, for_programs = await downloaded(rows, b"text/html,*/*;q=0.8"), await downloaded(rows)
    assert for_people == b"\xef\xbb\xbf" + for_programs
    assert for_programs.startswith(b"name,number\r\n")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", " \n@x", "\uff1d1", "\uff20SUM(A1)"]
)
async def test_a_text_that_begins_a_formula_is_told_to_be_a_text(text):
    assert (await lines([(text, 1)]))[1][0] == f"'{text}"


async def test_numbers_times_and_nothing_stay_what_they_are():
    moment = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
    [_, *rows] = await lines([(-3, Decimal("-0.25")), (moment, None), ('a, "b"\nc', 1.5)])
    assert rows == [["-3", "-0.25"], ["2026-11-29T06:00:00+00:00", ""], ['a, "b"\nc', "1.5"]]


async def test_rows_may_come_one_after_the_other_and_be_many():
    async def many():
        for number in range(1001):
            yield (f"row {number}", number)

    found = await lines(many())
    assert (len(found), found[-1]) == (1002, ["row 1000", "1000"])


async def test_the_file_has_a_name_and_is_kept_by_nobody():
    headers = csv_response(asking(b"*/*"), "things", ("name",), []).headers
    assert headers["content-disposition"] == 'attachment; filename="things.csv"'
    assert headers["cache-control"] == "no-store"
