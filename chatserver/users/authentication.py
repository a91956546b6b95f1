"""Authentication by password: signing up, signing in, and confirming the password of a signed-in user.

Each is several units of work, as a password is hashed outside of any transaction: first the attempt is counted and the
account looked up, then the password is checked, then a credential is issued, where the stored password is still the checked
one.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

import structlog
from msgspec import Struct

from chatserver import ids
from chatserver.audit import service as audit
from chatserver.database import Database, Row, Transaction
from chatserver.errors import BadCredentials, Conflict, Invalid, NotAllowed, NotSignedIn, RateLimited, SignUpClosed
from chatserver.identity import addresses
from chatserver.identity.viewer import Viewer
from chatserver.text import normalization
from chatserver.users import (
    api_tokens,
    attempt_limits,
    display_names,
    email_addresses,
    passwords,
    service,
    sign_ins,
)
from chatserver.users.models import Secret, SignedIn, User, Visitor

Policy = Literal["open", "invite", "closed"]
# Creates a credential, a sign-in or an API token, for somebody whose password was checked.
CredentialIssuer = Callable[[Transaction, "PasswordCheck"], Awaitable[Secret]]

_KEPT_ALREADY = "This account has a password already."

log = structlog.get_logger(__name__)


class Registration(Struct, frozen=True, kw_only=True):
    """The form of a new account; `invite` is the code of a session's invite link."""

    email: str
    name: str
    password: str
    invite: str = ""


class PasswordCheck(Struct, frozen=True, kw_only=True):
    """A correct password: whose it is, the hash it was checked against, and where the attempt was counted.

    The hash is None for the account of a name only, which has no password.

    `outdated` says that the hash was made with other parameters than today's.
    """

    user: User
    password_hash: str | None
    visitor: Visitor
    counts: tuple[attempt_limits.AttemptCount, ...] = ()
    outdated: bool = False


class _Attempt(Struct, frozen=True, kw_only=True):
    """A counted attempt: the row of its account, if there is one, the refusal where one must wait first, and why the
    account is banned."""

    row: Row | None
    counts: tuple[attempt_limits.AttemptCount, ...]
    refusal: RateLimited | None
    banned_because: str = ""


# Signing up -------------------------------------------------------------------------------------------------------


async def sign_up(
    database: Database, registration: Registration, visitor: Visitor, *, policy: Policy, issuer: CredentialIssuer
) -> SignedIn:
    """Creates an account and issues its first credential.

    Invalid for a bad field, SignUpClosed by policy, RateLimited, Conflict for an address that has an account.
    """
    email, name = email_addresses.check(registration.email), display_names.check(registration.name)
    password = passwords.check(registration.password, email=email, name=name)
    await database.run_system(_may_sign_up, registration.invite, visitor, policy)
    password_hash = await passwords.hashed(password)
    return await database.run_system(_join, email, name, password_hash, visitor, issuer)


async def sign_up_or_in(
    database: Database, registration: Registration, visitor: Visitor, *, policy: Policy, issuer: CredentialIssuer
) -> SignedIn:
    """Creates an account, or signs in to the one with this address where the password is its own.

    Raises what `sign_up` raises; Conflict where the password is not that account's; RateLimited for guessing.
    """
    try:
        return await sign_up(database, registration, visitor, policy=policy, issuer=issuer)
    except Conflict as taken:
        try:
            return await sign_in(database, registration.email, registration.password, visitor, issuer=issuer)
        except BadCredentials:
            raise taken from None


async def join_by_name(
    database: Database, name: str, invite: str, visitor: Visitor, *, policy: Policy, issuer: CredentialIssuer
) -> SignedIn:
    """Creates an account of a name only, by a valid invite; it has no password, and an address at which nobody signs in.

    Raises what `sign_up` raises, and SignUpClosed without a valid invite.
    """
    name = display_names.check(name)
    await database.run_system(_may_sign_up, invite, visitor, policy)
    return await database.run_system(_join_by_name, name, invite, visitor, issuer)


async def _join_by_name(
    tx: Transaction, name: str, invite: str, visitor: Visitor, issuer: CredentialIssuer
) -> SignedIn:
    if not await _is_valid_invite(tx, invite):
        raise SignUpClosed("A name is enough only by the invite link of a session.")
    user = await add(tx, email_addresses.of_nobody(), name, None)
    secret = await issuer(tx, PasswordCheck(user=user, password_hash=None, visitor=visitor))
    return SignedIn(user=user, secret=secret)


