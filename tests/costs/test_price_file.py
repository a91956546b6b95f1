"""Files of prices: the whole file or nothing, and an error names its line."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chatserver.costs import price_file
from chatserver.errors import Invalid

CSV = """provider,model,kind,unit,amount,currency,valid_from
huggingface,black-forest-labs/FLUX.1-dev,image,megapixel,0.025,USD,2026-11-01

huggingface,,video,second,0.1,usd,2026-11-01T00:00+05:30
"a ""b"", c",,reply,token,0.00000015,USD,
"""
JSON = """[
  {"provider": "huggingface", "model": "black-forest-labs/FLUX.1-dev", "kind": "image", "unit": "megapixel",
   "amount": 0.025, "currency": "USD", "valid_from": "2026-11-01"},
  {"provider": "huggingface", "kind": "video", "unit": "second", "amount": "0.1", "currency": "USD",
   "valid_from": "2026-11-01T00:00+05:30"},
  {"provider": "a \\"b\\", c", "model": null, "kind": "reply", "unit": "token", "amount": 1.5e-7, "currency": "USD"}
]"""


@pytest.mark.parametrize("text", [CSV, "\ufeff" + CSV.replace("\n", "\r\n"), JSON, "\n\n" + JSON])
def test_csv_and_json_say_the_same(text):
    first, second, third = price_file.read(text.encode())
    assert (first.model, first.amount, first.unit) == ("black-forest-labs/FLUX.1-dev", Decimal("0.025"), "megapixel")
    assert first.valid_from == datetime(2026, 11, 1, tzinfo=UTC)
    assert (second.model, second.currency) == ("", "USD")
    assert second.valid_from == datetime(2026, 10, 31, 18, 30, tzinfo=UTC)
    assert (third.provider, third.amount, third.valid_from) == ('a "b", c', Decimal("0.00000015"), None)


HEAD = "provider,kind,unit,amount,currency\n"
GOOD = "huggingface,image,picture,0.04,USD\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "no prices"),
        (HEAD, 1, "no prices"),
        ("provider,kind\n", 1, "unit, amount, currency are missing"),
        ("provider,kind,unit,amount,currency,colour\n", 1, "colour"),
        (HEAD.replace(",", ";") + GOOD.replace(",", ";"), 1, "commas between them, and no ';'"),
        (HEAD.replace(",", "\t"), 1, "commas between them"),
        ("provider,kind,unit,amount,currency,kind\n", 1, "twice"),
        (HEAD + GOOD + "huggingface,image,picture,1,000,USD\n", 3, "6 values"),
        (HEAD + "\n\n" + "huggingface,image,picture,free,USD\n", 4, "amount must be a number"),
        (HEAD + "huggingface,image,picture,-1,USD\n", 2, "amount must be a number"),
        (HEAD + "huggingface,image,picture,NaN,USD\n", 2, "amount must be a number"),
        (HEAD + "huggingface,image,picture,1e9,USD\n", 2, "amount must be a number"),
        (HEAD + "huggingface,image,picture," + "9" * 400 + ",USD\n", 2, "amount must be a number"),
        (HEAD + "huggingface,image,picture,1,rupees\n", 2, "currency must be"),
        (HEAD + "huggingface,image,token,1,USD\n", 2, "unit of kind image"),
        (HEAD + "huggingface,sound,second,1,USD\n", 2, "kind must be"),
        (HEAD + "sketch,image,picture,1,USD\n", 2, "is built in"),
        (HEAD + ",image,picture,1,USD\n", 2, "provider must not be empty"),
        (HEAD + "a\x00b,image,picture,1,USD\n", 2, "NUL"),
        (HEAD + "a\u202eb,image,picture,1,USD\n", 2, "control characters"),
        (HEAD + GOOD + '"open,image,picture,1,USD\n', 3, ""),
        (HEAD + '"a\nb",image,picture,1,USD\nhuggingface,image,picture,x,USD\n', 4, "amount must be a number"),
        ("valid_from," + HEAD + "yesterday," + GOOD, 2, "valid_from must be a date"),
        ("valid_from," + HEAD + "0001-01-01T00:00+23:00," + GOOD, 2, "valid_from must be"),
        ("valid_from," + HEAD + "9999-01-01," + GOOD, 2, "years 2000 to 2099"),
        (JSON.replace("0.025", '"x"'), 2, "amount must be a number"),
        (JSON.replace('"unit": "second"', '"unit": 5'), 4, "unit must be a text"),
        (JSON.replace('"amount": "0.1", ', ""), 4, "amount is missing"),
        (JSON.replace("1.5e-7", "1e999999999"), 6, "amount must be a number"),
        (JSON.replace("1.5e-7", "NaN"), 6, ""),
        (JSON.replace("1.5e-7", "true"), 6, "amount must be a text or a number"),
        (JSON[:-1], 6, "is missing"),
        (JSON.replace("},\n", "}\n"), 4, "is missing"),
        (JSON[:-2] + ",\n]", 7, "after the comma"),
        (JSON + " x", 7, "more after"),
        ('{"prices": []}', 1, "has to begin with ["),
        ("[", 1, ""),
        ("[]", 1, "no prices"),
        ("[5]", 1, "is an object"),
        ("[" * 100_000, 1, ""),
    ],
)  # fmt: skip
def test_an_error_names_its_line(text, line, words):
    with pytest.raises(Invalid) as refusal:
        price_file.read(text.encode())
    assert refusal.value.message.startswith(f"Line {line}: "), refusal.value.message
    assert words in refusal.value.message


def test_a_file_that_is_no_text_or_too_large_is_refused():
    with pytest.raises(Invalid, match="Line 2: it is not UTF-8"):
        price_file.read(HEAD.encode() + b"\xff\xfe")
    with pytest.raises(Invalid, match="larger than"):
        price_file.read(b" " * (price_file.MOST_BYTES + 1))
    with pytest.raises(Invalid, match="at most 10,000"):
        price_file.read((HEAD + GOOD * 10_001).encode())
