"""A reply while it grows: whatever a page is told of it adds up to what a page sees that is drawn from the database."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from chatserver import config, ids
from chatserver.events import Event, encode
from chatserver.messages import reply_text
from chatserver.messages.events import MessageChanged, ReplyPart
from chatserver.messages.models import utf16_length
from chatserver.messages.rendering import Drawing
from chatserver.messages.replies import ReplyJob, part_of
from chatserver.messages.reply_text import ReplyText
from chatserver.web import templating
from tests.markdown.running import running_renderer
from tests.support import samples


@pytest.fixture(scope="module")
async def markdown():
    async with running_renderer("tests.markdown.generous_worker") as opened:
        yield opened


PARAGRAPH = "Some *words* of a **reply** with `code` and [a link](https://example.org/page), and 🌄. "
CODE = "```python\n" + "print('hello', [1, 2, 3])\n" * 12 + "```\n\n"
LIST = "".join(f"- item {n} with **some** words\n" for n in range(12)) + "\n"
TABLE = "| a | b |\n|---|---|\n" + "| one | two |\n" * 8 + "\n"
BLOCKS = [
    PARAGRAPH * 3 + "\n\n",
    CODE,
    LIST,
    TABLE,
    "> quoted\n> twice\n\n",
    "## A heading\n\n",
    "$$x^2$$\n\n",
    "$$\nx^2 + y^2\n= z^2\n$$\n\n",
    "\\[\nx^2 + y^2\n\\]\n\n",
    "So:\n\n    indented\n    ```\n    ```\n\n",
    "So:\n\n  ```\n  code\n  ```\n\n",
    "````\n```\n\n```\n````\n\n",
    "~~~ask\nWhy?\n~~~\n\n",
    "---\n\n",
]


class Recorder(list[Event]):
    def publish(self, announcements) -> None:
        self.extend(each.event for each in announcements)


class Page:
    """What `chat_message.js` does with parts, on strings."""

    def __init__(self) -> None:
        self.html, self.closed, self.open, self.text, self.bytes = "", 0, "", "", 0

    def hear(self, event: Event, drawing: Drawing) -> None:
        self.bytes += len(data := drawing.encode(event))
        told = json.loads(data)
        if "target" not in told:
            units = self.text.encode("utf-16-le")
            assert told["offset"] * 2 <= len(units)
            self.text = (units[: told["offset"] * 2] + told["text"].encode("utf-16-le")).decode("utf-16-le")
            return
        assert told["before"] == self.closed
        self.open = told["open"]
        if "html" in told:
            self.html, self.closed = self.html + told["html"], told["closed"]


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing(templating.open_site(config.load({}), "secret"))


def reply() -> ReplyJob:
    return ReplyJob(ids.new(), ids.new(), 1, None, ())


async def writes(written: ReplyText, pieces: list[str], recorder: Recorder, every: int):
    """Yields the draft after each `every` pieces and after the last, saved and announced."""
    for number, piece in enumerate(pieces, start=1):
        written.append(piece)
        if number % every == 0 or number == len(pieces):
            written.send_delta()
            draft = await written.draft()
            recorder.append(part_of(number, written.reply, draft))
            written.mark_saved(draft)
            yield draft


@settings(max_examples=30, deadline=None)
@given(
    blocks=st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=6),
    size=st.integers(1, 90),
    every=st.integers(1, 9),
)
async def test_at_every_cut_the_parts_add_up_to_what_is_stored(markdown, drawing, blocks, size, every) -> None:
    text = "".join(blocks)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    recorder, page = Recorder(), Page()
    written = ReplyText(reply(), recorder, markdown)
    async for draft in writes(written, pieces, recorder, every):
        for event in recorder:
            page.hear(event, drawing)
        recorder.clear()
        assert (page.text, page.html, page.closed) == (draft.text, draft.html, draft.closed)
        assert draft.closed <= draft.shown <= utf16_length(draft.text)
        # The open block, and the words behind it, are the rest of the text: nothing is shown twice or left out.
        assert f'data-offset="{draft.shown}"' in page.open or not draft.open
    html = await written.render_whole(text.strip())
    sent = written.blocks_sent(html)
    if sent is None:
        assert not page.html
    else:
        assert (page.html, page.closed) == (html[: sent.length], sent.closed)


@pytest.mark.parametrize("block", BLOCKS)
async def test_wherever_a_save_cuts_the_text_the_next_one_draws_what_follows_a_block(markdown, block) -> None:
    text = block + "Words **behind** it.\n\nAnd more of them, which are on their way"
    for cut in range(1, len(text)):
        written = ReplyText(reply(), Recorder(), markdown)
        drafts = [each async for each in writes(written, [text[:cut], text[cut:]], Recorder(), every=1)]
        behind = drafts[-1].html + drafts[-1].open
        assert "<strong>behind</strong>" in behind, text[max(cut - 20, 0) : cut]


@pytest.mark.parametrize("block", [PARAGRAPH * 40, LIST.strip() * 10, TABLE.strip() * 10, "> quoted\n" * 100])
async def test_the_first_words_behind_a_long_block_are_drawn_with_the_next_save(markdown, block) -> None:
    pieces = [block.strip(), "\n\n**Words** be"]
    drafts = [each async for each in writes(ReplyText(reply(), Recorder(), markdown), pieces, Recorder(), every=1)]
    assert drafts[-1].closed > len(block) // 2
    assert drafts[-1].open.startswith('<p dir="auto"><strong>Words</strong> be')


@pytest.mark.parametrize("size", [1, 2, 3, 50])
async def test_a_reply_whose_lines_end_as_on_windows_is_one_with_ordinary_lines(markdown, size) -> None:
    text = TABLE + "Words **behind** it.\n\nAnd more"
    theirs = text.replace("\n", "\r\n")
    pieces = [theirs[at : at + size] for at in range(0, len(theirs), size)]
    written = ReplyText(reply(), Recorder(), markdown)
    drafts = [each async for each in writes(written, pieces, Recorder(), every=5)]
    assert drafts[-1].text == text


async def test_blocks_that_the_whole_reply_draws_differently_are_sent_again(markdown) -> None:
    written = ReplyText(reply(), Recorder(), markdown)
    async for _ in writes(
        written, ["One [link] here.\n\n", "Two.\n\n", "[link]: https://example.org"], Recorder(), every=1
    ):
        pass
    html = await written.render_whole(written.text)
    assert "<a " in html
    assert written.blocks_sent(html) is None


@pytest.mark.parametrize("block", BLOCKS)
async def test_what_is_sent_and_rendered_grows_with_the_length_of_a_reply(markdown, drawing, block) -> None:
    sent = {}
    for length in (4_000, 16_000):
        text = (block * (length // len(block) + 1))[:length]
        pieces = [text[at : at + 20] for at in range(0, len(text), 20)]
        recorder, page = Recorder(), Page()
        async for _ in writes(ReplyText(reply(), recorder, markdown), pieces, recorder, every=10):
            pass
        for event in recorder:
            page.hear(event, drawing)
        sent[length] = page.bytes
    assert sent[16_000] < 5 * sent[4_000]


async def test_a_block_is_not_drawn_again_for_words_that_look_the_same_behind_it(markdown) -> None:
    pieces = ["Some *words* are drawn,", *[" more and more of them follow"] * 20, " until **one**", " is marked."]
    written = ReplyText(reply(), Recorder(), markdown)
    redrawn = [draft.growth.is_redrawn async for draft in writes(written, pieces, Recorder(), every=1)]
    assert redrawn == [True, *[False] * 20, True, False]


class FailsOnce:
    """A renderer whose child dies with the first text."""

    def __init__(self, markdown) -> None:
        self._markdown, self.asked = markdown, 0

    async def render_finished(self, text: str, owner: str):
        self.asked += 1
        return None if self.asked == 1 else await self._markdown.render_finished(text, owner)


async def test_what_could_not_be_drawn_is_tried_again_when_there_is_twice_as_much(markdown) -> None:
    markdown = FailsOnce(markdown)
    written = ReplyText(reply(), Recorder(), markdown)
    pieces = ["Some **words**.\n\n", "And more.\n\n", "Then the rest.\n\n", "And its end."]
    drafts = [(bool(draft.html), markdown.asked) async for draft in writes(written, pieces, Recorder(), every=1)]
    assert drafts == [(False, 1), (False, 1), (True, 2), (True, 3)]


async def test_programs_get_the_whole_message_at_first_and_each_time_it_is_four_times_as_long(markdown) -> None:
    written, recorder = ReplyText(reply(), Recorder(), markdown), Recorder()
    drafts = [draft async for draft in writes(written, ["1234567890"] * 100, recorder, every=1)]
    assert [len(draft.text) for draft in drafts if draft.growth.to_programs] == [10, 40, 160, 640]


class Clock:
    """The time and the timers of a loop, which pass only in a test."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def monotonic(self) -> float:
        return self.now

    def get_running_loop(self) -> "Clock":
        return self

    def call_later(self, wait, call) -> "Timer":
        self.timers.append(Timer(self.now + wait, call))
        return self.timers[-1]

    def pass_until(self, moment: float) -> None:
        while due := [timer for timer in self.timers if timer.at <= moment and not timer.is_cancelled]:
            timer = min(due, key=lambda each: each.at)
            self.timers.remove(timer)
            self.now = timer.at
            timer.call()
        self.now = moment


