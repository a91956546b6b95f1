"""A trial is one free session for each person, and never another."""

import asyncio

import pytest

from chatserver import sessions
from chatserver.codes import trials
from chatserver.errors import Conflict, FreeSessionsUsedUp, Invalid, NotAllowed
from chatserver.privacy import erasure
from chatserver.users import email_addresses
from tests.support.people import make_user, run_sql

KEY = "a test's key"


async def begin(database, user, plan="flash-lite", network=""):
    return await database.run_system(trials.begin, user, plan, KEY, network)


async def offered(database, user, plan="flash-lite"):
    found = await database.run_system(trials.offered, user, plan, KEY)
    return found and found.id


async def test_a_trial_is_given_once_however_often_it_is_asked_for_at_once(database):
    ada = await make_user(database)
    assert await offered(database, ada) == "flash-lite"
    done = await asyncio.gather(*(begin(database, ada) for _ in range(20)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Conflict"] * 19 + ["Session"]
    assert await offered(database, ada) is None
    booked = await run_sql(database, "SELECT plan_id, checkout FROM purchases WHERE user_id = $1", ada)
    assert [tuple(row) for row in booked] == [("flash-lite", "instant")], "it is free, and no revenue"


async def test_a_new_account_of_the_same_address_brings_no_second_trial(database):
    first = await make_user(database, email="Ada@Example.org")
    await begin(database, first)
    await database.run_system(erasure.close_account, first)
    while await run_sql(database, "SELECT FROM users WHERE id = $1", first):
        await database.run_system(erasure.remove_closed_account)
    again = await make_user(database, email="ada@example.ORG")
    assert await offered(database, again) is None
    with pytest.raises(Conflict):
        await begin(database, again)
    kept = await run_sql(database, "SELECT t::text AS t, user_id FROM trials t WHERE user_id IS NULL")
    assert kept and not any("example" in row["t"].lower() for row in kept), "a keyed hash is all that is kept"


async def test_another_address_brings_no_second_trial_to_the_same_account(database):
    ada = await make_user(database)
    await begin(database, ada)
    await run_sql(database, "UPDATE users SET email = $2 WHERE id = $1", ada, "another@example.org")
    with pytest.raises(Conflict):
        await begin(database, ada)


async def test_a_trial_counts_as_a_free_session_and_what_is_refused_is_not_used_up(limited):
    few = await limited(free_sessions_per_address_per_day=1)
    ada, bob = await make_user(few), await make_user(few)
    await begin(few, ada, network="home")
    with pytest.raises(FreeSessionsUsedUp):
        await begin(few, bob, network="home")
    assert await offered(few, bob) == "flash-lite"
    await begin(few, bob, network="elsewhere")
    with pytest.raises(FreeSessionsUsedUp):
        await few.run_system(sessions.buy, ada, "pro", None, checkout="instant", network="home")


async def test_there_is_none_without_a_plan_and_none_for_a_name_alone(database):
    ada, guest = await make_user(database), await make_user(database, email=email_addresses.of_nobody())
    assert await offered(database, ada, "") is None
    assert await offered(database, ada, "platinum") is None
    assert await offered(database, None) == "flash-lite"
    assert await offered(database, guest) is None
    with pytest.raises(NotAllowed):
        await begin(database, ada, "")
    with pytest.raises(Invalid):
        await begin(database, ada, "platinum")
    with pytest.raises(NotAllowed):
        await begin(database, guest)
    await begin(database, ada)
