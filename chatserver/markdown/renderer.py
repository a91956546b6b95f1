"""Renders Markdown for the features: at once where a text is simple, otherwise in the child; opened by `app.open_state`.

Whatever the text, the caller has HTML after some milliseconds: formatted and coloured within the child's budget, without
colours where these took too long or came out too large, plain where Markdown itself did. A slow text delays only its own
owner: each owner has one text at the child at a time, and the next one rendered is the next owner's.
"""

import asyncio
import secrets

import msgspec
import structlog

from chatserver.markdown import plain
from chatserver.markdown.protocol import Draw, Drawn
from chatserver.processes import forking
from chatserver.processes.pool import ChildDied, Pool, ProcessLimits, TaskFailed
from chatserver.runtime.keyed_semaphores import KeyedSemaphores, QueueFull

# A text of 100,000 characters takes a few megabytes; all lexers together 40.
LIMITS = ProcessLimits(memory_bytes=512 * 1024**2, cpu_seconds=0, niceness=2)
# How long a caller waits, including for texts that are before its own; after that the text is plain.
WAIT_SECONDS = 2.0
# A child that has not answered by then is killed; its CPU budget ends it far earlier.
ANSWER_SECONDS = 10.0
# Texts of one owner that may wait; the next is rendered plain at once.
MAX_WAITING = 32

log = structlog.get_logger(__name__)
_decoder = msgspec.msgpack.Decoder(Drawn)


class MarkdownRenderer:
    """Renders texts. `start` starts the child, `close` ends it; without a child, texts are rendered plain."""

    def __init__(self) -> None:
        self._pool = Pool("chatserver.markdown.worker", size=1, limits=LIMITS)
        self._owners = KeyedSemaphores(1, MAX_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> list[int]:
        """The process id of the child; its own forks are not among them."""
        return self._pool.pids

    async def start(self) -> None:
        """Starts the child ahead of the first text; without success, that one tries again."""
        try:
            await self._pool.start()
        except ChildDied:
            log.warning("markdown.child_not_started")

    async def close(self) -> None:
        """Ends the child; texts under way are rendered plain."""
        await self._pool.close()

    async def render(self, text: str, owner: str) -> str:
        """A text as HTML that is safe to show, within `plain.fits`. `owner` is whose lock it takes (a user's id)."""
        html = await self.try_render(text, owner)
        return plain.draw(text) if html is None else html

    async def try_render(self, text: str, owner: str) -> str | None:
        """Like `render`; None where rendering took too long."""
        # Lone surrogates cannot be encoded; where texts are stored they are refused.
        text = text.encode(errors="replace").decode()
        if (simple := plain.draw_simple(text)) is not None:
            return simple
        drawn = await self._submit(Draw(text, _scope(text)), owner)
        return None if drawn is None else drawn.html

    async def render_finished(self, text: str, owner: str) -> Drawn | None:
        """The finished blocks of a text that is still being written; None where rendering took too long."""
        return await self._submit(Draw(text, _scope(text), growing=True), owner)

    async def _submit(self, draw: Draw, owner: str) -> Drawn | None:
        work = RenderTask(draw)
        # In a task of its own: a caller that is cancelled does not cancel the child, for which others wait.
        task = asyncio.create_task(self._render(work, owner))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait({task}, timeout=WAIT_SECONDS)
        finally:
            work.is_wanted = False
        if (reason := work.reason if task.done() else "WaitTimeout") is not None:
            formatted = bool(work.drawn)
            log.info("markdown.simplified", reason=reason, characters=len(draw.text), formatted=formatted)
        return work.drawn[-1] if work.drawn else None

    async def _render(self, work: "RenderTask", owner: str) -> None:
        try:
            async with self._owners.held(owner):
                await self._ask_child(work)
                if work.reason == forking.RETIRED:
                    work.draw = msgspec.structs.replace(work.draw, may_retire=False)
                    await self._ask_child(work)
        except (TimeoutError, QueueFull, ChildDied) as error:
            work.reason = type(error).__name__

    async def _ask_child(self, work: "RenderTask") -> None:
        work.reason = None
        async with self._pool.lease() as child:
            if not work.is_wanted:
                return
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    async for answer in child.submit(msgspec.msgpack.encode(work.draw)):
                        work.drawn += [_decoder.decode(answer)]
            except TaskFailed as failure:
                work.reason = failure.kind


def _scope(text: str) -> str:
    """A name that no other text on the page has, for one that may have footnotes."""
    return secrets.token_hex(4) if "[^" in text else ""


class RenderTask:
    """A text being rendered: its results so far, and the reason where there will be no more."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.drawn: list[Drawn] = []
        self.reason: str | None = None
        self.is_wanted = True
