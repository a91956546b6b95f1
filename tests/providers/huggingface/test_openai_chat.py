"""The assistant's stream: read whole in every form, and every way of breaking told as what it is."""

import asyncio
import contextlib
import json
import threading
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
    NoWords,
    ProviderCreditsUsedUp,
    ProviderDown,
    ProviderError,
    ProviderRateLimited,
    Refused,
    TimedOut,
    Truncated,
    WrongAddress,
)
from chatserver.providers import open_chat, service_urls
from chatserver.providers.base import ChatRequest, LengthLimitReached, Retracted, TextDelta, Turn, Usage
from chatserver.providers.openai_chat import DEFAULT_MODEL, ChatLimits, OpenAIChat
from tests.emulators.huggingface import Emulator, Endless, Fail, Hang, Ok, Outcome, Raw, Reset, Silence, Stream, Strict
from tests.emulators.huggingface.chat import MARKDOWN

QUESTION = ChatRequest(turns=(Turn("system", "Be brief."), Turn("user", "Greet me in Python")))


@pytest.fixture
async def chat(huggingface: Emulator) -> AsyncIterator[OpenAIChat]:
    limits = ChatLimits(total_seconds=20.0, first_token_seconds=2.0, silence_seconds=1.0, stream_bytes=256 * 1024)
    provider = OpenAIChat(f"{huggingface.url}/v1", "hf_key", "emulated/model", "Emulated", limits=limits)
    yield provider
    await provider.close()


async def answer(chat: OpenAIChat, request: ChatRequest = QUESTION) -> tuple[str, Usage | None]:
    text, usage = "", None
    async for step in chat.reply(request):
        if isinstance(step, TextDelta):
            text += step.text
        elif isinstance(step, Retracted):
            text = ""
        elif isinstance(step, Usage):
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
    heard, words = threading.Event(), []
    huggingface.script("chat", [Stream(text="one two three", waits={"three": heard})])
    async for step in chat.reply(QUESTION):
        if isinstance(step, TextDelta):
            words.append(step.text)
            heard.set()
    assert "".join(words) == "one two three"


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
            text += step.text if isinstance(step, TextDelta) else ""
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
    ([{"error": {"message": "slow down", "code": 429}}], ProviderRateLimited, "slow down"),
    (
        {"choices": None, "base_resp": {"status_code": 1002, "status_msg": "slow down"}},
        ProviderRateLimited,
        "slow down",
    ),
    ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, InvalidToken, "key"),
    ({"base_resp": {"status_code": 1008, "status_msg": "no balance"}}, ProviderCreditsUsedUp, "no balance"),
    ({"base_resp": {"status_code": 1027, "status_msg": "output"}}, Refused, "output"),
    ({"base_resp": {"status_code": 987654, "status_msg": "odd"}}, ProviderError, "odd"),
    ({"status": "failed", "message": "the GPU is gone"}, ProviderError, "the GPU is gone"),
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
    (Fail(404), WrongAddress),
    (Fail(404, {"error": {"message": 'model "llama" not found, try pulling it first'}}), ModelGone),
    (Fail(400, {"error": {"message": "The model is not supported", "code": "model_not_supported"}}), ModelGone),
    (Fail(422, {"error": "inputs must have less than 1024 tokens", "error_type": "validation"}), BadParameters),
    (Fail(429, {"error": "Model is overloaded", "error_type": "overloaded"}), ProviderRateLimited),
    (Fail(429, chunked=True), ProviderRateLimited),
    (Fail(503), ProviderDown),
    (Fail(504), TimedOut),
    (Reset(), ProviderDown),
    (Hang(), TimedOut),
    (Silence(), TimedOut),
    (Raw(b"<html>", "text/html"), WrongAddress),
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
    chat = OpenAIChat(f"{huggingface.url}/v1", "hf_key", "m", "x", limits=ChatLimits(total_seconds=0.3))
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


