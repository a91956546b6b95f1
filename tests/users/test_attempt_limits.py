"""Attempts to sign in or sign up are limited by account, browser and network, over all processes."""

import asyncio
import contextlib
import uuid

import pytest

from chatserver import config, sessions, users
from chatserver.database import Database, load_queries
from chatserver.database.command_line import NullPublisher
from chatserver.errors import BadCredentials, Invalid, RateLimited
from chatserver.limits import Limits
from chatserver.privacy import erasure
from chatserver.runtime import paths
from chatserver.users import attempt_limits, authentication, email_addresses, passwords
from tests.support.people import make_session, make_user, run_sql
from tests.users.accounts import PASSWORD, address, email, member, new_visitor, signed_in_user


async def guess(database, email, visitor=None, password="wrong password"):
    with pytest.raises(BadCredentials):
        await users.sign_in(database, email, password, visitor or new_visitor(), issuer=authentication.sign_in_issuer())


async def is_held_up(database, email, visitor=None, password=PASSWORD) -> float:
    with pytest.raises(RateLimited) as refusal:
        await users.sign_in(database, email, password, visitor or new_visitor(), issuer=authentication.sign_in_issuer())
    return refusal.value.retry_after


async def time_passes(database, limit, subject, seconds):
    """The database's clock cannot be turned; what it is compared with can."""
    await run_sql(
        database,
        "UPDATE throttles SET expires_at = expires_at - make_interval(secs => $1) WHERE key = $2",
        float(seconds),
        attempt_limits._key(limit, subject),
    )


async def test_after_five_wrong_passwords_even_the_right_one_waits(database):
    ada = await member(database)
    for _ in range(5):
        await guess(database, ada.email)
    assert 25 < await is_held_up(database, ada.email) <= 30
    assert 25 < await is_held_up(database, ada.email.upper()) <= 30


async def test_each_further_guess_waits_twice_as_long_and_a_success_clears_it(database):
    ada = await member(database)
    for _ in range(5):
        await guess(database, ada.email)
    for wait in (30, 60, 120, 240, 480, 900, 900):
        assert wait - 5 < await is_held_up(database, ada.email) <= wait
        await time_passes(database, attempt_limits.ACCOUNT, ada.email.lower(), wait)
        await guess(database, ada.email)
    await time_passes(database, attempt_limits.ACCOUNT, ada.email.lower(), 900)
    await signed_in_user(database, ada)
    for _ in range(4):
        await guess(database, ada.email)
    await signed_in_user(database, ada)


async def test_an_address_without_an_account_hears_the_same_in_the_same_order(database):
    nobody = email("nobody")
    for _ in range(5):
        await guess(database, nobody)
    assert 25 < await is_held_up(database, nobody) <= 30


async def test_wrong_guesses_are_forgotten_after_a_quarter_of_an_hour(database):
    ada = await member(database)
    for _ in range(4):
        await guess(database, ada.email)
    await time_passes(database, attempt_limits.ACCOUNT, ada.email.lower(), 901)
    for _ in range(4):
        await guess(database, ada.email)
    await signed_in_user(database, ada)


async def test_twenty_wrong_guesses_from_one_address_stop_it_whatever_the_accounts(database):
    home = new_visitor()
    for _ in range(20):
        await guess(database, email(), home)
    assert await is_held_up(database, email(), home) <= 60
    await signed_in_user(database, await member(database))


async def test_an_office_full_of_people_is_not_stopped_by_its_own_successes(database):
    office, ada = new_visitor(), await member(database)
    for _ in range(25):
        await users.sign_in(database, ada.email, PASSWORD, office, issuer=authentication.sign_in_issuer())


async def test_a_success_in_between_does_not_win_more_guesses(database):
    home, ada = new_visitor(), await member(database)
    for _ in range(19):
        await guess(database, email(), home)
    await users.sign_in(database, ada.email, PASSWORD, home, issuer=authentication.sign_in_issuer())
    await guess(database, email(), home)
    await is_held_up(database, email(), home)
    await time_passes(database, attempt_limits.ADDRESS, home.address, 61)
    await guess(database, email(), home)
    assert await is_held_up(database, email(), home) > 100


async def test_guesses_made_at_the_same_moment_are_all_counted(database):
    ada = await member(database)
    attempts = [
        users.sign_in(database, ada.email, f"wrong {n}", new_visitor(), issuer=authentication.sign_in_issuer())
        for n in range(12)
    ]
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["BadCredentials"] * 5 + ["RateLimited"] * 7


async def joins(database, home, invite="", policy="open"):
    registration = authentication.Registration(email=email(), name="Ada", password=PASSWORD, invite=invite)
    return await users.sign_up(database, registration, home, policy=policy, issuer=authentication.sign_in_issuer())


