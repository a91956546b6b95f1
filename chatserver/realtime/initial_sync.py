"""What a new socket is told, without a gap and without a repetition (P3).

It listens first, so that what is announced meanwhile waits in its outbox; then the session is read; then it is told
`welcome`, the state, who is here, and the messages; then what waited, without what the reading already had.
"""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from chatserver.events import Event
from chatserver.realtime.channel import Channel
from chatserver.realtime.connection import Connection
from chatserver.realtime.limits import OPENING_BATCHES, OPENING_READS
from chatserver.realtime.ports import Opening, Rooms
from chatserver.runtime import failpoints


class Turns:
    """What openings of one process share, so that many of them, or long ones, leave time for everybody else."""

    def __init__(self) -> None:
        self.batches = asyncio.Semaphore(OPENING_BATCHES)
        self.reads = asyncio.Semaphore(OPENING_READS)


async def open_connection(connection: Connection, channel: Channel, rooms: Rooms, turns: Turns) -> None:
    """Tells the opening and makes the connection live. Raises NotFound for strangers, connection.Lost."""
    position, newest, last = await _tell_opening(connection, channel, rooms, turns)
    position = await _catch_up(connection, channel, rooms, turns, position, newest)
    await connection.tell(last, turns.batches)
    channel.begin(position)
    connection.open(position)


async def _tell_opening(
    connection: Connection, channel: Channel, rooms: Rooms, turns: Turns
) -> tuple[int, int, Sequence[Event]]:
    """The position after it, the session's newest seq, and what is told last. Its messages are held no longer than this."""
    visit, after = connection.visit, connection.visit.after
    opening = await rooms.open(visit.viewer, visit.session_id, after)
    if after is not None and after > opening.welcome.seq:
        # The client knows more than the database, which was restored from a copy, so it starts afresh.
        after = None
        opening = await rooms.open(visit.viewer, visit.session_id, after)
    # Seen under the name of the seat, which nobody else in the session has.
    connection.visit = replace(visit, viewer=replace(visit.viewer, name=opening.welcome.you.name))
    events = [opening.welcome, *opening.state, channel.presence(), *opening.messages]
    await connection.tell(events, turns.batches)
    failpoints.at("resume")
    return _told(opening, after), opening.welcome.seq, opening.last


def _told(opening: Opening, after: int | None) -> int:
    return _newest(opening.messages, min(after or 0, opening.welcome.seq))


def _newest(events: Sequence[Event], otherwise: int) -> int:
    seqs = [seq for event in events if (seq := event.durable_seq()) is not None]
    return max(seqs, default=otherwise)


async def _catch_up(
    connection: Connection, channel: Channel, rooms: Rooms, turns: Turns, position: int, newest: int
) -> int:
    """Reads on where the opening was only a first part, or older than the order of this channel. Returns the seq."""
    while position < (goal := max(newest, channel.order.began)):
        async with turns.reads:
            changes = await rooms.changes(connection.visit.session_id, position)
        await connection.tell(changes, turns.batches)
        # Where nothing bears a seq any more, a later change of the same message does.
        position = _newest(changes, goal)
    return position
