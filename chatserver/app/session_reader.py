"""Reads sessions for the hub: its `SessionSource`, implemented by the features' queries."""

from collections.abc import Sequence

from chatserver import messages, plans, sessions, users
from chatserver.assets import favorites
from chatserver.credits.events import CreditsChanged
from chatserver.database import Database, Row, Transaction
from chatserver.events import Event
from chatserver.identity.viewer import Viewer
from chatserver.messages.events import MessageChanged
from chatserver.messages.models import Message
from chatserver.realtime.events import ClientLimits, More, Welcome, You
from chatserver.realtime.limits import FRAME_BYTES, HEARTBEAT_SECONDS
from chatserver.realtime.ports import Snapshot
from chatserver.realtime.protocol import Close
from chatserver.runtime import clock
from chatserver.sessions.events import SessionChanged

# Messages of a snapshot that are read in one query, in bytes; the next part is read when these have been sent.
CHUNK_BYTES = 250_000


class SessionReader:
    """Implements `realtime.ports.SessionSource`. Snapshots are read under the rights of their viewer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def snapshot(self, viewer: Viewer, session_id: str, after: int | None) -> Snapshot:
        """Everything a new socket needs, read in one transaction. Raises NotFound, for strangers too."""
        return await self._database.run_as(viewer.id, _snapshot, viewer, session_id, after)

    async def changes(self, session_id: str, after: int) -> list[Event]:
        """The next durable events after a seq, in order and at most CHUNK_BYTES; empty where there are none."""
        return await self._database.run_system(_changes, session_id, after)

    async def sequences(self, session_ids: Sequence[str]) -> dict[str, int]:
        """The newest seq of each of these sessions."""
        return await self._database.run_system(sessions.sequences, session_ids)

    async def close_codes(self, viewers: Sequence[tuple[Viewer, str]]) -> list[Close | None]:
        """For each (viewer, session id): the code with which the socket has to be closed, None if it may stay."""
        return await self._database.run_system(_close_codes, viewers)


async def _snapshot(tx: Transaction, viewer: Viewer, session_id: str, after: int | None) -> Snapshot:
    membership = await sessions.membership(tx, session_id)
    session = await sessions.find(tx, session_id)
    plan = await plans.find(tx, session.plan_id)
    stats = await sessions.stats(tx, [session_id])
    welcome = Welcome(
        session=session,
        you=You(viewer.id, membership.user_name, membership.role),
        seq=session.seq,
        now=clock.now(),
        heartbeat_seconds=HEARTBEAT_SECONDS,
        limits=ClientLimits(
            frame_bytes=FRAME_BYTES,
            commands_per_10_seconds=tx.limits.commands_per_10_seconds,
            commands_per_minute=6 * tx.limits.commands_per_10_seconds,
            text_length=messages.TEXT_LENGTH,
            max_size=plan.max_size,
            max_count=plan.max_count,
        ),
    )
    marks = await favorites.in_session(tx, viewer.id, session_id)
    state: list[Event] = [SessionChanged(session=session), CreditsChanged.of(session.credits), stats[session_id], marks]
    if after is not None:
        return Snapshot(welcome, state, await _changes(tx, session_id, after))
    return Snapshot(welcome, state, *await _newest(tx, session_id))


async def _newest(tx: Transaction, session_id: str) -> tuple[list[Event], list[Event]]:
    """The newest messages, or the first part of them where they are long, and the `more` that follows the last."""
    page = await messages.newest(tx, session_id, most_bytes=CHUNK_BYTES)
    if not page.more or len(page.messages) == messages.PAGE:
        first, more = (page.messages[0].seq, page.more) if page.messages else (0, False)
        return _events(page.messages), _more(first, more)
    first, more = await messages.beginning(tx, session_id)
    return await _changes(tx, session_id, first - 1), _more(first, more)


async def _changes(tx: Transaction, session_id: str, after: int) -> list[Event]:
    return _events(await messages.changes(tx, session_id, after, CHUNK_BYTES))


def _events(found: Sequence[Message]) -> list[Event]:
    return [MessageChanged(seq=message.seq, message=message) for message in found]


def _more(first: int, more: bool) -> list[Event]:
    return [More(before=first)] if more else []


async def _close_codes(tx: Transaction, viewers: Sequence[tuple[Viewer, str]]) -> list[Close | None]:
    # The accounts are read last: a ban that commits between the two queries ends the sign-ins too, and has to be seen.
    valid_credentials = await users.valid_credentials(tx, list({viewer.credential_id for viewer, _ in viewers}))
    rows = await tx.fetch_all(
        "sessions.current_memberships",
        user_ids=[viewer.id for viewer, _ in viewers],
        session_ids=[session_id for _, session_id in viewers],
    )
    memberships = {(row["user_id"], row["session_id"]): row for row in rows}
    return [
        _close_code(memberships[viewer.id, session_id], viewer.credential_id in valid_credentials)
        for viewer, session_id in viewers
    ]


def _close_code(membership: Row, is_signed_in: bool) -> Close | None:
    """The reason that implies the others: a closed account has no sign-in and no membership either."""
    if not membership["is_active"]:
        return Close.ACCOUNT_CLOSED
    if not is_signed_in:
        return Close.NOT_SIGNED_IN
    return None if membership["is_member"] else Close.NO_SESSION
