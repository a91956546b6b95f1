"""Coming in: sign up, sign in, show one's password again.

Each of these is more than one unit of work, because a password is hashed between them, outside of any transaction: the
attempt is counted and the account looked up, the password is checked, then the door is opened, provided that the
password is still the one that was checked.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

import structlog
from msgspec import Struct

from chatserver import ids
from chatserver.database import Database, Row, Transaction
from chatserver.errors import BadCredentials, Conflict, Invalid, NotAllowed, NotSignedIn, RateLimited, SignUpClosed
from chatserver.identity import addresses
from chatserver.identity.viewer import Viewer
from chatserver.text import normalization
from chatserver.users import api_tokens, names, passwords, profile, sign_ins, throttling
from chatserver.users.models import Arrival, Secret, User, Visitor

Policy = Literal["open", "invite", "closed"]
# Opens the door for somebody whose password was checked: a sign-in or an API token.
Opener = Callable[[Transaction, "Proof"], Awaitable[Secret]]

log = structlog.get_logger(__name__)


class Application(Struct, frozen=True, kw_only=True):
    """What somebody fills in to become a member; `invite` is the code of a session's invite link."""

    email: str
    name: str
    password: str
    invite: str = ""


class Proof(Struct, frozen=True, kw_only=True):
    """Whose password was right, the hash that it was checked against, and the counts that held the attempt.

    `outdated` says that the hash was made in another way than today's.
    """

    user: User
    password_hash: str
    visitor: Visitor
    counts: tuple[throttling.Count, ...] = ()
    outdated: bool = False


class _Attempt(Struct, frozen=True, kw_only=True):
    """An attempt, counted: the account that it is for, if there is one, or the wait that must pass first."""

    row: Row | None
    counts: tuple[throttling.Count, ...]
    refusal: RateLimited | None


# Signing up -------------------------------------------------------------------------------------------------------


async def sign_up(
    database: Database, application: Application, visitor: Visitor, *, policy: Policy, opener: Opener
) -> Arrival:
    """Makes an account and lets its owner in. Invalid, SignUpClosed, RateLimited, or Conflict for a taken address."""
    email, name = profile.email(application.email), names.check(application.name)
    password = passwords.check(application.password, email=email, name=name)
    await database.run_system(_may_sign_up, application.invite, visitor, policy)
    password_hash = await passwords.hashed(password)
    return await database.run_system(_join, email, name, password_hash, visitor, opener)


async def _may_sign_up(tx: Transaction, invite: str, visitor: Visitor, policy: Policy) -> None:
    if policy == "closed":
        raise SignUpClosed
    invited = await _invite_stands(tx, invite)
    limit = throttling.sign_ups(tx, visitor, invited=invited)
    await throttling.take(tx, limit, addresses.subnet_of(visitor.address))
    if policy == "invite" and not invited:
        raise SignUpClosed("An account here needs an invitation: open the invite link of a session and sign up there.")


async def _invite_stands(tx: Transaction, invite: str) -> bool:
    code = normalization.invite_code(invite)
    return bool(code) and bool(await tx.fetch_value("users.invite_stands", code=code))


async def _join(
    tx: Transaction, email: str, name: str, password_hash: str, visitor: Visitor, opener: Opener
) -> Arrival:
    user = await add(tx, email, name, password_hash)
    secret = await opener(tx, Proof(user=user, password_hash=password_hash, visitor=visitor))
    return Arrival(user=user, secret=secret)


async def add(tx: Transaction, email: str, name: str, password_hash: str | None) -> User:
    """Makes an account of cleaned values; Conflict where the address is taken, Invalid for the site's own name.

    Needs the worker role.
    """
    names.check_site(name, tx.limits.site_name)
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


async def sign_in(database: Database, email: str, password: str, visitor: Visitor, *, opener: Opener) -> Arrival:
    """Lets somebody in by address and password. BadCredentials for either being wrong, RateLimited for guessing."""
    proof = await prove(database, email, password, visitor)
    better = await passwords.hashed(password) if proof.outdated else None
    secret = await database.run_system(_let_in, proof, better, opener)
    return Arrival(user=proof.user, secret=secret)


