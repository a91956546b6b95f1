"""In a session no member is shown under a name that looks like another's."""

import asyncio
import threading

import pytest

from chatserver import messages, sessions, users
from chatserver.messages.requests import CreateMessage
from chatserver.privacy import erasure, session_deletion
from chatserver.sessions import member_names
from chatserver.users import rate_limits
from tests.support.locks import until_somebody_waits
from tests.support.people import add_member, make_session, make_user, run_sql


async def opens(database, name="Ada"):
    """(owner, session, code), as it is bought."""
    owner = await make_user(database, name)
    session = await database.run_system(sessions.buy, owner, "flash", None, checkout="instant")
    return owner, session.id, await database.run_as(owner, sessions.invite, session.id)


async def joins(database, code, name):
    guest = await make_user(database, name)
    await database.run_system(sessions.join, code, guest)
    return guest


async def seen(database, session):
    found = await database.run_system(sessions.find, session)
    return {member.id: member.name for member in found.members}


async def says(database, user, session, text="hello"):
    return await database.run_as(user, messages.say, session, CreateMessage(client_id=text, text=text), text)


async def renames(database, user, name):
    await database.run_system(sessions.rename_user, user, name)


@pytest.mark.parametrize("name", ["Ada", "ADA", "\u0410d\u0430", "A d a", "\U0001d49c\U0001d4b9\U0001d4b6"])
async def test_a_guest_who_looks_like_the_owner_bears_a_number(database, name):
    owner, session, code = await opens(database)
    guest = await joins(database, code, name)
    assert await seen(database, session) == {owner: "Ada", guest: f"{name} (2)"}
    said = await says(database, guest, session)
    assert (said.author.name, said.author.role) == (f"{name} (2)", "guest")
    assert (await says(database, owner, session, "@assistant")).author.role == "owner"


async def test_the_names_of_all_who_ever_were_there_are_compared_beside_the_event_loop(database, monkeypatch):
    distinct, threads = member_names.distinct_name, []

    def compare(name, others):
        threads.append(threading.current_thread())
        return distinct(name, others)

    monkeypatch.setattr(member_names, "distinct_name", compare)
    monkeypatch.setattr(member_names, "MOST_ON_LOOP", 1)
    owner, session, code = await opens(database)
    guests = [await joins(database, code, "Ada") for _ in range(2)]
    assert await seen(database, session) == {owner: "Ada", guests[0]: "Ada (2)", guests[1]: "Ada (3)"}
    assert [thread is threading.main_thread() for thread in threads] == [True, True, False]


async def test_each_has_a_number_of_their_own_and_keeps_it_when_others_go(database):
    _, session, code = await opens(database)
    second, third = await joins(database, code, "Ada"), await joins(database, code, "Ada")
    await database.run_as(second, sessions.remove_member, session, second)
    fourth = await joins(database, code, "Ada")
    names = await seen(database, session)
    assert (names[third], names[fourth]) == ("Ada (3)", "Ada (4)")
    await database.run_system(sessions.join, code, second)
    assert (await seen(database, session))[second] == "Ada (2)"


async def test_one_who_calls_themselves_by_a_number_is_told_from_the_one_who_bears_it(database):
    _, session, code = await opens(database)
    second, pretender = await joins(database, code, "Ada"), await joins(database, code, "Ada (2)")
    names = await seen(database, session)
    assert (names[second], names[pretender]) == ("Ada (2)", "Ada (2) (2)")


async def test_many_who_come_at_once_are_all_told_apart(database):
    _, session, code = await opens(database)
    guests = [await make_user(database, "Ada") for _ in range(6)]
    await asyncio.gather(*(database.run_system(sessions.join, code, guest) for guest in guests))
    assert sorted((await seen(database, session)).values()) == ["Ada", *(f"Ada ({n})" for n in range(2, 8))]


async def test_a_new_name_is_judged_in_every_session_and_everybody_sees_it(database, published):
    _, session, code = await opens(database)
    bob = await joins(database, code, "Bob")
    own = await database.run_system(sessions.buy, bob, "flash", None, checkout="instant")
    published.clear()
    await renames(database, bob, "Ada")
    assert (await seen(database, session))[bob] == "Ada (2)"
    assert (await seen(database, own.id))[bob] == "Ada"
    assert {event.session.id for event in published.events() if hasattr(event, "session")} == {session, own.id}


