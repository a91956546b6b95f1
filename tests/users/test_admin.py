"""What the operator does with accounts."""

import uuid

import pytest

from chatserver import users
from chatserver.errors import Conflict, NotFound
from tests.support.people import make_user, run_sql
from tests.users.accounts import email, member, signed_in_user


async def test_accounts_are_listed_newest_first_and_page_by_page(database):
    ada, bob = await member(database), await member(database, "Bob")
    await signed_in_user(database, ada)
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
    ada, grace = await member(database), await member(database, "Grace")
    for user in (grace, ada):
        await database.run_system(users.set_role, user.id, "admin")
    assert (await database.run_system(users.get, ada.id)).role == "admin"
    await database.run_system(users.set_role, ada.id, "member")
    assert (await database.run_system(users.get, ada.id)).role == "member"


async def test_nobody_can_be_made_anything_who_is_not_there(database):
    nobody = "00000000-0000-7000-8000-000000000000"
    for verb, *rest in ((users.set_role, "admin"), (users.ban,), (users.unban,)):
        with pytest.raises(NotFound):
            await database.run_system(verb, nobody, *rest)


async def test_an_address_from_before_keys_is_found_as_then_and_in_every_spelling_once_it_has_one(database):
    local = f"jos\u00e9-{uuid.uuid4().hex}"
    old = await make_user(database, "Jos\u00e9", email=f"{local}@b\u00fccher.example")
    assert (await database.run_system(users.find, f"{local}@b\u00fccher.example")).id == old
    await database.run_system(users.set_missing_email_keys)
    for text in (f"{local.upper()}@xn--bcher-kva.example", f"{local}@b\u00fccher.example".replace("\u00e9", "e\u0301")):
        assert (await database.run_system(users.find, text)).id == old
    with pytest.raises(Conflict):
        await database.run_system(users.add, f"{local}@xn--bcher-kva.example", "Eve", None)


async def test_of_two_old_accounts_of_one_address_both_are_still_found_as_they_were(database):
    local = uuid.uuid4().hex
    composed, decomposed = f"\u00e9{local}@example.org", f"e\u0301{local}@example.org"
    first, second = await make_user(database, email=composed), await make_user(database, email=decomposed)
    for _ in range(2):
        await database.run_system(users.set_missing_email_keys)
    assert (await database.run_system(users.find, composed)).id == first
    assert await run_sql(database, "SELECT FROM users WHERE id = $1 AND email_key IS NULL", second)
