"""The assistant through any server that speaks OpenAI's chat completions: Hugging Face, Ollama, vLLM, llama.cpp.

An answer has ended when the service says so, with `[DONE]` or a `finish_reason`; a stream that only stops is Truncated.
Faults come before the stream as a status, or inside it as an event in one of several shapes. What a server refuses of an
optional part is left out at the next try, an address without `/v1` is tried with it, and both are remembered.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog

from chatserver.config import Config
from chatserver.errors import (
    BadParameters,
    NoPermission,
    ProviderError,
    TimedOut,
    Truncated,
    WrongAddress,
)
from chatserver.providers import service_urls
from chatserver.providers.base import ChatChunk, ChatRequest
from chatserver.providers.chat_history import alternating, merge_system_turn
from chatserver.providers.completions import Reading
from chatserver.providers.error_responses import error_from
from chatserver.providers.http import MEBIBYTE, HttpClient, HttpResponse, chunks, read, too_large, translated_errors
from chatserver.providers.parameter_fallbacks import MAX_TRIES, ParameterFallbacks, refused_parameters
from chatserver.providers.redaction import without_secrets
from chatserver.providers.service_urls import ServiceUrl
from chatserver.providers.sse import EventStream

# Served by several providers, and free to use (Apache-2.0).
DEFAULT_MODEL = "openai/gpt-oss-20b"
# A question about what is served is answered at once or not at all.
ASKING_SECONDS = 15.0
# After the last word only the usage and the end mark may come, and they come at once.
AFTER_END_SECONDS = 5.0

# The paths of calls, which people copy along with the address.
CALLS = ("/chat/completions", "/completions", "/models", "/api/chat", "/api/generate", "/api/tags")
OWN = ServiceUrl("CHAT_BASE_URL", "the chat protocol of OpenAI", "http://127.0.0.1:11434/v1", key="CHAT_API_KEY")
ROUTER = ServiceUrl("HF_ROUTER_URL", "the chat protocol of OpenAI", Config.hf_router_url, own=False)

# A system prompt is no optional field, but some templates have no place for one.
SYSTEM, STREAM, STREAM_OPTIONS = "system", "stream", "stream_options"
_NO_SYSTEM = re.compile(
    r"\bsystem (role|message|prompt|instruction)s?\b|['\"`]system['\"`]|\brole\b.{0,60}\bsystem\b|roles? must alternate"
    r"|alternate user|\broles? (is |are )?(not |in|un)(supported|valid)",
    re.I,
)
_NO_STREAM = re.compile(r"stream(ing)?\b.{0,40}\bnot\b|(not|n't|un)\s?support\w* stream", re.I)
# The words of a 400 that no other form of the same request would mend.
_FOR_GOOD = re.compile(r"token|context|length|too (long|large|many)|maximum|\bmodel\b", re.I)

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ChatLimits:
    """How long and how much one answer may be, in seconds and bytes."""

    total_seconds: float = Config.chat_seconds
    # Until the model begins, and between two pieces: a large model has to be loaded, a large prompt to be read.
    first_token_seconds: float = Config.chat_first_token_seconds
    silence_seconds: float = Config.chat_silence_seconds
    stream_bytes: int = 16 * MEBIBYTE
    error_bytes: int = 256 * 1024
    list_bytes: int = 16 * MEBIBYTE


class OpenAIChat:
    """Streams answers from `base`/chat/completions."""

    name = "openai-chat"
    is_model = True

    def __init__(
        self,
        base: str,
        key: str,
        model: str,
        label: str,
        *,
        bill_to: str = "",
        limits: ChatLimits | None = None,
        address: ServiceUrl = OWN,
    ) -> None:
        self.label = label
        self._address = address
        self._bases = service_urls.candidates(base, CALLS)
        self._key = key
        self._model = model
        self._bill_to = bill_to
        self._limits = limits or ChatLimits()
        self._http = HttpClient()
        self._fallbacks = ParameterFallbacks()
        # Models that begin in the middle of their thoughts, without a tag.
        self._thinkers = ParameterFallbacks()

    def model(self) -> str:
        """The model used when a request names none."""
        return self._model

    async def reply(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """Text as it comes, then Usage where it was counted. Raises ProviderError; closing it closes the connection."""
        clock = _Clock(self._limits)
        with _about_the_assistant(self._address, self._bases[0], self._key):
            async with contextlib.aclosing(self._at_any_base(request, clock)) as steps:
                async for step in steps:
                    yield step

    async def models(self) -> list[str]:
        """The models that the service says it serves (empty where it does not say), for the doctor.

        Raises WrongAddress where nothing there speaks the protocol.
        """
        with _about_the_assistant(self._address, self._bases[0], self._key):
            errors = []
            for base in self._bases:
                try:
                    names = await self._models_at(base)
                except WrongAddress as error:
                    errors.append(error)
                else:
                    self._settle(base)
                    return names
            raise errors[0]

    @property
    def base(self) -> str:
        """The base address in use, as people may read it; another than was set where only that one answers."""
        return service_urls.without_credentials(self._bases[0])

    async def close(self) -> None:
        """Gives back the connections."""
        await self._http.close()

    # Where ---------------------------------------------------------------------------------------------------------

    async def _at_any_base(self, request: ChatRequest, clock: "_Clock") -> AsyncGenerator[ChatChunk, None]:
        first: ProviderError | None = None
        for base in self._bases:
            try:
                async with contextlib.aclosing(self._in_any_form(base, request, clock)) as steps:
                    async for step in steps:
                        self._settle(base)
                        yield step
                return
            except ProviderError as error:
                # What comes from an address that was only guessed counts where it is in the service's own words.
                if not isinstance(error, WrongAddress) and (first is None or error.service_message):
                    raise
                first = first or error
        assert first is not None
        raise first

    def _settle(self, base: str) -> None:
        """This base answers, so it is the one that is meant."""
        if self._bases[0] != base:
            log.warning(
                "chat.address_corrected", address=service_urls.without_credentials(base), setting=self._address.setting
            )
            self._bases = (base, *(other for other in self._bases if other != base))

    # How -----------------------------------------------------------------------------------------------------------

    async def _in_any_form(self, base: str, request: ChatRequest, clock: "_Clock") -> AsyncGenerator[ChatChunk, None]:
        """The answer, to a request without what this server refuses."""
        key = (base, request.model or self._model)
        without, guessed = self._fallbacks.unsupported(key), None
        for _ in range(MAX_TRIES):
            given = False
            try:
                async with contextlib.aclosing(self._attempt(base, request, without, clock)) as steps:
                    async for step in steps:
                        if not given:
                            self._fallbacks.remember(key, without)
                        given = True
                        yield step
                return
            except ProviderError as error:
                more = frozenset() if given else _conceded(error, without)
                if not more:
                    raise guessed or error from error
                if not _named(error):
                    guessed = error
                without |= more
        raise ProviderError

    async def _attempt(
        self, base: str, request: ChatRequest, without: frozenset[str], clock: "_Clock"
    ) -> AsyncGenerator[ChatChunk, None]:
        url = service_urls.join(base, "/chat/completions")
        async with contextlib.AsyncExitStack() as stack:
            opening = self._http.open(
                "POST", url, self._headers(), body(request, self._model, without), self._limits.total_seconds
            )
            response = await clock.wait(stack.enter_async_context(opening))
            if response.status != 200:
                content = await clock.wait(read(response, self._limits.error_bytes))
                answer = HttpResponse(response.status, response.headers, content)
                raise self._address.protocol_error(url, answer) or error_from(answer)
            async with contextlib.aclosing(self._steps(url, request, response, clock)) as steps:
                async for step in steps:
                    yield step

    async def _steps(
        self, url: str, request: ChatRequest, response: aiohttp.ClientResponse, clock: "_Clock"
    ) -> AsyncGenerator[ChatChunk, None]:
        model = request.model or self._model
        stream, answer = EventStream(), Reading(thinking=bool(self._thinkers.unsupported(model)))
        async with contextlib.aclosing(self._pieces(response, answer, clock)) as arriving:
            async for piece in arriving:
                for event in stream.feed(piece):
                    for step in answer.take(event):
                        yield step
                if answer.ended:
                    break
        for event in stream.end() if not answer.ended else ():
            for step in answer.take(event):
                yield step
        try:
            for step in answer.finish():
                yield step
            if answer.thinking.retracted:
                self._thinkers.remember(model, frozenset({"tag"}))
            elif not answer.thinking.found:
                self._thinkers.forget(model)
        except WrongAddress:
            page = service_urls.is_html(stream.words.encode())
            raise self._address.wrong_address(
                url, f"it answered with {'a web page' if page else 'something else'}"
            ) from None

    async def _pieces(
        self, response: aiohttp.ClientResponse, answer: Reading, clock: "_Clock"
    ) -> AsyncGenerator[bytes, None]:
        """The body as it comes. One that breaks before its end was cut off; after the last word nothing is missing."""
        arriving, size = chunks(response), 0
        while True:
            try:
                piece = await clock.wait(anext(arriving, None), answer)
            except (TimedOut, aiohttp.ClientError, OSError) as error:
                if answer.finished:
                    return
                if isinstance(error, TimedOut | TimeoutError):
                    raise
                raise Truncated from error
            if piece is None:
                return
            size += len(piece)
            if size > self._limits.stream_bytes:
                raise too_large(self._limits.stream_bytes)
            yield piece

    # Asking --------------------------------------------------------------------------------------------------------

    async def _models_at(self, base: str) -> list[str]:
        answer = await self._ask("GET", url := service_urls.join(base, "/models"))
        if answer.status in {401, 403} or answer.status >= 500:
            raise self._address.protocol_error(url, answer) or error_from(answer)
        names = _names(answer.json()) if answer.ok else None
        if names is None:
            # Some have no list, but chat all the same: an empty conversation costs nothing and is refused in their words.
            answer = await self._ask("POST", url := service_urls.join(base, "/chat/completions"), b'{"messages":[]}')
            if wrong := self._address.protocol_error(url, answer):
                raise wrong
            if answer.ok and not _is_chat(answer):
                raise self._address.wrong_address(url, "it answered with something else")
        return names or []

    async def _ask(self, method: str, url: str, body: bytes | None = None) -> HttpResponse:
        headers = {**self._headers(), "Accept": "application/json"}
        return await self._http.call(
            method,
            url,
            headers=headers,
            body=body,
            max_bytes=self._limits.list_bytes,
            seconds=ASKING_SECONDS,
            idle_seconds=ASKING_SECONDS,
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if self._bill_to:
            headers["X-HF-Bill-To"] = self._bill_to
        return headers


class _Clock:
    """What one answer has left of its three limits: in all, until the model begins, and between two pieces."""

    def __init__(self, limits: ChatLimits) -> None:
        self._limits = limits
        self._began = asyncio.get_running_loop().time()

    async def wait(self, work: Awaitable[T], answer: Reading | None = None) -> T:
        """The work's result. Raises TimedOut, with what the operator may set, where it takes longer than is left."""
        seconds, error = self._left(answer)
        try:
            async with asyncio.timeout(seconds) as scope:
                return await work
        except TimeoutError:
            if scope.expired():
                raise error from None
            raise

    def _left(self, answer: Reading | None) -> tuple[float, TimedOut]:
        limits, passed = self._limits, asyncio.get_running_loop().time() - self._began
        options = [
            (
                limits.total_seconds - passed,
                "The answer took longer than {} in all",
                "CHAT_SECONDS",
                limits.total_seconds,
            )
        ]
        if answer is not None and answer.finished:
            options.append((AFTER_END_SECONDS, "The answer did not end within {}", "CHAT_SECONDS", AFTER_END_SECONDS))
        elif answer is not None and answer.alive:
            seconds = limits.silence_seconds
            options.append((seconds, "The model said nothing more for {}", "CHAT_SILENCE_SECONDS", seconds))
        else:
            seconds = limits.first_token_seconds
            words = "The model did not begin its answer within {}"
            options.append((seconds - passed, words, "CHAT_FIRST_TOKEN_SECONDS", seconds))
        left, words, setting, allowed = min(options)
        sentence = words.format(f"{allowed:g} seconds")
        return max(left, 0.0), TimedOut(f"{sentence}. For the operator: {setting} allows more.")


