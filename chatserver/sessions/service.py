"""The rules of sessions: reading them, the seat one acts from, the stream's numbers, guests' rights, expiry."""

from collections import defaultdict
from collections.abc import Sequence

from chatserver import credits
from chatserver.database import Row, Transaction
from chatserver.errors import NotAllowed, NotFound, SessionExpired
from chatserver.events import session_channel
from chatserver.sessions.events import SessionChanged, StatsChanged
from chatserver.sessions.models import Card, Cover, Member, Seat, Session
from chatserver.users import rate_limits


async def find(tx: Transaction, session_id: str) -> Session:
    """A session with its members and credits; NotFound for strangers too."""
    row = await tx.fetch_one("sessions.find", session_id=session_id)
    if row is None:
        raise NotFound
    return (await _whole(tx, [row]))[0]


async def list_sessions(tx: Transaction) -> list[Session]:
    """The sessions in which this transaction's user sits, active ones first, then the newest."""
    return await _whole(tx, await tx.fetch_all("sessions.list"))


async def list_cards(tx: Transaction) -> list[Card]:
    """The same with the newest pictures of each as covers."""
    sessions = await list_sessions(tx)
    covers: dict[str, list[Cover]] = {session.id: [] for session in sessions}
    for row in await tx.fetch_all("sessions.covers", session_ids=list(covers)):
        covers[row["session_id"]].append(Cover(f"/files/{row['id']}/thumbnail.webp"))
    return [Card(session, tuple(covers[session.id])) for session in sessions]


async def _whole(tx: Transaction, rows: Sequence[Row]) -> list[Session]:
    """Rows as sessions with members and credits: two more queries, however many there are."""
    session_ids = [row["id"] for row in rows]
    members = defaultdict(list)
    for member in await tx.fetch_all("sessions.members_of", session_ids=session_ids):
        members[member["session_id"]].append(Member.from_row(member))
    balances = await credits.balances_of(tx, session_ids)
    return [Session.from_row(row, members[row["id"]], balances[row["id"]]) for row in rows]


async def seat(tx: Transaction, session_id: str) -> Seat:
    """The seat of this transaction's user; NotFound for strangers."""
    row = await tx.fetch_one("sessions.seat", session_id=session_id)
    if row is None or row["user_status"] != "active":
        raise NotFound
    return Seat.from_row(row)


async def active_seat(tx: Transaction, session_id: str) -> Seat:
    """The same, where the clock still runs; SessionExpired otherwise. NotAllowed where the owner is banned: nobody
    spends what is not theirs while its owner cannot."""
    taken = await seat(tx, session_id)
    if not taken.active:
        raise SessionExpired(details={"expired_at": taken.expires_at})
    if not taken.owner_active:
        raise NotAllowed("This session rests: its owner's account is closed. Everything in it stays readable.")
    return taken


async def owner_seat(tx: Transaction, session_id: str) -> Seat:
    """The seat of this transaction's user where it is the owner's; NotAllowed for guests."""
    taken = await seat(tx, session_id)
    if not taken.owns:
        raise NotAllowed("Only the owner of the session may do that.")
    return taken


async def lock(tx: Transaction, session_id: str) -> None:
    """Waits for, and keeps, the session's row. Before looking whether a command was done: its twin may be under way."""
    await tx.fetch_value("sessions.lock", session_id=session_id)


async def next_seq(tx: Transaction, session_id: str, *, new_message: bool = False) -> int:
    """The next number of the session's stream. Late in a transaction: it locks the session's row until COMMIT."""
    query = "sessions.next_seq_for_message" if new_message else "sessions.next_seq"
    seq: int | None = await tx.fetch_value(query, session_id=session_id)
    if seq is None:
        raise NotFound
    return seq


async def allow_guests(tx: Transaction, session_id: str, allowed: bool) -> Session:
    """Whether guests may generate, by the owner."""
    await owner_seat(tx, session_id)
    await tx.execute("sessions.allow_guests", session_id=session_id, allowed=allowed)
    await rate_limits.spend(tx, rate_limits.CHANGES)
    return await announce(tx, session_id)


async def announce(tx: Transaction, session_id: str) -> Session:
    """Tells every tab what the session now is."""
    session = await find(tx, session_id)
    tx.announce(session_channel(session_id), SessionChanged(session=session))
    return session


async def expire(tx: Transaction) -> int:
    """Marks the sessions whose time is up and tells their tabs; how many there were. Needs the worker role."""
    rows = await tx.fetch_all("sessions.expire")
    for row in rows:
        await announce(tx, row["id"])
    return len(rows)


async def stats(tx: Transaction, session_ids: Sequence[str]) -> dict[str, StatsChanged]:
    """The counts of these sessions in one query; `connections` is left 0 for the hub's owner to fill."""
    rows = await tx.fetch_all("sessions.stats", session_ids=list(session_ids))
    return {row["id"]: _stats_from(row) for row in rows}


def _stats_from(row: Row) -> StatsChanged:
    median = row["median_seconds"]
    return StatsChanged(
        messages=row["messages_count"],
        images=row["images_generated"],
        videos=row["videos_generated"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        median_seconds=None if median is None else round(median, 1),
        queue_length=row["queue_length"],
        connections=0,
    )


async def sequences(tx: Transaction, session_ids: Sequence[str]) -> dict[str, int]:
    """The newest seq of each of these sessions."""
    rows = await tx.fetch_all("sessions.sequences", session_ids=list(session_ids))
    return {row["id"]: row["seq"] for row in rows}
