"""One attempt at one claimed reply: asks the model, publishes and saves what it writes, and finishes the message.

Once a second it is saved, and announced by what it has grown by: the blocks that are finished, rendered, and the text, which
also heals a delta that was lost.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import cast

import structlog

from chatserver.config import Config
from chatserver.database import Database, Publisher
from chatserver.errors import Busy, ChatserverError, NoWords, ProviderError, TimedOut
from chatserver.jobs.lease import Lease, LeaseLost
from chatserver.markdown.renderer import MarkdownRenderer
from chatserver.messages import context_window, finish_reason, replies
from chatserver.messages.replies import ReplyJob
from chatserver.messages.reply_text import ReplyText
from chatserver.providers.base import (
    ChatChunk,
    ChatProvider,
    ChatRequest,
    LengthLimitReached,
    Retracted,
    TextDelta,
    Turn,
    Usage,
)
from chatserver.providers.redaction import log_fields
from chatserver.statistics.models import ReplyCall

# A save a second heals soon and costs little.
SAVE_SECONDS = 1.0
# The longest that one reply may be, in characters.
MAX_TEXT = 100_000
# Postgres stores no NUL, and UTF-8 has no lone surrogates: models that cut an emoji in two send some.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

SYSTEM_PROMPT = (
    "You are the assistant of a chat in which people make pictures and short videos together. Answer briefly and "
    "warmly, in the language of the question, with Markdown where it helps. People make a picture with the image "
    "button or by writing /image and a prompt. You cannot make one yourself, but when a picture would please, suggest "
    "one vivid prompt, alone in a fenced block marked prompt (```prompt), which they can send with one press."
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class WriterParts:
    """What writers work with: the same for all of one assistant."""

    config: Config
    database: Database
    publisher: Publisher
    markdown: MarkdownRenderer
    chat: ChatProvider


class ReplyWriter:
    """Writes one reply to its end: done, stopped, failed with words, or lost to another writer."""

    def __init__(
        self, parts: WriterParts, reply: ReplyJob, save_interval: Callable[[], float] = lambda: SAVE_SECONDS
    ) -> None:
        self._parts, self.reply, self._save_interval = parts, reply, save_interval
        self._lease = Lease(parts.database)
        self._written = ReplyText(reply, parts.publisher, parts.markdown)
        self._saved_text: str | None = ""
        self._saving = asyncio.Lock()
        # People know the text of an attempt before, or may not know the last save: then the message is announced whole.
        self._announces_whole = reply.attempt > 1
        self._usage: Usage | None = None
        # By the monotonic clock: when the model was asked, and when its first text came.
        self._asked_at: float | None = None
        self._first_text_at: float | None = None
        self._cut = False
        self._was_stopped = reply.stopped is not None
        self._stopped = asyncio.Event()

    @property
    def id(self) -> str:
        """The message's id."""
        return self.reply.message_id

    def stop(self) -> None:
        """Somebody pressed stop: what is written stays."""
        self._stopped.set()

    async def run(self) -> None:
        """Writes to the end. Cancelled from outside, it gives the reply back."""
        try:
            await self._write()
        except LeaseLost:
            log.info("reply.lease_lost", message_id=self.reply.message_id)
        except asyncio.CancelledError:
            with contextlib.suppress(Busy):
                await self._parts.database.run_system(replies.give_back, self.reply)
            raise
        except Exception:
            log.exception("reply.crashed", message_id=self.reply.message_id)
            await self._finish(ProviderError("Something went wrong on our side."))

    async def _write(self) -> None:
        if self.reply.attempt > replies.MAX_ATTEMPTS:
            error: ChatserverError | None = ProviderError("This reply was interrupted several times.")
        elif self.reply.stopped is not None:
            self._written.resume(self.reply.stopped)
            error = None
        else:
            # Without surrender: a reply holds no permit that another worker could need, and the fence protects its text.
            error = await self._lease.hold(self._answer(), self._save, self._save_interval, surrender=False)
        await self._finish(error)

    async def _answer(self) -> ChatserverError | None:
        """Reads the model's answer until it ends or somebody presses stop. Returns why it failed, or None."""
        reading = asyncio.create_task(self._read())
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait([reading, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                self._was_stopped = True
                return None
            await reading
        except TimeoutError:
            return TimedOut()
        except ChatserverError as error:
            return error
        finally:
            self._written.cancel_timer()
            for task in (reading, stopped):
                task.cancel()
            await asyncio.gather(reading, stopped, return_exceptions=True)
        return None if self._written.text.strip() else NoWords()

    async def _read(self) -> None:
        request = ChatRequest(turns=self._turns, model=self.reply.model, for_admin=self.reply.for_admin)
        steps = cast(AsyncGenerator[ChatChunk, None], self._parts.chat.reply(request))
        self._asked_at = time.monotonic()
        async with asyncio.timeout(self._parts.config.chat_seconds), contextlib.aclosing(steps):
            async for step in steps:
                match step:
                    case Usage():
                        self._usage = step
                    case TextDelta(text):
                        self._first_text_at = self._first_text_at or time.monotonic()
                        self._written.append(_UNSTORABLE.sub("\ufffd", text))
                    case Retracted():
                        await self._take_back()
                    case LengthLimitReached():
                        self._cut = True
                if len(self._written.text) > MAX_TEXT:
                    self._cut = True
                    return

    @property
    def _turns(self) -> tuple[Turn, ...]:
        return (Turn("system", self._parts.config.chat_system_prompt or SYSTEM_PROMPT), *self.reply.turns)

    async def _take_back(self) -> None:
        """What was written so far is no part of the answer: the message is shown empty, and the answer begins again."""
        async with self._saving:
            self._written.clear()
            self._saved_text, self._announces_whole = None, True
            with contextlib.suppress(Busy):
                await self._save_draft()

    async def _save(self) -> None:
        """Saves what is new, or renews the lease where that is due; finds out whether somebody pressed stop elsewhere."""
        if self._written.published != self._saved_text:
            async with self._saving:
                stopped = await self._save_draft()
        elif self._lease.is_due:
            stopped = await self._lease.write(replies.renew, self.reply)
        else:
            return
        if stopped:
            self.stop()

    async def _save_draft(self) -> bool:
        draft = await self._written.draft()
        whole, self._announces_whole = self._announces_whole, True
        stopped = await self._lease.write(replies.save, self.reply, draft, whole)
        self._announces_whole = False
        self._written.mark_saved(draft)
        self._saved_text = draft.text
        return stopped

    # The end ---------------------------------------------------------------------------------------------------------

    async def _finish(self, error: ChatserverError | None) -> None:
        """Stores the whole reply, with a last line that says how it ended, where that was not the answer's own end."""
        self._written.send_delta()
        if error is not None:
            self._log(error)
        text = self._noted(error)
        html = await self._written.render_whole(self._written.text.strip())
        with contextlib.suppress(LeaseLost):
            await self._lease.insist(
                replies.finish,
                self.reply,
                text,
                html,
                failed=error is not None,
                tokens=self._tokens(),
                call=self._call(error),
                sent=None if self._announces_whole else self._written.blocks_sent(html),
            )

    def _call(self, error: ChatserverError | None) -> ReplyCall | None:
        """What is kept of the request to the model; None where it was not asked."""
        if self._asked_at is None:
            return None
        chat, (tokens_in, tokens_out) = self._parts.chat, self._tokens()
        first = self._first_text_at
        return ReplyCall(
            provider=chat.name,
            model=self.reply.model or chat.model(),
            outcome="failed" if error is not None else "stopped" if self._was_stopped else "done",
            error_code=None if error is None else error.code,
            first_token=None if first is None else first - self._asked_at,
            seconds=time.monotonic() - self._asked_at,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            tokens_are_counted=self._usage is not None,
        )

    def _noted(self, error: ChatserverError | None) -> str:
        text = self._written.text.strip()
        if error is not None:
            return finish_reason.ended(text, error.code)
        if self._cut:
            return finish_reason.ended(text, finish_reason.LENGTH)
        return finish_reason.ended(text, finish_reason.STOPPED) if self._was_stopped else text

    def _tokens(self) -> tuple[int, int]:
        """Tokens read and written: as the service counted them, else (stopped, or it does not count) as estimated."""
        if self._usage is not None:
            return self._usage.tokens_in, self._usage.tokens_out
        text = self._written.text
        if not self._parts.chat.is_model or not text:
            return 0, 0
        return sum(context_window.estimate(turn.text) for turn in self._turns), context_window.estimate(text)

    def _log(self, error: ChatserverError) -> None:
        chat, reply = self._parts.chat, self.reply
        log.warning(
            "reply.failed",
            message_id=reply.message_id,
            session_id=reply.session_id,
            attempt=reply.attempt,
            service=chat.label,
            model=reply.model or chat.model(),
            **log_fields(error, [turn.text for turn in reply.turns]),
        )