# Servers of every kind ----------------------------------------------------------------------------------------------

COMPANY = ChatRequest(
    turns=(
        Turn("system", "Be brief."),
        Turn("assistant", "Welcome!"),
        Turn("user", "(asked for an image) a cat"),
        Turn("user", "Do you like it?"),
        Turn("assistant", "<think>A cat.</think>Yes."),
        Turn("user", "Why?"),
    )
)


@pytest.mark.parametrize(
    ("server", "tries", "left_out"),
    [
        (Strict(), 1, set()),
        (Strict(system=False), 2, {"system"}),
        (Strict(system=False, status=500), 2, {"system"}),
        (Strict(unknown=("stream_options",)), 2, {"stream_options"}),
        (Strict(system=False, unknown=("stream_options",), status=422), 3, {"system", "stream_options"}),
        (Strict(system=False, unknown=("stream_options",), names=False), 2, {"system", "stream_options"}),
        (Strict(unknown=("stream",), inner=Stream(whole=True)), 2, {"stream", "stream_options"}),
    ],
)
async def test_what_a_server_refuses_is_left_out_and_remembered(
    huggingface: Emulator, chat: OpenAIChat, server: Strict, tries: int, left_out: set[str]
):
    huggingface.script("chat", [server])
    assert await answer(chat, COMPANY) == (MARKDOWN, Usage(21, 34))
    assert len(huggingface.calls("chat")) == tries
    last = huggingface.calls("chat")[-1].document
    roles = {message["role"] for message in last["messages"]}
    assert {"system", "stream_options", "stream"} - {*last, *roles} == left_out
    assert "Be brief." in last["messages"][0]["content"]
    await answer(chat, COMPANY)
    assert len(huggingface.calls("chat")) == tries + 1, "the second answer was asked for at once as the server takes it"


async def test_a_fault_that_no_other_form_would_mend_is_asked_for_once(huggingface: Emulator, chat: OpenAIChat):
    huggingface.script("chat", [Fail(400, {"error": {"message": "maximum context length is 8192 tokens"}})])
    with pytest.raises(BadParameters, match="8192 tokens"):
        await answer(chat)
    assert len(huggingface.calls("chat")) == 1


async def test_a_server_that_refuses_every_form_says_its_own_words(huggingface: Emulator, chat: OpenAIChat):
    huggingface.script("chat", [Fail(400, {"error": "no luck today"}), Fail(400, {"error": "still none"})])
    with pytest.raises(BadParameters, match="no luck today"):
        await answer(chat)
    assert "system" not in chat._fallbacks.unsupported((chat._bases[0], "emulated/model"))


def chunk(text: object, **more: object) -> str:
    return json.dumps({"choices": [{"delta": {"content": text}, **more}]})


END = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
INVISIBLE = "\u200b\ufeff\x00 "
BOTH = f"data: {chunk('Yes, ')}\n\ndata: {chunk('indeed.')}\n\n"
WHOLE = {"object": "chat.completion", "choices": [{"message": {"content": "Yes, indeed."}, "finish_reason": "stop"}]}
PARTS = [{"type": "text", "text": "Yes, "}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "indeed."}]
THOUGHTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, "Yes, indeed."]
FORMS = {
    "an empty data line": f"data:\n\ndata: \n\n{BOTH}data:\n\n{END}",
    "comments and words between": f": hi\n\ndata: ping\n\n{BOTH}event: ping\ndata: keep-alive\n\n{END}",
    "carriage returns": (BOTH + END).replace("\n", "\r"),
    "carriage returns and line feeds": (BOTH + END).replace("\n", "\r\n"),
    "no blank lines": (BOTH + END).replace("\n\n", "\n"),
    "no blank after the colon": (BOTH + END).replace("data: ", "data:"),
    "a byte order mark": "\ufeff" + BOTH + END,
    "ids and retries": "id: 1\nretry: 5\n" + BOTH + END,
    "no end mark": BOTH + END.partition("data: [DONE]")[0],
    "an end mark in quotes": BOTH + 'data: "[DONE]"\n\n',
    "usage alone as the end": BOTH + 'data: {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}\n\n',
    "content in parts": f"data: {chunk(PARTS)}\n\n{END}",
    "content as one part": f"data: {chunk({'type': 'text', 'text': 'Yes, indeed.'})}\n\n{END}",
    "content with thoughts": f"data: {chunk(THOUGHTS)}\n\n{END}",
    "an index in letters": f"data: {chunk('Yes, indeed.', index='0')}\n\n{END}",
    "choices without a list": 'data: {"choices": {"delta": {"content": "Yes, indeed."}}}\n\n' + END,
    "a delta of words": 'data: {"choices": [{"delta": "Yes, indeed."}]}\n\n' + END,
    "text": 'data: {"choices": [{"text": "Yes, indeed."}]}\n\n' + END,
    "messages": (BOTH + END).replace("delta", "message"),
    "nulls": 'data: null\n\ndata: {"choices": null}\n\ndata: {"choices": [null]}\n\n'
    'data: {"choices": [{"delta": null}], "error": null, "usage": null}\n\n' + BOTH + END,
    "the whole once more at the end": BOTH + f"data: {json.dumps(WHOLE)}\n\ndata: [DONE]\n\n",
    "a place in the queue first": 'data: {"status": "queued", "message": "You are number 3"}\n\n'
    'data: {"type": "ping", "msg": "still here"}\n\n' + BOTH + END,
    "one message in an event without an end": f"data: {json.dumps({'choices': [{'message': {'content': PARTS}}]})}\n\n",
    "all so far in each message": "".join(
        f"data: {json.dumps({'choices': [{'message': {'content': text}}]})}\n\n"
        for text in ("Yes", "Yes, ", "Yes, indeed.", "Yes, indeed.")
    )
    + END,
    "a list of documents": json.dumps([json.loads(chunk("Yes, ")), json.loads(chunk("indeed.", finish_reason="stop"))]),
    "a document in a list": json.dumps([WHOLE]),
    "a document in a list in an event": f"data: {json.dumps([WHOLE])}\n\n",
    "a result that is no error": f"data: {json.dumps({**WHOLE, 'base_resp': {'status_code': 0, 'status_msg': ''}})}\n\n",
    "reasoning fields": 'data: {"choices": [{"delta": {"reasoning": "hm", "reasoning_content": "hm"}}]}\n\n'
    + BOTH
    + END,
    "thoughts in tags": f"data: {chunk('<thi')}\n\ndata: {chunk('nk>hm</think>')}\n\n{BOTH}{END}",
    "thoughts without an opening tag": f"data: {chunk('I wonder.')}\n\ndata: {chunk('</think>')}\n\n{BOTH}{END}",
    "a refusal": 'data: {"choices": [{"delta": {"content": null, "refusal": "Yes, indeed."}}]}\n\n' + END,
    "a number without end": BOTH + f'data: {{"created": {"9" * 5000}, "choices": []}}\n\n' + END,
    "one document": json.dumps(WHOLE),
    "one document over many lines": json.dumps(WHOLE, indent=2),
    "one document without an end": json.dumps({"choices": [{"message": {"content": PARTS}}]}),
    "one document in a list of lines": f"{chunk('Yes, ')}\n{chunk('indeed.', finish_reason='stop')}\n",
    "ollama's own in pieces that begin alike": "".join(
        f'{{"message": {{"content": "{piece}"}}, "done": false}}\n' for piece in ("Y", "es, in", "d", "eed", ".")
    )
    + '{"message": {"content": ""}, "done": true}\n',
    "ollama's own": '{"message": {"content": "Yes, "}, "done": false}\n{"message": {"content": "indeed."}, "done": true}\n',
}


