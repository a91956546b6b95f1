"""Places in the queue, told while one waits: 1 = next, with an honest guess of the seconds until its turn, and why it
waits where that is not the queue."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Struct

from chatserver.database import Row, Transaction
from chatserver.events import Event
from chatserver.generations import gates
from chatserver.generations.gates import Chain, Outlook
from chatserver.messages.events import Progress
from chatserver.providers.base import Kind

HOUR_SECONDS = 3600.0
# The keys of these events begin with it.
KEY = "place:"

Cause = Literal["limit", "closed", "paused"]


class Forecast(Struct, frozen=True):
    """When a kind's gate lets work through: `free` calls now (None: as many as come), then one after each of `hour`."""

    outlook: Outlook
    free: int | None = None
    hour: tuple[float, ...] = ()

    def wait(self, place: int) -> tuple[float | None, Cause | None]:
        """Seconds until the gate has a call for the one at `place` (1 = next), where known, and why it waits."""
        reason, seconds = self.outlook.reason, self.outlook.seconds
        if reason in {"closed", "paused"}:
            return seconds, "closed" if reason == "closed" else "paused"
        if self.free is None or place <= self.free or not self.hour:
            return 0.0, None
        # Each call of the last hour comes back when it is an hour old; those that are free now, an hour from now.
        returns = (*self.hour, *(HOUR_SECONDS for _ in range(self.free)))
        rounds, index = divmod(place - self.free - 1, len(returns))
        return returns[index] + rounds * HOUR_SECONDS, "limit"


async def of_sessions(tx: Transaction, session_ids: Sequence[str], chain: Chain) -> list[tuple[str, str, Event]]:
    """(session, key, progress) of each waiting generation of these sessions. Needs the worker role."""
    rows = await tx.fetch_all("generations.positions", session_ids=list(session_ids))
    if not rows:
        return []
    usual = await tx.fetch_value("generations.usual_wait")
    forecasts = {kind: await _forecast(tx, chain, kind) for kind in {row["kind"] for row in rows}}
    return [(row["session_id"], f"{KEY}{row['id']}", _progress(row, usual, forecasts[row["kind"]])) for row in rows]


async def _forecast(tx: Transaction, chain: Chain, kind: Kind) -> Forecast:
    standings = await gates.standings(tx, chain)
    outlook = gates.outlook(chain, standings, kind)
    gate = outlook.gate or next(
        (each for each in chain if kind in each.kinds and not _is_shut(each.name, standings)), None
    )
    if gate is None or gate.an_hour is None or gate.name not in standings:
        return Forecast(outlook)
    calls = await tx.fetch_all("providers.hour", name=gate.name)
    taken = standings[gate.name].calls_made - calls[0]["number"] + 1 if calls else 0
    # With a smaller limit than before, the oldest calls give nothing back.
    surplus = max(taken - gate.an_hour, 0)
    return Forecast(outlook, max(gate.an_hour - taken, 0), tuple(call["seconds"] for call in calls[surplus:]))


def _is_shut(name: str, standings: gates.Standings) -> bool:
    standing = standings.get(name)
    return standing is not None and (standing.paused or standing.closed_seconds > 0)


def _progress(row: Row, usual: float | None, forecast: Forecast) -> Progress:
    # Each running one ends, on average, after half of the usual time; each round before ours takes all of it.
    turns = (row["position"] - 1) // row["running"] + 0.5
    eta = None if usual is None else turns * usual
    gate_wait, cause = forecast.wait(row["position"])
    wait: float = max(row["wait_seconds"], gate_wait or 0.0)
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
