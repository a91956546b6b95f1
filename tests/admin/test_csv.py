"""Tables as files: numbers stay numbers, and no text runs as a formula."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chatserver.admin.csv import csv_response


async def lines(rows):
    response = csv_response("things", ("name", "number"), rows)
    text = b"".join([piece async for piece in response.body_iterator]).decode()
    return list(csv.reader(io.StringIO(text)))


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
    headers = csv_response("things", ("name",), []).headers
    assert headers["content-disposition"] == 'attachment; filename="things.csv"'
    assert headers["cache-control"] == "no-store"
