"""The gates of the providers: calls at once, calls an hour, a breaker and the operator's pause, shared by all workers.

All of it stands in the database and goes by its clock. A worker takes a call in the transaction that claims its job;
the call lasts as long as the lease. Work that finds every gate shut waits, and `outlook` says why and how long.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from chatserver.config import Config
from chatserver.database import Row, Transaction
from chatserver.errors import ModelLoadingTooLong, ProviderError, ProviderRateLimited
from chatserver.providers.base import Kind, Provider

# Failures count against a provider for this long; the breaker opens when there are PROVIDER_FAILURES of them.
WINDOW_SECONDS = 30.0
# A 429 without a time closes for this long; twice that the next time in a row, and so on up to five minutes.
PAUSE_SECONDS = 5.0

Reason = Literal["busy", "limit", "closed", "paused"]


class Gate(Struct, frozen=True):
    """What may be asked of one provider. `at_once` and `an_hour` are None where there is no limit."""

    name: str
    kinds: frozenset[Kind]
    at_once: int | None = None
    an_hour: int | None = None
    failures: int = 5
    rest_seconds: float = 30.0


class Standing(Struct, frozen=True, kw_only=True):
    """How a gate stands now. Seconds of 0 or less are over; `tripped` lets one trial through at a time."""

    paused: bool = False
    tripped: bool = False
    strikes: int = 0
    calls_made: int = 0
    closed_seconds: float = 0.0
    running: int = 0
    hour_seconds: float = 0.0

    @classmethod
    def from_row(cls, row: Row) -> "Standing":
        return cls(**{name: row[name] for name in cls.__struct_fields__})


class Outlook(Struct, frozen=True):
    """Where work of one kind goes now: through `gate`; or why it waits, and for how many seconds where that is known."""

    gate: Gate | None
    reason: Reason | None = None
    seconds: float | None = None


class Call(Struct, frozen=True):
    """A call that was taken. `suspect`: the provider has failed lately, so that a good answer is worth telling."""

    provider: str
    number: int
    suspect: bool


Chain = tuple[Gate, ...]
Standings = Mapping[str, Standing]


def chain(config: Config, providers: Iterable[Provider]) -> Chain:
    """The gates of the configured providers, in their order of fall-back."""
    kinds: tuple[Kind, ...] = ("image", "video")
    return tuple(
        gate(config, provider.name, frozenset(kind for kind in kinds if provider.supports(kind)))
        for provider in providers
    )


def gate(config: Config, name: str, kinds: frozenset[Kind] = frozenset()) -> Gate:
    """The gate of one provider as configured. Only Hugging Face has limits; what runs here is limited by its workers."""
    failures, rest = config.provider_failures, float(config.provider_rest_seconds)
    if name != "huggingface":
        return Gate(name, kinds, failures=failures, rest_seconds=rest)
    # A server of one's own has no hourly allowance.
    an_hour = config.hf_requests_per_hour if config.huggingface_api_key else None
    return Gate(name, kinds, config.hf_concurrency, an_hour, failures, rest)


# Looking -------------------------------------------------------------------------------------------------------------


def outlook(gates: Sequence[Gate], standings: Standings, kind: Kind) -> Outlook:
    """The first gate that is neither paused nor closed: through it where it is free, otherwise work waits for it."""
    shut = Outlook(None, "paused")
    for each in gates:
        if kind not in each.kinds:
            continue
        standing = standings.get(each.name, Standing())
        if standing.paused:
            continue
        if standing.closed_seconds > 0:
            shut = _sooner(shut, Outlook(None, "closed", standing.closed_seconds))
        elif standing.hour_seconds > 0:
            return Outlook(None, "limit", standing.hour_seconds)
        elif _is_full(each, standing):
            return Outlook(None, "busy")
        else:
            return Outlook(each)
    return shut


def _sooner(first: Outlook, second: Outlook) -> Outlook:
    return second if first.seconds is None or (second.seconds or 0) < first.seconds else first


def _is_full(gate: Gate, standing: Standing) -> bool:
    at_once = 1 if standing.tripped else gate.at_once
    return at_once is not None and standing.running >= at_once


async def standings(tx: Transaction, gates: Sequence[Gate]) -> dict[str, Standing]:
    """How these gates stand, by name; one that nobody has used yet is missing."""
    names, an_hour = [each.name for each in gates], [each.an_hour for each in gates]
    rows = await tx.fetch_all("providers.standing", names=names, an_hour=an_hour)
    return {row["name"]: Standing.from_row(row) for row in rows}


# Passing -------------------------------------------------------------------------------------------------------------


async def lock(tx: Transaction, gates: Sequence[Gate]) -> None:
    """Keeps how these gates stand until the end of the transaction. Before any generation's lock."""
    names = [each.name for each in gates]
    if len(await tx.fetch_all("providers.lock", names=names)) < len(names):
        await tx.execute("providers.make", names=names)
        await tx.fetch_all("providers.lock", names=names)


