"""Places in the queue, told while one waits: 1 = next, with an honest guess of the seconds until its turn."""

from collections.abc import Sequence

from msgspec import UNSET

from chatserver.database import Row, Transaction
from chatserver.events import Event
from chatserver.messages.events import Progress


async def of_sessions(tx: Transaction, session_ids: Sequence[str]) -> list[tuple[str, str, Event]]:
    """(session, key, progress) of each waiting generation of these sessions. Needs the worker role."""
    rows = await tx.fetch_all("generations.positions", session_ids=list(session_ids))
    if not rows:
        return []
    usual = await tx.fetch_value("generations.usual_wait")
    return [(row["session_id"], f"place:{row['id']}", _progress(row, usual)) for row in rows]


def _progress(row: Row, usual: float | None) -> Progress:
    # Each running one ends, on average, after half of the usual time; each round before ours takes all of it.
    turns = (row["position"] - 1) // row["running"] + 0.5
    eta = None if usual is None else turns * usual
    wait: float = row["wait_seconds"]
    known = max(eta or 0.0, wait) if eta is not None or wait else None
    return Progress(
        generation_id=row["id"],
        message_id=row["message_id"],
        status="queued",
        attempt=row["attempt"],
        position=row["position"],
        # Whole fives: a guess that changes every second would only flicker.
        eta_seconds=UNSET if known is None else float(round(known / 5 + 0.5) * 5),
    )
