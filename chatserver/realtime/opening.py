"""What a new socket is told, without a gap and without a repetition (P3).

It listens first, so that what is announced meanwhile waits in its outbox; then the session is read; then it is told
`welcome`, the state, who is here, and the messages; then what waited, without what the reading already had.
"""

from collections.abc import Sequence

from chatserver import crash
from chatserver.events import Event
from chatserver.realtime.base import Opening, Rooms
from chatserver.realtime.channel import Channel
from chatserver.realtime.connection import Connection


async def open_connection(connection: Connection, channel: Channel, rooms: Rooms) -> None:
    """Tells the opening and makes the connection live. Raises NotFound for strangers, connection.Lost."""
    position, newest, last = await _tell_opening(connection, channel, rooms)
    position = await _catch_up(connection, channel, rooms, position, newest)
    await connection.tell(last)
    channel.begin(position)
    connection.open(position)


async def _tell_opening(connection: Connection, channel: Channel, rooms: Rooms) -> tuple[int, int, Sequence[Event]]:
    """The position after it, the session's newest seq, and what is told last. Its messages are held no longer than this."""
    visit, after = connection.visit, connection.visit.after
    opening = await rooms.open(visit.viewer, visit.session_id, after)
    if after is not None and after > opening.welcome.seq:
        # The client knows more than the database, which was restored from a copy, so it starts afresh.
        after = None
        opening = await rooms.open(visit.viewer, visit.session_id, after)
    await connection.tell([opening.welcome, *opening.state, channel.presence(), *opening.messages])
    crash.at("resume")
    return _told(opening, after), opening.welcome.seq, opening.last


def _told(opening: Opening, after: int | None) -> int:
    return _newest(opening.messages, min(after or 0, opening.welcome.seq))


def _newest(events: Sequence[Event], otherwise: int) -> int:
    seqs = [seq for event in events if (seq := event.durable_seq()) is not None]
    return max(seqs, default=otherwise)


async def _catch_up(connection: Connection, channel: Channel, rooms: Rooms, position: int, newest: int) -> int:
    """Reads on where the opening was only a first part, or older than the order of this channel. Returns the seq."""
    while position < (goal := max(newest, channel.order.began)):
        changes = await rooms.changes(connection.visit.session_id, position)
        await connection.tell(changes)
        # Where nothing bears a seq any more, a later change of the same message does.
        position = _newest(changes, goal)
    return position
