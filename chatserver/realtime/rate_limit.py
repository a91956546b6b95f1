"""Rate limits of clients: commands of a user, frames of a socket. Without I/O; times are the loop's, in seconds."""

from collections import deque

from chatserver.realtime.limits import FRAMES_AT_ONCE, FRAMES_PER_SECOND, SocketLimits


class CommandRateLimit:
    """Two sliding windows, ten seconds and a minute, over the commands of one user at all processes."""

    def __init__(self, limits: SocketLimits) -> None:
        self._windows = ((limits.commands_per_10_seconds, 10.0), (limits.commands_per_minute, 60.0))
        self._times: deque[float] = deque(maxlen=max(count for count, _ in self._windows))
        self._unreported = 0

    def acquire(self, now: float) -> float:
        """Counts a command and returns 0 where it is allowed now; otherwise returns the seconds until it will be."""
        wait = max(self._wait(count, seconds, now) for count, seconds in self._windows)
        if wait <= 0:
            self._times.append(now)
            self._unreported += 1
        return max(wait, 0.0)

    def collect_unreported(self) -> int:
        """The number of commands that were allowed here since the last call, to be reported to the other processes."""
        unreported, self._unreported = self._unreported, 0
        return unreported

    def add_remote(self, commands: int, now: float) -> None:
        """Counts commands that another process has allowed."""
        self._times.extend([now] * min(commands, self._times.maxlen or 0))

    def _wait(self, count: int, seconds: float, now: float) -> float:
        return self._times[-count] + seconds - now if count and len(self._times) >= count else 0.0

    def is_idle(self, now: float) -> bool:
        """Whether no command is within a window any more."""
        return not self._times or now - self._times[-1] > self._windows[-1][1]


class TokenBucket:
    """A token bucket of frames: FRAMES_AT_ONCE, refilled by FRAMES_PER_SECOND."""

    __slots__ = ("_at", "_left")

    def __init__(self, now: float) -> None:
        self._left, self._at = float(FRAMES_AT_ONCE), now

    def spend(self, frames: int, now: float) -> bool:
        """Takes so many frames from the bucket. False where there were not enough."""
        self._left = min(self._left + (now - self._at) * FRAMES_PER_SECOND, FRAMES_AT_ONCE) - frames
        self._at = now
        return self._left >= 0
