"""How often something may be tried, by account and by address, counted in the database for all processes.

An attempt is counted before it is judged, so that guesses made at the same moment are all counted. Some are free; after
them each needs a wait, twice as long each time. Whose attempt it was is kept as a hash only.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from chatserver.database import Transaction
from chatserver.errors import RateLimited
from chatserver.identity import addresses
from chatserver.text import normalization
from chatserver.users.models import Visitor
from chatserver.web import filters


@dataclass(frozen=True)
class Limit:
    """So many attempts in a window are free; then come waits. All times in seconds."""

    name: str
    free: int
    window: float
    first_wait: float
    longest_wait: float


# A person mistypes a few times; at fifteen minutes a guess, ten thousand guesses take three months.
ACCOUNT = Limit("account", free=5, window=900, first_wait=30, longest_wait=900)
# A browser in which the account was signed in to before, and a person who is signed in: no stranger's guess counts here.
DEVICE = Limit("device", free=5, window=900, first_wait=30, longest_wait=900)
SIGN_IN = Limit("sign-in", free=5, window=900, first_wait=30, longest_wait=900)
# A household or an office shares an address.
ADDRESS = Limit("address", free=20, window=900, first_wait=60, longest_wait=3600)
# This very machine: its operator, who fills it with test accounts at will; still not without end.
SIGN_UPS_HERE = Limit("sign-ups-here", free=5000, window=3600, first_wait=60, longest_wait=3600)


@dataclass(frozen=True)
class Count:
    """What an attempt is counted against."""

    limit: Limit
    subject: str


def counts_of_a_stranger(email: str, visitor: Visitor) -> tuple[Count, ...]:
    """For whoever shows nothing but an address and a password: the place first, then the account."""
    return Count(ADDRESS, addresses.subnet_of(visitor.address)), Count(ACCOUNT, normalization.email_key(email))


async def count(tx: Transaction, counts: Sequence[Count]) -> RateLimited | None:
    """Counts an attempt, and returns why it must wait, if so. What was counted before that stays counted: whoever
    hammers at an account that waits has ever longer waits at their own address. Needs the worker role."""
    for each in counts:
        refusal = await attempt(tx, each.limit, each.subject)
        if refusal is not None:
            return refusal
    return None


async def take(tx: Transaction, limit: Limit, subject: str) -> None:
    """Counts an attempt; RateLimited, with the seconds to wait, where one must wait first. Needs the worker role."""
    refusal = await attempt(tx, limit, subject)
    if refusal is not None:
        raise refusal


async def attempt(tx: Transaction, limit: Limit, subject: str) -> RateLimited | None:
    """Counts an attempt, and returns the refusal where one must wait first. Needs the worker role."""
    key = _key(limit, subject)
    taken = await tx.fetch_value(
        "users.take_attempt",
        key=key,
        free=limit.free,
        window_seconds=limit.window,
        first_wait_seconds=limit.first_wait,
        longest_wait_seconds=limit.longest_wait,
    )
    if taken is not None:
        return None
    wait = await tx.fetch_value("users.remaining_wait", key=key)
    return RateLimited(f"Too many attempts. Please try again in {filters.duration(ceil(wait))}.", retry_after=wait)


async def settle(tx: Transaction, counts: Sequence[Count]) -> None:
    """It was the right person: the attempt counts nowhere. An address keeps the count of the others behind it."""
    for each in counts:
        if each.limit is ADDRESS:
            await give_back(tx, each.limit, each.subject)
        else:
            await forget(tx, each.limit, each.subject)


async def forget(tx: Transaction, limit: Limit, subject: str) -> None:
    """Clears the count: it was the right person."""
    await tx.execute("users.forget_attempts", key=_key(limit, subject))


async def give_back(tx: Transaction, limit: Limit, subject: str) -> None:
    """Takes one attempt off the count, leaving those of others."""
    await tx.execute("users.give_attempt_back", key=_key(limit, subject), free=limit.free, window_seconds=limit.window)


def sign_ups(tx: Transaction, visitor: Visitor, *, invited: bool) -> Limit:
    """The limit for new accounts from where this visitor stands; who holds a valid invite is counted apart."""
    if visitor.is_local:
        return SIGN_UPS_HERE
    name, free = (
        ("invited-sign-ups", tx.limits.invited_sign_ups_per_address)
        if invited
        else ("sign-ups", tx.limits.sign_ups_per_address)
    )
    return Limit(name, free=free, window=3600, first_wait=600, longest_wait=3600)


def _key(limit: Limit, subject: str) -> str:
    digest = hashlib.sha256(subject.encode("utf-8", "replace")).hexdigest()
    return f"{limit.name}:{digest[:32]}"