async def test_a_new_name_waits_for_a_session_before_it_locks_the_account_and_its_limit(database):
    """The other way round it would wait for whoever joins, who waits for the same limit: a deadlock, of a second."""
    _, session, code = await opens(database)
    bob = await joins(database, code, "Bob")

    async def join_slowly(tx):
        await tx.fetch_value("sessions.lock", session_id=session)
        renaming = asyncio.create_task(renames(database, bob, "Robert"))
        await until_somebody_waits(tx)
        await tx.connection.execute("SELECT FROM users WHERE id = $1 FOR UPDATE NOWAIT", bob)
        await rate_limits.consume(tx, rate_limits.CHANGES, bob)
        return renaming

    await (await database.run_system(join_slowly))
    assert (await seen(database, session))[bob] == "Robert"


async def test_a_name_changes_though_a_session_is_deleted_meanwhile(database):
    owner, session, code = await opens(database)
    bob = await joins(database, code, "Bob")

    async def delete_slowly(tx):
        await session_deletion.delete_session(tx, owner, session)
        renaming = asyncio.create_task(renames(database, bob, "Robert"))
        await until_somebody_waits(tx)
        return renaming

    await (await database.run_system(delete_slowly))
    assert (await database.run_system(users.get, bob)).name == "Robert"


async def test_a_name_under_which_something_was_said_is_nobody_elses_later(database):
    _, session, code = await opens(database)
    bob = await joins(database, code, "Bob")
    await says(database, bob, session)
    await renames(database, bob, "Robert")
    late = await joins(database, code, "Bob")
    assert (await seen(database, session))[late] == "Bob (2)"
    await renames(database, bob, "Bob")
    assert (await seen(database, session))[bob] == "Bob"


async def test_people_from_before_are_named_in_the_background_the_owner_first(database):
    ada = await make_user(database, "Ada")
    early, pretender, bob = [await make_user(database, name) for name in ("Ada", "Assistant", "Bob")]
    session = await make_session(database, ada)
    for guest in (early, pretender, bob):
        await add_member(database, session, guest)
    while await database.run_system(sessions.name_unnamed_members):
        pass
    names = await seen(database, session)
    assert names == {ada: "Ada", early: "Ada (2)", pretender: "Assistant (member)", bob: "Bob"}
    assert (await says(database, pretender, session)).author.name == "Assistant (member)"
    assert not await database.run_system(sessions.name_unnamed_members)


async def test_an_account_from_before_with_a_name_of_a_role_works_and_is_marked(database):
    _, session, code = await opens(database)
    pretender = await joins(database, code, "Assistant")
    said = await says(database, pretender, session)
    assert (said.author.name, said.author.kind, said.author.role) == ("Assistant (member)", "user", "guest")


async def test_the_role_of_an_admin_is_seen_and_stays_with_what_was_said(database):
    _, session, code = await opens(database)
    admin = await joins(database, code, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", admin)
    said = await says(database, admin, session)
    await run_sql(database, "UPDATE users SET role = 'member' WHERE id = $1", admin)
    assert said.author.role == (await database.run_as(admin, messages.find, said.id)).author.role == "operator"
    assert (await says(database, admin, session, "again")).author.role == "guest"


async def test_what_was_said_before_roles_were_kept_has_one_all_the_same(database):
    owner, session, code = await opens(database)
    guest = await joins(database, code, "Bob")
    said = [await says(database, each, session) for each in (owner, guest)]
    await run_sql(database, "UPDATE messages SET author_role = NULL WHERE session_id = $1", session)
    found = [await database.run_as(guest, messages.find, each.id) for each in said]
    assert [each.author.role for each in found] == ["owner", "guest"]


async def test_a_closed_account_leaves_no_name_on_its_seats(database):
    _, _, code = await opens(database)
    bob = await joins(database, code, "Bob")
    await renames(database, bob, "Robert")
    await database.run_system(erasure.close_account, bob)
    [row] = await run_sql(database, "SELECT * FROM session_members WHERE user_id = $1", bob)
    assert (row["shown_name"], row["former_names"]) == ("Former member", [])


def test_a_number_is_found_however_many_there_are():
    taken = ["Ada", *(f"Ada ({number})" for number in range(2, 60))]
    assert member_names.distinct_name("\u0410d\u0430", taken) == "\u0410d\u0430 (60)"