async def keep_account(database: Database, user_id: str, email: str, password: str, visitor: Visitor) -> User:
    """Gives an account of a name only its address and password: Invalid for a bad one, Conflict for one that is taken,
    NotAllowed where the account has a password already, RateLimited."""
    email = email_addresses.check(email)
    user = await database.run_system(_may_keep, user_id, visitor)
    password_hash = await passwords.hashed_for(user_id, passwords.check(password, email=email, name=user.name))
    return await database.run_system(_keep, user_id, email, password_hash)


async def _may_keep(tx: Transaction, user_id: str, visitor: Visitor) -> User:
    """Counted like a sign-up by an invite, which tells no more of whose addresses are taken."""
    user = await service.get(tx, user_id)
    if not user.is_by_name:
        raise NotAllowed(_KEPT_ALREADY)
    limit = attempt_limits.sign_up_limit(tx, visitor, invited=True)
    await attempt_limits.require_attempt(tx, limit, addresses.subnet_of(visitor.address))
    return user


async def _keep(tx: Transaction, user_id: str, email: str, password_hash: str) -> User:
    key = normalization.email_key(email)
    if await tx.fetch_one("users.by_email", email=email, key=key) is not None:
        raise Conflict("There is an account with this e-mail address already.", details={"field": "email"})
    row = await tx.fetch_one("users.keep", id=user_id, email=email, email_key=key, password_hash=password_hash)
    if row is None:
        raise NotAllowed(_KEPT_ALREADY)
    return User.from_row(row)


async def _may_sign_up(tx: Transaction, invite: str, visitor: Visitor, policy: Policy) -> None:
    if policy == "closed":
        raise SignUpClosed
    invited = await _is_valid_invite(tx, invite)
    limit = attempt_limits.sign_up_limit(tx, visitor, invited=invited)
    await attempt_limits.require_attempt(tx, limit, addresses.subnet_of(visitor.address))
    if policy == "invite" and not invited:
        raise SignUpClosed("An account here needs an invitation: open the invite link of a session and sign up there.")


async def _is_valid_invite(tx: Transaction, invite: str) -> bool:
    code = normalization.invite_code(invite)
    return bool(code) and bool(await tx.fetch_value("users.is_valid_invite", code=code))


async def _join(
    tx: Transaction, email: str, name: str, password_hash: str, visitor: Visitor, issuer: CredentialIssuer
) -> SignedIn:
    user = await add(tx, email, name, password_hash)
    secret = await issuer(tx, PasswordCheck(user=user, password_hash=password_hash, visitor=visitor))
    return SignedIn(user=user, secret=secret)


async def add(tx: Transaction, email: str, name: str, password_hash: str | None) -> User:
    """Creates an account of checked values; Conflict where the address has one, Invalid for the site's own name.

    `password_hash` None: nobody can sign in with a password. Needs the worker role.
    """
    display_names.check_site(name, tx.limits.site_name)
    row = await tx.fetch_one(
        "users.add",
        id=ids.new(),
        email=email,
        email_key=normalization.email_key(email),
        name=name,
        password_hash=password_hash,
    )
    if row is None:
        raise Conflict(
            "There is an account with this e-mail address already. Sign in instead.", details={"field": "email"}
        )
    log.info("user.added", user_id=row["id"])
    return User.from_row(row)


# Signing in -------------------------------------------------------------------------------------------------------


async def sign_in(
    database: Database, email: str, password: str, visitor: Visitor, *, issuer: CredentialIssuer
) -> SignedIn:
    """Issues a credential for an address and password; BadCredentials where either is wrong, RateLimited for guessing."""
    checked = await check_password(database, email, password, visitor)
    better = await passwords.hashed(password) if checked.outdated else None
    secret = await database.run_system(_issue, checked, better, issuer)
    return SignedIn(user=checked.user, secret=secret)


async def check_password(database: Database, email: str, password: str, visitor: Visitor) -> PasswordCheck:
    """Checks an address and password; errors and time are the same whether or not there is an account."""
    return await _check(await database.run_system(_begin, email, visitor), password, visitor)


