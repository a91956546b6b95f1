"""The queue of generations as workers use it: claim under a lease, then write only under the fence of one's attempt.

Every write says `WHERE id AND attempt AND leased RETURNING`; no row means that the lease is lost (taken over, or
cancelled), and `LeaseLost` tells the worker to stop and discard. All of it runs as the worker role.
"""

from collections.abc import Sequence

from msgspec import Struct

from chatserver import credits, messages
from chatserver.assets import service as assets
from chatserver.database import Transaction
from chatserver.errors import ChatserverError, TimedOut
from chatserver.generations import provider_limits
from chatserver.generations.models import GenerationJob, GenerationStatus, ModelChoice, task_of
from chatserver.generations.provider_limits import Availability, FallbackChain, Permit, ProviderLimits
from chatserver.jobs.lease import LeaseLost
from chatserver.providers.base import TASKS, Task
from chatserver.statistics import service as statistics
from chatserver.statistics.models import ProviderCall

# Attempts that may fail before the generation does.
MAX_FAULTS = 3


class TooManyAttempts(ChatserverError):
    """It did not work out after several attempts."""

    code = "too-many-attempts"


class SavedProgress(Struct, frozen=True, kw_only=True):
    """How far an attempt is, where known: `fraction` 0–1, `step` of `steps`, seconds to go."""

    fraction: float | None = None
    step: int | None = None
    steps: int | None = None
    eta_seconds: float | None = None


class Result(Struct, frozen=True, kw_only=True):
    """The result of an attempt: the staged asset, its provider and model, its seed, and its size in pixels."""

    asset_id: str
    made_by: ModelChoice
    seed: int
    width: int
    height: int


async def claim(
    tx: Transaction, worker_id: str, chain: FallbackChain, at_most: int
) -> tuple[list[GenerationJob], bool]:
    """Claims at most `at_most` jobs that have an available provider, fairly by person and session, each with a permit.

    Also returns whether a job that is due was left: there were more, or no provider is available.
    """
    jobs: list[GenerationJob] = []
    due = await tx.fetch_value("generations.is_any_due")
    if not due:
        return jobs, False  # nobody waits for the lock of the limits where there is nothing to do
    await provider_limits.lock(tx, chain)
    while due and len(jobs) < at_most and (job := await _claim_next(tx, worker_id, chain)):
        jobs.append(job)
        due = await tx.fetch_value("generations.is_any_due")
    # In one order, as two transactions may not wait for each other's sessions; once, though four of its pictures begin.
    for message_id in sorted({job.message_id for job in jobs}):
        await messages.touch(tx, message_id)
    return jobs, due


async def _claim_next(tx: Transaction, worker_id: str, chain: FallbackChain) -> GenerationJob | None:
    free = await _available(tx, chain)
    if not free:
        return None
    row = await tx.fetch_one(
        "generations.claim",
        worker_id=worker_id,
        lease_seconds=tx.timing.lease,
        tasks=list(free),
        providers=[limits.name for limits in free.values()],
    )
    if row is None:
        return None
    return GenerationJob.from_row(
        row, await provider_limits.acquire(tx, free[task_of(row["kind"], row["change"], row["enlargement"])])
    )


async def _available(tx: Transaction, chain: FallbackChain) -> dict[Task, ProviderLimits]:
    states = await provider_limits.states(tx, chain)
    found = {task: provider_limits.availability(chain, states, task) for task in TASKS}
    return {task: each.limits for task, each in found.items() if each.limits is not None}


async def switch_provider(
    tx: Transaction, job: GenerationJob, rest: FallbackChain
) -> tuple[Availability, Permit | None]:
    """Gives up the permit of an attempt and acquires one of the next provider of `rest` that is free; None where none is."""
    await provider_limits.lock(tx, rest)
    available = provider_limits.availability(rest, await provider_limits.states(tx, rest), job.task)
    name = available.limits.name if available.limits else None
    held = await tx.fetch_value("providers.set_calling", generation_id=job.id, attempt=job.attempt, provider=name)
    if held is None:
        raise LeaseLost
    return available, await provider_limits.acquire(tx, available.limits) if available.limits else None


async def set_stage(
    tx: Transaction,
    job: GenerationJob,
    status: GenerationStatus,
    made_by: ModelChoice,
    eta_seconds: float | None = None,
) -> None:
    """Stores a new stage and announces the message."""
    row = await tx.fetch_one(
        "generations.set_stage",
        generation_id=job.id,
        attempt=job.attempt,
        status=status,
        provider=made_by.provider,
        model=made_by.model,
        eta_seconds=eta_seconds,
        lease_seconds=tx.timing.lease,
    )
    if row is None:
        raise LeaseLost
    await messages.touch(tx, job.message_id)


