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
from chatserver.realtime.limits import CONCURRENT_BATCHES, CONCURRENT_READS
from chatserver.realtime.ports import SessionSource, Snapshot
from chatserver.runtime import failpoints


class SyncSemaphores:
    """What openings of one process share, so that many of them, or long ones, leave time for everybody else."""

    def __init__(self) -> None:
        self.batches = asyncio.Semaphore(CONCURRENT_BATCHES)
        self.reads = asyncio.Semaphore(CONCURRENT_READS)


async def synchronize(
    connection: Connection, channel: Channel, source: SessionSource, semaphores: SyncSemaphores
) -> None:
    """Tells the opening and makes the connection live. Raises NotFound for strangers, connection.Lost."""
    position, newest, last = await _send_snapshot(connection, channel, source, semaphores)
    position = await _catch_up(connection, channel, source, semaphores, position, newest)
    await connection.send_events(last, semaphores.batches)
    channel.start_at(position)
    connection.go_live(position)


async def _send_snapshot(
    connection: Connection, channel: Channel, source: SessionSource, semaphores: SyncSemaphores
) -> tuple[int, int, Sequence[Event]]:
    """The position after it, the session's newest seq, and what is told last. Its messages are held no longer than this."""
    request, after = connection.request, connection.request.after
    snapshot = await source.snapshot(request.viewer, request.session_id, after)
    if after is not None and after > snapshot.welcome.seq:
        # The client knows more than the database, which was restored from a copy, so it starts afresh.
        after = None
        snapshot = await source.snapshot(request.viewer, request.session_id, after)
    # Seen under the name of the seat, which nobody else in the session has.
    connection.request = replace(request, viewer=replace(request.viewer, name=snapshot.welcome.you.name))
    events = [snapshot.welcome, *snapshot.state, channel.presence(), *snapshot.messages]
    await connection.send_events(events, semaphores.batches)
    failpoints.at("resume")
    return _position_after(snapshot, after), snapshot.welcome.seq, snapshot.last


def _position_after(snapshot: Snapshot, after: int | None) -> int:
    return _newest(snapshot.messages, min(after or 0, snapshot.welcome.seq))


def _newest(events: Sequence[Event], otherwise: int) -> int:
    seqs = [seq for event in events if (seq := event.durable_seq()) is not None]
    return max(seqs, default=otherwise)


async def _catch_up(
    connection: Connection,
    channel: Channel,
    source: SessionSource,
    semaphores: SyncSemaphores,
    position: int,
    newest: int,
) -> int:
    """Reads on where the opening was only a first part, or older than the order of this channel. Returns the seq."""
    while position < (goal := max(newest, channel.reorder_buffer.start)):
        async with semaphores.reads:
            changes = await source.changes(connection.request.session_id, position)
        await connection.send_events(changes, semaphores.batches)
        # Where nothing bears a seq any more, a later change of the same message does.
        position = _newest(changes, goal)
    return position
