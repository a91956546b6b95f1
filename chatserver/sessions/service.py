"""Reading sessions, the viewer's membership, the stream's sequence numbers, guests' rights, expiry and statistics."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from chatserver import credits
from chatserver.credits.models import Balances
from chatserver.database import Row, Transaction
from chatserver.errors import NotAllowed, NotFound, SessionExpired
from chatserver.events import session_channel
from chatserver.sessions.events import SessionChanged, StatsChanged, UsualDuration
from chatserver.sessions.models import Card, Cover, Member, Membership, Session
from chatserver.users import rate_limits


async def find(tx: Transaction, session_id: str) -> Session:
    """A session with its members and credits; NotFound also for users who may not see it."""
    row = await tx.fetch_one("sessions.find", session_id=session_id)
    if row is None:
        raise NotFound
    return (await _whole(tx, [row]))[0]


# Sessions of a page of all of them.
PAGE = 200


async def list_sessions(tx: Transaction, before: str | None = None) -> list[Session]:
    """A page of the sessions of this transaction's user, active ones first, then the newest; `before` ends the last page."""
    return await _whole(tx, await tx.fetch_all("sessions.list", before=before, limit=PAGE))


async def list_cards(tx: Transaction, before: str | None = None) -> list[Card]:
    """`list_sessions` with the newest pictures of each session as covers."""
    sessions = await list_sessions(tx, before)
    covers: dict[str, list[Cover]] = {session.id: [] for session in sessions}
    for row in await tx.fetch_all("sessions.covers", session_ids=list(covers)):
        covers[row["session_id"]].append(Cover(f"/files/{row['id']}/thumbnail.webp"))
    return [Card(session, tuple(covers[session.id])) for session in sessions]


async def _whole(tx: Transaction, rows: Sequence[Row]) -> list[Session]:
    """Sessions of these rows, with members and credits: two more queries, however many rows there are."""
    session_ids = [row["id"] for row in rows]
    members = await tx.fetch_all("sessions.members_of", session_ids=session_ids)
    return from_rows(rows, members, await credits.balances_of(tx, session_ids))


def from_rows(rows: Sequence[Row], member_rows: Sequence[Row], balances: Mapping[str, Balances]) -> list[Session]:
    """Sessions, in the order of `rows`, with their members and credits."""
    members = defaultdict(list)
    for member in member_rows:
        members[member["session_id"]].append(Member.from_row(member))
    return [Session.from_row(row, members[row["id"]], balances[row["id"]]) for row in rows]


async def membership(tx: Transaction, session_id: str) -> Membership:
    """The membership of this transaction's user; NotFound where there is none."""
    return membership_of(await tx.fetch_one("sessions.membership", session_id=session_id))


def membership_of(row: Row | None) -> Membership:
    """The membership of a row; NotFound where there is none, or its account is closed."""
    if row is None or row["user_status"] != "active":
        raise NotFound
    return Membership.from_row(row)


async def active_membership(tx: Transaction, session_id: str) -> Membership:
    """The membership of this transaction's user in a session with time left; otherwise SessionExpired.

    NotAllowed where the owner is banned: guests do not spend credits whose owner cannot.
    """
    return require_active(await membership(tx, session_id))


def require_active(own: Membership) -> Membership:
    """The membership, where `active_membership` would return it; its errors otherwise."""
    if not own.active:
        raise SessionExpired(details={"expired_at": own.expires_at})
    if not own.owner_active:
        raise NotAllowed("This session rests: its owner's account is closed. Everything in it stays readable.")
    return own


async def owner_membership(tx: Transaction, session_id: str) -> Membership:
    """The membership of this transaction's user, who must be the owner; NotAllowed for guests."""
    own = await membership(tx, session_id)
    if not own.is_owner:
        raise NotAllowed("Only the owner of the session may do that.")
    return own


async def lock(tx: Transaction, session_id: str) -> str | None:
    """Locks the session's row until COMMIT. Returns the id of its newest message, which the next one's comes after.

    Callers lock before they look for a repeated `client_id`, whose first request may still be running.
    """
    newest_message_id: str | None = await tx.fetch_value("sessions.lock", session_id=session_id)
    return newest_message_id


async def next_seq(tx: Transaction, session_id: str) -> int:
    """The next `seq` of the session's stream. Called late in a transaction: it locks the session's row until COMMIT."""
    seq: int | None = await tx.fetch_value("sessions.next_seq", session_id=session_id)
    if seq is None:
        raise NotFound
    return seq


async def allow_guests(tx: Transaction, session_id: str, allowed: bool) -> Session:
    """Sets whether guests may generate. For the owner only."""
    await owner_membership(tx, session_id)
    await tx.execute("sessions.allow_guests", session_id=session_id, allowed=allowed)
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return await announce(tx, session_id)


async def announce(tx: Transaction, session_id: str) -> Session:
    """Announces the session as it is after this transaction, and returns it."""
    session = await find(tx, session_id)
    tx.announce(session_channel(session_id), SessionChanged(session=session))
    return session


async def expire(tx: Transaction) -> int:
    """Marks sessions whose time is up as expired and announces them; returns how many. Needs the worker role."""
    rows = await tx.fetch_all("sessions.expire")
    for row in rows:
        await announce(tx, row["id"])
    return len(rows)


async def bring_forward(tx: Transaction, _: float) -> None:
    """Marks sessions as active again that had expired before the clock was set back, and announces them. Needs the worker
    role."""
    for row in await tx.fetch_all("sessions.set_active"):
        await announce(tx, row["id"])


async def stats(tx: Transaction, session_ids: Sequence[str]) -> dict[str, StatsChanged]:
    """The statistics of these sessions, in one query; `connections` is 0, for the caller to fill in from the hub."""
    return stats_from(await tx.fetch_all("sessions.stats", session_ids=list(session_ids)))


def stats_from(rows: Sequence[Row]) -> dict[str, StatsChanged]:
    """The statistics of several sessions, by session id, from the rows of `sessions.stats`."""
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
        usual=msgspec.convert(row["usual"], tuple[UsualDuration, ...]),
        queue_length=row["queue_length"],
        queued=row["queued"],
        rendering=row["rendering"],
        connections=0,
    )


async def sequences(tx: Transaction, session_ids: Sequence[str]) -> dict[str, int]:
    """The newest seq of each of these sessions."""
    rows = await tx.fetch_all("sessions.sequences", session_ids=list(session_ids))
    return {row["id"]: row["seq"] for row in rows}