async def sign_ups(database, visitor, *, invited=False):
    async def ask(tx):
        return attempt_limits.sign_up_limit(tx, visitor, invited=invited)

    return await database.run_system(ask)


async def use_up(database, visitor, *, left, invited=False):
    """Counts sign-ups until `left` are free."""
    limit = await sign_ups(database, visitor, invited=invited)
    for _ in range(limit.free - left):
        await database.run_system(attempt_limits.require_attempt, limit, visitor.address)
    return limit


async def an_invite(database):
    ada = await make_user(database)
    return await database.run_as(ada, sessions.invite, await make_session(database, ada))


# What strangers do does not stop the owner ------------------------------------------------------------------------


def known(user, **fields):
    """A browser that this person has used before, at an address of its own."""
    return new_visitor(devices={user.id: f"device-of-{user.id}"}, **fields)


async def signs_in(database, user, visitor, password=PASSWORD):
    return await users.sign_in(database, user.email, password, visitor, issuer=authentication.sign_in_issuer())


async def hammers(database, user, tries, visitor=None):
    """Wrong passwords by a stranger, as fast as they are answered."""
    for number in range(tries):
        with contextlib.suppress(BadCredentials, RateLimited):
            await signs_in(database, user, visitor or new_visitor(), f"wrong password {number}")


async def test_an_owner_comes_in_by_a_browser_used_before_whatever_strangers_do(database):
    ada = await member(database)
    await hammers(database, ada, 12)
    await is_held_up(database, ada.email)
    await signs_in(database, ada, known(ada))
    await is_held_up(database, ada.email)  # her success wins the strangers no guess


async def test_an_owner_comes_in_by_a_browser_used_before_from_an_address_that_strangers_use_up(database):
    ada, office = await member(database), new_visitor()
    for _ in range(25):
        with contextlib.suppress(BadCredentials, RateLimited):
            await users.sign_in(database, email(), "wrong password", office, issuer=authentication.sign_in_issuer())
    await is_held_up(database, ada.email, office)
    await signs_in(database, ada, known(ada, address=office.address))


async def test_a_browser_used_before_has_guesses_of_its_own_and_no_more_than_others(database):
    ada = await member(database)
    for _ in range(5):
        await guess(database, ada.email, known(ada))
    assert 25 < await is_held_up(database, ada.email, known(ada)) <= 30
    await signed_in_user(database, ada)


async def test_a_browser_that_another_person_used_is_a_strangers(database):
    ada, eve = await member(database), await member(database, "Eve")
    for _ in range(5):
        await guess(database, ada.email, known(eve))
    await is_held_up(database, ada.email, known(eve))


async def test_somebody_signed_in_is_held_up_by_ones_own_tries_alone(database):
    ada = await member(database)
    here, elsewhere = new_visitor(sign_in_id="here"), new_visitor(sign_in_id="elsewhere")
    await hammers(database, ada, 12, new_visitor(address=here.address))
    for _ in range(4):
        with pytest.raises(Invalid):
            await authentication.check_own_password(database, ada.id, "wrong password", here)
    await users.change_password(database, ada.id, PASSWORD, "a new and better one", here, kept=None)
    for _ in range(5):
        with pytest.raises(Invalid):
            await authentication.check_own_password(database, ada.id, "wrong password", here)
    with pytest.raises(RateLimited):
        await authentication.check_own_password(database, ada.id, "a new and better one", here)
    await erasure.delete_account(database, ada.id, "a new and better one", elsewhere)


async def test_tries_that_are_refused_count_against_their_address_alone(database):
    ada, stranger = await member(database), new_visitor()
    await hammers(database, ada, 20, stranger)
    # The account has had five guesses and waits half a minute; the stranger has used up the address.
    await time_passes(database, attempt_limits.ACCOUNT, ada.email, 31)
    assert await is_held_up(database, ada.email, stranger) > 31
    await signed_in_user(database, ada)


async def test_an_address_that_goes_on_waits_ever_longer_and_takes_no_turn_of_the_account(database):
    ada, stranger = await member(database), new_visitor()
    await hammers(database, ada, 20, stranger)
    for wait in (60, 120, 240):
        assert wait - 5 < await is_held_up(database, ada.email, stranger) <= wait
        await time_passes(database, attempt_limits.ADDRESS, stranger.address, wait)
        await hammers(database, ada, 1, stranger)
    assert await is_held_up(database, ada.email) <= 60


