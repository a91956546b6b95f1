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
from chatserver.errors import BadCredentials, Conflict, Invalid, NotAllowed, NotSignedIn, SignUpClosed
from chatserver.users import api_tokens, passwords, profile, sign_ins, throttling
from chatserver.users.models import Arrival, Secret, User, Visitor
from chatserver.web import addresses
from chatserver.web.auth import Viewer

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
    """Whose password was right, and the hash that it was checked against."""

    user: User
    password_hash: str
    visitor: Visitor


# Signing up -------------------------------------------------------------------------------------------------------


async def sign_up(
    database: Database, application: Application, visitor: Visitor, *, policy: Policy, opener: Opener
) -> Arrival:
    """Makes an account and lets its owner in. Invalid, SignUpClosed, RateLimited, or Conflict for a taken address."""
    email, name = profile.email(application.email), profile.name(application.name)
    password = passwords.check(application.password, email=email, name=name)
    await database.run_system(_may_sign_up, application.invite, visitor, policy)
    password_hash = await passwords.hashed(password)
    return await database.run_system(_join, email, name, password_hash, visitor, opener)


async def _may_sign_up(tx: Transaction, invite: str, visitor: Visitor, policy: Policy) -> None:
    if policy == "closed":
        raise SignUpClosed
    invited = await _invite_stands(tx, invite)
    limit = throttling.sign_ups(tx, visitor, invited=invited)
    await throttling.take(tx, limit, addresses.neighbourhood(visitor.address))
    if policy == "invite" and not invited:
        raise SignUpClosed("An account here needs an invitation: open the invite link of a session and sign up there.")


async def _invite_stands(tx: Transaction, invite: str) -> bool:
    if not invite or not invite.isascii() or "\0" in invite:
        return False
    return bool(await tx.fetch_value("users.invite_stands", code=invite))


async def _join(
    tx: Transaction, email: str, name: str, password_hash: str, visitor: Visitor, opener: Opener
) -> Arrival:
    user = await add(tx, email, name, password_hash)
    secret = await opener(tx, Proof(user=user, password_hash=password_hash, visitor=visitor))
    return Arrival(user=user, secret=secret)


async def add(tx: Transaction, email: str, name: str, password_hash: str | None) -> User:
    """Makes an account of cleaned values; Conflict where the address is taken. Needs the worker role."""
    row = await tx.fetch_one("users.add", id=ids.new(), email=email, name=name, password_hash=password_hash)
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
    better = await passwords.hashed(password) if passwords.is_outdated(proof.password_hash) else None
    secret = await database.run_system(_let_in, proof, better, opener)
    return Arrival(user=proof.user, secret=secret)


async def prove(database: Database, email: str, password: str, visitor: Visitor) -> Proof:
    """Checks a password. The same answer, after the same work, whether or not there is an account."""
    row = await database.run_system(_count_and_find, email.strip(), visitor)
    right = await passwords.matches(row["password_hash"] if row else None, password)
    if row is None or not right:
        raise BadCredentials
    if row["status"] != "active":
        raise NotAllowed("This account was closed by the operator of this site.")
    return Proof(user=User.from_row(row), password_hash=row["password_hash"], visitor=visitor)


async def prove_again(database: Database, user_id: str, password: str, visitor: Visitor) -> Proof:
    """Checks the password of somebody signed in, before something that a borrowed browser must not do."""
    email = await database.run_system(_email_of, user_id)
    try:
        return await prove(database, email, password, visitor)
    except BadCredentials:
        raise Invalid("That is not your password.", details={"field": "current_password"}) from None


async def _email_of(tx: Transaction, user_id: str) -> str:
    row = await tx.fetch_one("users.get", id=user_id)
    if row is None:
        raise NotSignedIn
    email: str = row["email"]
    return email


async def _count_and_find(tx: Transaction, email: str, visitor: Visitor) -> Row | None:
    await throttling.take(tx, throttling.ACCOUNT, email.lower())
    await throttling.take(tx, throttling.ADDRESS, addresses.neighbourhood(visitor.address))
    return await tx.fetch_one("users.by_email", email=email) if profile.is_email(email) else None


async def _let_in(tx: Transaction, proof: Proof, better: str | None, opener: Opener) -> Secret:
    secret = await opener(tx, proof)
    await settle(tx, proof)
    if better is not None:
        await tx.execute("users.set_password", id=proof.user.id, password_hash=better, checked=proof.password_hash)
    return secret


async def settle(tx: Transaction, proof: Proof) -> None:
    """The attempt was no guess: it counts against nobody. Needs the worker role."""
    await throttling.forget(tx, throttling.ACCOUNT, proof.user.email.lower())
    await throttling.give_back(tx, throttling.ADDRESS, addresses.neighbourhood(proof.visitor.address))


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
