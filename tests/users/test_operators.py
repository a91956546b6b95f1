"""What the operator does with accounts."""

import pytest

from chatserver import users
from chatserver.errors import NotFound
from tests.users.people import comes_in, email, member


async def test_accounts_are_listed_newest_first_and_page_by_page(database):
    ada, bob = await member(database), await member(database, "Bob")
    await comes_in(database, ada)
    newest = await database.run_system(users.list_users, limit=2)
    assert [one.id for one in newest] == [bob.id, ada.id]
    assert newest[0].last_seen_at is None and newest[1].last_seen_at is not None
    [older] = await database.run_system(users.list_users, before=bob.id, limit=1)
    assert older.id == ada.id


async def test_an_account_is_found_by_its_address_in_any_case(database):
    ada = await member(database)
    assert (await database.run_system(users.find, f" {ada.email.upper()} ")).id == ada.id
    for text in (email(), "nonsense", "\0@example.org"):
        with pytest.raises(NotFound):
            await database.run_system(users.find, text)


async def test_an_admin_is_made_and_unmade(database):
    ada = await member(database)
    await database.run_system(users.set_role, ada.id, "admin")
    assert (await database.run_system(users.get, ada.id)).role == "admin"
    await database.run_system(users.set_role, ada.id, "member")
    assert (await database.run_system(users.get, ada.id)).role == "member"


async def test_nobody_can_be_made_anything_who_is_not_there(database):
    nobody = "00000000-0000-7000-8000-000000000000"
    for verb, *rest in ((users.set_role, "admin"), (users.ban,), (users.unban,)):
        with pytest.raises(NotFound):
            await database.run_system(verb, nobody, *rest)
