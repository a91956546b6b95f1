"""Sign-up, sign-in, and the credentials that they issue: cookies, API tokens, and their ends."""

import asyncio
import hashlib
import re

import argon2
import asyncpg
import pytest

from chatserver import users
from chatserver.errors import BadCredentials, Conflict, Invalid, NotAllowed, NotFound, SignUpClosed
from chatserver.users import authentication, passwords, sign_ins
from chatserver.users.events import SignInsEnded
from tests.support.people import run_sql
from tests.users import accounts
from tests.users.accounts import PASSWORD, create_api_token, email, member, new_visitor, signed_in_user


async def joins(database, policy="open", issuer=None, **fields):
    registration = authentication.Registration(**{"email": email(), "name": "Ada", "password": PASSWORD, **fields})
    issuer = issuer or authentication.sign_in_issuer()
    return await users.sign_up(database, registration, new_visitor(), policy=policy, issuer=issuer)


async def recognises(database, token):
    return await database.run_single(accounts.viewer_of_cookie, token)


async def ages(database, sign_in_id, **columns):
    for column, age in columns.items():
        await run_sql(database, f"UPDATE sign_ins SET {column} = now() - interval '{age}' WHERE id = $1", sign_in_id)


# Signing up -------------------------------------------------------------------------------------------------------


async def test_a_new_member_is_in_at_once_and_is_no_admin(database):
    signed_in = await joins(database, name="  Ada   Lovelace ")
    viewer = await recognises(database, signed_in.secret.token)
    assert (viewer.id, viewer.name, viewer.role, viewer.via) == (signed_in.user.id, "Ada Lovelace", "member", "cookie")


async def test_one_address_has_one_account_in_upper_and_lower_case(database):
    address = email()
    await joins(database, email=address)
    with pytest.raises(Conflict) as refusal:
        await joins(database, email=address.upper())
    assert refusal.value.details == {"field": "email"}


