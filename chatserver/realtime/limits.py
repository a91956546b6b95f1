"""The limits of websockets, each with its unit and its reason. Those of HTTP are in `edge/limits.py`."""

from dataclasses import dataclass

# A command with the longest prompt fits; no command is larger.
FRAME_BYTES = 64 * 1024
COMMANDS_PER_10_SECONDS = 20
COMMANDS_PER_MINUTE = 120
# Proxies drop a connection that was idle for a minute; a socket without input for two intervals is dead.
HEARTBEAT_SECONDS = 20
# Commands of one socket that wait while another runs; the next is refused with `busy`.
QUEUED_COMMANDS = 32
# Refusals in a row after which the socket is closed for flooding.
REFUSALS = 40
# The unit of work inside a command has its own deadline; this one ends what hangs elsewhere.
COMMAND_SECONDS = 30.0

# The memory of a client that does not read, 512 KiB in all: the kernel doubles the requested size for its bookkeeping,
# uvloop pauses writing at its high-water mark, and the outbox takes events while paused.
KERNEL_BYTES = 128 * 1024
BUFFER_BYTES = 64 * 1024
OUTBOX_BYTES = 160 * 1024
# Larger batches are split, so that writing is paused in time.
BATCH_BYTES = 32 * 1024
# Events of a snapshot that are encoded at once: rendering one takes up to half a millisecond.
SNAPSHOT_EVENTS = 20
# Initial synchronizations that encode a batch in one iteration of the loop, and that read a part of a long history at
# once: other work runs in between.
CONCURRENT_BATCHES = 2
CONCURRENT_READS = 2
# A socket that stays paused for so long is aborted: a close frame would wait behind the same full buffer.
SEND_SECONDS = 10.0
# The time for the closing handshake, then the transport is aborted.
CLOSE_SECONDS = 5.0
# Until a socket is accepted: two reads of the database.
HANDSHAKE_SECONDS = 15.0

# Frames of any kind (pings, fragments, commands) of one socket: so many at once, then so many a second.
FRAMES_AT_ONCE = 300
FRAMES_PER_SECOND = 30
# Input that is parsed before its frames are counted: at most 680 empty frames, some 3 ms.
PARSE_BYTES = 4096

# The shortest time between two ephemeral events with the same merge key.
EPHEMERAL_SECONDS = 0.25
# Durable events that wait for a missing one; further ones are dropped, and read from the database.
LATE_EVENTS = 1000
# How long a missing event may be late, overtaken by a later one, before it is read from the database.
OVERTAKING_SECONDS = 0.03
# The pause between reads of a gap while the database is away.
GAP_RETRY_SECONDS = 0.5
# The comparison with the database, and every so many rounds the check of access (P17 allows five seconds).
MAINTENANCE_SECONDS = 1.0
ACCESS_CHECK_ROUNDS = 4
# Viewers in one query.
ACCESS_CHECK_BATCH = 500
# A draining process closes its sockets in so many waves.
DRAIN_WAVES = 10


@dataclass(frozen=True, kw_only=True)
class SocketLimits:
    """The limits that an operator, a test or a benchmark may change, in seconds and counts."""

    sockets_per_user: int = 5
    sockets_per_address: int = 50
    commands_per_10_seconds: int = COMMANDS_PER_10_SECONDS
    commands_per_minute: int = COMMANDS_PER_MINUTE  # 0: no limit, as with the commands in ten seconds
    send_seconds: float = SEND_SECONDS
    heartbeat_seconds: float = HEARTBEAT_SECONDS
