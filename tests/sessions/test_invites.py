"""Invites, guests, memberships and removals."""

import asyncio

import pytest

from chatserver import sessions
from chatserver.errors import Conflict, NotAllowed, NotFound
from chatserver.sessions.invites import MAX_GUESTS
from tests.support.people import add_member, make_session, make_user, run_sql


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


@pytest.fixture
async def bob(database):
    return await make_user(database, "Bob")


async def invite(database, user, session, **more):
    return await database.run_as(user, sessions.invite, session, **more)


async def join(database, code, user):
    return await database.run_system(sessions.join, code, user)


async def test_a_guest_comes_in_by_the_link_and_everyone_sees_it(database, ada, bob, published):
    session = await make_session(database, ada)
    code = await invite(database, ada, session)
    published.clear()
    joined = await join(database, code, bob)
    assert [(member.id, member.role) for member in joined.members] == [(ada, "owner"), (bob, "guest")]
    assert [event.session for event in published.events(f"session:{session}")] == [joined]
    assert not (await database.run_as(bob, sessions.membership, session)).is_owner


async def test_coming_twice_or_to_ones_own_session_changes_no_role(database, ada, bob):
    session = await make_session(database, ada)
    code = await invite(database, ada, session)
    for user in (bob, bob, ada):
        joined = await join(database, code, user)
    assert sorted(member.role for member in joined.members) == ["guest", "owner"]
    assert (await database.run_as(ada, sessions.membership, session)).is_owner


async def test_the_same_link_is_shown_until_it_is_ended(database, ada):
    session = await make_session(database, ada)
    code = await invite(database, ada, session)
    assert await invite(database, ada, session) == code
    await database.run_as(ada, sessions.revoke, session)
    assert await invite(database, ada, session) != code


async def test_to_read_the_link_makes_none_and_spends_nothing(database, ada, bob):
    session = await make_session(database, ada)
    with pytest.raises(NotFound, match="no invite link"):
        await database.run_as(ada, sessions.current_invite, session)
    code = await invite(database, ada, session)
    await run_sql(database, "DELETE FROM budgets WHERE user_id = $1", ada)
    assert await database.run_as(ada, sessions.current_invite, session) == code
    assert not await run_sql(database, "SELECT FROM budgets WHERE user_id = $1", ada)
    await join(database, code, bob)
    with pytest.raises(NotAllowed):
        await database.run_as(bob, sessions.current_invite, session)


@pytest.mark.parametrize("why", ["revoked", "expired", "made up"])
async def test_a_link_that_is_no_longer_good_lets_nobody_in(database, ada, bob, why):
    session = await make_session(database, ada)
    code = await invite(database, ada, session)
    if why == "revoked":
        await database.run_as(ada, sessions.revoke, session)
    elif why == "expired":
        await run_sql(database, "UPDATE session_invites SET expires_at = now() WHERE code = $1", code)
    else:
        code = "made-up-code-made-up-1"
    for verb, arguments in ((sessions.invitation, (code,)), (sessions.join, (code, bob))):
        with pytest.raises(NotFound):
            await database.run_system(verb, *arguments)
    with pytest.raises(NotFound):
        await database.run_as(bob, sessions.membership, session)


async def test_a_full_session_takes_nobody_more_but_knows_its_guests(database, ada, bob):
    session = await make_session(database, ada)
    for number in range(MAX_GUESTS - 1):
        await add_member(database, session, await make_user(database, f"Guest {number}"))
    code = await invite(database, ada, session)
    await join(database, code, bob)
    with pytest.raises(Conflict):
        await join(database, code, await make_user(database, "Zoe"))
    for known in (bob, ada):
        assert len((await join(database, code, known)).members) == MAX_GUESTS + 1


async def test_the_last_seat_is_given_once(database, ada):
    session = await make_session(database, ada)
    for number in range(MAX_GUESTS - 1):
        await add_member(database, session, await make_user(database, f"Guest {number}"))
    code = await invite(database, ada, session)
    late = [await make_user(database, f"Late {number}") for number in range(6)]
    answers = await asyncio.gather(*(join(database, code, user) for user in late), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 5 + ["Session"]


async def test_only_the_owner_invites_renames_and_lets_guests_generate(database, ada, bob):
    session = await make_session(database, ada, guests=(bob,))
    for verb, arguments in (
        (sessions.invite, ()),
        (sessions.revoke, ()),
        (sessions.rename, ("Bob's",)),
        (sessions.allow_guests, (True,)),
    ):
        with pytest.raises(NotAllowed):
            await database.run_as(bob, verb, session, *arguments)
    found = await database.run_as(ada, sessions.find, session)
    assert (found.title, found.guests_may_generate) == ("Evening pictures", False)


async def test_a_guest_goes_or_is_sent_away_and_may_come_back(database, ada, bob):
    zoe = await make_user(database, "Zoe")
    session = await make_session(database, ada, guests=(bob, zoe))
    with pytest.raises(NotAllowed):
        await database.run_as(bob, sessions.remove_member, session, zoe)
    await database.run_as(bob, sessions.remove_member, session, bob)
    await database.run_as(ada, sessions.remove_member, session, zoe)
    for gone in (bob, zoe):
        with pytest.raises(NotFound):
            await database.run_as(gone, sessions.find, session)
    with pytest.raises(NotFound):
        await database.run_as(ada, sessions.remove_member, session, ada)
    again = await join(database, await invite(database, ada, session), bob)
    assert [member.id for member in again.members] == [ada, bob]


async def test_the_clock_ends_what_writes_and_nothing_that_reads(database, ada, bob, published):
    # First those of other tests.
    await database.run_system(sessions.expire)
    session = await make_session(database, ada, guests=(bob,))
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() - '1 s'::interval WHERE id = $1", session)
    assert await database.run_system(sessions.expire) == 1
    assert await database.run_system(sessions.expire) == 0
    [event] = published.events(f"session:{session}")
    assert event.session.status == "expired"
    for user in (ada, bob):
        assert (await database.run_as(user, sessions.find, session)).status == "expired"
        assert not (await database.run_as(user, sessions.membership, session)).active


async def test_the_clock_is_read_at_the_moment_and_not_at_the_start_of_the_transaction(database, ada):
    session = await make_session(database, ada)

    async def looks_twice(tx):
        await sessions.active_membership(tx, session)
        await tx.connection.execute(
            "UPDATE user_sessions SET expires_at = clock_timestamp() + '50 ms'::interval WHERE id = $1", session
        )
        await asyncio.sleep(0.08)
        return await sessions.membership(tx, session)

    async def as_the_owner(tx):
        await tx.connection.execute("SELECT set_config('app.user_id', $1, true)", ada)
        return await looks_twice(tx)

    assert not (await database.run_system(as_the_owner)).active
