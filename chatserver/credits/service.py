"""Holding, capturing and releasing credits, and their balances.

A held credit's row points at its generation, and its `available_at` is one hour ahead; releasing makes it available now,
where it still points at that generation; capturing adds an entry to the ledger only. Callers lock the session's credits
(`lock`) before they query anything else, so that a repeated command is found and not refused as "exhausted".
"""

from collections.abc import Sequence
from datetime import datetime

from chatserver.credits.events import CreditsChanged
from chatserver.credits.models import Balance, Balances, Kind
from chatserver.database import Row, Transaction
from chatserver.database.records import Record
from chatserver.errors import CreditsExhausted, Invalid
from chatserver.events import session_channel

# The newest lines of the statement in which stuck holds are looked for, and how many are shown.
NEWEST_ENTRIES, MOST_HOLDS = 5000, 50

# What one session may own of a kind: what a plan may give at most.
MOST_CREDITS = 1000

_NONE = Balance(limit=0, left=0, held=0, next_at=None)


async def grant(tx: Transaction, session_id: str, *, image: int, video: int) -> None:
    """Gives a session the credits of its plan; those that it has stay. Needs the worker role."""
    await tx.execute("credits.grant", session_id=session_id, kind="image", count=image)
    await tx.execute("credits.grant", session_id=session_id, kind="video", count=video)


async def take_back(tx: Transaction, session_id: str, *, image: int, video: int) -> None:
    """Takes the credits of a refunded plan back: what is left are so many, and those that were given beyond the plan.

    What is being made with them goes on. Locks them; needs the worker role.
    """
    await lock_all(tx, session_id)
    await tx.execute("credits.take_back", session_id=session_id, kind="image", count=image)
    await tx.execute("credits.take_back", session_id=session_id, kind="video", count=video)


async def grant_extra(tx: Transaction, session_id: str, kind: Kind, count: int, reason: str) -> None:
    """Gives a session more credits than its plan's, each a row of its own with a line in the statement that says why.

    Invalid where the session would own more than MOST_CREDITS. The caller locks the session's row; needs the worker role.
    """
    await lock(tx, session_id, kind)
    owned = await tx.fetch_value("credits.count_owned", session_id=session_id, kind=kind)
    if not 1 <= count <= MOST_CREDITS - owned:
        raise Invalid.field("count", f"must be 1 to {MOST_CREDITS - owned:,}")
    await tx.fetch_all("credits.grant_extra", session_id=session_id, kind=kind, count=count, reason=reason)
    await announce(tx, session_id)


async def lock(tx: Transaction, session_id: str, kind: Kind) -> None:
    """Locks the session's credits of one kind until the end of the transaction."""
    await tx.fetch_all("credits.lock", session_id=session_id, kind=kind)


async def lock_all(tx: Transaction, session_id: str) -> None:
    """Locks the session's credits of both kinds, in the one order in which that is done."""
    await lock(tx, session_id, "image")
    await lock(tx, session_id, "video")


async def lock_of_running(tx: Transaction, user_id: str) -> None:
    """Locks the credits held by a user's unfinished generations, and by all those in the user's sessions."""
    await tx.fetch_all("credits.lock_of_running", user_id=user_id)


async def require(tx: Transaction, session_id: str, kind: Kind, count: int, free: int | None = None) -> None:
    """Raises CreditsExhausted, with the seconds until `count` are free, where fewer are free now.

    `free` is how many these are, where the caller has just read it under their lock.
    """
    if free is None:
        free = await free_count(tx, session_id, kind)
    if free >= count:
        return
    moment = await tx.fetch_value("credits.nth_free_at", session_id=session_id, kind=kind, count=count)
    wait = await tx.fetch_value("credits.seconds_until", moment=moment) if moment else None
    thing = "image" if kind == "image" else "video"
    need = "No" if free == 0 else f"Only {free}"
    raise CreditsExhausted(
        f"{need} {thing} credits are left this hour; {count} {'is' if count == 1 else 'are'} needed.",
        retry_after=wait,
        details={"kind": kind, "left": free, "needed": count, "next_at": moment},
    )


async def free_count(tx: Transaction, session_id: str, kind: Kind) -> int:
    """How many credits of a kind are free now."""
    free: int = await tx.fetch_value("credits.free_count", session_id=session_id, kind=kind)
    return free


async def hold(tx: Transaction, session_id: str, kind: Kind, generation_ids: Sequence[str]) -> None:
    """Holds one credit for each generation. The rows must be locked, and the generations stored."""
    held = await tx.fetch_all("credits.hold", session_id=session_id, kind=kind, generation_ids=list(generation_ids))
    if len(held) < len(generation_ids):
        raise CreditsExhausted(details={"kind": kind, "left": len(held), "needed": len(generation_ids)})