def body(request: ChatRequest, model: str, without: frozenset[str] = frozenset()) -> bytes:
    """The JSON to POST, without what the server refuses. `model` comes first: the router reads it from the first bytes."""
    model = request.model or model
    turns = alternating(request.turns)
    turns = merge_system_turn(turns) if SYSTEM in without else turns
    streamed: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    if STREAM in without:
        streamed = {}
    elif STREAM_OPTIONS in without:
        streamed.pop(STREAM_OPTIONS)
    messages = [{"role": turn.role, "content": turn.text} for turn in turns]
    return msgspec.json.encode({**({"model": model} if model else {}), "messages": messages, **streamed})


def open_chat(config: Config) -> OpenAIChat:
    """The assistant's service: one of the operator's own, or Hugging Face's router."""
    limits = ChatLimits(
        total_seconds=config.chat_seconds,
        first_token_seconds=config.chat_first_token_seconds,
        silence_seconds=config.chat_silence_seconds,
    )
    if config.chat_base_url:
        host = urlsplit(config.chat_base_url).hostname or ""
        return OpenAIChat(config.chat_base_url, config.chat_api_key, config.chat_model, host, limits=limits)
    return OpenAIChat(
        f"{config.hf_router_url.rstrip('/')}/v1",
        config.huggingface_api_key,
        config.chat_model or DEFAULT_MODEL,
        "Hugging Face",
        bill_to=config.hf_bill_to,
        limits=limits,
        address=ROUTER,
    )


