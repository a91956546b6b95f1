"""The assistant through any server that speaks OpenAI's chat completions: Hugging Face, Ollama, vLLM, llama.cpp.

An answer has ended when the service says so, with `[DONE]` or a `finish_reason`; a stream that only stops is Truncated.
Faults come before the stream as a status, or inside it as an event in one of several shapes.
"""

import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from chatserver.config import Config
from chatserver.errors import (
    BadParameters,
    InvalidToken,
    NoPermission,
    ProviderError,
    Truncated,
)
from chatserver.providers.base import ChatRequest, ChatStep, Text
from chatserver.providers.completions import Reading
from chatserver.providers.faults import fault
from chatserver.providers.http import MEBIBYTE, Answer, Deadline, Http, pieces, read, too_large, translated
from chatserver.providers.sse import EventStream

# Served by several providers, and free to use (Apache-2.0).
DEFAULT_MODEL = "openai/gpt-oss-20b"
# A question about what is served is answered at once or not at all.
ASKING_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long and how much one answer may be, in seconds and bytes."""

    total_seconds: float = 300.0
    # Until the first words, and between two pieces: a large prompt on a small machine takes its time.
    silence_seconds: float = 90.0
    stream_bytes: int = 16 * MEBIBYTE
    error_bytes: int = 256 * 1024
    list_bytes: int = 16 * MEBIBYTE


class OpenAIChat:
    """Streams answers from `base`/chat/completions."""

    name = "openai-chat"
    is_model = True

    def __init__(
        self, base: str, key: str, model: str, label: str, *, bill_to: str = "", limits: Limits | None = None
    ) -> None:
        self.label = label
        self._url = f"{base.rstrip('/')}/chat/completions"
        self._key = key
        self._model = model
        self._bill_to = bill_to
        self._limits = limits or Limits()
        self._http = Http()

    def model(self) -> str:
        """The model used when a request names none."""
        return self._model

    async def reply(self, request: ChatRequest) -> AsyncIterator[ChatStep]:
        """Text as it comes, then Usage where it was counted. Raises ProviderError; closing it closes the connection."""
        deadline = Deadline(self._limits.total_seconds)
        with _about_the_assistant():
            async with self._http.open(
                "POST", self._url, self._headers(), body(request, self._model), self._limits.silence_seconds
            ) as response:
                if response.status != 200:
                    raise fault(
                        Answer(response.status, response.headers, await read(response, self._limits.error_bytes))
                    )
                async with contextlib.aclosing(self._steps(response, deadline)) as steps:
                    async for step in steps:
                        yield step

    async def models(self) -> list[str]:
        """The models that the service says it serves (empty where it does not say), for the doctor."""
        url = f"{self._url.removesuffix('/chat/completions')}/models"
        with _about_the_assistant():
            answer = await self._http.call(
                "GET",
                url,
                headers=self._headers(),
                cap=self._limits.list_bytes,
                seconds=ASKING_SECONDS,
                silence=ASKING_SECONDS,
            )
            if answer.status in {401, 403} or answer.status >= 500:
                raise fault(answer)
        return _names(answer.json())

    async def close(self) -> None:
        """Gives back the connections."""
        await self._http.close()

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if self._bill_to:
            headers["X-HF-Bill-To"] = self._bill_to
        return headers

    async def _steps(self, response: aiohttp.ClientResponse, deadline: Deadline) -> AsyncGenerator[ChatStep, None]:
        answer = Reading()
        if "json" in response.headers.get("Content-Type", ""):
            # A server that does not stream answers in one piece.
            for text in answer.take_whole(await read(response, self._limits.stream_bytes)):
                yield text
        else:
            async with contextlib.aclosing(self._events(response, deadline)) as events:
                async for event in events:
                    if words := answer.take(event):
                        yield Text(words)
                    if answer.ended:
                        break
        if answer.usage:
            yield answer.usage
        answer.check()

    async def _events(self, response: aiohttp.ClientResponse, deadline: Deadline) -> AsyncGenerator[str, None]:
        stream, size = EventStream(), 0
        async for piece in _unbroken(pieces(response)):
            deadline.left(0)
            size += len(piece)
            if size > self._limits.stream_bytes:
                raise too_large(self._limits.stream_bytes)
            for event in stream.feed(piece):
                yield event
        for event in stream.end():
            yield event


def _names(document: Any) -> list[str]:
    match document:
        case {"data": [*models]}:
            return [model["id"] for model in models if isinstance(model, dict) and isinstance(model.get("id"), str)]
    return []


async def _unbroken(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream; once it has begun, a connection that breaks is an answer that was cut off, not a service that is away."""
    try:
        async for piece in stream:
            yield piece
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError) as error:
        raise Truncated from error


def body(request: ChatRequest, model: str) -> bytes:
    """The JSON to POST. `model` comes first: the router reads it from the first bytes of the body."""
    model = request.model or model
    named = {"model": model} if model else {}
    turns = [{"role": turn.role, "content": turn.text} for turn in request.turns]
    return msgspec.json.encode({**named, "messages": turns, "stream": True, "stream_options": {"include_usage": True}})


def open_chat(config: Config) -> OpenAIChat:
    """The assistant's service: one of the operator's own, or Hugging Face's router."""
    if config.chat_base_url:
        host = urlsplit(config.chat_base_url).hostname or ""
        return OpenAIChat(config.chat_base_url, config.chat_api_key, config.chat_model, host)
    base, model = f"{config.hf_router_url.rstrip('/')}/v1", config.chat_model or DEFAULT_MODEL
    return OpenAIChat(base, config.huggingface_api_key, model, "Hugging Face", bill_to=config.hf_bill_to)


@contextlib.contextmanager
def _about_the_assistant() -> Iterator[None]:
    """The same faults, in words about the assistant instead of pictures."""
    try:
        with translated():
            yield
    except ProviderError as error:
        raise type(error)(_reworded(error), retry_after=error.retry_after) from error


# Where the sentence about pictures does not fit even with another subject.
_WORDS: dict[type[ProviderError], str] = {
    BadParameters: "The assistant's service does not take this conversation. Please try a shorter one.",
    InvalidToken: "The assistant's service did not accept this server's key. The operator has to set a valid one.",
    NoPermission: "This server's key may not use the assistant's service. The operator has to allow it.",
    Truncated: "The answer stopped before its end.",
}


def _reworded(error: ProviderError) -> str:
    said = error.message.partition(" It said: ")[2]
    sentence = _WORDS.get(type(error))
    if sentence:
        return f"{sentence} It said: {said}" if said else sentence
    return re.sub(r"\b([Tt])he picture service", r"\1he assistant's service", error.message)