@pytest.mark.parametrize(
    "content_type", ["text/event-stream;charset=utf-8", "application/json", "text/plain", "text/html"]
)
@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_is_read_in_whatever_form_and_under_whatever_label(
    huggingface: Emulator, chat: OpenAIChat, form: str, content_type: str
):
    huggingface.script("chat", [Raw(FORMS[form].encode(), content_type)])
    assert (await answer(chat))[0] == "Yes, indeed."


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ('data: {"choices": [{"delta": {"tool_calls": [{"id": "1"}]}, "finish_reason": "tool_calls"}]}\n\n', "tool"),
        ('data: {"choices": [{"delta": {"reasoning": "hm"}, "finish_reason": "stop"}]}\n\n', "still thinking"),
        ('data: {"choices": [{"delta": {"reasoning": "hm"}, "finish_reason": "length"}]}\n\n', "longest length"),
        (f"data: {chunk('<think>hm')}\n\n{END}", "still thinking"),
        (f"data: {chunk(' ')}\n\n{END}", "without a word"),
        (f"data: {chunk(INVISIBLE)}\n\n{END}", "without a word"),
        (END, "without a word"),
        (json.dumps({"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}), "without a word"),
    ],
)
async def test_an_answer_without_words_says_so(huggingface: Emulator, chat: OpenAIChat, events: str, words: str):
    huggingface.script("chat", [Raw(events.encode(), "text/event-stream")])
    with pytest.raises(NoWords, match=words):
        await answer(chat)


async def test_a_character_that_is_cut_in_two_by_its_escapes_comes_whole(huggingface: Emulator, chat: OpenAIChat):
    halves = ("Yes \ud83d", "\ude00", " indeed \ud83d", " and \ude00", "\ud83d")
    events = "".join(f"data: {chunk(half)}\n\n" for half in halves)
    huggingface.script("chat", [Raw((events + END).encode(), "text/event-stream")])
    text, _ = await answer(chat)
    assert text.encode("utf-8", "replace").decode() == "Yes 😀 indeed ? and ??"


@pytest.mark.parametrize(
    "first",
    [
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0}},
        {"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": "null"}]},
    ],
)
async def test_what_only_looks_like_an_end_ends_nothing(
    huggingface: Emulator, chat: OpenAIChat, first: dict[str, object]
):
    huggingface.script("chat", [Stream(first=[first], ending="cut")])
    with pytest.raises(Truncated):
        await answer(chat)


@pytest.mark.parametrize(
    "events",
    [
        'data: {"choices": [{"message": {"content": "Yes, "}}]}\n\n'
        'data: {"choices": [{"message": {"content": "Yes, in"}}]}\n\n',
        '{"message": {"content": "Yes, "}, "done": false}\n',
        'data: {"status": "queued", "message": "You are number 3"}\n\ndata: {"choices": []}\n\n',
    ],
)
async def test_messages_that_break_off_are_truncated(huggingface: Emulator, chat: OpenAIChat, events: str):
    huggingface.script("chat", [Raw(events.encode(), "text/event-stream")])
    with pytest.raises(Truncated):
        await answer(chat)


async def test_an_answer_that_reached_its_longest_length_is_told(huggingface: Emulator, chat: OpenAIChat):
    huggingface.script("chat", [Raw((BOTH + END.replace("stop", "length")).encode(), "text/event-stream")])
    assert [step async for step in chat.reply(QUESTION)] == [
        TextDelta("Yes, "),
        TextDelta("indeed."),
        LengthLimitReached(),
    ]