async def prove(database: Database, email: str, password: str, visitor: Visitor) -> Proof:
    """Checks a password. The same answer, after the same work, whether or not there is an account."""
    return await _check(await database.run_system(_begin, email, visitor), password, visitor)


async def prove_again(database: Database, user_id: str, password: str, visitor: Visitor) -> Proof:
    """Checks the password of somebody signed in, before something that a borrowed browser must not do."""
    try:
        return await _check(await database.run_system(_begin_again, user_id, visitor), password, visitor)
    except BadCredentials:
        raise Invalid("That is not your password.", details={"field": "current_password"}) from None


async def _check(attempt: _Attempt, password: str, visitor: Visitor) -> Proof:
    row = attempt.row
    if attempt.refusal is not None:
        raise attempt.refusal
    spelling_used = await passwords.matching(row["password_hash"] if row else None, password)
    if row is None or spelling_used is None:
        raise BadCredentials
    if row["status"] != "active":
        raise NotAllowed("This account was closed by the operator of this site.")
    return Proof(
        user=User.from_row(row),
        password_hash=row["password_hash"],
        visitor=visitor,
        counts=attempt.counts,
        outdated=passwords.is_outdated(row["password_hash"]) or spelling_used != normalization.password(password),
    )


async def _begin(tx: Transaction, email: str, visitor: Visitor) -> _Attempt:
    row = await find_by_email(tx, email)
    device = visitor.devices.get(row["id"]) if row else None
    # A browser known to the account has a count of its own: no guess of a stranger, here or elsewhere, makes it wait.
    known = (throttling.Count(throttling.DEVICE, device),) if device else None
    counts = known or throttling.counts_of_a_stranger(row["email"] if row else email, visitor)
    return _Attempt(row=row, counts=counts, refusal=await throttling.count(tx, counts))


async def _begin_again(tx: Transaction, user_id: str, visitor: Visitor) -> _Attempt:
    row = await tx.fetch_one("users.with_password", id=user_id)
    if row is None:
        raise NotSignedIn
    counts = (throttling.Count(throttling.SIGN_IN, visitor.sign_in_id or user_id),)
    return _Attempt(row=row, counts=counts, refusal=await throttling.count(tx, counts))


async def find_by_email(tx: Transaction, email: str) -> Row | None:
    """The account of an address, in any spelling, or None. Needs the worker role."""
    email = normalization.email(email)
    if not profile.is_email(email):
        return None
    return await tx.fetch_one("users.by_email", email=email, key=normalization.email_key(email))


async def _let_in(tx: Transaction, proof: Proof, better: str | None, opener: Opener) -> Secret:
    secret = await opener(tx, proof)
    await settle(tx, proof)
    if better is not None:
        await tx.execute("users.set_password", id=proof.user.id, password_hash=better, checked=proof.password_hash)
    return secret


async def settle(tx: Transaction, proof: Proof) -> None:
    """The attempt was no guess: it counts against nobody. Needs the worker role."""
    await throttling.settle(tx, proof.counts)


# What the door opens to -------------------------------------------------------------------------------------------


def with_a_sign_in(*, replacing: Viewer | None = None) -> Opener:
    """Opens a sign-in for a browser; the one that it had, if any, ends, so that nobody inherits an old cookie."""

    async def open_(tx: Transaction, proof: Proof) -> Secret:
        if replacing is not None:
            await sign_ins.leave(tx, replacing)
        return await sign_ins.open_sign_in(tx, proof.user.id, proof.password_hash, proof.visitor)

    return open_


def with_a_token(name: str) -> Opener:
    """Makes an API token for a program."""
    name = profile.token_name(name)

    async def open_(tx: Transaction, proof: Proof) -> Secret:
        if await tx.fetch_value("users.lock_for_token", user_id=proof.user.id, checked=proof.password_hash) is None:
            raise BadCredentials
        return await api_tokens.create_token(tx, proof.user.id, name)

    return open_