async def check_own_password(database: Database, user_id: str, password: str, visitor: Visitor) -> PasswordCheck:
    """Checks the password of a signed-in user, before what a borrowed browser must not do; Invalid where it is wrong."""
    try:
        return await _check(await database.run_system(_begin_again, user_id, visitor), password, visitor)
    except BadCredentials:
        raise Invalid("That is not your password.", details={"field": "current_password"}) from None


async def _check(attempt: _Attempt, password: str, visitor: Visitor) -> PasswordCheck:
    row = attempt.row
    if attempt.refusal is not None:
        raise attempt.refusal
    spelling_used = await passwords.matching(row["password_hash"] if row else None, password)
    if row is None or spelling_used is None:
        raise BadCredentials
    if row["status"] != "active":
        why = f" The reason: {attempt.banned_because}" if attempt.banned_because else ""
        raise NotAllowed(f"This account was closed by the operator of this site.{why}")
    return PasswordCheck(
        user=User.from_row(row),
        password_hash=row["password_hash"],
        visitor=visitor,
        counts=attempt.counts,
        outdated=passwords.is_outdated(row["password_hash"]) or spelling_used != normalization.password(password),
    )


async def _begin(tx: Transaction, email: str, visitor: Visitor) -> _Attempt:
    row = await find_by_email(tx, email)
    device = visitor.devices.get(row["id"]) if row else None
    # A browser with the account's device cookie has a count of its own: attempts of strangers never make it wait.
    known = (attempt_limits.AttemptCount(attempt_limits.DEVICE, device),) if device else None
    counts = known or attempt_limits.counts_without_device(row["email"] if row else email, visitor)
    refusal = await attempt_limits.count_attempts(tx, counts)
    is_banned = row is not None and row["status"] == "banned"
    because = await audit.reason_of(tx, "user.banned", row["id"]) if row and is_banned else ""
    return _Attempt(row=row, counts=counts, refusal=refusal, banned_because=because)


async def _begin_again(tx: Transaction, user_id: str, visitor: Visitor) -> _Attempt:
    row = await tx.fetch_one("users.with_password", id=user_id)
    if row is None:
        raise NotSignedIn
    counts = (attempt_limits.AttemptCount(attempt_limits.SIGN_IN, visitor.sign_in_id or user_id),)
    return _Attempt(row=row, counts=counts, refusal=await attempt_limits.count_attempts(tx, counts))


async def find_by_email(tx: Transaction, email: str) -> Row | None:
    """The row of the account of an address, in any spelling, or None. Needs the worker role."""
    email = normalization.email(email)
    if not email_addresses.is_valid(email):
        return None
    return await tx.fetch_one("users.by_email", email=email, key=normalization.email_key(email))


async def _issue(tx: Transaction, checked: PasswordCheck, better: str | None, issuer: CredentialIssuer) -> Secret:
    secret = await issuer(tx, checked)
    await clear_attempt(tx, checked)
    if better is not None:
        await tx.execute("users.set_password", id=checked.user.id, password_hash=better, checked=checked.password_hash)
    return secret


async def clear_attempt(tx: Transaction, checked: PasswordCheck) -> None:
    """Takes a successful attempt off its counts. Needs the worker role."""
    await attempt_limits.clear(tx, checked.counts)


# Issuing credentials ----------------------------------------------------------------------------------------------


def sign_in_issuer(*, replacing: Viewer | None = None) -> CredentialIssuer:
    """Issues a sign-in for a browser; the browser's previous one, if any, ends."""

    async def issue(tx: Transaction, checked: PasswordCheck) -> Secret:
        if replacing is not None:
            await sign_ins.sign_out(tx, replacing)
        return await sign_ins.open_sign_in(tx, checked.user.id, checked.password_hash, checked.visitor)

    return issue


def token_issuer(name: str, client_id: str | None = None) -> CredentialIssuer:
    """Issues an API token of this name, once for each client_id."""
    name = api_tokens.check_name(name)

    async def issue(tx: Transaction, checked: PasswordCheck) -> Secret:
        if await tx.fetch_value("users.lock_for_token", user_id=checked.user.id, checked=checked.password_hash) is None:
            raise BadCredentials
        return await api_tokens.create_token(tx, checked.user.id, name, client_id=client_id)

    return issue