async def test_the_thoughts_of_a_model_without_an_opening_tag_are_shown_once_at_most(
    huggingface: Emulator, chat: OpenAIChat
):
    thinks = Raw(FORMS["thoughts without an opening tag"].encode(), "text/event-stream")
    plain = Raw((BOTH + END).encode(), "text/event-stream")
    huggingface.script("chat", [thinks, thinks, plain, plain])
    told = [[step async for step in chat.reply(QUESTION)] for _ in range(4)]
    assert told[0] == [TextDelta("I wonder."), Retracted(), TextDelta("Yes, "), TextDelta("indeed.")]
    assert told[1] == [TextDelta("Yes, "), TextDelta("indeed.")]
    assert told[2] == [TextDelta("Yes, indeed.")], "held back, as it might have been a thought"
    assert told[3] == [TextDelta("Yes, "), TextDelta("indeed.")]


@pytest.mark.parametrize("value", ["NaN", "-5", "1e308", '"many"', "9" * 400, "true", "null", "{}"])
async def test_a_count_of_tokens_that_cannot_be_is_not_believed(huggingface: Emulator, chat: OpenAIChat, value: str):
    usage = f'data: {{"choices": [], "usage": {{"prompt_tokens": {value}, "completion_tokens": 3}}}}\n\n'
    huggingface.script("chat", [Raw((BOTH + usage + END).encode(), "text/event-stream")])
    assert await answer(chat) == ("Yes, indeed.", None)


async def test_a_server_that_keeps_the_line_after_its_last_word_has_ended(huggingface: Emulator, chat: OpenAIChat):
    huggingface.script("chat", [Stream(text="Yes, indeed.", ending="hangs")])
    assert (await answer(chat))[0] == "Yes, indeed."


# Time ---------------------------------------------------------------------------------------------------------------


async def test_a_slow_model_may_take_its_time_until_it_begins(huggingface: Emulator):
    limits = ChatLimits(total_seconds=20, first_token_seconds=30, silence_seconds=0.8)
    chat = OpenAIChat(f"{huggingface.url}/v1", "hf_key", "m", "x", limits=limits)
    huggingface.script("chat", [Ok(1.6)])
    assert (await answer(chat))[0] == MARKDOWN
    await chat.close()


@pytest.mark.parametrize(
    ("limits", "outcome", "words"),
    [
        ({"first_token_seconds": 0.3}, Hang(), "CHAT_FIRST_TOKEN_SECONDS"),
        ({"first_token_seconds": 0.3}, Silence(), "CHAT_FIRST_TOKEN_SECONDS"),
        ({"first_token_seconds": 0.3}, Stream(first=[{"choices": []}] * 400, pause=0.02), "CHAT_FIRST_TOKEN_SECONDS"),
        ({"silence_seconds": 0.3}, Stream(pause=2.0), "CHAT_SILENCE_SECONDS"),
        ({"total_seconds": 0.4}, Stream(text="word " * 1000, pause=0.02), "CHAT_SECONDS"),
    ],
)
async def test_what_takes_too_long_names_the_setting(huggingface: Emulator, limits: dict, outcome: Outcome, words: str):
    usual = {"total_seconds": 20.0, "first_token_seconds": 10.0, "silence_seconds": 10.0}
    chat = OpenAIChat(f"{huggingface.url}/v1", "hf_key", "m", "x", limits=ChatLimits(**{**usual, **limits}))
    huggingface.script("chat", [outcome])
    with pytest.raises(TimedOut, match=words):
        await answer(chat)
    await chat.close()


def test_slow_local_models_pass_by_default():
    chat = open_chat(config.load({"CHAT_BASE_URL": "http://127.0.0.1:11434/v1"}))
    assert isinstance(chat, OpenAIChat)
    assert chat._limits.first_token_seconds > 100
    assert chat._limits.total_seconds > 360


# Addresses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/v1/chat/completions/", "/v1/models", "/api/chat", "/api"],
)
async def test_what_people_usually_get_wrong_in_an_address_is_understood(huggingface: Emulator, written: str):
    chat = OpenAIChat(f"{huggingface.url}{written}", "hf_key", "m", "x")
    assert (await answer(chat))[0] == MARKDOWN
    asked = len(huggingface.calls("chat")) + len(huggingface.calls("unknown"))
    assert (await answer(chat))[0] == MARKDOWN
    assert len(huggingface.calls("chat")) + len(huggingface.calls("unknown")) == asked + 1, "it was remembered"
    await chat.close()


