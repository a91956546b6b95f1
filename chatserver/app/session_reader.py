"""Reads sessions for the hub: its `SessionSource`, implemented by the features' queries."""

import asyncio
import contextvars
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from chatserver import credits, messages, sessions, users
from chatserver.assets import favorites
from chatserver.assets.events import FavoritesChanged
from chatserver.credits.events import CreditsChanged
from chatserver.database import Database, Row, Transaction
from chatserver.database.records import with_times
from chatserver.errors import NotFound
from chatserver.events import Event
from chatserver.identity.viewer import Viewer
from chatserver.messages.events import MessageChanged
from chatserver.messages.models import Message
from chatserver.realtime.events import ClientLimits, More, Welcome, You
from chatserver.realtime.limits import FRAME_BYTES, HEARTBEAT_SECONDS
from chatserver.realtime.ports import SharedEvent, Snapshot
from chatserver.realtime.protocol import Close
from chatserver.runtime import clock
from chatserver.runtime.batching import Batcher
from chatserver.sessions.events import SessionChanged

# Messages of a snapshot that are read in one query, in bytes; the next part is read when these have been sent.
CHUNK_BYTES = 250_000
# Sockets whose rights and whose sessions' state are read together, and sessions whose messages are.
OPENINGS_TOGETHER, PARTS_TOGETHER = 16, 8
# How long the messages after a seq are kept for other sockets that ask for the same while nothing changes: a storm's time.
# The time until a picture is expected to be done, which they contain, is late by no more than this.
KEPT_SECONDS = 2.0
MOST_KEPT, MOST_KEPT_BYTES = 256, 32_000


class AccessRequest(NamedTuple):
    """Who opens which session, and by which credential."""

    user_id: str
    credential_id: str
    session_id: str


class Admitted(msgspec.Struct, frozen=True):
    """The rights of one request, and the state of the session, which is shared with the others of the same read."""

    you: You
    seq: int
    session: msgspec.Raw
    limits: ClientLimits
    state: tuple[SharedEvent, ...]
    marks: FavoritesChanged


class HistoryPart(NamedTuple):
    """Messages of a session in order of seq, shared by all who ask for the same; and what is sent after the last."""

    messages: tuple[SharedEvent, ...]
    last: Sequence[Event] = ()