def _conceded(error: ProviderError, without: frozenset[str]) -> frozenset[str]:
    """What to leave out at the next try, after an error before the first word; nothing where that would not help."""
    if isinstance(error, WrongAddress) or error.service_status not in {None, 400, 404, 415, 422, 500, 501}:
        return frozenset()
    named = _named(error) - without
    if named:
        return named
    if (
        error.service_status in {400, 422}
        and type(error) is BadParameters
        and not _FOR_GOOD.search(error.service_message)
    ):
        # It does not say what it minds, so it is asked for no more than every server takes.
        return frozenset({SYSTEM, STREAM_OPTIONS}) - without
    return frozenset()


def _named(error: ProviderError) -> frozenset[str]:
    said = error.service_message
    return frozenset(
        name
        for name, found in (
            (STREAM_OPTIONS, STREAM_OPTIONS in said or "include_usage" in said),
            (SYSTEM, bool(_NO_SYSTEM.search(said))),
            (STREAM, bool(refused_parameters(error, [STREAM]) or _NO_STREAM.search(said))),
        )
        if found
    )


def _names(document: Any) -> list[str] | None:
    """The names in a list of models, None where the document is none."""
    match document:
        case {"data": [*models]} | {"models": [*models]} | [*models]:
            named = [model.get("id") or model.get("name") for model in models if isinstance(model, Mapping)]
            return [name for name in named if isinstance(name, str)]
    return None


