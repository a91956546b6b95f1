"""One run at a service, and the request that every adapter begins with: submitted or held, while the model loads."""

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog

from chatserver.errors import ModelLoadingTooLong, ProviderError
from chatserver.providers import reported_numbers
from chatserver.providers.base import Finished, Loading, ProviderRequest, ProviderUpdate, Rendering
from chatserver.providers.error_responses import error_from, error_from_text, message_in
from chatserver.providers.http import Deadline, HttpResponse, too_large
from chatserver.providers.huggingface.client import ApiClient, successful
from chatserver.providers.huggingface.mapping import Route
from chatserver.providers.huggingface.result_download import ResultDownloader
from chatserver.providers.parameter_fallbacks import refused_parameters
from chatserver.providers.service_urls import ServiceUrl

log = structlog.get_logger(__name__)

# Fields that change the meaning of a request; all others may be left out where a server refuses them.
_ESSENTIAL = {
    *("prompt", "inputs", "input", "parameters", "model", "version", "target_size"),
    *("image", "images", "image_url", "image_urls", "input_image", "input_images", "reference_images"),
}


@dataclass(frozen=True)
class MultipartForm:
    """A multipart request: its fields, and the picture to vary."""

    fields: Mapping[str, Any]
    picture: bytes | None

    def data(self, without: frozenset[str]) -> aiohttp.FormData:
        """The form without these fields. A FormData can be sent only once, so each try needs its own."""
        data = aiohttp.FormData()
        for name, value in _pruned(self.fields, without).items():
            data.add_field(name, str(value))
        if self.picture is not None:
            kind = media_type(self.picture)
            data.add_field("image", self.picture, filename=f"source.{kind.split('/')[1]}", content_type=kind)
        return data


# The body of a POST: a JSON object, or a form.
Body = Mapping[str, Any] | MultipartForm


@dataclass(frozen=True)
class InferenceCall:
    """What an adapter needs for one run. `base` is the provider's base URL without a slash at its end."""

    client: ApiClient
    results: ResultDownloader
    route: Route
    request: ProviderRequest
    base: str
    deadline: Deadline
    # A self-hosted server that is scaled to zero answers 503 without a reason.
    self_hosted: bool = False
    # None is the operator's Hugging Face token; empty is no token.
    token: str | None = None
    # The setting of a self-hosted server's URL, for errors about it.
    address: ServiceUrl | None = None

    @property
    def max_file_bytes(self) -> int:
        """The maximum size of the finished file in bytes."""
        limits = self.client.limits
        return limits.video_bytes if self.request.kind == "video" else limits.image_bytes

    @property
    def max_json_bytes(self) -> int:
        """The maximum size of a JSON response with the file in base64, which takes four bytes for three."""
        return self.max_file_bytes * 4 // 3 + self.client.limits.json_bytes

    def finished(self, data: bytes, seed: int | None = None) -> Finished:
        """The last update, with the provider that made the file. Raises BadBytes for a file that is too large."""
        if len(data) > self.max_file_bytes:
            raise too_large(self.max_file_bytes)
        provider = f"huggingface · {self.route.provider}" if not self.self_hosted else "self-hosted"
        seed = self.request.recipe.seed if seed is None else seed
        return Finished(data=data, model=self.route.model, provider=provider, seed=seed)

    async def submit(self, url: str, body: Body) -> AsyncGenerator[ProviderUpdate | HttpResponse, None]:
        """POSTs work that the service only accepts. Yields `Loading` while the model loads, then the successful response."""
        loading = _LoadingTimer(self.client.limits.loading_seconds)
        while True:
            answer = await self._post(url, body, {}, self.client.limits.json_bytes)
            if self._drops_parameters(url, body, answer):
                continue
            wait = loading_seconds(answer, any_503=self.self_hosted)
            if wait is None:
                yield self._successful(url, answer)
                return
            yield loading.update(wait)
            await self.deadline.sleep(self._pause(wait))

    async def run(
        self, url: str, body: Body, headers: Mapping[str, str]
    ) -> AsyncGenerator[ProviderUpdate | HttpResponse, None]:
        """POSTs work that is done while the request is held. Yields updates as they happen, then the response."""
        loading = _LoadingTimer(self.client.limits.loading_seconds)
        while True:
            task = asyncio.ensure_future(self._post(url, body, headers, self.max_json_bytes))
            try:
                # A loading model or a refusal is answered at once; a held request is being worked on.
                await asyncio.wait({task}, timeout=self.client.limits.held_call_seconds)
                if not task.done():
                    yield Rendering()
                answer = await task
            finally:
                # If this generator is closed, closing the connection is the only way to cancel.
                task.cancel()
            if self._drops_parameters(url, body, answer):
                continue
            wait = loading_seconds(answer, any_503=self.self_hosted)
            if wait is None:
                break
            yield loading.update(wait)
            await self.deadline.sleep(self._pause(wait))
        self._successful(url, answer)
        yield Rendering()
        yield answer

    async def _post(self, url: str, body: Body, headers: Mapping[str, str], max_bytes: int) -> HttpResponse:
        without = self.client.fallbacks.unsupported(self._fallback_key(url))
        sent = body.data(without) if isinstance(body, MultipartForm) else _pruned(body, without)
        headers = {**self.client.headers(self.token), **headers}
        return await self.client.post(url, sent, headers=headers, max_bytes=max_bytes, deadline=self.deadline)

    def _drops_parameters(self, url: str, body: Body, answer: HttpResponse) -> bool:
        """Whether this response refuses optional fields; they are then left out, and the request can be repeated at once."""
        without = self.client.fallbacks.unsupported(self._fallback_key(url))
        fields = body.fields if isinstance(body, MultipartForm) else body
        if answer.ok and not _is_error(answer):
            return False
        more = refused_parameters(_refusal(answer), _optional(fields) - without)
        if not more:
            return False
        log.info(
            "provider.parameter_dropped", fields=sorted(more), model=self.route.model, provider=self.route.provider
        )
        self.client.fallbacks.remember(self._fallback_key(url), without | more)
        return True

    def _fallback_key(self, url: str) -> tuple[str, str]:
        return url, self.route.model

    def _successful(self, url: str, answer: HttpResponse) -> HttpResponse:
        wrong = self.address.protocol_error(url, answer) if self.address else None
        if wrong is not None:
            raise wrong
        return successful(answer)

    def _pause(self, wait: float) -> float:
        longest = self.client.limits.loading_poll_seconds
        return longest if math.isnan(wait) else min(max(wait, longest / 5), longest)


