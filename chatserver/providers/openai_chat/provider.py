"""The provider of the assistant's answers: requests to `base`/chat/completions, repeated in other forms where refused.

An answer has ended when the service says so, with `[DONE]` or a `finish_reason`; a stream that only stops is Truncated. An
optional parameter that the server refuses is left out at the next try, a base URL without `/v1` is tried with it, and both
are remembered.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from chatserver.config import Config
from chatserver.errors import ProviderError, TimedOut, Truncated, WrongAddress
from chatserver.providers import service_urls
from chatserver.providers.base import ChatChunk, ChatRequest
from chatserver.providers.error_responses import error_from
from chatserver.providers.http import HttpClient, HttpResponse, chunks, read, too_large
from chatserver.providers.openai_chat.answer import AnswerReader
from chatserver.providers.openai_chat.error_messages import assistant_errors
from chatserver.providers.openai_chat.request_body import body, named_parts, unsupported_parts
from chatserver.providers.openai_chat.sse import EventStream
from chatserver.providers.openai_chat.timeouts import AnswerTimer, ChatLimits
from chatserver.providers.parameter_fallbacks import MAX_TRIES, ParameterFallbacks
from chatserver.providers.service_urls import ServiceUrl
from chatserver.runtime.loop_turn import LoopTurn

# Served by several providers, and free to use (Apache-2.0).
DEFAULT_MODEL = "openai/gpt-oss-20b"
# A query of the served models is answered at once or not at all.
QUERY_SECONDS = 15.0

# The paths of calls, which people copy together with the base URL.
CALLS = ("/chat/completions", "/completions", "/models", "/api/chat", "/api/generate", "/api/tags")
OWN = ServiceUrl("CHAT_BASE_URL", "the chat protocol of OpenAI", "http://127.0.0.1:11434/v1", key="CHAT_API_KEY")
ROUTER = ServiceUrl("HF_ROUTER_URL", "the chat protocol of OpenAI", Config.hf_router_url, own=False)

log = structlog.get_logger(__name__)


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
        # Models that omit the opening tag of their reasoning.
        self._without_opening_tag = ParameterFallbacks()

    def model(self) -> str:
        """The model used when a request names none."""
        return self._model

    async def reply(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """Text as it arrives, then Usage where it is counted. Raises ProviderError; closing it closes the connection."""
        timer = AnswerTimer(self._limits)
        with assistant_errors(self._address, self._bases[0], self._key):
            async with contextlib.aclosing(self._with_base_urls(request, timer)) as answer_chunks:
                async for chunk in answer_chunks:
                    yield chunk

    async def models(self) -> list[str]:
        """The models that the service lists (empty where it has no list), for the doctor.

        Raises WrongAddress where no server speaks the protocol there.
        """
        with assistant_errors(self._address, self._bases[0], self._key):
            errors = []
            for base in self._bases:
                try:
                    names = await self._models_at(base)
                except WrongAddress as error:
                    errors.append(error)
                else:
                    self._use_base(base)
                    return names
            raise errors[0]

    @property
    def base(self) -> str:
        """The base URL in use, without credentials; another than the configured one where only that answers."""
        return service_urls.without_credentials(self._bases[0])

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    # Base URLs -----------------------------------------------------------------------------------------------------

    async def _with_base_urls(self, request: ChatRequest, timer: AnswerTimer) -> AsyncGenerator[ChatChunk, None]:
        first: ProviderError | None = None
        for base in self._bases:
            try:
                async with contextlib.aclosing(self._with_fallbacks(base, request, timer)) as answer_chunks:
                    async for chunk in answer_chunks:
                        self._use_base(base)
                        yield chunk
                return
            except ProviderError as error:
                # An error from a guessed base URL counts only if it has a message of the service.
                if not isinstance(error, WrongAddress) and (first is None or error.service_message):
                    raise
                first = first or error
        assert first is not None
        raise first

    def _use_base(self, base: str) -> None:
        """Uses the base URL that has answered first from now on."""
        if self._bases[0] != base:
            log.warning(
                "chat.base_url_corrected",
                base_url=service_urls.without_credentials(base),
                setting=self._address.setting,
            )
            self._bases = (base, *(other for other in self._bases if other != base))

    # Parameters ----------------------------------------------------------------------------------------------------

    async def _with_fallbacks(
        self, base: str, request: ChatRequest, timer: AnswerTimer
    ) -> AsyncGenerator[ChatChunk, None]:
        """The answer to a request without the parameters that this server refuses."""
        key = (base, request.model or self._model)
        without, guessed = self._fallbacks.unsupported(key), None
        for _ in range(MAX_TRIES):
            started = False
            try:
                async with contextlib.aclosing(self._attempt(base, request, without, timer)) as answer_chunks:
                    async for chunk in answer_chunks:
                        if not started:
                            self._fallbacks.remember(key, without)
                        started = True
                        yield chunk
                return
            except ProviderError as error:
                more = frozenset() if started else unsupported_parts(error, without)
                if not more:
                    raise guessed or error from error
                if not named_parts(error):
                    guessed = error
                without |= more
        raise ProviderError

    async def _attempt(
        self, base: str, request: ChatRequest, without: frozenset[str], timer: AnswerTimer
    ) -> AsyncGenerator[ChatChunk, None]:
        url = service_urls.join(base, "/chat/completions")
        async with contextlib.AsyncExitStack() as stack:
            opening = self._http.open(
                "POST", url, self._headers(), body(request, self._model, without), self._limits.total_seconds
            )
            response = await timer.limit(stack.enter_async_context(opening))
            if response.status != 200:
                content = await timer.limit(read(response, self._limits.error_bytes))
                answer = HttpResponse(response.status, response.headers, content)
                raise self._address.protocol_error(url, answer) or error_from(answer)
            async with contextlib.aclosing(self._chunks_of(url, request, response, timer)) as answer_chunks:
                async for chunk in answer_chunks:
                    yield chunk

    async def _chunks_of(
        self, url: str, request: ChatRequest, response: aiohttp.ClientResponse, timer: AnswerTimer
    ) -> AsyncGenerator[ChatChunk, None]:
        model = request.model or self._model
        stream, answer = EventStream(), AnswerReader(reasoning_first=bool(self._without_opening_tag.unsupported(model)))
        turn = LoopTurn()
        async with contextlib.aclosing(self._body(response, answer, timer)) as arriving:
            async for received in arriving:
                # What a gateway has held back comes at once: some thousand events, without a wait between them.
                for event in stream.feed(received):
                    for chunk in answer.feed(event):
                        yield chunk
                        await turn.share()
                    await turn.share()
                await turn.share()
                if answer.ended:
                    break
        for event in stream.end() if not answer.ended else ():
            for chunk in answer.feed(event):
                yield chunk
                await turn.share()
        try:
            for chunk in answer.end():
                yield chunk
            if answer.reasoning.retracted:
                self._without_opening_tag.remember(model, frozenset({"tag"}))
            elif not answer.reasoning.found:
                self._without_opening_tag.forget(model)
        except WrongAddress:
            page = service_urls.is_html(stream.unparsed.encode())
            raise self._address.wrong_address(
                url, f"it answered with {'a web page' if page else 'something else'}"
            ) from None

    async def _body(
        self, response: aiohttp.ClientResponse, answer: AnswerReader, timer: AnswerTimer
    ) -> AsyncGenerator[bytes, None]:
        """The body as it arrives. Raises Truncated where it breaks off before the answer has ended."""
        arriving, size = chunks(response), 0
        while True:
            try:
                chunk = await timer.limit(anext(arriving, None), answer)
            except (TimedOut, aiohttp.ClientError, OSError) as error:
                if answer.finished:
                    return
                if isinstance(error, TimedOut | TimeoutError):
                    raise
                raise Truncated from error
            if chunk is None:
                return
            size += len(chunk)
            if size > self._limits.stream_bytes:
                raise too_large(self._limits.stream_bytes)
            yield chunk

    # Queries -------------------------------------------------------------------------------------------------------

    async def _models_at(self, base: str) -> list[str]:
        answer = await self._query("GET", url := service_urls.join(base, "/models"))
        if answer.status in {401, 403} or answer.status >= 500:
            raise self._address.protocol_error(url, answer) or error_from(answer)
        names = _model_names(answer.json()) if answer.ok else None
        if names is None:
            # Some servers have no list. A request without messages costs nothing, and a chat server answers with an error.
            answer = await self._query("POST", url := service_urls.join(base, "/chat/completions"), b'{"messages":[]}')
            if wrong := self._address.protocol_error(url, answer):
                raise wrong
            if answer.ok and not _is_chat(answer):
                raise self._address.wrong_address(url, "it answered with something else")
        return names or []

    async def _query(self, method: str, url: str, body: bytes | None = None) -> HttpResponse:
        headers = {**self._headers(), "Accept": "application/json"}
        return await self._http.call(
            method,
            url,
            headers=headers,
            body=body,
            max_bytes=self._limits.list_bytes,
            seconds=QUERY_SECONDS,
            idle_seconds=QUERY_SECONDS,
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if self._bill_to:
            headers["X-HF-Bill-To"] = self._bill_to
        return headers


def open_chat(config: Config) -> OpenAIChat:
    """The configured chat service: the operator's (CHAT_BASE_URL), or Hugging Face's router."""
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


def _model_names(document: Any) -> list[str] | None:
    """The names in a list of models; None where the document is no such list."""
    match document:
        case {"data": [*models]} | {"models": [*models]} | [*models]:
            named = [model.get("id") or model.get("name") for model in models if isinstance(model, Mapping)]
            return [name for name in named if isinstance(name, str)]
    return None


def _is_chat(answer: HttpResponse) -> bool:
    document = answer.json()
    named = isinstance(document, Mapping) and any(document.get(name) for name in ("choices", "error", "message"))
    return named or answer.body.lstrip().startswith((b"data:", b"event:", b":"))
