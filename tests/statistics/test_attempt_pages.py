"""The calls behind the figures: every one that fits, once, however the pages fall."""

import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from chatserver import rollups
from chatserver.statistics import calls
from chatserver.statistics.blame import blame_of
from chatserver.statistics.calls import CallFilter, ReplyFilter
from chatserver.statistics.figures import Span
from tests.rollups.test_rollups import ADD, ADD_REPLY, EVER
from tests.support.people import run_sql

END = datetime(2031, 3, 31, 5, tzinfo=UTC)
SPAN = Span(start=END - timedelta(days=9), end=END, zone="Asia/Kolkata")


@pytest.fixture(scope="module")
async def kept(database):
    """Calls of eleven days, many of them at the same moment; half of the days are summed up."""
    chance, made = random.Random(5), []
    for number in range(240):
        at = END - timedelta(days=chance.randrange(11), hours=chance.choice([1, 2]))
        code = chance.choice([None, "provider-down", "refused"]) if number != 7 else "timed-out"
        outcome = "failed" if code else chance.choice(["done", "lost"])
        call = {
            "id": str(uuid.uuid4()), "user_id": None, "plan": chance.choice(["pro", "flash"]),
            "kind": chance.choice(["image", "video"]), "provider": chance.choice(["sketch", "huggingface"]), "at": at,
            "waited": 1.0, "loading": 2.0, "rendering": 3.0, "duration": None, "outcome": outcome, "error": code,
            "blame": code and blame_of(code), "cost": None, "currency": None,
        }  # fmt: skip
        await run_sql(database, ADD, *call.values())
        made.append(call)
        if number == 120:
            while await database.run_system(rollups.roll_up_next, EVER):
                pass
    return made


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"provider": "sketch", "kind": "video"},
        {"error": "refused", "blame": "user", "plan": "pro"},
        {"error": "timed-out"},
        {"outcome": "lost", "model": "m"},
        {"provider": "nobody"},
    ],
)
@pytest.mark.parametrize("limit", [1, 7, 500])
async def test_pages_have_every_call_that_fits_once_the_newest_first(database, kept, wanted, limit):
    fits = [
        each
        for each in kept
        if SPAN.start <= each["at"] < SPAN.end
        and all(each[name] == value for name, value in wanted.items() if name != "model")
    ]
    expected = [each["id"] for each in sorted(fits, key=lambda each: (each["at"], each["id"]), reverse=True)]
    seen, before = [], None
    while page := await database.run_system(calls.page, CallFilter(**wanted), SPAN, before, limit):
        seen += [str(call.id) for call in page]
        before = page[-1].id
        if len(seen) > 20 and limit == 1:
            break
    assert seen == (expected[: len(seen)] if limit == 1 else expected)


async def test_replies_have_pages_as_calls_do(database):
    chance, made = random.Random(6), []
    for number in range(90):
        reply = {
            "id": str(uuid.uuid4()), "plan": chance.choice(["pro", "flash"]), "provider": "service",
            "model": chance.choice(["m", "writer"]), "at": END - timedelta(days=chance.randrange(11), hours=1),
            "outcome": chance.choice(["done", "stopped"]), "error": None, "first_words": 1.0, "seconds": 2.0,
            "tokens_in": 3, "tokens_out": 4, "cost": None, "currency": None,
        }  # fmt: skip
        await run_sql(database, ADD_REPLY, *reply.values())
        made.append(reply)
        if number == 45:
            while await database.run_system(rollups.roll_up_next, EVER):
                pass
    for wanted in ({}, {"model": "writer", "outcome": "stopped"}, {"plan": "pro"}, {"error": "refused"}):
        fits = [each for each in made if SPAN.start <= each["at"] and wanted.items() <= each.items()]
        expected = [each["id"] for each in sorted(fits, key=lambda each: (each["at"], each["id"]), reverse=True)]
        seen, before = [], None
        while page := await database.run_system(calls.reply_page, ReplyFilter(**wanted), SPAN, before, 7):
            seen += [str(reply.id) for reply in page]
            before = page[-1].id
        assert seen == expected
