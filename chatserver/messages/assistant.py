"""The assistant: takes the replies that are due, streams what its model writes to everyone, and keeps it as it comes.

Text travels as deltas, merged to at most thirty a second; twice a second the message itself is saved and announced with
its finished blocks drawn, which also heals a delta that was lost. `run` goes on until it is cancelled.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator, Callable
from typing import cast

import structlog

from chatserver.errors import Busy, ChatserverError, NoWords, ProviderError, TimedOut
from chatserver.events import Announcement, session_channel
from chatserver.jobs import worker_ids
from chatserver.jobs.events import JobsWaiting
from chatserver.jobs.runner import Crew
from chatserver.markdown import plain
from chatserver.messages import context_window, finish_reason, replies
from chatserver.messages.events import Delta
from chatserver.messages.models import utf16_length
from chatserver.messages.replies import Draft, Reply, ReplyLost
from chatserver.providers.base import ChatRequest, ChatStep, Cut, TakenBack, Text, Turn, Usage
from chatserver.providers.masking import logged
from chatserver.state import State

# Replies that one process writes at once, and a stopping writer's patience.
MOST_AT_ONCE = 200
STOP_SECONDS = 5.0
# Thirty deltas a second look smooth and cost little; two saves a second heal soon and cost little.
DELTA_SECONDS = 1 / 30
SAVE_SECONDS = 0.5
# Saves a second over all that one process writes: with more writers each saves more rarely.
MOST_SAVES = 40
# A renewal where nothing new was written, and the longest that one reply may be.
KEEP_SECONDS = replies.LEASE_SECONDS / 3
LONGEST_TEXT = 100_000
# Postgres stores no NUL, and UTF-8 has no lone surrogates: models that cut an emoji in two send some.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

SYSTEM_PROMPT = (
    "You are the assistant of a chat in which people make pictures and short videos together. Answer briefly and "
    "warmly, in the language of the question, with Markdown where it helps. People make a picture with the image "
    "button or by writing /image and a prompt. You cannot make one yourself, but when a picture would please, suggest "
    "one vivid prompt, alone in a fenced block marked prompt (```prompt), which they can send with one press."
)

log = structlog.get_logger(__name__)


class Assistant:
    """Writes replies, many at once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._id = worker_ids.worker_id()
        self._crew = Crew("reply", self._claim, hands=MOST_AT_ONCE, stop_seconds=STOP_SECONDS)

    def hear(self, event: JobsWaiting) -> None:
        """Something was said, or somebody pressed stop, here or elsewhere."""
        self._crew.hear(event)

    async def run(self) -> None:
        """Works until cancelled, then gives its replies back."""
        await self._crew.run()

    async def _claim(self, _: int) -> "tuple[list[Writer], bool]":
        tokens = self._state.config.chat_window_tokens
        reply = await self._state.database.run_system(replies.claim, self._id, tokens)
        # Where there is none, one may wait for the end of another of its person: each end looks again.
        return ([] if reply is None else [Writer(self._state, reply, self._pace)]), True

    def _pace(self) -> float:
        """Seconds between two saves of one reply."""
        return max(SAVE_SECONDS, len(self._crew) / MOST_SAVES)


