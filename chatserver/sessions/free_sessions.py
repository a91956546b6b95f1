"""The limits of free sessions (CHECKOUT=instant) in a day: of one person, of one network, and of everybody together.

Counted in the transaction of the purchase, so that parallel requests cannot pass and what is refused costs nothing. An
extension counts like a session: its hours give credits, too. Needs the worker role.
"""

from math import ceil
from typing import Literal

from chatserver.database import Row, Transaction
from chatserver.errors import FreeSessionsUsedUp
from chatserver.identity import addresses
from chatserver.sessions.models import FreeQuota
from chatserver.users import email_verification, rate_limits
from chatserver.users.models import Visitor
from chatserver.web import filters

_OF_NETWORK = (
    "As many free sessions and extensions as one network address may have in a day ({most}) were taken from yours, by "
    "everybody who shares it. The next one is there in {wait}."
)
_OF_EVERYBODY = (
    "All free sessions and extensions of a day ({most} for everybody together) are taken. The next one is there in "
    "{wait}."
)


def network_of(visitor: Visitor, secret_key: str) -> str:
    """What free sessions of one network are counted by, a keyed hash; empty for the operator's own machine."""
    return "" if visitor.is_local else addresses.hidden(visitor.address, secret_key)


async def count(tx: Transaction, user_id: str, network: str) -> None:
    """Counts one for the person, the network (none: an empty text) and everybody.

    FreeSessionsUsedUp where one has had all, AddressNotVerified where it takes a verified address. The locks are held until
    COMMIT, so that the person's open sessions can be counted exactly after it.
    """
    if tx.limits.free_sessions_need_verified_address:
        await email_verification.require(tx, user_id)
    await rate_limits.consume(tx, rate_limits.FREE_SESSIONS, user_id)
    await _count_network(tx, network)
    await _require_of_everybody(tx)


async def _count_network(tx: Transaction, network: str) -> None:
    most = tx.limits.free_sessions_per_address_per_day
    if not most or not network:
        return
    if await tx.fetch_value("free_sessions.count_network", network=network, most=most) is None:
        raise _used_up(_OF_NETWORK, most, (await _of_network(tx, network, most))["seconds"])


async def _require_of_everybody(tx: Transaction) -> None:
    """The purchases themselves are the count: what the limit bounds is what the books say was given."""
    most = tx.limits.free_sessions_in_all_per_day
    if not most:
        return
    await tx.fetch_value("free_sessions.lock_everybody")
    row = await _of_everybody(tx, most)
    if row["used"] >= most:
        raise _used_up(_OF_EVERYBODY, most, row["seconds"])


def _used_up(message: str, most: int, seconds: float | None) -> FreeSessionsUsedUp:
    wait = _wait(seconds)
    return FreeSessionsUsedUp(message.format(most=most, wait=filters.duration(ceil(wait))), retry_after=wait)


def _wait(seconds: float | None) -> float:
    return max(seconds or 0.0, rate_limits.SHORTEST_WAIT)


async def quotas(tx: Transaction, user_id: str, network: str) -> list[FreeQuota]:
    """What is left to a person: by their own limit, and by the tightest of the shared ones where it leaves less."""
    own = await _quota_of_person(tx, user_id)
    shared = [each for each in (await _quota_of_network(tx, network), await _quota_of_everybody(tx)) if each]
    tightest = min(shared, key=lambda each: each.left, default=None)
    if tightest is None or (own is not None and own.left <= tightest.left):
        return [own] if own else []
    return [own, tightest] if own else [tightest]


async def _quota_of_person(tx: Transaction, user_id: str) -> FreeQuota | None:
    most = tx.limits.free_sessions_per_day
    if not most:
        return None
    used = await rate_limits.used(tx, rate_limits.FREE_SESSIONS, user_id)
    seconds = 0.0
    if used >= most:
        seconds = await rate_limits.seconds_until_next(tx, rate_limits.FREE_SESSIONS, user_id)
    return FreeQuota(of="person", left=max(most - used, 0), most=most, seconds=seconds)


async def _quota_of_network(tx: Transaction, network: str) -> FreeQuota | None:
    most = tx.limits.free_sessions_per_address_per_day
    return _quota("network", most, await _of_network(tx, network, most)) if most and network else None


async def _quota_of_everybody(tx: Transaction) -> FreeQuota | None:
    most = tx.limits.free_sessions_in_all_per_day
    return _quota("everybody", most, await _of_everybody(tx, most)) if most else None


def _quota(of: Literal["network", "everybody"], most: int, row: Row) -> FreeQuota:
    left = max(most - row["used"], 0)
    return FreeQuota(of=of, left=left, most=most, seconds=0.0 if left else _wait(row["seconds"]))


async def _of_network(tx: Transaction, network: str, most: int) -> Row:
    row = await tx.fetch_one("free_sessions.of_network", network=network, most=most)
    assert row is not None
    return row


async def _of_everybody(tx: Transaction, most: int) -> Row:
    row = await tx.fetch_one("free_sessions.of_everybody", most=most)
    assert row is not None
    return row


async def sweep(tx: Transaction) -> None:
    """Deletes counts that no longer matter."""
    await tx.execute("free_sessions.sweep")


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("free_sessions.bring_forward", seconds=seconds)