def _is_chat(answer: HttpResponse) -> bool:
    document = answer.json()
    named = isinstance(document, Mapping) and any(document.get(name) for name in ("choices", "error", "message"))
    return named or answer.body.lstrip().startswith((b"data:", b"event:", b":"))


@contextlib.contextmanager
def _about_the_assistant(address: ServiceUrl, url: str, key: str) -> Iterator[None]:
    """The same faults, in words about the assistant instead of pictures, without the key that a service may repeat."""
    try:
        with translated_errors():
            yield
    except ProviderError as error:
        told = address.explain(url, error)
        reworded = type(told)(without_secrets(_reworded(told), [key]), retry_after=error.retry_after)
        reworded.service_message, reworded.service_status = (
            without_secrets(told.service_message, [key]),
            error.service_status,
        )
        raise reworded from error


# Where the sentence about pictures does not fit even with another subject.
_WORDS: dict[type[ProviderError], str] = {
    BadParameters: "The assistant's service does not take this conversation. Please try a shorter one.",
    NoPermission: "This server's key may not use the assistant's service. The operator has to allow it.",
    Truncated: "The answer stopped before its end.",
}


def _reworded(error: ProviderError) -> str:
    said = error.message.partition(" It said: ")[2]
    sentence = _WORDS.get(type(error))
    if sentence:
        return f"{sentence} It said: {said}" if said else sentence
    return re.sub(r"\b([Tt])he picture service", r"\1he assistant's service", error.message)