async def take(tx: Transaction, gate: Gate) -> Call:
    """One call through a gate that is locked and free."""
    row = await tx.fetch_one("providers.take", name=gate.name)
    assert row is not None
    return Call(gate.name, row["number"], row["suspect"])


# What came of it -----------------------------------------------------------------------------------------------------


async def answered(tx: Transaction, call: Call) -> None:
    """The provider did its part: the breaker closes, and the next pause is a short one again."""
    await tx.execute("providers.answered", name=call.provider)


async def faulted(tx: Transaction, gate: Gate, call: Call, error: ProviderError) -> float | None:
    """Counts what went wrong. Returns the seconds for which the gate is closed because of it, if it is."""
    await tx.execute("providers.note_error", name=gate.name, code=error.code)
    if isinstance(error, ProviderRateLimited):
        seconds: float = await tx.fetch_value(
            "providers.close", name=gate.name, seconds=error.retry_after, pause_seconds=PAUSE_SECONDS
        )
        return seconds
    if not is_failure(error):
        # It answered, if only to refuse: that is not what a breaker is for.
        await tx.execute("providers.answered", name=gate.name)
        return None
    await tx.execute("providers.fail_call", name=gate.name, number=call.number)
    tripped: float | None = await tx.fetch_value(
        "providers.trip",
        name=gate.name,
        failures=gate.failures,
        window_seconds=WINDOW_SECONDS,
        rest_seconds=gate.rest_seconds,
    )
    return tripped


def is_failure(error: ProviderError) -> bool:
    """Whether an error says that the provider is unwell, rather than that it will not do this one thing."""
    return error.temporary and not isinstance(error, ProviderRateLimited | ModelLoadingTooLong)


# The operator --------------------------------------------------------------------------------------------------------


class Report(Struct, frozen=True, kw_only=True):
    """A gate as the operator sees it."""

    name: str
    state: Literal["open", "closed", "trial", "paused"]
    closed_seconds: float
    calls: int
    running: int
    last_error_code: str | None


async def reports(tx: Transaction) -> dict[str, Report]:
    """Every gate that was ever used or paused, by name."""
    return {row["name"]: _report(row) for row in await tx.fetch_all("providers.list")}


def _report(row: Row) -> Report:
    closed = max(row["closed_seconds"], 0.0)
    state: Literal["open", "closed", "trial", "paused"] = "trial" if row["tripped"] else "open"
    return Report(
        name=row["name"],
        state="paused" if row["paused"] else "closed" if closed else state,
        closed_seconds=closed,
        calls=row["calls"],
        running=row["running"],
        last_error_code=row["last_error_code"],
    )


async def pause(tx: Transaction, name: str, *, paused: bool) -> None:
    """The kill switch. Resuming also forgets a breaker that is open: the operator knows better."""
    await tx.execute("providers.pause", name=name, paused=paused)


async def prune(tx: Transaction) -> None:
    """Forgets calls that no limit counts any more."""
    await tx.execute("providers.prune")