async def capture(tx: Transaction, generation_id: str) -> None:
    """Records a finished generation's credit as spent."""
    await tx.execute("credits.capture", generation_id=generation_id)


async def release(tx: Transaction, generation_id: str) -> bool:
    """Releases a generation's credit; True the first time, False where it was released or captured before."""
    return bool(await release_all(tx, [generation_id]))


async def release_all(tx: Transaction, generation_ids: Sequence[str]) -> list[str]:
    """Releases the credits of these generations; returns the ids of those that were neither released nor captured before."""
    # The ledger decides: a captured credit is never released.
    rows = await tx.fetch_all("credits.release", generation_ids=list(generation_ids))
    released = [row["generation_id"] for row in rows]
    await tx.execute("credits.free", generation_ids=released)
    return released


async def balances(tx: Transaction, session_id: str) -> Balances:
    """Both balances of a session."""
    return (await balances_of(tx, [session_id]))[session_id]


async def balances_of(tx: Transaction, session_ids: Sequence[str]) -> dict[str, Balances]:
    """The balances of several sessions, by session id, in one query."""
    return balances_from(session_ids, await tx.fetch_all("credits.balances", session_ids=list(session_ids)))


def balances_from(session_ids: Sequence[str], rows: Sequence[Row]) -> dict[str, Balances]:
    """The balances of several sessions, from the rows of `credits.balances`."""
    found = {
        (row["session_id"], row["kind"]): Balance(
            limit=row["owned"], left=row["free"], held=row["held"], next_at=row["next_at"]
        )
        for row in rows
    }
    return {
        session_id: Balances(
            image=found.get((session_id, "image"), _NONE), video=found.get((session_id, "video"), _NONE)
        )
        for session_id in session_ids
    }


async def announce(tx: Transaction, session_id: str) -> None:
    """Announces the session's balances as they are after this transaction."""
    announce_balances(tx, session_id, await balances(tx, session_id))


def announce_balances(tx: Transaction, session_id: str, now: Balances) -> None:
    """Announces the session's balances, which the caller has just read under their lock."""
    tx.announce(session_channel(session_id), CreditsChanged.of(now))


async def came_free(tx: Transaction, session_ids: Sequence[str], since: datetime | None) -> tuple[datetime, list[str]]:
    """The sessions of these in which a credit became free since a moment (None: none yet), and the moment of this query."""
    until: datetime = await tx.fetch_value("credits.database_now")
    if since is None or not session_ids:
        return until, []
    rows = await tx.fetch_all("credits.came_free", since=since, until=until, session_ids=list(session_ids))
    return until, [row["session_id"] for row in rows]


class Hold(Record, frozen=True, kw_only=True):
    """A credit that is held for a generation that has ended, or is gone (`status` None): nothing will settle it."""

    session_id: str
    kind: Kind
    number: int
    generation_id: str
    created_at: datetime
    status: str | None


async def holds_without_job(tx: Transaction) -> list[Hold]:
    """The stuck holds among the newest lines of the statement, the oldest first. Needs the worker role."""
    rows = await tx.fetch_all("credits.holds_without_job", newest=NEWEST_ENTRIES, limit=MOST_HOLDS)
    return [Hold.from_row(row) for row in rows]


async def settle(tx: Transaction, generation_id: str) -> str | None:
    """Settles a stuck hold: captured where the generation is done, otherwise released. Returns which; None where the hold
    is settled already, or its generation has not ended. Needs the worker role."""
    hold = await tx.fetch_one("credits.hold_of", generation_id=generation_id)
    if hold is None:
        return None
    await lock(tx, hold["session_id"], hold["kind"])
    # Read again under the lock: it may have been settled meanwhile.
    hold = await tx.fetch_one("credits.hold_of", generation_id=generation_id)
    if hold is None or hold["status"] not in {None, "done", "failed", "cancelled"}:
        return None
    if hold["status"] == "done":
        captured = await tx.fetch_value("credits.capture", generation_id=generation_id)
        return None if captured is None else "captured"
    if not await release(tx, generation_id):
        return None
    if hold["status"] is None:
        await tx.execute(
            "credits.free_of_gone", session_id=hold["session_id"], kind=hold["kind"], number=hold["number"]
        )
    await announce(tx, hold["session_id"])
    return "released"


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("credits.bring_forward", seconds=seconds)