class Writer:
    """Writes one reply to its end: done, stopped, failed with words, or lost to another writer."""

    def __init__(self, state: State, reply: Reply, pace: Callable[[], float] = lambda: SAVE_SECONDS) -> None:
        self._state, self.reply, self._pace = state, reply, pace
        self._text = ""
        self._sent = 0  # characters that deltas have carried
        self._offset = 0  # the same in UTF-16 code units
        self._flush: asyncio.TimerHandle | None = None
        self._flushed = 0.0
        self._saved_text: str | None = ""
        self._saving = asyncio.Lock()
        self._closed = 0  # characters of finished blocks, which are drawn once
        self._closed_units = 0  # the same in UTF-16 code units
        self._html = ""
        self._is_drawable = True  # until its blocks take too long to draw
        self._renewed = time.monotonic()
        self._usage: Usage | None = None
        self._cut = False
        self._stopped = asyncio.Event()

    @property
    def id(self) -> str:
        """The message's."""
        return self.reply.message_id

    def stop(self) -> None:
        """Somebody pressed stop: what is written stays."""
        self._stopped.set()

    async def run(self) -> None:
        """To the end. Cancelled from outside, it gives the reply back."""
        try:
            await self._write()
        except ReplyLost:
            log.info("reply.lost", message_id=self.reply.message_id)
        except asyncio.CancelledError:
            with contextlib.suppress(Busy):
                await self._state.database.run_system(replies.give_back, self.reply)
            raise
        except Exception:
            log.exception("reply.broke", message_id=self.reply.message_id)
            await self._finish(ProviderError("Something went wrong on our side."))

    async def _write(self) -> None:
        if self.reply.attempt > replies.MOST_ATTEMPTS:
            await self._finish(ProviderError("This reply was interrupted several times."))
            return
        if self.reply.stopped is not None:
            self._text, self._sent = self.reply.stopped, len(self.reply.stopped)
            await self._finish(None)
            return
        consume = asyncio.create_task(self._consume())
        saver = asyncio.create_task(self._save_for_ever())
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait([consume, saver, stopped], return_when=asyncio.FIRST_COMPLETED)
            error = await self._outcome(consume, saver)
        finally:
            if self._flush:
                self._flush.cancel()
            for task in (consume, saver, stopped):
                task.cancel()
            await asyncio.gather(consume, saver, stopped, return_exceptions=True)
        await self._finish(error)

    async def _outcome(self, consume: "asyncio.Task[None]", saver: "asyncio.Task[None]") -> ChatserverError | None:
        """Why the writing ended: None at its own end or by the stop button. Raises ReplyLost."""
        if saver.done():
            await saver
        if not consume.done():
            return None
        try:
            await consume
        except TimeoutError:
            return TimedOut()
        except ChatserverError as error:
            return error
        return None if self._text.strip() else NoWords()

    async def _consume(self) -> None:
        request = ChatRequest(turns=self._turns, model=self.reply.model)
        steps = cast(AsyncGenerator[ChatStep, None], self._state.chat.reply(request))
        async with asyncio.timeout(self._state.config.chat_seconds), contextlib.aclosing(steps):
            async for step in steps:
                if isinstance(step, Usage):
                    self._usage = step
                elif isinstance(step, Text):
                    self._add(_UNSTORABLE.sub("\ufffd", step.text))
                elif isinstance(step, TakenBack):
                    await self._take_back()
                elif isinstance(step, Cut):
                    self._cut = True
                if len(self._text) > LONGEST_TEXT:
                    self._cut = True
                    return

    @property
    def _turns(self) -> tuple[Turn, ...]:
        return (Turn("system", self._state.config.chat_system_prompt or SYSTEM_PROMPT), *self.reply.turns)

    def _tokens(self) -> tuple[int, int]:
        """Tokens read and written: as the service counted them, else (stopped, or it does not count) as estimated."""
        if self._usage is not None:
            return self._usage.tokens_in, self._usage.tokens_out
        if not self._state.chat.is_model or not self._text:
            return 0, 0
        return sum(context_window.estimate(turn.text) for turn in self._turns), context_window.estimate(self._text)

    def _add(self, text: str) -> None:
        self._text += text
        wait = self._flushed + DELTA_SECONDS - time.monotonic()
        if wait <= 0:
            self._send_delta()
        elif self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(wait, self._send_delta)

    async def _take_back(self) -> None:
        """What was written so far is no part of the answer: the message is shown empty, and begins anew."""
        async with self._saving:
            self._text, self._html, self._is_drawable = "", "", True
            self._sent = self._offset = self._closed = self._closed_units = 0
            self._saved_text = None
            with contextlib.suppress(Busy):
                await self._keep_draft()

    def _send_delta(self) -> None:
        if self._flush:
            self._flush.cancel()
            self._flush = None
        text = self._text[self._sent :]
        if not text:
            return
        event = Delta(message_id=self.reply.message_id, offset=self._offset, text=text)
        self._state.hub.publish([Announcement(session_channel(self.reply.session_id), event)])
        self._sent += len(text)
        self._offset += utf16_length(text)
        self._flushed = time.monotonic()

    async def _save_for_ever(self) -> None:
        """Returns when somebody pressed stop elsewhere; raises ReplyLost when the reply is another's."""
        while True:
            await asyncio.sleep(self._pace())
            stopped = False
            try:
                if self._text != self._saved_text:
                    async with self._saving:
                        stopped = await self._keep_draft()
                elif time.monotonic() - self._renewed > KEEP_SECONDS:
                    stopped = await self._state.database.run_system(replies.keep, self.reply)
                    self._renewed = time.monotonic()
            except Busy:
                continue
            if stopped:
                return

    async def _keep_draft(self) -> bool:
        self._send_delta()
        text = self._text
        await self._close_blocks(text)
        draft = Draft(text, self._html, self._closed_units)
        stopped = await self._state.database.run_system(replies.save, self.reply, draft)
        self._saved_text, self._renewed = text, time.monotonic()
        return stopped

    async def _close_blocks(self, text: str) -> None:
        """Draws the blocks that were finished since the last time: one that another has followed stays as it is."""
        if not self._is_drawable:
            return
        tail = text[self._closed :]
        drawn = await self._state.markdown.render_finished(tail, self.id)
        if drawn is None or not plain.fits(self._html + drawn.html, text):
            # What follows stays plain until the end, when the whole is drawn once more.
            self._is_drawable = False
            return
        self._html += drawn.html
        self._closed += drawn.length
        self._closed_units += utf16_length(tail[: drawn.length])

    def _noted(self, error: ChatserverError | None) -> str:
        """The text with a line that says how it ended, where that was not the answer's own end."""
        text = self._text.strip()
        if error is not None:
            return finish_reason.noted(text, error.message, error.code)
        if self._cut:
            return finish_reason.ended(text, finish_reason.LENGTH)
        return text if text else finish_reason.ended("", finish_reason.STOPPED)

    def _log(self, error: ChatserverError) -> None:
        reply, turns = self.reply, [turn.text for turn in self.reply.turns]
        chat = self._state.chat
        log.warning(
            "reply.failed",
            message_id=reply.message_id,
            session_id=reply.session_id,
            attempt=reply.attempt,
            service=chat.label,
            model=reply.model or chat.model(),
            **logged(error, turns),
        )

    async def _finish(self, error: ChatserverError | None) -> None:
        self._send_delta()
        text = self._noted(error)
        if error is not None:
            self._log(error)
        html = await self._draw_whole(text)
        while True:
            try:
                await self._state.database.run_system(
                    replies.finish, self.reply, text, html, failed=error is not None, tokens=self._tokens()
                )
                return
            except ReplyLost:
                return
            except Busy:
                if time.monotonic() - self._renewed > replies.LEASE_SECONDS:
                    return
                await asyncio.sleep(1)

    async def _draw_whole(self, text: str) -> str:
        """All of the reply; where that takes too long, the blocks that were drawn stay, and the rest is plain."""
        html = await self._state.markdown.try_render(text, self.id)
        if html is not None:
            return html
        begins = len(self._text) - len(self._text.lstrip())
        pieces = self._html + plain.draw(text[max(self._closed - begins, 0) :])
        return pieces if plain.fits(pieces, text) else plain.draw(text)
