"""The overview's figures: what works, and who waits."""

from msgspec import Struct

from chatserver.database import Transaction
from chatserver.generations import provider_limits
from chatserver.generations.provider_limits import FallbackChain, LimitReport

# From so many seconds of waiting on, somebody notices.
LONG_WAIT_SECONDS = 60.0


class Queue(Struct, frozen=True, kw_only=True):
    """What waits and what is under way, of all processes. `oldest_seconds`: how long the oldest waiting one has waited."""

    generations_waiting: int
    generations_running: int
    oldest_seconds: float
    busy_workers: int


class ProviderStatus(Struct, frozen=True, kw_only=True):
    """A provider of the fall-back chain, or one that is no longer in it (`position` 0)."""

    name: str
    position: int
    report: LimitReport
    concurrency: int | None = None
    per_hour: int | None = None


async def read_queue(tx: Transaction) -> Queue:
    """What waits and what is under way. Needs the worker role."""
    row = await tx.fetch_one("admin.waiting")
    assert row is not None
    return Queue(**dict(row))


async def provider_statuses(tx: Transaction, chain: FallbackChain) -> list[ProviderStatus]:
    """The providers in the order of fall-back, then those that are not in it any more."""
    reports = await provider_limits.reports(tx)
    chain = provider_limits.ordered(chain, await provider_limits.states(tx, chain))
    named = {limits.name: (position, limits) for position, limits in enumerate(chain, 1)}
    statuses = [
        ProviderStatus(
            name=name,
            position=position,
            report=reports.get(name) or _unused(name),
            concurrency=limits.concurrency,
            per_hour=limits.per_hour,
        )
        for name, (position, limits) in named.items()
    ]
    return statuses + [
        ProviderStatus(name=name, position=0, report=report) for name, report in reports.items() if name not in named
    ]


def _unused(name: str) -> LimitReport:
    return LimitReport(name=name, state="open", closed_seconds=0.0, calls=0, running=0, last_error_code=None)
