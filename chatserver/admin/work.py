"""Work that is stuck, with the verb that mends each kind of it."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver import audit, credits, messages
from chatserver.audit import Actor
from chatserver.credits import Hold
from chatserver.database import Row, Transaction
from chatserver.database.records import Record
from chatserver.errors import Conflict, NotFound
from chatserver.generations import cancellation, queue
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.jobs.lease import LeaseLost
from chatserver.monitoring import processes
from chatserver.monitoring.processes import RunningProcess

# How many of each kind the page shows.
MOST = 20


class WaitingJob(Record, frozen=True, kw_only=True):
    """A generation in the queue: whose it is, and for how many seconds it has waited; without its prompt."""

    id: str
    kind: Literal["image", "video"]
    session_id: str
    person: str
    created_at: datetime
    seconds: float
    attempt: int
    faults: int


class LostLease(Record, frozen=True, kw_only=True):
    """A generation or reply under a lease that nobody renews. `seconds_left` is negative where it has run out."""

    id: str
    job: Literal["generation", "reply"]
    kind: str
    session_id: str
    worker_id: str
    seconds_left: float


class StuckWork(Struct, frozen=True, kw_only=True):
    """What may be stuck: the oldest waiting, leases that nobody renews, holds that nothing settles; and who works."""

    waiting: list[WaitingJob]
    leases: list[LostLease]
    holds: list[Hold]
    processes: list[RunningProcess]


async def read(tx: Transaction) -> StuckWork:
    """What may be stuck now. Needs the worker role."""
    return StuckWork(
        waiting=[WaitingJob.from_row(row) for row in await tx.fetch_all("admin.oldest_waiting", limit=MOST)],
        leases=await lost_leases(tx),
        holds=await credits.holds_without_job(tx),
        processes=await processes.list_processes(tx),
    )


async def lost_leases(tx: Transaction) -> list[LostLease]:
    """The leases that nobody renews, the oldest first."""
    rows = await tx.fetch_all(
        "admin.lost_leases", lease_seconds=tx.timing.lease, gone_seconds=processes.GONE_SECONDS, limit=MOST
    )
    return [LostLease.from_row(row) for row in rows]


# Levers ---------------------------------------------------------------------------------------------------------------


async def cancel(tx: Transaction, actor: Actor, generation_id: str) -> None:
    """Cancels a generation that has not ended, and gives its credit back. NotFound, or Conflict where it has ended."""
    row = await _generation(tx, generation_id)
    await credits.lock(tx, row["session_id"], row["kind"])
    if not await cancellation.cancel_all(tx, [generation_id]):
        raise Conflict("It has ended meanwhile.")
    await messages.touch(tx, row["message_id"])
    await credits.announce(tx, row["session_id"])
    await audit.record(
        tx, actor, "generation.cancelled", "generation", generation_id, subject_id=row["user_id"], kind=row["kind"]
    )


async def give_back(tx: Transaction, actor: Actor, job_id: str) -> None:
    """Gives a job whose lease nobody renews back into the queue. Conflict where its worker is alive, or it has ended."""
    if job_id not in {lease.id for lease in await lost_leases(tx)}:
        raise Conflict("Its worker is alive again, or it has ended.")
    row = await tx.fetch_one("admin.end_lease", id=job_id)
    if row is None:
        raise Conflict("It has ended meanwhile.")
    kind = "reply" if row["kind"] is None else "generation"
    await audit.record(tx, actor, "lease.given_back", kind, job_id)
    tx.announce(JOBS_CHANNEL, JobsWaiting())


async def recover(tx: Transaction, generation_id: str) -> None:
    """Takes up a generation whose lease was ended, as workers do. A transaction of its own: credits are locked first."""
    row = await tx.fetch_one("admin.generation", id=generation_id)
    if row is not None:
        try:
            await queue.reap(tx, generation_id, row["session_id"], row["kind"])
        except LeaseLost:
            return
        tx.announce(JOBS_CHANNEL, JobsWaiting())


async def settle(tx: Transaction, actor: Actor, generation_id: str) -> str:
    """Settles a hold without a job, and says how: "captured" or "released". Conflict where there is nothing to settle."""
    outcome = await credits.settle(tx, generation_id)
    if outcome is None:
        raise Conflict("That credit is settled already, or its picture is still being made.")
    await audit.record(tx, actor, "credit.settled", "generation", generation_id, outcome=outcome)
    return outcome


async def _generation(tx: Transaction, generation_id: str) -> Row:
    row = await tx.fetch_one("admin.generation", id=generation_id)
    if row is None:
        raise NotFound
    return row