class SessionReader:
    """Implements `realtime.ports.SessionSource`. Openings are read together where many come at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._openings = Batcher(self._read_openings, most=OPENINGS_TOGETHER)
        self._parts = Batcher(self._read_parts, most=PARTS_TOGETHER)
        self._kept: dict[tuple[str, int | None], tuple[int, asyncio.Future[HistoryPart]]] = {}

    async def snapshot(self, viewer: Viewer, session_id: str, after: int | None) -> Snapshot:
        """Everything a new socket needs, read after it was asked for. Raises NotFound, for strangers too."""
        opening = await self._openings.answer(AccessRequest(viewer.id, viewer.credential_id, session_id))
        if opening is None:
            raise NotFound
        welcome = Welcome(
            session=opening.session,
            you=opening.you,
            seq=opening.seq,
            now=clock.now(),
            heartbeat_seconds=HEARTBEAT_SECONDS,
            limits=opening.limits,
        )
        own = (opening.marks,)
        if after is not None and after >= opening.seq:
            return Snapshot(welcome, opening.state, (), own=own)
        part = await self._part(session_id, after, opening.seq)
        return Snapshot(welcome, opening.state, part.messages, part.last, own)

    async def changes(self, session_id: str, after: int) -> list[Event]:
        """The next durable events after a seq, in order and at most CHUNK_BYTES; empty where there are none."""
        return await self._database.run_system(_changes, session_id, after)

    async def sequences(self, session_ids: Sequence[str]) -> dict[str, int]:
        """The newest seq of each of these sessions."""
        return await self._database.run_system(sessions.sequences, session_ids)

    async def close_codes(self, viewers: Sequence[tuple[Viewer, str]]) -> list[Close | None]:
        """For each (viewer, session id): the code with which the socket has to be closed, None if it may stay."""
        return await self._database.run_system(_close_codes, viewers)

    # What many share --------------------------------------------------------------------------------------------------

    async def _read_openings(self, requests: Sequence[AccessRequest]) -> Mapping[AccessRequest, Admitted]:
        return await self._database.run_reading(_openings, requests)

    async def _read_parts(
        self, places: Sequence[tuple[str, int | None]]
    ) -> Mapping[tuple[str, int | None], HistoryPart]:
        return await self._database.run_reading(_parts, places)

    async def _part(self, session_id: str, after: int | None, seq: int) -> HistoryPart:
        """The messages after `after`, read when the session had reached `seq` or later.

        What was read for one socket is good for another while the session is still at the same seq: every change of a
        message takes the next. It is kept only for a moment, and only where it is small.
        """
        place = (session_id, after)
        kept = self._kept.get(place)
        if kept is None or kept[0] != seq:
            # Not in the context (the log's request_id) of the socket that happened to ask first.
            reading = asyncio.create_task(self._read_part(place), context=contextvars.Context())
            kept = self._kept[place] = (seq, reading)
            kept[1].add_done_callback(lambda reading: self._keep(place, reading))
        return await asyncio.shield(kept[1])

    async def _read_part(self, place: tuple[str, int | None]) -> HistoryPart:
        part = await self._parts.answer(place)
        assert part is not None
        return part

    def _keep(self, place: tuple[str, int | None], reading: "asyncio.Future[HistoryPart]") -> None:
        if reading.cancelled() or reading.exception() is not None or not self._is_kept(reading.result()):
            self._drop_part(place, reading)
        else:
            asyncio.get_running_loop().call_later(KEPT_SECONDS, self._drop_part, place, reading)

    def _is_kept(self, part: HistoryPart) -> bool:
        return len(self._kept) <= MOST_KEPT and sum(_size(shared.event) for shared in part.messages) <= MOST_KEPT_BYTES

    def _drop_part(self, place: tuple[str, int | None], reading: "asyncio.Future[HistoryPart]") -> None:
        kept = self._kept.get(place)
        if kept is not None and kept[1] is reading:
            del self._kept[place]


def _size(event: Event) -> int:
    """About the bytes of a message, of whose pictures only the number counts."""
    assert isinstance(event, MessageChanged)
    message = event.message
    return 400 + len(message.text) + len(message.html) + 4500 * len(message.generations)


# Openings -------------------------------------------------------------------------------------------------------------

_OPENING = {
    "admitted": "sessions.admitted",
    "sessions": "sessions.opened",
    "members": "sessions.members_of",
    "balances": "credits.balances",
    "stats": "sessions.stats",
    "marks": "assets.marks_of",
}


async def _openings(tx: Transaction, requests: Sequence[AccessRequest]) -> dict[AccessRequest, Admitted]:
    """The openings of those who are admitted, in one statement. Needs the worker role."""
    found = await tx.fetch_together(
        _OPENING,
        user_ids=[request.user_id for request in requests],
        credential_ids=[request.credential_id for request in requests],
        session_ids=[request.session_id for request in requests],
        most_marks=favorites.MOST_IN_SESSION,
    )
    states = _states(tx, found)
    marks = defaultdict(list)
    for row in found["marks"]:
        marks[row["user_id"], row["session_id"]].append(row["asset_id"])
    return {
        AccessRequest(row["user_id"], row["credential_id"], row["session_id"]): Admitted(
            You(row["user_id"], row["name"], row["role"]),
            *states[row["session_id"]],
            favorites.whole(row["user_id"], marks[row["user_id"], row["session_id"]]),
        )
        for row in found["admitted"]
        if row["session_id"] in states
    }


def _states(
    tx: Transaction, found: Mapping[str, Sequence[Row]]
) -> dict[str, tuple[int, msgspec.Raw, ClientLimits, tuple[SharedEvent, ...]]]:
    rows = [with_times(row, "started_at", "expires_at") for row in found["sessions"]]
    balances = credits.balances_from(
        [row["id"] for row in rows], [with_times(row, "next_at") for row in found["balances"]]
    )
    stats = sessions.stats_from(found["stats"])
    states = {}
    for session, row in zip(sessions.from_rows(rows, found["members"], balances), rows, strict=True):
        events = (SessionChanged(session=session), CreditsChanged.of(session.credits), stats[session.id])
        states[session.id] = (
            session.seq,
            msgspec.Raw(msgspec.json.encode(session)),
            _limits(tx, row),
            tuple(SharedEvent(event) for event in events),
        )
    return states


def _limits(tx: Transaction, plan: Row) -> ClientLimits:
    return ClientLimits(
        frame_bytes=FRAME_BYTES,
        commands_per_10_seconds=tx.limits.commands_per_10_seconds,
        commands_per_minute=6 * tx.limits.commands_per_10_seconds,
        text_length=messages.TEXT_LENGTH,
        max_size=plan["max_size"],
        max_count=plan["max_count"],
    )


# Messages -------------------------------------------------------------------------------------------------------------


async def _parts(
    tx: Transaction, places: Sequence[tuple[str, int | None]]
) -> dict[tuple[str, int | None], HistoryPart]:
    """The first part of the messages of each (session id, after); of the newest page where `after` is None."""
    parts: dict[tuple[str, int | None], HistoryPart] = {}
    later = [(session_id, after) for session_id, after in places if after is not None]
    if later:
        for place, found in (await messages.changes_of(tx, later, CHUNK_BYTES)).items():
            parts[place] = HistoryPart(_shared(found))
    for session_id, after in places:
        if after is None:
            parts[session_id, None] = await _newest(tx, session_id)
    return parts


async def _newest(tx: Transaction, session_id: str) -> HistoryPart:
    """The newest messages, or the first part of them where they are long, and the `more` that follows the last."""
    found, more = await messages.newest_of(tx, session_id, most_bytes=CHUNK_BYTES)
    if not more or len(found) == messages.PAGE:
        first, more = (found[0].seq, more) if found else (0, False)
        return HistoryPart(_shared(found), _more(first, more))
    first, more = await messages.beginning(tx, session_id)
    rest = await messages.changes(tx, session_id, first - 1, CHUNK_BYTES)
    return HistoryPart(_shared(rest), _more(first, more))


def _shared(found: Sequence[Message]) -> tuple[SharedEvent, ...]:
    return tuple(map(SharedEvent, _events(found)))


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