PAGE = Raw(b"\n<!doctype html><title>Hello</title>", "text/html")
WRONG = [
    (PAGE, "a web page"),
    (Raw(PAGE.data, "text/event-stream"), "a web page"),
    (Raw(b"Ollama is running", "text/plain"), "something else"),
    (Raw(b'{"status": "ok"}', "application/json"), "something else"),
    (Raw(b"", "text/plain"), "something else"),
    (Fail(404), "404"),
    (Fail(404, {"detail": "Not Found"}), "404"),
    (Fail(404, "404 page not found", content_type="text/plain"), "404"),
    (Fail(405, {"detail": "Method Not Allowed"}), "405"),
    (Fail(301, headers={"Location": "https://chat.example.org/v1/chat/completions"}), "https://chat.example.org/v1"),
    (Fail(302, headers={"Location": "/login?next=secret"}), "/login"),
    (Fail(400, "Client sent an HTTP request to an HTTPS server.\n", content_type="text/plain"), "https"),
]


@pytest.mark.parametrize(("outcome", "words"), WRONG)
async def test_an_address_that_does_not_speak_the_protocol_says_so(
    huggingface: Emulator, chat: OpenAIChat, outcome: Outcome, words: str
):
    huggingface.script("chat", [outcome] * 4)
    with pytest.raises(WrongAddress) as raised:
        await answer(chat)
    message = raised.value.message
    assert "does not speak the chat protocol" in message
    assert f"{huggingface.url}/v1/chat/completions" in message
    assert words in message
    assert "Set CHAT_BASE_URL" in message
    assert "another" not in message
    assert "secret" not in message
    huggingface.reset()
    huggingface.script("models", [outcome] * 4)
    huggingface.script("chat", [outcome] * 4)
    with pytest.raises(WrongAddress) as doctors:
        await chat.models()
    assert ("does not speak the chat protocol" in doctors.value.message, words in doctors.value.message) == (True, True)


async def test_https_where_http_is_spoken_is_an_address_that_does_not_speak(huggingface: Emulator):
    chat = OpenAIChat(huggingface.url.replace("http:", "https:"), "hf_key", "m", "x")
    with pytest.raises(WrongAddress, match="https"):
        await answer(chat)
    await chat.close()


async def test_another_protocol_is_an_address_that_does_not_speak():
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        chat = OpenAIChat(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", "", "m", "x")
        with pytest.raises(WrongAddress, match="not HTTP"):
            await answer(chat)
        await chat.close()


async def test_in_a_container_localhost_is_explained(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service_urls, "in_container", lambda: True)
    chat = OpenAIChat("http://localhost:9/v1", "", "m", "x")
    with pytest.raises(ProviderDown, match="inside a container, localhost is the container"):
        await answer(chat)
    await chat.close()


async def test_a_server_that_does_not_run_is_told_by_its_address():
    chat = OpenAIChat("http://127.0.0.1:9/v1", "", "m", "x")
    with pytest.raises(ProviderDown, match=r"127\.0\.0\.1"):
        await answer(chat)
    await chat.close()


async def test_a_key_that_the_service_repeats_is_shown_to_nobody(huggingface: Emulator):
    chat = OpenAIChat(f"{huggingface.url}/v1", "hf_short/geheim", "m", "x")
    huggingface.script("chat", [Fail(400, {"error": "Who is hf_short/geheim of maximum length?"})])
    with pytest.raises(BadParameters) as raised:
        await answer(chat)
    assert "geheim" not in raised.value.message + raised.value.service_message
    assert "maximum length" in raised.value.service_message
    await chat.close()
