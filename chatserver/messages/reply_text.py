"""The text of a reply while it is written: published as deltas, and rendered block by block as the blocks are finished.

Deltas are merged: to at most thirty a second, and to a few words each. A block that another has followed stays as it is, so
that it is rendered and sent once. The block that is being written is rendered again where it has grown by a share of its own
length, so that what is rendered and sent of a reply grows with its length, and not with the square of it.
"""

import asyncio
import io
import time

from chatserver.database import Publisher
from chatserver.events import Announcement, session_channel
from chatserver.markdown import growing, plain
from chatserver.markdown.protocol import OpenBlock
from chatserver.markdown.renderer import MarkdownRenderer
from chatserver.messages.events import Delta, SentBlocks
from chatserver.messages.models import utf16_length
from chatserver.messages.replies import Draft, Growth, ReplyJob

# Thirty deltas a second look smooth. A delta carries a hundred bytes besides its text, so that one of less than some words
# waits for more of them; pages show them one after another until the next one is due.
DELTA_SECONDS = 1 / 30
ENOUGH_CHARACTERS = 64
# The wait doubles from the first delta on, behind which nothing is left to be shown.
FIRST_WAIT_SECONDS = 1 / 15
LONGEST_WAIT_SECONDS = 0.8
# The open block is rendered again when it has grown by these shares of its length: of itself, and where a line of it has
# ended, with which it may be finished, be a list's next item or a table's next row.
GROWTH = 1 / 2
GROWTH_WITH_LINE = 1 / 8
# Programs get the whole message each time it is so many times as long, and its growth in between.
WHOLE_GROWTH = 4

_NOTHING = Draft("", "", 0, "", 0, Growth(0, "", 0, "", False, "", False))


class ReplyText:
    """What is written so far of one reply. Offsets on the wire count UTF-16 code units, as browsers do."""

    def __init__(self, reply: ReplyJob, publisher: Publisher, markdown: MarkdownRenderer) -> None:
        self.reply, self._publisher, self._markdown = reply, publisher, markdown
        self.text = ""
        # Pages and the rules below know one end of a line, models two. Half of one waits for the other.
        self._line_ends = io.IncrementalNewlineDecoder(None, translate=True)
        self._published = 0  # characters that deltas have carried
        self._offset = 0  # the same in UTF-16 code units
        self._published_at = 0.0
        self._wait = FIRST_WAIT_SECONDS  # for the next delta, where too little comes to send one sooner
        self._timer: asyncio.TimerHandle | None = None
        self._saved: Draft | None = None
        self._told_whole = 0  # characters when programs got the whole message last
        self._forget_rendering()

    def _forget_rendering(self) -> None:
        self._closed = 0  # characters of the finished blocks
        self._html = ""  # of the finished blocks
        self._open = OpenBlock()
        self._shown = 0  # characters that both cover
        self._rendered = 0  # characters when it was rendered last
        self._failed = False  # the last rendering, which took too long or had no child

    @property
    def published(self) -> str:
        """What deltas have carried."""
        return self.text[: self._published]

    def resume(self, text: str) -> None:
        """Begins with a text that was saved, and that people have seen."""
        self.text, self._published = text, len(text)

    def append(self, text: str) -> None:
        """More of the answer; it is published at once, or with what comes next: some words, or all within 0.8 s."""
        self.text += self._line_ends.decode(text)
        is_enough = len(self.text) - self._published >= ENOUGH_CHARACTERS
        wait = self._published_at + (DELTA_SECONDS if is_enough else self._wait) - time.monotonic()
        if wait <= 0:
            self.send_delta()
        elif self._timer is None or is_enough:
            self.cancel_timer()
            self._timer = asyncio.get_running_loop().call_later(wait, self.send_delta)

    def clear(self) -> None:
        """Forgets the text so far. The caller saves the empty draft, so that people see the message empty."""
        self.text, self._published, self._offset, self._saved, self._told_whole = "", 0, 0, None, 0
        self._line_ends.reset()
        self._forget_rendering()

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
        event = Delta(message_id=self.reply.message_id, offset=self._offset, text=text)
        self._publisher.publish([Announcement(session_channel(self.reply.session_id), event)])
        self._published += len(text)
        self._offset += utf16_length(text)
        if self._published_at:
            self._wait = min(2 * self._wait, LONGEST_WAIT_SECONDS)
        self._published_at = time.monotonic()

    async def draft(self) -> Draft:
        """The text that is published, with its finished blocks and the open one rendered."""
        text = self.published
        redrawn = self._has_grown(text)
        if redrawn:
            await self._render(text)
        saved = self._saved or _NOTHING
        shown = utf16_length(text[: self._shown])
        growth = Growth(
            offset=utf16_length(saved.text),
            text=text[len(saved.text) :],
            before=saved.closed,
            html=self._html[len(saved.html) :],
            is_redrawn=redrawn,
            tail=text[self._shown :],
            to_programs=len(text) >= WHOLE_GROWTH * self._told_whole,
        )
        return Draft(text, self._html, utf16_length(text[: self._closed]), self._open.html, shown, growth)

    def mark_saved(self, draft: Draft) -> None:
        """People have this draft: the next one tells what it has grown by."""
        self._saved = draft
        if draft.growth.to_programs:
            self._told_whole = len(draft.text)

    def _has_grown(self, text: str) -> bool:
        """Whether enough was written since the last rendering to render again."""
        rendered, length = self._rendered - self._closed, len(text) - self._closed
        if self._failed:
            return length >= 2 * rendered  # so that a text that always fails costs little
        unseen = text[self._shown :]  # with the end of code or of a table, as long as nothing decided follows it
        if self._open.html and plain.is_words(unseen):
            return False  # they look in their place as they will when they are drawn
        if growing.is_ended(self._open.end, unseen):
            return length > rendered  # the block is drawn once more, as a finished one
        if self._open.end == "fence":
            return False  # code looks in its place as it will when it is drawn, whatever is in it
        share = GROWTH_WITH_LINE if "\n" in text[self._rendered :] else GROWTH
        return length > rendered * (1 + share)

    async def _render(self, text: str) -> None:
        """Adds the blocks that are finished by now, and renders the one that is not."""
        self._rendered = len(text)
        rest = text[self._closed :]
        drawn = await self._markdown.render_finished(rest, self.reply.message_id)
        self._failed = drawn is None or not plain.fits(self._html + drawn.html, text)
        if drawn is None or self._failed:
            self._open, self._shown = OpenBlock(), self._closed  # what follows is plain
            return
        finished = drawn.length if drawn.html else 0  # empty lines alone go with the block behind them
        self._html += drawn.html
        self._closed += finished
        self._open = drawn.open if plain.fits(drawn.open.html, text) else OpenBlock()
        self._shown = self._closed + (len(growing.decided(rest[finished:])) if self._open.html else 0)

    def blocks_sent(self, html: str) -> SentBlocks | None:
        """The blocks that pages have of the ended reply's HTML, where that begins with them."""
        saved = self._saved
        if saved is None or not saved.html or not html.startswith(saved.html):
            return None
        return SentBlocks(saved.closed, len(saved.html))

    async def render_whole(self, text: str) -> str:
        """The HTML of the ended reply, whose `text` is the written one without surrounding spaces, perhaps with a note.

        Where that takes too long, the blocks that were rendered stay, and the rest is plain.
        """
        html = await self._markdown.try_render(text, self.reply.message_id)
        if html is not None:
            return html
        begins = len(self.text) - len(self.text.lstrip())
        pieces = self._html + plain.draw(text[max(self._closed - begins, 0) :])
        return pieces if plain.fits(pieces, text) else plain.draw(text)
