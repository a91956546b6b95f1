"""The text of a reply while it is written: published as deltas, and rendered block by block as the blocks are finished.

Deltas are merged to at most thirty a second. A block that another has followed stays as it is, so that it is rendered once.
"""

import asyncio
import time

from chatserver.database import Publisher
from chatserver.events import Announcement, session_channel
from chatserver.markdown import plain
from chatserver.markdown.renderer import MarkdownRenderer
from chatserver.messages.events import Delta
from chatserver.messages.models import utf16_length
from chatserver.messages.replies import Draft, ReplyJob

# Thirty deltas a second look smooth and cost little.
DELTA_SECONDS = 1 / 30


class ReplyText:
    """What is written so far of one reply. Offsets on the wire count UTF-16 code units, as browsers do."""

    def __init__(self, reply: ReplyJob, publisher: Publisher, markdown: MarkdownRenderer) -> None:
        self._reply, self._publisher, self._markdown = reply, publisher, markdown
        self.text = ""
        self._published = 0  # characters that deltas have carried
        self._offset = 0  # the same in UTF-16 code units
        self._published_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = 0  # characters of the finished blocks
        self._closed_units = 0  # the same in UTF-16 code units
        self._html = ""  # of the finished blocks
        self._is_renderable = True  # until its blocks take too long to render

    def resume(self, text: str) -> None:
        """Begins with a text that was saved, and that people have seen."""
        self.text, self._published = text, len(text)

    def append(self, text: str) -> None:
        """More of the answer; it is published at once, or with what comes within the next thirtieth of a second."""
        self.text += text
        wait = self._published_at + DELTA_SECONDS - time.monotonic()
        if wait <= 0:
            self.send_delta()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self.send_delta)

    def clear(self) -> None:
        """Forgets the text so far. The caller saves the empty draft, so that people see the message empty."""
        self.text, self._html, self._is_renderable = "", "", True
        self._published = self._offset = self._closed = self._closed_units = 0

    def cancel_timer(self) -> None:
        """No delta is published any more, unless `send_delta` is called."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def send_delta(self) -> None:
        """Publishes what no delta has carried yet."""
        self.cancel_timer()
        text = self.text[self._published :]
        if not text:
            return
        event = Delta(message_id=self._reply.message_id, offset=self._offset, text=text)
        self._publisher.publish([Announcement(session_channel(self._reply.session_id), event)])
        self._published += len(text)
        self._offset += utf16_length(text)
        self._published_at = time.monotonic()

    async def draft(self) -> Draft:
        """The text as it now is, published, with its finished blocks rendered."""
        self.send_delta()
        text = self.text
        unfinished = await self._render_finished(text)
        if not plain.fits(unfinished, text):
            unfinished = ""
        return Draft(text, self._html, self._closed_units, unfinished)

    async def _render_finished(self, text: str) -> str:
        """Adds the blocks that are finished by now, and returns the one that is not."""
        if not self._is_renderable:
            return ""
        tail = text[self._closed :]
        drawn = await self._markdown.render_finished(tail, self._reply.message_id)
        if drawn is None or not plain.fits(self._html + drawn.html, text):
            # What follows stays plain until the end, when the whole is rendered once more.
            self._is_renderable = False
            return ""
        self._html += drawn.html
        self._closed += drawn.length
        self._closed_units += utf16_length(tail[: drawn.length])
        return drawn.open

    async def render_whole(self, text: str) -> str:
        """The HTML of the ended reply, whose `text` is the written one without surrounding spaces, perhaps with a note.

        Where that takes too long, the blocks that were rendered stay, and the rest is plain.
        """
        html = await self._markdown.try_render(text, self._reply.message_id)
        if html is not None:
            return html
        begins = len(self.text) - len(self.text.lstrip())
        pieces = self._html + plain.draw(text[max(self._closed - begins, 0) :])
        return pieces if plain.fits(pieces, text) else plain.draw(text)
