"""New passwords: by the current one, and by a reset link of the operator."""

import asyncio

import pytest

from chatserver import users
from chatserver.errors import BadCredentials, Invalid, NotFound, RateLimited
from chatserver.users.events import SignInsEnded
from tests.support.people import run_sql
from tests.users import accounts
from tests.users.accounts import PASSWORD, create_api_token, member, new_visitor, signed_in_user

NEW = "a quite different one"


async def changes(database, user, current=PASSWORD, new=NEW, **options):
    await users.change_password(database, user.id, current, new, new_visitor(), **{"kept": None, **options})


async def recognises(database, token):
    verb = accounts.viewer_of_token if token.startswith("cs_") else accounts.viewer_of_cookie
    return await database.run_system(verb, token)


async def test_a_change_of_password_ends_every_other_sign_in_and_says_so(database, published):
    ada = await member(database)
    here, phone, tablet = [await signed_in_user(database, ada) for _ in range(3)]
    token = await create_api_token(database, ada)
    await changes(database, ada, kept=here.secret.id)
    assert await recognises(database, here.secret.token) is not None
    assert await recognises(database, phone.secret.token) is None
    assert await recognises(database, tablet.secret.token) is None
    assert await recognises(database, token) is not None
    [event] = published.events(f"user:{ada.id}")
    assert isinstance(event, SignInsEnded) and not event.account_closed
    assert set(event.credential_ids) == {phone.secret.id, tablet.secret.id}
    with pytest.raises(BadCredentials):
        await signed_in_user(database, ada)
    await signed_in_user(database, ada, password=NEW)


async def test_it_can_revoke_the_tokens_too(database):
    ada = await member(database)
    token = await create_api_token(database, ada)
    await changes(database, ada, tokens_too=True)
    assert await recognises(database, token) is None


async def test_a_link_that_somebody_else_may_have_is_void_once_the_password_is_changed(database):
    ada = await member(database)
    link = await database.run_system(users.begin_reset, ada.id)
    await changes(database, ada)
    with pytest.raises(NotFound):
        await users.reset_password(database, link, "chosen by somebody else")
    await signed_in_user(database, ada, password=NEW)


async def test_the_old_password_is_asked_for_and_guessing_it_is_slow(database):
    ada = await member(database)
    for _ in range(5):
        with pytest.raises(Invalid) as refusal:
            await changes(database, ada, current="wrong password")
        assert refusal.value.details["field"] == "current_password"
    with pytest.raises(RateLimited):
        await changes(database, ada)


@pytest.mark.parametrize("new", ["short", "password123", "x9y" * 100, "with a \ud800 in it"])
async def test_a_poor_new_password_is_refused_and_the_old_one_stays(database, new):
    ada = await member(database)
    with pytest.raises(Invalid):
        await changes(database, ada, new=new)
    await signed_in_user(database, ada)


async def test_two_changes_at_the_same_moment_make_one(database):
    ada = await member(database)
    answers = await asyncio.gather(
        *(changes(database, ada, new=f"{NEW} {n}") for n in range(3)), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers).count("NoneType") == 1


async def test_a_reset_link_works_once_and_signs_out_everything(database):
    ada = await member(database)
    signed_in, token = await signed_in_user(database, ada), await create_api_token(database, ada)
    link = await database.run_system(users.begin_reset, ada.id)
    assert await database.run_system(users.find_reset, link) == ada.email
    assert (await users.reset_password(database, link, NEW)).email == ada.email
    assert await recognises(database, signed_in.secret.token) is None
    assert await recognises(database, token) is None
    await signed_in_user(database, ada, password=NEW)
    for attempt in (users.reset_password(database, link, NEW), database.run_system(users.find_reset, link)):
        with pytest.raises(NotFound):
            await attempt


async def test_two_uses_of_a_link_at_the_same_moment_set_one_password(database):
    ada = await member(database)
    link = await database.run_system(users.begin_reset, ada.id)
    answers = await asyncio.gather(
        *(users.reset_password(database, link, f"{NEW} {n}") for n in range(3)), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["NotFound", "NotFound", "User"]


async def test_a_link_is_good_for_a_quarter_of_an_hour_and_until_the_next_one(database):
    ada = await member(database)
    first = await database.run_system(users.begin_reset, ada.id)
    second = await database.run_system(users.begin_reset, ada.id)
    with pytest.raises(NotFound):
        await database.run_system(users.find_reset, first)
    move = "UPDATE password_resets SET expires_at = expires_at - make_interval(mins => $1) WHERE user_id = $2"
    await run_sql(database, move, 14, ada.id)
    await database.run_system(users.find_reset, second)
    await run_sql(database, move, 1, ada.id)
    with pytest.raises(NotFound):
        await users.reset_password(database, second, NEW)


async def test_a_link_opens_no_banned_account(database):
    ada = await member(database)
    link = await database.run_system(users.begin_reset, ada.id)
    await database.run_system(users.ban, ada.id)
    with pytest.raises(NotFound):
        await users.reset_password(database, link, NEW)


@pytest.mark.parametrize("token", ["", "x", "\0", "\ud800", "x" * 43, "x" * 100_000])
async def test_a_made_up_link_opens_nothing(database, token):
    with pytest.raises(NotFound):
        await users.reset_password(database, token, NEW)


async def test_a_reset_frees_an_account_that_strangers_have_stopped(database):
    ada = await member(database)
    for _ in range(5):
        with pytest.raises(BadCredentials):
            await signed_in_user(database, ada, password="wrong password")
    with pytest.raises(RateLimited):
        await signed_in_user(database, ada)
    await users.reset_password(database, await database.run_system(users.begin_reset, ada.id), NEW)
    await signed_in_user(database, ada, password=NEW)
