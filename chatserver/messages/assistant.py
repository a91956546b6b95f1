"""The assistant: claims the replies that are due and writes them, many at once."""

from chatserver.jobs import worker_ids
from chatserver.jobs.events import JobsWaiting
from chatserver.jobs.runner import JobRunner
from chatserver.messages import replies
from chatserver.messages.reply_writer import SAVE_SECONDS, ReplyWriter, WriterParts

# Replies that one process writes at once, and how long a stopping one waits for them to be given back.
MAX_CONCURRENT = 200
STOP_SECONDS = 5.0
# Saves of drafts a second over all replies of one process: with more replies each saves more rarely.
MAX_SAVES_PER_SECOND = 40


class Assistant:
    """Writes replies. `run` goes on until it is cancelled."""

    def __init__(self, parts: WriterParts) -> None:
        self._parts = parts
        self._id = worker_ids.worker_id()
        self._runner = JobRunner(
            "reply",
            self._claim,
            concurrency=MAX_CONCURRENT,
            poll_seconds=parts.database.timing.job_poll,
            stop_seconds=STOP_SECONDS,
        )

    def notify(self, event: JobsWaiting) -> None:
        """A reply was asked for, or somebody pressed stop, here or elsewhere."""
        self._runner.notify(event)

    async def run(self) -> None:
        """Works until cancelled, then gives its replies back."""
        await self._runner.run()

    async def _claim(self, _: int) -> tuple[list[ReplyWriter], bool]:
        tokens = self._parts.config.chat_window_tokens
        reply = await self._parts.database.run_system(replies.claim, self._id, tokens)
        # Where there is none, one may wait for the end of another of its person: each end polls again.
        return ([] if reply is None else [ReplyWriter(self._parts, reply, self._save_interval)]), True

    def _save_interval(self) -> float:
        """Seconds between two saves of one reply."""
        return max(SAVE_SECONDS, len(self._runner) / MAX_SAVES_PER_SECOND)