async def test_two_sign_ups_at_the_same_moment_make_one_account(database):
    address = email()
    answers = await asyncio.gather(*(joins(database, email=address) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
    assert len(await run_sql(database, "SELECT FROM users WHERE email = $1", address)) == 1


@pytest.mark.parametrize("field", ["email", "name", "password"])
async def test_a_bad_field_is_named_and_nothing_is_stored(database, field):
    count = (await run_sql(database, "SELECT count(*) FROM users"))[0][0]
    with pytest.raises(Invalid) as refusal:
        await joins(database, **{field: "\0"})
    assert refusal.value.details["field"] == field
    assert (await run_sql(database, "SELECT count(*) FROM users"))[0][0] == count


async def test_a_closed_house_takes_nobody(database):
    with pytest.raises(SignUpClosed):
        await joins(database, policy="closed")


async def test_by_invitation_only_a_good_code_opens_the_door(database):
    host = await member(database)
    await run_sql(
        database,
        """WITH s AS (INSERT INTO user_sessions (id, user_id, plan_id, title, expires_at)
                      VALUES (gen_random_uuid(), $1, 'flash', 'A session', now() + interval '1 hour') RETURNING id)
           INSERT INTO session_invites (id, session_id, code, created_by, expires_at, revoked_at)
           SELECT gen_random_uuid(), s.id, code, $1, now() + age, revoked FROM s,
             (VALUES ($1::text || 'good', interval '1 hour', NULL::timestamptz),
                     ($1::text || 'old', interval '-1 hour', NULL),
                     ($1::text || 'revoked', interval '1 hour', now())) AS c(code, age, revoked)""",
        host.id,
    )
    for code in ("", "guess", "\0", "\ud800", f"{host.id}old", f"{host.id}revoked"):
        with pytest.raises(SignUpClosed):
            await joins(database, policy="invite", invite=code)
    await joins(database, policy="invite", invite=f"{host.id}good")


# Signing in -------------------------------------------------------------------------------------------------------


async def test_the_right_password_lets_in_and_the_cookie_is_kept_as_a_hash_only(database):
    ada = await member(database)
    signed_in = await signed_in_user(database, ada)
    assert (await recognises(database, signed_in.secret.token)).id == ada.id
    [row] = await run_sql(database, "SELECT * FROM sign_ins WHERE user_id = $1", ada.id)
    assert row["token_hash"] == hashlib.sha256(signed_in.secret.token.encode()).digest()
    assert signed_in.secret.token not in str(dict(row))


async def test_each_sign_in_has_a_new_id_and_the_one_it_replaces_ends(database):
    ada = await member(database)
    first = await signed_in_user(database, ada)
    viewer = await recognises(database, first.secret.token)
    issuer = authentication.sign_in_issuer(replacing=viewer)
    second = await users.sign_in(database, ada.email, PASSWORD, new_visitor(), issuer=issuer)
    assert second.secret.token != first.secret.token
    assert await recognises(database, first.secret.token) is None
    assert await recognises(database, second.secret.token) is not None


async def test_address_and_password_wrong_sound_the_same(database):
    ada = await member(database)
    refusals = []
    for address, password in ((ada.email, "wrong password"), (email(), PASSWORD), ("no address", PASSWORD), ("\0", "")):
        with pytest.raises(BadCredentials) as refusal:
            await users.sign_in(database, address, password, new_visitor(), issuer=authentication.sign_in_issuer())
        refusals.append(refusal.value.as_dict())
    assert all(refusal == refusals[0] for refusal in refusals)


async def test_for_an_unknown_address_the_dummy_is_verified(database, monkeypatch):
    verified = []
    real = passwords._verify
    monkeypatch.setattr(
        passwords, "_verify", lambda hashed, password: verified.append(hashed) or real(hashed, password)
    )
    with pytest.raises(BadCredentials):
        await users.sign_in(database, email(), PASSWORD, new_visitor(), issuer=authentication.sign_in_issuer())
    assert verified == [passwords.DUMMY_HASH]


async def test_a_hash_of_old_parameters_is_made_anew_at_the_next_sign_in(database):
    ada = await member(database)
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    await run_sql(database, "UPDATE users SET password_hash = $1 WHERE id = $2", weak, ada.id)
    await signed_in_user(database, ada)
    [row] = await run_sql(database, "SELECT password_hash FROM users WHERE id = $1", ada.id)
    assert not passwords.is_outdated(row["password_hash"])
    await signed_in_user(database, ada)


async def test_an_account_without_a_password_cannot_be_entered(database):
    nobody = await database.run_system(authentication.add, email(), "Nobody", None)
    with pytest.raises(BadCredentials):
        await signed_in_user(database, nobody, password="")


async def test_a_banned_person_is_nobody_and_is_told_so_only_with_the_right_password(database, published):
    ada = await member(database)
    signed_in, token = await signed_in_user(database, ada), await create_api_token(database, ada)
    await database.run_system(users.ban, ada.id)
    assert await recognises(database, signed_in.secret.token) is None
    assert await database.run_single(accounts.viewer_of_token, token) is None
    assert published.events(f"user:{ada.id}")[-2] == SignInsEnded(user_id=ada.id, account_closed=True)
    with pytest.raises(BadCredentials):
        await signed_in_user(database, ada, password="wrong password")
    with pytest.raises(NotAllowed):
        await signed_in_user(database, ada)
    await database.run_system(users.unban, ada.id)
    await signed_in_user(database, ada)
    assert await database.run_single(accounts.viewer_of_token, token) is not None


async def test_a_sign_in_that_was_checked_before_the_password_changed_opens_nothing(database):
    ada = await member(database)
    checked = await authentication.check_password(database, ada.email, PASSWORD, new_visitor())
    await users.change_password(database, ada.id, PASSWORD, "another good one", new_visitor(), kept=None)
    for issuer in (authentication.sign_in_issuer(), authentication.token_issuer("late")):
        with pytest.raises(BadCredentials):
            await database.run_system(authentication._issue, checked, None, issuer)
    assert await database.run_as(ada.id, users.list_sign_ins, ada.id) == []
    assert await database.run_as(ada.id, users.list_tokens, ada.id) == []


# Lifetimes --------------------------------------------------------------------------------------------------------


async def test_a_sign_in_unused_for_two_weeks_is_over(database):
    signed_in = await signed_in_user(database, await member(database))
    await ages(database, signed_in.secret.id, last_used_at="13 days 23 hours")
    assert await recognises(database, signed_in.secret.token) is not None
    await ages(database, signed_in.secret.id, last_used_at="14 days 1 second")
    assert await recognises(database, signed_in.secret.token) is None


async def test_a_sign_in_is_over_after_three_months_however_much_it_is_used(database):
    signed_in = await signed_in_user(database, await member(database))
    [row] = await run_sql(
        database, "SELECT expires_at - created_at AS life FROM sign_ins WHERE id = $1", signed_in.secret.id
    )
    assert row["life"].days == 90
    await ages(database, signed_in.secret.id, expires_at="1 second")
    assert await recognises(database, signed_in.secret.token) is None


async def test_use_is_noted_at_most_once_a_minute(database):
    signed_in = await signed_in_user(database, await member(database))

    async def last_used():
        return (await run_sql(database, "SELECT last_used_at FROM sign_ins WHERE id = $1", signed_in.secret.id))[0][0]

    before = await last_used()
    await recognises(database, signed_in.secret.token)
    assert await last_used() == before
    await ages(database, signed_in.secret.id, last_used_at="61 seconds")
    await recognises(database, signed_in.secret.token)
    assert await last_used() > before


@pytest.mark.parametrize("table", ["sign_ins", "api_tokens"])
async def test_nobody_waits_to_be_recognised_for_a_row_that_somebody_else_has_locked(database, table):
    ada = await member(database)
    cookie, token = (await signed_in_user(database, ada)).secret.token, await create_api_token(database, ada)
    await run_sql(
        database, f"UPDATE {table} SET last_used_at = now() - interval '2 minutes' WHERE user_id = $1", ada.id
    )

    async def lock(tx):
        await tx.connection.execute(f"SELECT FROM {table} WHERE user_id = $1 FOR UPDATE", ada.id)
        asked = [asyncio.create_task(recognises(database, cookie)),
                 asyncio.create_task(database.run_single(accounts.viewer_of_token, token))]  # fmt: skip
        _, waiting = await asyncio.wait(asked, timeout=3)
        assert not waiting
        return [task.result().id for task in asked]

    assert await database.run_system(lock) == [ada.id] * 2
    # Recorded by the next.
    assert await database.run_single(accounts.viewer_of_token, token) is not None
    assert await recognises(database, cookie) is not None
    assert await run_sql(database, f"SELECT FROM {table} WHERE last_used_at > now() - interval '1 minute'"
                                   " AND user_id = $1", ada.id)  # fmt: skip


async def test_a_token_has_no_end_but_its_revocation(database, published):
    ada = await member(database)
    token = await create_api_token(database, ada)
    viewer = await database.run_single(accounts.viewer_of_token, token)
    assert (viewer.id, viewer.via) == (ada.id, "token")
    assert token.startswith("cs_")
    [listed] = await database.run_as(ada.id, users.list_tokens, ada.id)
    assert listed.last_used_at is not None
    await database.run_as(ada.id, users.revoke_token, ada.id, listed.id)
    assert await database.run_single(accounts.viewer_of_token, token) is None
    assert published.events(f"user:{ada.id}")[-1].credential_ids == (listed.id,)


async def test_recognising_somebody_is_one_query_by_an_index(database):
    async def plans(tx):
        await tx.connection.execute("SET LOCAL enable_seqscan = off")
        for name, count in (("viewer_of_sign_in", 2), ("viewer_of_api_token", 1)):
            source = await tx.connection.fetchval("SELECT prosrc FROM pg_proc WHERE proname = $1", name)
            query = re.search(r"SELECT .*?;", source, re.DOTALL)[0]
            query = re.sub(r"INTO .*?(?=FROM)", "", query, flags=re.DOTALL)
            query = query.replace("= hash", "= $1").replace("=> idle_days", "=> $2")
            rows = await tx.connection.fetch("EXPLAIN " + query, *[b"x", 14][:count])
            plan = "\n".join(row[0] for row in rows)
            assert "_token_hash_key" in plan and "users_pkey" in plan, plan

    await database.run_system(plans)


# Ends -------------------------------------------------------------------------------------------------------------


async def test_a_person_sees_and_ends_their_own_sign_ins(database, published):
    ada = await member(database)
    phone, laptop = await signed_in_user(database, ada, user_agent="Phone\x00\x07"), await signed_in_user(database, ada)
    listed = await database.run_as(ada.id, users.list_sign_ins, ada.id)
    assert [one.id for one in listed] == [laptop.secret.id, phone.secret.id]
    assert listed[1].user_agent == "Phone"
    await database.run_as(ada.id, users.end_sign_in, ada.id, phone.secret.id)
    assert await recognises(database, phone.secret.token) is None
    assert await recognises(database, laptop.secret.token) is not None
    assert published.events(f"user:{ada.id}") == [SignInsEnded(user_id=ada.id, credential_ids=(phone.secret.id,))]


async def test_signing_out_ends_the_sign_in_and_says_so_once(database, published):
    ada = await member(database)
    signed_in = await signed_in_user(database, ada)
    viewer = await recognises(database, signed_in.secret.token)
    await database.run_as(ada.id, users.sign_out, viewer)
    await database.run_as(ada.id, users.sign_out, viewer)
    assert await recognises(database, signed_in.secret.token) is None
    assert len(published.events(f"user:{ada.id}")) == 1


async def test_beyond_fifty_sign_ins_the_longest_unused_ends(database):
    ada = await member(database)
    first = await signed_in_user(database, ada)
    await ages(database, first.secret.id, last_used_at="1 hour")
    checked = await authentication.check_password(database, ada.email, PASSWORD, new_visitor())

    async def fifty_more(tx):
        for _ in range(sign_ins.MOST_SIGN_INS):
            await sign_ins.open_sign_in(tx, ada.id, checked.password_hash, new_visitor())

    await database.run_system(fifty_more)
    assert await recognises(database, first.secret.token) is None
    assert len(await database.run_as(ada.id, users.list_sign_ins, ada.id)) == sign_ins.MOST_SIGN_INS


async def test_which_credentials_stand_is_one_question(database):
    ada, bob = await member(database), await member(database, "Bob")
    stays, ends, idles = [await signed_in_user(database, ada) for _ in range(3)]
    of_bob = await signed_in_user(database, bob)
    token = await database.run_as(bob.id, users.create_token, bob.id, "bot")
    await database.run_as(ada.id, users.end_sign_in, ada.id, ends.secret.id)
    await ages(database, idles.secret.id, last_used_at="15 days")
    asked = [stays.secret.id, ends.secret.id, idles.secret.id, of_bob.secret.id, token.id]
    assert await database.run_system(users.valid_credentials, asked) == {stays.secret.id, of_bob.secret.id, token.id}
    await database.run_system(users.ban, bob.id)
    assert await database.run_system(users.valid_credentials, asked) == {stays.secret.id}


# Strangers --------------------------------------------------------------------------------------------------------


async def test_a_stranger_can_end_list_revoke_and_change_nothing(database):
    ada, eve = await member(database), await member(database, "Eve")
    signed_in, token = await signed_in_user(database, ada), await create_api_token(database, ada)
    [listed] = await database.run_as(ada.id, users.list_tokens, ada.id)
    for user_id in (eve.id, ada.id):
        with pytest.raises(NotFound):
            await database.run_as(eve.id, users.end_sign_in, user_id, signed_in.secret.id)
        with pytest.raises(NotFound):
            await database.run_as(eve.id, users.revoke_token, user_id, listed.id)
    assert await database.run_as(eve.id, users.list_sign_ins, ada.id) == []
    assert await database.run_as(eve.id, users.list_tokens, ada.id) == []
    assert await database.run_as(eve.id, users.end_other_sign_ins, ada.id, None) == 0
    with pytest.raises(users.service.NotSignedIn):
        await database.run_as(eve.id, users.get, ada.id)
    with pytest.raises(users.service.NotSignedIn):
        await database.run_as(eve.id, users.rename, ada.id, "Eve was here")
    with pytest.raises(users.service.NotSignedIn):
        await database.run_as(eve.id, users.save_preferences, ada.id, users.Preferences(notifications=True))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.run_as(eve.id, users.create_token, ada.id, "stolen")
    assert await recognises(database, signed_in.secret.token) is not None
    assert await database.run_single(accounts.viewer_of_token, token) is not None


@pytest.mark.parametrize(
    "text",
    [
        "SELECT password_hash FROM users",
        "SELECT token_hash FROM sign_ins",
        "SELECT token_hash FROM api_tokens",
        "SELECT * FROM password_resets",
        "SELECT * FROM throttles",
        "UPDATE users SET role = 'admin' WHERE id = app_user_id()",
        "UPDATE users SET email = 'x@y.z' WHERE id = app_user_id()",
        "UPDATE sign_ins SET expires_at = now() + interval '10 years'",
        "INSERT INTO sign_ins (id, user_id, token_hash, expires_at) VALUES (app_user_id(), app_user_id(), 'x', now())",
        "DELETE FROM users",
    ],
)
async def test_the_web_role_cannot_reach_secrets_even_by_hand(database, text):
    ada = await member(database)
    await signed_in_user(database, ada)

    async def by_hand(tx):
        await tx.connection.fetch(text)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.run_as(ada.id, by_hand)


async def test_too_many_tokens_are_refused_in_words(database):
    ada = await member(database)

    async def many(tx):
        for number in range(users.api_tokens.MOST_TOKENS):
            await users.create_token(tx, ada.id, f"{number}")

    await database.run_as(ada.id, many)
    with pytest.raises(Conflict, match="Revoke one"):
        await create_api_token(database, ada)