async def save_progress(tx: Transaction, job: GenerationJob, progress: SavedProgress) -> None:
    """How far it is, for pages drawn from now on, and a longer lease. Tells nobody: fractions travel by themselves."""
    row = await tx.fetch_one(
        "generations.save_progress",
        generation_id=job.id,
        attempt=job.attempt,
        fraction=progress.fraction,
        step=progress.step,
        steps=progress.steps,
        eta_seconds=progress.eta_seconds,
        lease_seconds=tx.timing.lease,
    )
    if row is None:
        raise LeaseLost


async def finish(tx: Transaction, job: GenerationJob, result: Result, calls: Sequence[ProviderCall] = ()) -> None:
    """Done: the asset is shown, the credit is spent, the counters rise, everyone sees it. All of it or nothing.

    `calls`, here and below, are those that the attempt has made.
    """
    await statistics.record(tx, job.id, job.attempt, job.kind, calls)
    row = await tx.fetch_one(
        "generations.finish",
        generation_id=job.id,
        attempt=job.attempt,
        seed=result.seed,
        provider=result.made_by.provider,
        model=result.made_by.model,
        width=result.width,
        height=result.height,
    )
    if row is None:
        raise LeaseLost
    await assets.store(tx, result.asset_id)
    await credits.capture(tx, job.id)
    await tx.execute("sessions.count_generated", session_id=job.session_id, kind=job.kind)
    await messages.touch(tx, job.message_id)
    await credits.announce(tx, job.session_id)


async def fail(tx: Transaction, job: GenerationJob, error: ChatserverError, calls: Sequence[ProviderCall] = ()) -> None:
    """Failed for good: the credit comes back, and the message says why."""
    await statistics.record(tx, job.id, job.attempt, job.kind, calls)
    await credits.lock(tx, job.session_id, job.kind)
    await _fail(tx, job.id, job.session_id, error, job.attempt)


async def requeue(
    tx: Transaction, job: GenerationJob, calls: Sequence[ProviderCall] = (), *, wait_seconds: float = 0, fault: bool
) -> None:
    """Back into the queue, after a fault, a rate limit (no fault of the job) or a shutdown."""
    await statistics.record(tx, job.id, job.attempt, job.kind, calls)
    message_id = await tx.fetch_value(
        "generations.requeue",
        generation_id=job.id,
        attempt=job.attempt,
        faults=int(fault),
        wait_seconds=wait_seconds,
    )
    if message_id is None:
        raise LeaseLost
    await messages.touch(tx, message_id)


async def lost(tx: Transaction) -> list[tuple[str, str, credits.Kind]]:
    """(id, session, kind) of the jobs whose lease has run out, or which have waited for a day."""
    return [(row["id"], row["session_id"], row["kind"]) for row in await tx.fetch_all("generations.lost")]


async def reap(tx: Transaction, generation_id: str, session_id: str, kind: credits.Kind) -> bool:
    """Takes up one lost job: back into the queue, or failed where its attempts or its time are used up.

    Returns False where it is not lost any more: another worker was first."""
    await credits.lock(tx, session_id, kind)
    row = await tx.fetch_one("generations.lock_lost", generation_id=generation_id)
    if row is None:
        return False
    await statistics.record_lost(tx, generation_id)
    if row["too_late"] or not row["leased"]:
        await _fail(tx, generation_id, session_id, TimedOut())
    elif row["faults"] + 1 >= MAX_FAULTS:
        await _fail(tx, generation_id, session_id, TooManyAttempts())
    else:
        await tx.execute(
            "generations.requeue", generation_id=generation_id, attempt=row["attempt"], faults=1, wait_seconds=0.0
        )
        await messages.touch(tx, row["message_id"])
    return True


async def _fail(
    tx: Transaction, generation_id: str, session_id: str, error: ChatserverError, attempt: int | None = None
) -> None:
    row = await tx.fetch_one(
        "generations.fail",
        generation_id=generation_id,
        attempt=attempt,
        code=error.code,
        message=error.message,
        retry_after=error.retry_after,
    )
    if row is None:
        raise LeaseLost
    await credits.release(tx, generation_id)
    await messages.touch(tx, row["message_id"])
    await credits.announce(tx, session_id)


async def lease_holders(tx: Transaction) -> list[str]:
    """The workers that hold leases now."""
    return [row["worker_id"] for row in await tx.fetch_all("generations.holders")]


async def drop_leases(tx: Transaction, worker_ids: list[str]) -> None:
    """Ends the leases of workers known to be dead, so that nobody waits for them to run out."""
    await tx.execute("generations.drop_leases", worker_ids=worker_ids)
    await tx.execute("generations.drop_reply_leases", worker_ids=worker_ids)


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("generations.bring_forward", seconds=seconds)
