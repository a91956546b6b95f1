"""Every bound of the sockets and of HTTP, with its unit and its reason. What happens at each is said where it is kept."""

from dataclasses import dataclass

# One command with a long prompt fits well; nothing that a client has to say is larger.
FRAME_BYTES = 64 * 1024
COMMANDS_PER_10_SECONDS = 20
COMMANDS_PER_MINUTE = 120
# Proxies drop what was silent for a minute; a socket that stayed dumb for two beats is dead.
HEARTBEAT_SECONDS = 20
# Commands of one socket that wait for the one before; the next is told `busy`.
QUEUED_COMMANDS = 32
# So many refusals on end are no slip but a flood.
REFUSALS = 40
# A handler has the unit of work's own deadline inside; this one ends what hangs elsewhere.
COMMAND_SECONDS = 30.0

# What a client that does not read may cost, 512 KiB in all: the kernel doubles the size that it is told for its own
# bookkeeping, uvloop's buffer pauses us at its mark, and the outbox takes what comes while paused.
KERNEL_BYTES = 128 * 1024
BUFFER_BYTES = 64 * 1024
OUTBOX_BYTES = 160 * 1024
# Larger batches are split, so that a pause comes in time.
BATCH_BYTES = 32 * 1024
# Events of an opening that are encoded in one go: drawing one takes up to half a millisecond.
SNAPSHOT_EVENTS = 20
# Sockets being opened of which a batch is encoded in one turn of the loop, and parts of long histories that are read at
# once: everybody else's work comes between them.
CONCURRENT_BATCHES = 2
CONCURRENT_READS = 2
# A paused socket that took nothing in that time is aborted: a close would wait behind the same full buffer.
SEND_SECONDS = 10.0
# The time for the goodbye of either side, then the transport is aborted.
CLOSE_SECONDS = 5.0
# Signing in and accepting: two reads of the database.
HANDSHAKE_SECONDS = 15.0

# Frames of any kind (pings, fragments, commands): so many at once, then so many a second.
FRAMES_AT_ONCE = 300
FRAMES_PER_SECOND = 30
# So much is parsed before the frames in it are counted: at most 680 empty ones, some 3 ms.
PARSE_BYTES = 4096

# At most four a second for each key of an ephemeral event.
EPHEMERAL_SECONDS = 0.25
# Late durable events that wait for their elders; more are read from the database anyway.
LATE_EVENTS = 1000
# Two commits' announcements may overtake each other by so much without a read.
OVERTAKING_SECONDS = 0.03
# The pause between reads of a gap while the database is away.
GAP_RETRY_SECONDS = 0.5
# The comparison with the database, and the question whether sockets are still welcome (P17 allows five seconds).
MAINTENANCE_SECONDS = 1.0
ACCESS_CHECK_ROUNDS = 4
# Viewers in one question.
ACCESS_CHECK_BATCH = 500
# A draining node says goodbye in so many waves.
DRAIN_WAVES = 10


@dataclass(frozen=True, kw_only=True)
class SocketLimits:
    """The bounds that an operator, a test or a benchmark may set otherwise. Seconds and counts."""

    sockets_per_user: int = 5
    sockets_per_address: int = 50
    commands_per_10_seconds: int = COMMANDS_PER_10_SECONDS
    commands_per_minute: int = COMMANDS_PER_MINUTE  # 0: no limit, as with the commands in ten seconds
    send_seconds: float = SEND_SECONDS
    heartbeat_seconds: float = HEARTBEAT_SECONDS
