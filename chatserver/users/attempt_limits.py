"""Limits of attempts to sign in, to sign up, and of whatever else may be guessed at, by account, browser and network.

They are counted in the database for all processes.

An attempt is counted before it is judged, so that concurrent guesses are all counted. The first ones are free; each one
after them needs a wait, twice as long each time. The subject of a count is stored as a hash only. (`rate_limits` has the
limits of what people who have signed in may do.)
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
class AttemptLimit:
    """`free` attempts in a window need no wait; later ones do. All times in seconds."""

    name: str
    free: int
    window: float
    first_wait: float
    longest_wait: float


# A person mistypes a few times; at fifteen minutes a guess, ten thousand guesses take three months.
ACCOUNT = AttemptLimit("account", free=5, window=900, first_wait=30, longest_wait=900)
# For a browser with the account's device cookie, and for a signed-in user: attempts of strangers do not count here.
DEVICE = AttemptLimit("device", free=5, window=900, first_wait=30, longest_wait=900)
SIGN_IN = AttemptLimit("sign-in", free=5, window=900, first_wait=30, longest_wait=900)
# A household or an office shares an address.
ADDRESS = AttemptLimit("address", free=20, window=900, first_wait=60, longest_wait=3600)
# From this machine itself the operator may add many test accounts.
LOCAL_SIGN_UPS = AttemptLimit("sign-ups-here", free=5000, window=3600, first_wait=60, longest_wait=3600)


@dataclass(frozen=True)
class AttemptCount:
    """What an attempt is counted against."""

    limit: AttemptLimit
    subject: str


def counts_without_device(email: str, visitor: Visitor) -> tuple[AttemptCount, ...]:
    """The counts of a visitor without the account's device cookie: first the network's, then the account's."""
    return (
        AttemptCount(ADDRESS, addresses.subnet_of(visitor.address)),
        AttemptCount(ACCOUNT, normalization.email_key(email)),
    )


async def count_attempts(tx: Transaction, counts: Sequence[AttemptCount]) -> RateLimited | None:
    """Counts an attempt against each, and returns the refusal where one must wait first. Needs the worker role.

    Counts before a refused one are kept: repeated attempts on an account that waits also make the attacker's own network
    wait ever longer.
    """
    for each in counts:
        refusal = await count_attempt(tx, each.limit, each.subject)
        if refusal is not None:
            return refusal
    return None


async def require_attempt(tx: Transaction, limit: AttemptLimit, subject: str) -> None:
    """Counts an attempt; RateLimited, with the seconds to wait, where one must wait first. Needs the worker role."""
    refusal = await count_attempt(tx, limit, subject)
    if refusal is not None:
        raise refusal


async def count_attempt(tx: Transaction, limit: AttemptLimit, subject: str) -> RateLimited | None:
    """Counts an attempt, and returns the refusal where one must wait first. Needs the worker role."""
    key = _key(limit, subject)
    counted = await tx.fetch_value(
        "users.count_attempt",
        key=key,
        free=limit.free,
        window_seconds=limit.window,
        first_wait_seconds=limit.first_wait,
        longest_wait_seconds=limit.longest_wait,
    )
    if counted is not None:
        return None
    wait = await tx.fetch_value("users.remaining_wait", key=key)
    return RateLimited(f"Too many attempts. Please try again in {filters.duration(ceil(wait))}.", retry_after=wait)


async def clear(tx: Transaction, counts: Sequence[AttemptCount]) -> None:
    """Takes a successful attempt off its counts: those of account and browser are reset, a network's loses one."""
    for each in counts:
        if each.limit is ADDRESS:
            await refund(tx, (each,))
        else:
            await reset(tx, each.limit, each.subject)


async def reset(tx: Transaction, limit: AttemptLimit, subject: str) -> None:
    """Forgets all attempts of one count."""
    await tx.execute("users.reset_attempts", key=_key(limit, subject))


async def refund(tx: Transaction, counts: Sequence[AttemptCount]) -> None:
    """Takes one attempt off each of these counts, leaving those of others."""
    for each in counts:
        key, limit = _key(each.limit, each.subject), each.limit
        await tx.execute("users.refund_attempt", key=key, free=limit.free, window_seconds=limit.window)


def sign_up_limit(tx: Transaction, visitor: Visitor, *, invited: bool) -> AttemptLimit:
    """The limit of new accounts from this visitor's network; holders of a valid invite are counted apart."""
    if visitor.is_local:
        return LOCAL_SIGN_UPS
    name, free = (
        ("invited-sign-ups", tx.limits.invited_sign_ups_per_address)
        if invited
        else ("sign-ups", tx.limits.sign_ups_per_address)
    )
    return AttemptLimit(name, free=free, window=3600, first_wait=600, longest_wait=3600)


def _key(limit: AttemptLimit, subject: str) -> str:
    digest = hashlib.sha256(subject.encode("utf-8", "replace")).hexdigest()
    return f"{limit.name}:{digest[:32]}"


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("users.bring_forward", seconds=seconds)