@pytest.mark.parametrize(
    "spellings",
    [
        ["ada", "ADA", "Ada", " ada", "\u200bada"],
        ["k", "K", "\u212a"],  # the sign for Kelvin
        ["istanbul", "ISTANBUL", "ISTANBUL".lower()],
        ["i\u0307stanbul", "\u0130stanbul"],
        ["stra\u00dfe", "STRASSE", "stra\u1e9ee"],
        ["caf\u00e9", "cafe\u0301", "CAF\u00c9"],
        ["\u1ed7", "\u00f4\u0303", "o\u0302\u0303"],
        ["\uff41\uff44\uff41", "ada"],
        ["\u03c3\u03bf\u03c6\u03bf\u03c2", "\u03a3\u039f\u03a6\u039f\u03a3", "\u03c3\u03bf\u03c6\u03bf\u03c3"],
    ],
)
async def test_another_spelling_of_an_address_wins_no_guess(database, spellings):
    domain = f"{uuid.uuid4().hex}.example.org"
    address = email_addresses.check(f"{spellings[0]}@{domain}")
    ada = await database.run_system(authentication.add, address, "Ada", await passwords.hashed(PASSWORD))
    for number in range(5):
        await guess(database, f"{spellings[number % len(spellings)]}@{domain}")
    for spelled in spellings:
        await is_held_up(database, f"{spelled}@{domain}")
        assert (await database.run_system(users.find, f"{spelled}@{domain}")).id == ada.id


async def test_an_ipv4_address_is_one_however_its_socket_spells_it(database):
    home = address()
    spelled = [home, f"::ffff:{home}", f"::FFFF:{home}"]
    for number in range(20):
        await guess(database, email(), new_visitor(address=spelled[number % 3]))
    for each in spelled:
        await is_held_up(database, email(), new_visitor(address=each))


async def test_new_accounts_from_one_address_are_limited_in_an_hour(database):
    home = new_visitor()
    limit = await use_up(database, home, left=2)
    await joins(database, home)
    await joins(database, home)
    with pytest.raises(RateLimited) as refusal:
        await joins(database, home)
    assert 590 < refusal.value.retry_after <= 600
    await time_passes(database, limit, home.address, 7300)
    await joins(database, home)


@pytest.mark.parametrize("policy", ["open", "invite"])
async def test_a_class_of_25_signs_up_at_once_by_an_invite(database, policy):
    school, invite = new_visitor(), await an_invite(database)
    arrivals = await asyncio.gather(*(joins(database, school, invite, policy) for _ in range(25)))
    assert len({signed_in.user.id for signed_in in arrivals}) == 25
    if policy == "open":
        await joins(database, school)  # who comes without one is counted apart


async def test_a_class_that_fills_its_address_is_told_to_wait_too(database):
    school, invite = new_visitor(), await an_invite(database)
    await use_up(database, school, left=1, invited=True)
    answers = await asyncio.gather(*(joins(database, school, invite) for _ in range(4)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == [*["RateLimited"] * 3, "SignedIn"]


@pytest.mark.parametrize("why", ["revoked", "expired", "made up"])
async def test_an_invite_that_is_not_good_makes_no_room_for_sign_ups(database, why):
    crowd, invite = new_visitor(), await an_invite(database)
    column = {"revoked": "revoked_at", "expired": "expires_at"}.get(why)
    if column:
        await run_sql(database, f"UPDATE session_invites SET {column} = now() - interval '1 s' WHERE code = $1", invite)
    await use_up(database, crowd, left=0)
    with pytest.raises(RateLimited):
        await joins(database, crowd, "never-made" if why == "made up" else invite)


async def test_both_allowances_for_sign_ups_are_settings(database_url):
    settings = config.load({"SIGN_UPS_PER_ADDRESS": "3", "INVITED_SIGN_UPS_PER_ADDRESS": "7"})
    queries = load_queries(paths.SQL / "queries")
    strict = Database(database_url, queries, NullPublisher(), pool=2, limits=Limits.from_config(settings))
    await strict.connect()
    free = [(await sign_ups(strict, new_visitor(), invited=invited)).free for invited in (False, True)]
    await strict.close()
    assert free == [3, 7]


async def test_the_operators_own_machine_may_make_many(database):
    assert (await sign_ups(database, new_visitor(address="127.0.0.1", is_local=True))).free > 1000
    assert (await sign_ups(database, new_visitor(address=address()))).free == 20


async def test_no_address_is_kept_in_the_counts(database):
    nobody = email("nobody")
    await guess(database, nobody)
    assert not await run_sql(database, "SELECT FROM throttles WHERE key LIKE '%' || $1 || '%'", nobody)
    assert await run_sql(
        database, "SELECT FROM throttles WHERE key = $1", attempt_limits._key(attempt_limits.ACCOUNT, nobody)
    )


async def test_the_sweep_forgets_what_no_longer_matters(database):
    ada = await member(database)
    await guess(database, ada.email)
    await time_passes(database, attempt_limits.ACCOUNT, ada.email.lower(), 3 * 86400)
    await database.run_system(users.sweep)
    key = attempt_limits._key(attempt_limits.ACCOUNT, ada.email.lower())
    assert not await run_sql(database, "SELECT FROM throttles WHERE key = $1", key)
