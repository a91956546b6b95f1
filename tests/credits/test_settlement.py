"""A generation's credit is captured or released once, whatever is asked, how often, and concurrently."""

import asyncio

import pytest

from chatserver import credits, ids
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.requests import CreateGeneration
from tests.support.people import make_session, make_user, run_sql

CHOICES = {"image": ModelChoice("sketch", "Sketch")}


@pytest.fixture
async def held(database):
    """(session, generation) with one credit held."""
    ada = await make_user(database)
    session = await make_session(database, ada)
    wish = CreateGeneration(client_id=ids.new(), kind="image", prompt="a kite", width=64, height=64)
    message = await database.run_as(ada, generations.create, session, wish, CHOICES)
    return session, message.generations[0].id


async def entries(database, generation):
    rows = await run_sql(database, "SELECT action FROM credit_entries WHERE generation_id = $1 ORDER BY id", generation)
    return [row["action"] for row in rows]


async def left(database, session):
    return (await database.run_system(credits.balances, session)).image.left


async def test_p5_of_many_settlements_at_once_one_counts(database, held):
    session, generation = held
    asked = [verb for _ in range(5) for verb in (credits.capture, credits.release)]
    await asyncio.gather(*(database.run_system(verb, generation) for verb in asked))
    first, settled = await entries(database, generation)
    assert first == "hold"
    assert await left(database, session) == (7 if settled == "capture" else 8)


async def test_p5_what_was_captured_does_not_come_back(database, held):
    session, generation = held
    await database.run_system(credits.capture, generation)
    assert await database.run_system(credits.release, generation) is False
    assert await entries(database, generation) == ["hold", "capture"]
    assert await left(database, session) == 7


async def test_p5_what_was_given_back_is_not_captured(database, held):
    session, generation = held
    assert await database.run_system(credits.release, generation) is True
    assert await database.run_system(credits.release, generation) is False
    await database.run_system(credits.capture, generation)
    assert await entries(database, generation) == ["hold", "release"]
    assert await left(database, session) == 8
