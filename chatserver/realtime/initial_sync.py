"""The initial synchronization of a socket, without a gap and without a repetition (P3).

The socket is subscribed first, so that later events wait in its outbox; then the session is read; then it is sent
`welcome`, the state, presence, the user's own and the messages; then the outbox, without what the snapshot already had.
"""

import asyncio
from collections.abc import Sequence

from chatserver.events import Event
from chatserver.realtime.channel import Channel
from chatserver.realtime.connection import Connection
from chatserver.realtime.limits import CONCURRENT_BATCHES, CONCURRENT_READS
from chatserver.realtime.ports import SessionSource, SharedEvent, Snapshot
from chatserver.runtime import failpoints


class SyncSemaphores:
    """Limits the concurrency of all initial synchronizations of a process, so that they leave time for other work."""

    def __init__(self) -> None:
        self.batches = asyncio.Semaphore(CONCURRENT_BATCHES)
        self.reads = asyncio.Semaphore(CONCURRENT_READS)


async def synchronize(
    connection: Connection, channel: Channel, source: SessionSource, semaphores: SyncSemaphores
) -> None:
    """Sends the snapshot and makes the connection live. Raises NotFound for strangers, and connection.Disconnected."""
    position, newest, last = await _send_snapshot(connection, channel, source, semaphores)
    position = await _catch_up(connection, channel, source, semaphores, position, newest)
    await connection.send_events(last, semaphores.batches)
    channel.start_at(position)
    connection.go_live(position)


async def _send_snapshot(
    connection: Connection, channel: Channel, source: SessionSource, semaphores: SyncSemaphores
) -> tuple[int, int, Sequence[Event]]:
    """Returns the position after it, the session's newest seq, and the events to be sent last.

    The messages of the snapshot are freed when it returns.
    """
    request, after = connection.request, connection.request.after
    snapshot = await source.snapshot(request.viewer, request.session_id, after)
    if after is not None and after > snapshot.welcome.seq:
        # The client is ahead of the database, which was restored from a backup: it gets a snapshot without `after`.
        after = None
        snapshot = await source.snapshot(request.viewer, request.session_id, after)
    channel.mark_present(connection, snapshot.welcome.you.name)
    # The contract names what comes first and in which order; what has been added to it since comes behind that.
    events = [snapshot.welcome, *snapshot.state, channel.presence(), *snapshot.own, *snapshot.messages]
    await connection.send_events(events, semaphores.batches)
    failpoints.at("resume")
    return _position_after(snapshot, after), snapshot.welcome.seq, snapshot.last


def _position_after(snapshot: Snapshot, after: int | None) -> int:
    return _newest(snapshot.messages, min(after or 0, snapshot.welcome.seq))


def _newest(events: Sequence[Event | SharedEvent], otherwise: int) -> int:
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
    """Reads on where the snapshot was only a first part, or older than the start of the channel. Returns the position."""
    while position < (goal := max(newest, channel.reorder_buffer.start)):
        async with semaphores.reads:
            changes = await source.changes(connection.request.session_id, position)
        await connection.send_events(changes, semaphores.batches)
        # A seq that no message has any more was replaced by a later change of the same message.
        position = _newest(changes, goal)
    return position
