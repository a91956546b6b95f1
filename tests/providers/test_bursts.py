"""What a chat service sends at once, or in many small pieces, does not hold up the event loop."""

import json
import time

import pytest

from chatserver.errors import BadBytes
from chatserver.providers.base import ChatRequest, TextDelta, Turn
from chatserver.providers.openai_chat.answer import AnswerReader
from chatserver.providers.openai_chat.provider import OpenAIChat
from chatserver.providers.openai_chat.sse import MAX_EVENT, MAX_LINE, EventStream, ServerSentEvent
from chatserver.providers.reasoning import ReasoningFilter
from tests.emulators.huggingface.fixture import *  # noqa: F403
from tests.emulators.huggingface.outcomes import Raw
from tests.emulators.huggingface.server import TOKEN
from tests.support.loop_watch import LOOP_SECONDS, watching


def seconds_of(work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def event_of(text: str) -> bytes:
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}, 'finish_reason': None}]})}\n\n".encode()


async def test_an_answer_that_comes_at_once_lets_the_others_have_the_loop(huggingface, huggingface_server):
    text = "a b c " * 200
    huggingface.script("chat", [Raw(b"".join(map(event_of, text)) + b"data: [DONE]\n\n", "text/event-stream")])
    chat = OpenAIChat(f"{huggingface_server.url}/v1", TOKEN, "emulated/chat", "emulated")
    written = []
    async with watching() as loop:
        async for chunk in chat.reply(ChatRequest(turns=(Turn("user", "go on"),), model=None, for_admin=False)):
            if isinstance(chunk, TextDelta):
                written.append(chunk.text)
                # A reader that works as long on each delta as the real one, and never waits.
                began = time.thread_time()
                while time.thread_time() - began < 0.0005:
                    pass
    await chat.close()
    assert "".join(written).strip() == text.strip()
    assert loop.turns > 20
    # All of it at once would take 0.6 s; a slow machine may take twice as long for a share.
    assert loop.busiest < 2 * LOOP_SECONDS


def test_a_line_that_comes_in_small_pieces_is_looked_through_once():
    stream, line = EventStream(), b"data: " + b"x" * (MAX_LINE // 2)
    pieces = [line[start : start + 100] for start in range(0, len(line), 100)]
    assert seconds_of(lambda: [list(stream.feed(piece)) for piece in pieces]) < 0.5
    assert [len(event.data) for event in stream.feed(b"\r\n\r\n")] == [MAX_LINE // 2]


@pytest.mark.parametrize("line", [b"data: " + b"a" * 1000 + b"\n", b'{"a":\n' + b" " * 1000 + b"\n"])
def test_an_event_without_an_end_is_refused_before_it_takes_long(line):
    stream = EventStream()
    with pytest.raises(BadBytes):
        for _ in range(MAX_EVENT // 1000 + 1):
            list(stream.feed(line))


def test_an_event_of_many_lines_that_say_nothing_is_refused_soon():
    data = "a\n" * (MAX_EVENT // 2)

    def read():
        with pytest.raises(BadBytes):
            list(AnswerReader().feed(ServerSentEvent(data)))

    assert seconds_of(read) < 1


def test_an_answer_without_empty_lines_between_its_events_is_read():
    lines = [json.dumps({"choices": [{"delta": {"content": f"{number} "}}]}) for number in range(3000)]
    reader = AnswerReader()
    found = list(reader.feed(ServerSentEvent("\n".join(["ping", *lines, "[DONE]"]))))
    assert "".join(each.text for each in found).split() == [str(number) for number in range(3000)]
    assert reader.ended


@pytest.mark.parametrize(
    "text",
    ["```\n" + "<think>" * 40_000, "<think></think>" * 20_000, "`<think>" * 40_000, "a</think>" * 30_000],
    ids=["in code", "pairs", "in ticks", "closing"],
)
def test_a_text_of_many_tags_is_looked_through_once(text):
    assert seconds_of(lambda: ReasoningFilter().feed(text)) < 0.5
