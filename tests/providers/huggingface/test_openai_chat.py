"""The assistant's stream: read whole in every form, and every way of breaking told as what it is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from chatserver import config
from chatserver.errors import (
    BadBytes,
    BadParameters,
    ConfigurationError,
    InvalidToken,
    ModelGone,
    NoPermission,
    ProviderCreditsUsedUp,
    ProviderDown,
    ProviderError,
    ProviderRateLimited,
    Refused,
    TimedOut,
    Truncated,
)
from chatserver.providers import open_chat
from chatserver.providers.base import ChatRequest, Text, Turn, Usage
from chatserver.providers.openai_chat import DEFAULT_MODEL, Limits, OpenAIChat
from tests.emulators.huggingface import Emulator, Endless, Fail, Hang, Outcome, Raw, Reset, Silence, Stream
from tests.emulators.huggingface.chat import MARKDOWN

QUESTION = ChatRequest(turns=(Turn("system", "Be brief."), Turn("user", "Greet me in Python")))


@pytest.fixture
async def chat(huggingface: Emulator) -> AsyncIterator[OpenAIChat]:
    limits = Limits(total_seconds=20.0, silence_seconds=1.0, stream_bytes=256 * 1024)
    provider = OpenAIChat(f"{huggingface.url}/v1", "hf_key", "emulated/model", "Emulated", limits=limits)
    yield provider
    await provider.close()


async def answer(chat: OpenAIChat, request: ChatRequest = QUESTION) -> tuple[str, Usage | None]:
    text, usage = "", None
    async for step in chat.reply(request):
        if isinstance(step, Text):
            text += step.text
        else:
            usage = step
    return text, usage


@pytest.mark.parametrize(
    "stream",
    [
        Stream(),
        Stream(keep_alive=True),
        Stream(crlf=True),
        Stream(split=1),
        Stream(split=3, crlf=True, keep_alive=True),
        Stream(ending="no-done"),
        Stream(whole=True),
        Stream(first=[{"id": "x", "unknown": 1}, {"choices": None}, {"choices": [{"delta": None}]}]),
        Stream(first=[{"choices": [{"delta": {"reasoning_content": "hmm", "content": None}}]}]),
    ],
)
async def test_an_answer_is_read_whole_in_every_form(huggingface: Emulator, chat: OpenAIChat, stream: Stream):
    huggingface.script("chat", [stream])
    assert await answer(chat) == (MARKDOWN, Usage(21, 34))


async def test_the_request_has_the_model_first_and_asks_for_usage(huggingface: Emulator, chat: OpenAIChat):
    await answer(chat)
    seen = huggingface.calls("chat")[0]
    assert seen.body.startswith(b'{"model":"emulated/model"')
    assert seen.document["stream"] is True
    assert seen.document["stream_options"] == {"include_usage": True}
    assert seen.document["messages"][0] == {"role": "system", "content": "Be brief."}
    assert seen.headers["authorization"] == "Bearer hf_key"


async def test_words_arrive_while_the_rest_is_still_being_written(huggingface: Emulator, chat: OpenAIChat):
    huggingface.script("chat", [Stream(text="one two three", pause=0.1)])
    loop = asyncio.get_running_loop()
    times = [loop.time() async for step in chat.reply(QUESTION) if isinstance(step, Text)]
    assert times[-1] - times[0] > 0.15


async def test_an_answer_without_usage_has_none(huggingface: Emulator, chat: OpenAIChat):
    huggingface.script("chat", [Stream(usage=False)])
    assert await answer(chat) == (MARKDOWN, None)


async def test_stopping_half_way_closes_the_connection(huggingface: Emulator, chat: OpenAIChat):
    huggingface.script("chat", [Stream(text="word " * 1000, pause=0.01)])
    async with contextlib.aclosing(chat.reply(QUESTION)) as steps:
        await anext(steps)
    assert not chat._http._session.connector._acquired


@pytest.mark.parametrize("ending", ["cut", "reset"])
async def test_a_stream_that_only_stops_is_truncated(huggingface: Emulator, chat: OpenAIChat, ending: str):
    huggingface.script("chat", [Stream(ending=ending)])
    text = ""
    with pytest.raises(Truncated):
        async for step in chat.reply(QUESTION):
            text += step.text if isinstance(step, Text) else ""
    assert MARKDOWN.startswith(text)
    assert text


IN_STREAM = [
    ({"error": "Model is overloaded", "error_type": "overloaded"}, ProviderDown, "overloaded"),
    ({"error": {"message": "inputs too long", "http_status_code": 422}}, BadParameters, "inputs too long"),
    ({"error": "too long", "error_type": "validation"}, BadParameters, "too long"),
    ({"error_type": "generation", "error_message": "the GPU is gone"}, ProviderError, "the GPU is gone"),
    ({"object": "error", "message": "no such luck", "code": 500}, ProviderError, "no such luck"),
    ({"error": {"message": "slow down", "code": 429}}, ProviderRateLimited, "slow down"),
    ({"error": {"message": "flagged by our content policy"}}, Refused, "content policy"),
    ({"choices": [{"delta": {}, "finish_reason": "content_filter"}]}, Refused, "rules"),
]


@pytest.mark.parametrize(("error", "kind", "words"), IN_STREAM)
async def test_an_error_inside_the_stream_is_told_in_words(
    huggingface: Emulator, chat: OpenAIChat, error: dict, kind: type[ProviderError], words: str
):
    huggingface.script("chat", [Stream(ending="error", error=error)])
    with pytest.raises(ProviderError) as raised:
        await answer(chat)
    assert type(raised.value) is kind
    assert words in raised.value.message
    assert "picture" not in raised.value.message


BEFORE: list[tuple[Outcome, type[ProviderError]]] = [
    (Fail(401), InvalidToken),
    (Fail(402), ProviderCreditsUsedUp),
    (Fail(403), NoPermission),
    (Fail(404), ModelGone),
    (Fail(400, {"error": {"message": "The model is not supported", "code": "model_not_supported"}}), ModelGone),
    (Fail(422, {"error": "inputs must have less than 1024 tokens", "error_type": "validation"}), BadParameters),
    (Fail(429, {"error": "Model is overloaded", "error_type": "overloaded"}), ProviderRateLimited),
    (Fail(429, chunked=True), ProviderRateLimited),
    (Fail(503), ProviderDown),
    (Fail(504), TimedOut),
    (Reset(), ProviderDown),
    (Hang(), TimedOut),
    (Silence(), TimedOut),
    (Raw(b"<html>", "text/html"), Truncated),
    (Raw(b"data: {broken\n\n", "text/event-stream"), BadBytes),
    (Endless(), BadBytes),
    (Raw(b"data: " + b"x" * 2_000_000, "text/event-stream"), BadBytes),
]


@pytest.mark.parametrize(("outcome", "kind"), BEFORE)
async def test_a_fault_instead_of_a_stream_is_told_in_words(
    huggingface: Emulator, chat: OpenAIChat, outcome: Outcome, kind: type[ProviderError]
):
    huggingface.script("chat", [outcome])
    with pytest.raises(ProviderError) as raised:
        await answer(chat)
    assert type(raised.value) is kind
    assert "picture" not in raised.value.message


async def test_a_stream_without_end_meets_its_deadline(huggingface: Emulator):
    huggingface.script("chat", [Stream(text="word " * 1000, pause=0.02)])
    chat = OpenAIChat(f"{huggingface.url}/v1", "hf_key", "m", "x", limits=Limits(total_seconds=0.3))
    with pytest.raises(TimedOut):
        await answer(chat)
    await chat.close()


def test_the_assistant_is_chosen_by_the_configuration():
    assert open_chat(config.load({})) is None
    router = open_chat(config.load({"HF_TOKEN": "hf_x"}))
    assert router is not None
    assert (router.model(), router.label) == (DEFAULT_MODEL, "Hugging Face")
    own = open_chat(
        config.load({"CHAT_BASE_URL": "http://127.0.0.1:11434/v1/", "CHAT_MODEL": "llama", "HF_TOKEN": "x"})
    )
    assert own is not None
    assert (own.model(), own.label, own._key) == ("llama", "127.0.0.1", "")
    with pytest.raises(ConfigurationError, match="CHAT_MODEL"):
        open_chat(config.load({"CHAT_MODEL": "llama"}))


async def test_a_server_that_needs_no_model_is_sent_none(huggingface: Emulator):
    chat = OpenAIChat(f"{huggingface.url}/v1", "hf_key", "", "llama.cpp")
    await answer(chat)
    assert "model" not in huggingface.calls("chat")[0].document
    await chat.close()