class Timer:
    def __init__(self, at: float, call) -> None:
        self.at, self.call, self.is_cancelled = at, call, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Timed(Recorder):
    """When each delta was published."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.moments: list[float] = []

    def publish(self, announcements) -> None:
        super().publish(announcements)
        self.moments.append(self.clock.now)


def stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """For replies: their time passes, and their timers end, only when the test says so."""
    clock = Clock()
    for name in ("time", "asyncio"):
        monkeypatch.setattr(reply_text, name, clock)
    return clock


async def test_what_is_saved_is_what_people_have_and_a_save_sends_no_words_by_itself(markdown, monkeypatch) -> None:
    stop_the_clock(monkeypatch)
    recorder = Recorder()
    written = ReplyText(reply(), recorder, markdown)
    written.append("Heard.")
    written.append(" Not yet.")
    assert (await written.draft()).text == "Heard."
    assert [event.text for event in recorder] == ["Heard."]


@pytest.mark.parametrize(("pause", "bytes_a_token"), [(0.003, 11), (0.02, 12), (0.05, 12)])
def test_deltas_wait_for_enough_words_and_never_long(markdown, monkeypatch, pause, bytes_a_token) -> None:
    clock = stop_the_clock(monkeypatch)
    heard = Timed(clock)
    written = ReplyText(reply(), heard, markdown)
    for number in range(600):
        clock.pass_until(1000 + pause * number)
        written.append("four")
    clock.pass_until(2000)
    assert "".join(delta.text for delta in heard) == "four" * 600
    # The first words at once, the next ones soon, all within 0.8 s, and no more than thirty deltas a second.
    waits = [after - before for before, after in itertools.pairwise(heard.moments)]
    assert heard.moments[0] == 1000
    assert waits[0] < 0.15
    assert all(1 / 31 < wait <= 0.8 + pause for wait in waits)
    assert sum(len(encode(delta)) for delta in heard) <= bytes_a_token * 600


@pytest.mark.parametrize("open_block", [UNSET, "<p>more<span data-tail></span></p>"])
def test_a_page_gets_a_part_also_where_programs_get_the_whole_message(drawing, open_block) -> None:
    message = samples.message("more", status="streaming")
    part = ReplyPart(seq=2, message_id=message.id, offset=0, text="more", open=open_block, message=message)
    assert json.loads(drawing.encode(part))["type"] == "part"
    assert part.for_programs() == MessageChanged(seq=2, message=message)
