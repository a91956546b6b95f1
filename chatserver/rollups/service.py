"""Summing up, and the pieces in which a period is read. All of it runs as the worker role.

Every change of a row marks its quarter of an hour in the same transaction. What is marked is read from the rows, what is
not from the sums: a figure is that of the rows whenever it is asked for, however far the summing up is.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from chatserver import audit
from chatserver.audit import Actor
from chatserver.database import Transaction
from chatserver.rollups.pieces import GRAINS, QUARTER, ROWS, Labelled, Piece, bucket_of, cut
from chatserver.runtime import clock

# Quarters of an hour that one transaction sums up: seconds of work where each has ten thousand calls.
MOST_AT_ONCE = 8
# The quarter that is not over yet changes with every call, and transactions may take some seconds.
SETTLED = timedelta(minutes=1)
# The histograms are large, and no day of a zone is read from them.
TIME_GRAINS = GRAINS[1:]

Subject = Literal["attempts", "credits", "replies"]


# Reading --------------------------------------------------------------------------------------------------------------


async def attempts(tx: Transaction, periods: Sequence[Labelled]) -> dict[str, list[Any]]:
    """The parameters of `attempts_in` and `attempt_people_in` for some periods, in order."""
    return await _pieces(tx, ["attempts"], periods, GRAINS)


async def times(tx: Transaction, start: datetime, stop: datetime) -> dict[str, list[Any]]:
    """The parameters of `attempt_times_in` for a period."""
    return await _pieces(tx, ["attempts"], [("", start, stop)], TIME_GRAINS)


async def replies(tx: Transaction, periods: Sequence[Labelled]) -> dict[str, list[Any]]:
    """The parameters of `replies_in` for some periods, in order."""
    return await _pieces(tx, ["replies"], periods, GRAINS)


async def reply_times(tx: Transaction, start: datetime, stop: datetime) -> dict[str, list[Any]]:
    """The parameters of `reply_times_in` for a period."""
    return await _pieces(tx, ["replies"], [("", start, stop)], TIME_GRAINS)


async def costs(tx: Transaction, periods: Sequence[Labelled]) -> dict[str, list[Any]]:
    """The parameters of `costs_in` for some periods, in order."""
    return await _pieces(tx, ["attempts", "replies"], periods, GRAINS)


async def credit_statement(tx: Transaction, start: datetime, stop: datetime) -> dict[str, list[Any]]:
    """The parameters of `credits_in` for a period."""
    return await _pieces(tx, ["credits"], [("", start, stop)], GRAINS)


async def _pieces(
    tx: Transaction, subjects: Sequence[Subject], periods: Sequence[Labelled], grains: Sequence[int]
) -> dict[str, list[Any]]:
    if not periods:
        return _parameters([])
    rows = await tx.fetch_all("rollups.changed_buckets", subjects=subjects, start=periods[0][1], stop=periods[-1][2])
    changed = [row["bucket"] for row in rows]
    return _parameters(piece for label, start, stop in periods for piece in cut(start, stop, changed, label, grains))


def _parameters(pieces: Iterable[Piece]) -> dict[str, list[Any]]:
    pieces = list(pieces)
    return {
        "grains": [piece.grain for piece in pieces],
        "starts": [piece.start for piece in pieces],
        "stops": [piece.stop for piece in pieces],
        "labels": [piece.label for piece in pieces],
    }


# Summing up -----------------------------------------------------------------------------------------------------------


async def roll_up_next(tx: Transaction, before: datetime | None = None) -> bool:
    """Sums up some quarters of an hour of one subject that have changed and began before a time (None: that are over);
    False: none has.

    Whole or not at all, and the same however often it is done.
    """
    await tx.fetch_value("rollups.lock")
    before = before or bucket_of(clock.now() - SETTLED, QUARTER)
    for subject, sum_up in _SUMMING.items():
        if quarters := await _take(tx, subject, before):
            await sum_up(tx, quarters)
            return True
    return False


async def _sum_attempts(tx: Transaction, quarters: Sequence[datetime]) -> None:
    await _sum(tx, "rollups.remove_attempts", "rollups.add_attempts", GRAINS, quarters)
    await tx.execute("rollups.number_people", **_parameters(_below(quarters, ROWS, QUARTER)))
    await _sum(tx, "rollups.remove_people", "rollups.add_people", GRAINS, quarters)
    await _sum(tx, "rollups.remove_times", "rollups.add_times", TIME_GRAINS, quarters)


async def _sum_replies(tx: Transaction, quarters: Sequence[datetime]) -> None:
    await _sum(tx, "rollups.remove_replies", "rollups.add_replies", GRAINS, quarters)
    await _sum(tx, "rollups.remove_reply_times", "rollups.add_reply_times", TIME_GRAINS, quarters)


async def _sum_credits(tx: Transaction, quarters: Sequence[datetime]) -> None:
    await _sum(tx, "rollups.remove_credits", "rollups.add_credits", GRAINS, quarters)


_SUMMING: dict[Subject, Callable[[Transaction, Sequence[datetime]], Awaitable[None]]] = {
    "attempts": _sum_attempts,
    "replies": _sum_replies,
    "credits": _sum_credits,
}


async def _take(tx: Transaction, subject: Subject, before: datetime) -> list[datetime]:
    rows = await tx.fetch_all("rollups.take_marks", subject=subject, before=before, most=MOST_AT_ONCE)
    return sorted({row["bucket"] for row in rows})


async def _sum(tx: Transaction, remove: str, add: str, grains: Sequence[int], quarters: Sequence[datetime]) -> None:
    """Sums up the buckets that some quarters of an hour are in: the smallest from the rows, each other from those below."""
    below = ROWS
    for grain in grains:
        buckets = sorted({bucket_of(quarter, grain) for quarter in quarters})
        await tx.execute(remove, grain=grain, buckets=buckets)
        await tx.execute(add, grain=grain, **_parameters(_below(buckets, below, grain)))
        below = grain


def _below(buckets: Iterable[datetime], below: int, grain: int) -> list[Piece]:
    length = timedelta(seconds=grain)
    return [Piece(below, bucket, bucket + length, bucket.isoformat()) for bucket in buckets]


async def rebuild(tx: Transaction, actor: Actor) -> None:
    """Marks everything, so that all of it is summed up again; until then it is read from the rows."""
    await tx.fetch_value("rollups.lock")
    await tx.execute("rollups.mark_attempts", grain=QUARTER)
    await tx.execute("rollups.mark_replies", grain=QUARTER)
    await tx.execute("rollups.mark_credits", grain=QUARTER)
    await audit.record(tx, actor, "statistics.rebuilt", "statistics", "")


async def forget_person(tx: Transaction, user_id: str) -> None:
    """Takes a deleted account out of the sums. Waits for those who sum up, so that nobody gives it a number again."""
    await tx.fetch_value("rollups.lock")
    await tx.execute("rollups.forget_person", user_id=user_id)
