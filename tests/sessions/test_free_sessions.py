"""Free sessions are bounded for a person, for an address and for everybody, also at the same moment."""

import asyncio

import pytest

from chatserver import sessions
from chatserver.errors import FreeSessionsUsedUp, TooManySessions
from chatserver.sessions import free_sessions
from chatserver.users.models import Visitor
from tests.support.people import make_user, run_sql

HOME = sessions.network_of(Visitor(address="192.0.2.7"), "secret")
ELSEWHERE = sessions.network_of(Visitor(address="192.0.2.8"), "secret")


async def buy(database, user, network=HOME, checkout="instant"):
    return await database.run_system(sessions.buy, user, "pro", None, checkout=checkout, network=network)


async def outcomes(calls):
    done = await asyncio.gather(*calls, return_exceptions=True)
    return sorted(type(each).__name__ for each in done)


async def family(database, count):
    return [await make_user(database) for _ in range(count)]


async def given_so_far(database):
    [row] = await run_sql(
        database, "SELECT count(*) AS n FROM revenue_entries WHERE kind = 'purchase' AND checkout = 'instant'"
    )
    return row["n"]


async def a_day_passes(database):
    await run_sql(
        database,
        "UPDATE free_session_networks SET times = ARRAY(SELECT t - interval '1 day' FROM unnest(times) AS t)",
    )


@pytest.fixture(autouse=True)
async def nobody_came_yet(database):
    await run_sql(database, "DELETE FROM free_session_networks")


async def test_people_of_one_address_share_its_limit_and_those_of_another_do_not(limited):
    first, second = [await limited(free_sessions_per_address_per_day=3) for _ in range(2)]
    people = await family(first, 6)
    done = await outcomes(buy(database, user) for user in people for database in (first, second))
    assert done == ["FreeSessionsUsedUp"] * 9 + ["Session"] * 3
    with pytest.raises(FreeSessionsUsedUp) as refusal:
        await buy(first, people[0])
    assert 86_000 < refusal.value.retry_after <= 86_400
    assert "one network address" in refusal.value.message
    await buy(first, people[0], ELSEWHERE)
    await a_day_passes(first)
    await buy(first, people[0])


async def test_an_extension_counts_for_the_address(limited):
    few = await limited(free_sessions_per_address_per_day=2)
    [ada, bob] = await family(few, 2)
    session = await buy(few, ada)
    await few.run_system(sessions.extend, ada, session.id, "pro", checkout="instant", network=HOME)
    with pytest.raises(FreeSessionsUsedUp):
        await few.run_system(sessions.extend, ada, session.id, "pro", checkout="instant", network=HOME)
    with pytest.raises(FreeSessionsUsedUp):
        await buy(few, bob)


async def test_everybody_together_has_a_limit_however_many_come_at_once(limited, database):
    most = await given_so_far(database) + 4
    first, second = [await limited(free_sessions_in_all_per_day=most) for _ in range(2)]
    people = await family(first, 8)
    done = await outcomes(buy(each, user, "") for user in people for each in (first, second))
    assert done == ["FreeSessionsUsedUp"] * 12 + ["Session"] * 4
    assert await given_so_far(database) == most
    with pytest.raises(FreeSessionsUsedUp) as refusal:
        await buy(first, people[0], "")
    assert f"({most} for everybody together)" in refusal.value.message
    assert 80_000 < refusal.value.retry_after <= 86_400


async def test_what_is_refused_for_another_reason_counts_nowhere(limited):
    few = await limited(free_sessions_per_address_per_day=2, open_sessions_per_user=1, free_sessions_per_day=5)
    [ada, bob] = await family(few, 2)
    await buy(few, ada)
    for _ in range(3):
        with pytest.raises(TooManySessions):
            await buy(few, ada)
    await buy(few, bob)
    with pytest.raises(FreeSessionsUsedUp):
        await buy(few, (await family(few, 1))[0])


async def test_what_is_paid_or_granted_counts_nowhere(limited, database):
    most = await given_so_far(database) or 1
    few = await limited(free_sessions_per_address_per_day=1, free_sessions_in_all_per_day=most, free_sessions_per_day=1)
    [ada] = await family(few, 1)
    for _ in range(3):
        await buy(few, ada, checkout="manual")
    assert await run_sql(few, "SELECT FROM free_session_networks") == []


async def test_no_limit_is_no_limit(limited):
    free = await limited()
    [ada] = await family(free, 1)
    for _ in range(3):
        await buy(free, ada)
    assert await free.run_system(sessions.free_quotas, ada, HOME) == []


async def test_what_is_left_is_told_by_the_tightest_limit(limited, database):
    few = await limited(free_sessions_per_day=3, free_sessions_per_address_per_day=4)
    [ada, bob] = await family(few, 2)

    async def left(user, network=HOME):
        told = await few.run_system(sessions.free_quotas, user, network)
        return [(each.of, each.left, each.most, each.seconds > 86_000) for each in told]

    assert await left(ada) == [("person", 3, 3, False)]
    for _ in range(2):
        await buy(few, ada)
    assert await left(ada) == [("person", 1, 3, False)]
    assert await left(bob) == [("person", 3, 3, False), ("network", 2, 4, False)]
    assert await left(bob, ELSEWHERE) == [("person", 3, 3, False)]
    for _ in range(2):
        await buy(few, bob)
    assert await left(bob) == [("person", 1, 3, False), ("network", 0, 4, True)]
    most = await given_so_far(database)
    all_gone = await limited(free_sessions_in_all_per_day=most)
    told = await all_gone.run_system(sessions.free_quotas, ada, HOME)
    assert [(each.of, each.left, each.most) for each in told] == [("everybody", 0, most)]


async def test_the_sweep_keeps_what_still_counts(limited):
    few = await limited(free_sessions_per_address_per_day=2)
    [ada] = await family(few, 1)
    await buy(few, ada, ELSEWHERE)
    await a_day_passes(few)
    await buy(few, ada, HOME)
    await few.run_system(free_sessions.sweep)
    assert [row["network"] for row in await run_sql(few, "SELECT network FROM free_session_networks")] == [HOME]


def test_an_address_is_stored_as_a_keyed_hash_and_the_operators_own_machine_not_at_all():
    assert HOME not in {"", ELSEWHERE, sessions.network_of(Visitor(address="192.0.2.7"), "another")}
    assert "192.0.2" not in HOME
    assert sessions.network_of(Visitor(address="127.0.0.1", is_local=True), "secret") == ""
    of_one_subscriber = {sessions.network_of(Visitor(address=f"2001:db8::{n}"), "secret") for n in (1, 2)}
    assert len(of_one_subscriber) == 1