def _pruned(body: Mapping[str, Any], without: frozenset[str]) -> dict[str, Any]:
    """The body without fields of these names, at any depth."""
    return {
        name: _pruned(value, without) if isinstance(value, Mapping) else value
        for name, value in body.items()
        if name not in without
    }


def _optional(body: Mapping[str, Any]) -> frozenset[str]:
    inside = [_optional(value) for value in body.values() if isinstance(value, Mapping)]
    return frozenset(body).union(*inside) - _ESSENTIAL


def _is_error(answer: HttpResponse) -> bool:
    document = answer.json() if answer.body[:1] == b"{" and len(answer.body) < 64 * 1024 else None
    return isinstance(document, Mapping) and bool(document.get("error") or document.get("detail"))


def _refusal(answer: HttpResponse) -> ProviderError:
    return error_from_text(message_in(answer.json())) if answer.ok else error_from(answer)


class _LoadingTimer:
    """Limits how long a model may load within one run, from the first response that says so."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: float | None = None

    def update(self, wait: float) -> Loading:
        """The update for a model that loads for `wait` seconds more (NaN: unknown). Raises ModelLoadingTooLong."""
        now = asyncio.get_running_loop().time()
        self._ends = now + self._seconds if self._ends is None else self._ends
        if now >= self._ends:
            raise ModelLoadingTooLong
        return Loading(None if math.isnan(wait) else wait)


def loading_seconds(answer: HttpResponse, *, any_503: bool = False) -> float | None:
    """Seconds until the model is loaded: NaN where unknown, None where it is not loading.

    `{"error": "Model … is currently loading", "estimated_time": 20.0}`; the number may be absent or invalid.
    """
    if answer.status != 503:
        return None
    document = answer.json()
    document = document if isinstance(document, dict) else {}
    if not (any_503 or "estimated_time" in document or "loading" in message_in(document).lower()):
        return None
    seconds = reported_numbers.seconds(document.get("estimated_time"))
    return math.nan if seconds is None else seconds


def media_type(picture: bytes) -> str:
    """The media type of a verified picture."""
    if picture.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if picture[8:12] == b"WEBP" else "image/png"


def parameters(request: ProviderRequest) -> dict[str, Any]:
    """The settings under the names of Hugging Face's task schema, without those that the request leaves open."""
    size = {} if request.kind == "video" else {"width": request.recipe.width, "height": request.recipe.height}
    settings = {
        "negative_prompt": request.recipe.styled_negative_prompt,
        **size,
        "num_inference_steps": request.recipe.steps,
        "guidance_scale": request.recipe.guidance,
        "seed": request.recipe.seed,
        "strength": request.recipe.strength,
    }
    return {name: value for name, value in settings.items() if value is not None}
