"""Limits on calls to providers, shared by all workers: concurrency, calls an hour, a circuit breaker, and a pause.

All of it is stored in the database and goes by its clock. A worker acquires a permit in the transaction that claims its
job; the permit lasts as long as the lease. Jobs for which no provider is available wait, and `availability` says why
and for how long.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from chatserver.config import Config
from chatserver.database import Row, Transaction
from chatserver.errors import ModelLoadingTooLong, ProviderError, ProviderRateLimited
from chatserver.providers.base import Provider, Task, tasks_of

# Failures count against a provider for this long; the breaker opens when there are PROVIDER_FAILURES of them.
FAILURE_WINDOW_SECONDS = 30.0
# A 429 without Retry-After closes a provider for this long; twice that the next time in a row, up to five minutes.
RATE_LIMIT_PAUSE_SECONDS = 5.0

Reason = Literal["busy", "limit", "closed", "paused"]


class ProviderLimits(Struct, frozen=True):
    """What may be asked of one provider. `concurrency` and `per_hour` are None where there is no limit.

    After `failures` failures within the window, the breaker stays open for `rest_seconds`.
    """

    name: str
    tasks: frozenset[Task]
    concurrency: int | None = None
    per_hour: int | None = None
    failures: int = 5
    rest_seconds: float = 30.0


class LimitState(Struct, frozen=True, kw_only=True):
    """What the database knows of one provider's limits. Durations of 0 seconds or less are over.

    `half_open`: the breaker has opened, and lets one trial call through at a time. `hour_seconds` is the time until the
    hour's allowance has room. `position` is its place in the operator's order, None where it has none.
    """

    paused: bool = False
    position: int | None = None
    half_open: bool = False
    calls_made: int = 0
    closed_seconds: float = 0.0
    running: int = 0
    hour_seconds: float = 0.0

    @classmethod
    def from_row(cls, row: Row) -> "LimitState":
        return cls(
            paused=row["paused"],
            position=row["position"],
            half_open=row["tripped"],
            calls_made=row["calls_made"],
            closed_seconds=row["closed_seconds"],
            running=row["running"],
            hour_seconds=row["hour_seconds"],
        )


class Availability(Struct, frozen=True):
    """Which provider does one task now; or why none does, and for how many seconds where that is known."""

    limits: ProviderLimits | None
    reason: Reason | None = None
    seconds: float | None = None


class Permit(Struct, frozen=True):
    """The right to call a provider once. `half_open`: it has failed lately, so that a success has to be recorded."""

    provider: str
    number: int
    half_open: bool


FallbackChain = tuple[ProviderLimits, ...]
LimitStates = Mapping[str, LimitState]


def fallback_chain(config: Config, providers: Iterable[Provider]) -> FallbackChain:
    """The limits of the configured providers, in the order in which they are tried."""
    return tuple(limits_of(config, provider.name, tasks_of(provider)) for provider in providers)


def limits_of(config: Config, name: str, tasks: frozenset[Task] = frozenset()) -> ProviderLimits:
    """The configured limits of one provider. Only Hugging Face has any; what runs here is limited by its workers."""
    failures, rest = config.provider_failures, float(config.provider_rest_seconds)
    if name != "huggingface":
        return ProviderLimits(name, tasks, failures=failures, rest_seconds=rest)
    # A server of one's own has no hourly allowance.
    per_hour = config.hf_requests_per_hour if config.huggingface_api_key else None
    return ProviderLimits(name, tasks, config.hf_concurrency, per_hour, failures, rest)


# Availability --------------------------------------------------------------------------------------------------------


def availability(chain: FallbackChain, states: LimitStates, task: Task) -> Availability:
    """The first provider of the chain that is neither paused nor closed, if it is free; otherwise jobs wait for it."""
    unavailable = Availability(None, "paused")
    for limits in ordered(chain, states):
        if task not in limits.tasks:
            continue
        state = states.get(limits.name, LimitState())
        if state.paused:
            continue
        if state.closed_seconds > 0:
            unavailable = _sooner(unavailable, Availability(None, "closed", state.closed_seconds))
        elif state.hour_seconds > 0:
            return Availability(None, "limit", state.hour_seconds)
        elif _is_full(limits, state):
            return Availability(None, "busy")
        else:
            return Availability(limits)
    return unavailable


def ordered(chain: FallbackChain, states: LimitStates) -> FallbackChain:
    """The chain in the operator's order; those that have no place in it follow as PROVIDERS has them."""

    def place(limits: ProviderLimits) -> tuple[bool, int]:
        position = states.get(limits.name, LimitState()).position
        return position is None, position or 0

    return tuple(sorted(chain, key=place))


