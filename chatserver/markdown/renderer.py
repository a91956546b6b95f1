"""Markdown drawn for the features: at once where a text is plain, otherwise by the child; opened by `app.open_state`.

Whatever is written, a caller has HTML after some milliseconds: formatted and coloured within the child's budget, without
colours where those took too long or came out too large, plain where Markdown itself did. Whoever writes what takes long
waits only for their own: each has one text at the child at a time, and the next turn is the next person's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import structlog

from chatserver.markdown import plain
from chatserver.markdown.shapes import Draw, Drawn
from chatserver.processes import forking
from chatserver.processes.pool import ChildDied, Pool, ProcessLimits, TaskFailed

# A text of 100,000 characters takes a few megabytes; all lexers together 40.
LIMITS = ProcessLimits(memory_bytes=512 * 1024**2, cpu_seconds=0, niceness=2)
# How long a caller waits, others' texts and its own earlier ones included; after that the text is plain.
PATIENCE_SECONDS = 2.0
# A child that has not answered after so long has lost its way; its own budget ends it far earlier.
ANSWER_SECONDS = 10.0
# Texts of one person that wait; the next is drawn plain at once.
WAITING = 32

log = structlog.get_logger(__name__)
_decoder = msgspec.msgpack.Decoder(Drawn)


class MarkdownRenderer:
    """Draws texts. `start` warms the child, `close` ends it; where there is none, texts are drawn plain."""

    def __init__(self) -> None:
        self._pool = Pool("chatserver.markdown.worker", size=1, limits=LIMITS)
        self._turns = Turns()
        self._drawing: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> list[int]:
        """The child's process; its forks are its own."""
        return self._pool.pids

    async def start(self) -> None:
        """Starts the child ahead of the first text; without success, that one tries again."""
        try:
            await self._pool.start()
        except ChildDied:
            log.warning("markdown.child_not_started")

    async def close(self) -> None:
        """Ends the child; texts on the way are drawn plain."""
        await self._pool.close()

    async def render(self, text: str, owner: str) -> str:
        """A text as HTML that is safe to show, within `plain.fits`. `owner` is who takes the turn: a person, a reply."""
        html = await self.try_render(text, owner)
        return plain.draw(text) if html is None else html

    async def try_render(self, text: str, owner: str) -> str | None:
        """The same; None where drawing it took too long."""
        # Lone surrogates cannot travel; whoever stores such a text refuses it.
        text = text.encode(errors="replace").decode()
        if plain.is_plain(text):
            return plain.draw(text)
        drawn = await self._ask(Draw(text), owner)
        return None if drawn is None else drawn.html

    async def render_finished(self, text: str, owner: str) -> Drawn | None:
        """The finished blocks of a text that is still being written; None where they took too long to draw."""
        return await self._ask(Draw(text, growing=True), owner)

    async def _ask(self, draw: Draw, owner: str) -> Drawn | None:
        wish = Wish(draw)
        # A task of its own: a caller that goes away does not take the child with it, for which others wait.
        task = asyncio.create_task(self._fulfil(wish, owner))
        self._drawing.add(task)
        task.add_done_callback(self._drawing.discard)
        try:
            await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        finally:
            wish.is_wanted = False
        if (reason := wish.reason if task.done() else "NoTurn") is not None:
            formatted = bool(wish.drawn)
            log.info("markdown.simplified", reason=reason, characters=len(draw.text), formatted=formatted)
        return wish.drawn[-1] if wish.drawn else None

    async def _fulfil(self, wish: "Wish", owner: str) -> None:
        try:
            async with self._turns.of(owner):
                await self._draw(wish)
                if wish.reason == forking.RETIRED:
                    wish.draw = msgspec.structs.replace(wish.draw, may_retire=False)
                    await self._draw(wish)
        except (TimeoutError, TooMany, ChildDied) as error:
            wish.reason = type(error).__name__

    async def _draw(self, wish: "Wish") -> None:
        wish.reason = None
        async with self._pool.lease() as child:
            if not wish.is_wanted:
                return
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    async for answer in child.submit(msgspec.msgpack.encode(wish.draw)):
                        wish.drawn += [_decoder.decode(answer)]
            except TaskFailed as failure:
                wish.reason = failure.kind


class Wish:
    """A text on its way: what came of it so far, and why no more did."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.drawn: list[Drawn] = []
        self.reason: str | None = None
        self.is_wanted = True


class TooMany(Exception):
    """So many texts of one owner wait that the next one need not."""


class Turns:
    """One turn at a time for each owner."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}

    @asynccontextmanager
    async def of(self, owner: str) -> AsyncIterator[None]:
        """The owner's turn; TooMany where too many of them wait for it already."""
        waiting = self._waiting.get(owner, 0)
        if waiting >= WAITING:
            raise TooMany
        self._waiting[owner] = waiting + 1
        lock = self._locks.setdefault(owner, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            self._waiting[owner] -= 1
            if not self._waiting[owner]:
                del self._waiting[owner], self._locks[owner]
