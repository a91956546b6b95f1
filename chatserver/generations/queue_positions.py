"""Positions in the queue, sent to those who wait: 1 = next, with an estimate of the seconds until its turn, and the
reason for the wait where that is not the queue."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Struct

from chatserver.database import Row, Transaction
from chatserver.events import Event
from chatserver.generations import provider_limits
from chatserver.generations.events import Progress
from chatserver.generations.provider_limits import Availability, FallbackChain
from chatserver.providers.base import Task

HOUR_SECONDS = 3600.0
# The keys of these events begin with it.
KEY = "place:"

Cause = Literal["limit", "closed", "paused"]


class Forecast(Struct, frozen=True):
    """When a task's provider takes jobs: `free` calls now (None: as many as come), then one after each of `hour`."""

    availability: Availability
    free: int | None = None
    hour: tuple[float, ...] = ()

    def wait(self, place: int) -> tuple[float | None, Cause | None]:
        """Seconds until the provider has a free call for the one at `place` (1 = next), where known, and why it waits."""
        reason, seconds = self.availability.reason, self.availability.seconds
        if reason in {"closed", "paused"}:
            return seconds, "closed" if reason == "closed" else "paused"
        if self.free is None or place <= self.free or not self.hour:
            return 0.0, None
        # Each call of the last hour comes back when it is an hour old; those that are free now, an hour from now.
        returns = (*self.hour, *(HOUR_SECONDS for _ in range(self.free)))
        rounds, index = divmod(place - self.free - 1, len(returns))
        return returns[index] + rounds * HOUR_SECONDS, "limit"


async def of_sessions(
    tx: Transaction, session_ids: Sequence[str], chain: FallbackChain
) -> list[tuple[str, str, Event]]:
    """(session, key, progress) of each waiting generation of these sessions. Needs the worker role."""
    rows = await tx.fetch_all("generations.positions", session_ids=list(session_ids))
    if not rows:
        return []
    usual = await tx.fetch_value("generations.usual_wait")
    forecasts = {task: await _forecast(tx, chain, task) for task in {row["task"] for row in rows}}
    return [(row["session_id"], f"{KEY}{row['id']}", _progress(row, usual, forecasts[row["task"]])) for row in rows]


async def _forecast(tx: Transaction, chain: FallbackChain, task: Task) -> Forecast:
    states = await provider_limits.states(tx, chain)
    available = provider_limits.availability(chain, states, task)
    limits = available.limits or next(
        (
            each
            for each in provider_limits.ordered(chain, states)
            if task in each.tasks and not _is_closed(each.name, states)
        ),
        None,
    )
    if limits is None or limits.per_hour is None or limits.name not in states:
        return Forecast(available)
    calls = await tx.fetch_all("providers.hour", name=limits.name)
    taken = states[limits.name].calls_made - calls[0]["number"] + 1 if calls else 0
    # With a smaller limit than before, the oldest calls give nothing back.
    surplus = max(taken - limits.per_hour, 0)
    return Forecast(available, max(limits.per_hour - taken, 0), tuple(call["seconds"] for call in calls[surplus:]))


def _is_closed(name: str, states: provider_limits.LimitStates) -> bool:
    state = states.get(name)
    return state is not None and (state.paused or state.closed_seconds > 0)


def _progress(row: Row, usual: float | None, forecast: Forecast) -> Progress:
    # Each running one ends, on average, after half of the usual time; each round before ours takes all of it.
    turns = (row["position"] - 1) // row["running"] + 0.5
    eta = None if usual is None else turns * usual
    provider_wait, cause = forecast.wait(row["position"])
    wait: float = max(row["wait_seconds"], provider_wait or 0.0)
    known = max(eta or 0.0, wait) if eta is not None or wait else None
    return Progress(
        generation_id=row["id"],
        message_id=row["message_id"],
        status="queued",
        attempt=row["attempt"],
        position=row["position"],
        waits_for=UNSET if cause is None else cause,
        # Whole fives: a guess that changes every second would only flicker. Nobody knows how long a pause is.
        eta_seconds=UNSET if known is None or cause == "paused" else float(round(known / 5 + 0.5) * 5),
    )