def _sooner(first: Availability, second: Availability) -> Availability:
    return second if first.seconds is None or (second.seconds or 0) < first.seconds else first


def _is_full(limits: ProviderLimits, state: LimitState) -> bool:
    concurrency = 1 if state.half_open else limits.concurrency
    return concurrency is not None and state.running >= concurrency


async def states(tx: Transaction, chain: FallbackChain) -> dict[str, LimitState]:
    """The states of these providers by name; one that was never called is missing."""
    names, per_hour = [limits.name for limits in chain], [limits.per_hour for limits in chain]
    rows = await tx.fetch_all("providers.states", names=names, per_hour=per_hour)
    return {row["name"]: LimitState.from_row(row) for row in rows}


# Permits -------------------------------------------------------------------------------------------------------------


async def lock(tx: Transaction, chain: FallbackChain) -> None:
    """Locks the rows of these providers until the end of the transaction. Comes before the lock of any generation."""
    names = [limits.name for limits in chain]
    if len(await tx.fetch_all("providers.lock", names=names)) < len(names):
        await tx.execute("providers.add_missing", names=names)
        await tx.fetch_all("providers.lock", names=names)


async def acquire(tx: Transaction, limits: ProviderLimits) -> Permit:
    """A permit for one call to a provider whose row is locked and which is available."""
    row = await tx.fetch_one("providers.acquire", name=limits.name)
    assert row is not None
    return Permit(limits.name, row["number"], row["half_open"])


# Outcomes ------------------------------------------------------------------------------------------------------------


async def record_success(tx: Transaction, permit: Permit) -> None:
    """The provider did its part: the breaker closes, and the next pause is a short one again."""
    await tx.execute("providers.record_success", name=permit.provider)


async def record_failure(tx: Transaction, limits: ProviderLimits, permit: Permit, error: ProviderError) -> float | None:
    """Counts what went wrong. Returns the seconds for which the provider is closed because of it, if it is."""
    await tx.execute("providers.note_error", name=limits.name, code=error.code)
    if isinstance(error, ProviderRateLimited):
        seconds: float = await tx.fetch_value(
            "providers.close", name=limits.name, seconds=error.retry_after, pause_seconds=RATE_LIMIT_PAUSE_SECONDS
        )
        return seconds
    if not is_failure(error):
        # It answered, if only to refuse: that is not what a breaker is for.
        await tx.execute("providers.record_success", name=limits.name)
        return None
    await tx.execute("providers.fail_call", name=limits.name, number=permit.number)
    open_seconds: float | None = await tx.fetch_value(
        "providers.open_breaker",
        name=limits.name,
        failures=limits.failures,
        window_seconds=FAILURE_WINDOW_SECONDS,
        rest_seconds=limits.rest_seconds,
    )
    return open_seconds


def is_failure(error: ProviderError) -> bool:
    """Whether an error says that the provider is unwell, rather than that it will not do this one thing."""
    return error.temporary and not isinstance(error, ProviderRateLimited | ModelLoadingTooLong)


# The operator --------------------------------------------------------------------------------------------------------


class LimitReport(Struct, frozen=True, kw_only=True):
    """One provider's limits as the operator sees them. `calls` counts those of the last hour."""

    name: str
    state: Literal["open", "closed", "trial", "paused"]
    closed_seconds: float
    calls: int
    running: int
    last_error_code: str | None
    position: int | None = None


async def reports(tx: Transaction) -> dict[str, LimitReport]:
    """Every provider that was ever called or paused, by name."""
    return {row["name"]: _report(row) for row in await tx.fetch_all("providers.list")}


def _report(row: Row) -> LimitReport:
    closed = max(row["closed_seconds"], 0.0)
    state: Literal["open", "closed", "trial", "paused"] = "trial" if row["tripped"] else "open"
    return LimitReport(
        name=row["name"],
        state="paused" if row["paused"] else "closed" if closed else state,
        closed_seconds=closed,
        calls=row["calls"],
        running=row["running"],
        last_error_code=row["last_error_code"],
        position=row["position"],
    )


async def pause(tx: Transaction, name: str, *, paused: bool) -> None:
    """The kill switch. Resuming also closes a breaker that is open: the operator knows better."""
    await tx.execute("providers.pause", name=name, paused=paused)


async def set_order(tx: Transaction, names: Sequence[str]) -> None:
    """The order in which the providers are tried, for all workers, from the next claim on."""
    await tx.execute("providers.set_order", names=list(names))


async def prune(tx: Transaction) -> None:
    """Deletes calls that no limit counts any more."""
    await tx.execute("providers.prune")


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("providers.bring_forward", seconds=seconds)
    await tx.execute("providers.bring_calls_forward", seconds=seconds)
