"""One run on its way to the service, and the call that every adapter begins with: started, loading, being made."""

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog

from chatserver.errors import ModelLoadingTooLong, ProviderError
from chatserver.providers import numbers
from chatserver.providers.base import Finished, Loading, ProviderRequest, Rendering, Step
from chatserver.providers.error_responses import error_from, error_from_text, message_in
from chatserver.providers.http import Answer, Deadline, too_large
from chatserver.providers.huggingface.client import Client, successful
from chatserver.providers.huggingface.mapping import Route
from chatserver.providers.huggingface.results import Results
from chatserver.providers.parameter_fallbacks import refused_parameters
from chatserver.providers.service_urls import ServiceUrl

log = structlog.get_logger(__name__)

# Fields without which a request is not the one that was meant; every other may be left out where a server refuses it.
_ESSENTIAL = {
    *("prompt", "inputs", "input", "parameters", "model", "version", "target_size"),
    *("image", "images", "image_url", "image_urls", "input_image", "input_images", "reference_images"),
}


@dataclass(frozen=True)
class Form:
    """A request as a form: its fields, and the picture to vary. Spent when it was sent, so each try makes its own."""

    fields: Mapping[str, Any]
    picture: bytes | None

    def data(self, without: frozenset[str]) -> aiohttp.FormData:
        data = aiohttp.FormData()
        for name, value in _pruned(self.fields, without).items():
            data.add_field(name, str(value))
        data.add_field("image", self.picture, filename="source.png", content_type="image/png")
        return data


# What is POSTed: a JSON object, or a form.
Body = Mapping[str, Any] | Form


@dataclass(frozen=True)
class Job:
    """What an adapter needs for one run. `base` is the provider's address without a slash at its end."""

    client: Client
    results: Results
    route: Route
    request: ProviderRequest
    base: str
    deadline: Deadline
    # A self-hosted server that is scaled to zero answers 503 without saying what it waits for.
    self_hosted: bool = False
    # None is the operator's Hugging Face token; empty is none at all.
    token: str | None = None
    # The setting of a self-hosted server's address, to say what is wrong with it.
    address: ServiceUrl | None = None

    @property
    def cap(self) -> int:
        """The bytes that the finished file may have."""
        limits = self.client.limits
        return limits.video_bytes if self.request.kind == "video" else limits.image_bytes

    @property
    def coded_cap(self) -> int:
        """The bytes that the file may have inside JSON: base64 needs four for three."""
        return self.cap * 4 // 3 + self.client.limits.json_bytes

    def finished(self, data: bytes, seed: int | None = None) -> Finished:
        """The last step, with who really made it. Raises BadBytes for a file that is larger than we take."""
        if len(data) > self.cap:
            raise too_large(self.cap)
        maker = f"huggingface · {self.route.provider}" if not self.self_hosted else "self-hosted"
        seed = self.request.recipe.seed if seed is None else seed
        return Finished(data=data, model=self.route.model, provider=maker, seed=seed)

    async def queued(self, url: str, body: Body) -> AsyncGenerator[Step | Answer, None]:
        """POSTs work that the service only takes in. `Loading` while the model loads, then the successful Answer."""
        loading = _LoadingBudget(self.client.limits.loading_seconds)
        while True:
            answer = await self._make(url, body, {}, self.client.limits.json_bytes)
            if self._concedes(url, body, answer):
                continue
            wait = loading_seconds(answer, any_503=self.self_hosted)
            if wait is None:
                yield self._successful(url, answer)
                return
            yield loading.step(wait)
            await self.deadline.sleep(self._pause(wait))

    async def made(self, url: str, body: Body, headers: Mapping[str, str]) -> AsyncGenerator[Step | Answer, None]:
        """POSTs work that is done while the call is held. Steps as they happen, then the successful Answer."""
        loading = _LoadingBudget(self.client.limits.loading_seconds)
        while True:
            task = asyncio.ensure_future(self._make(url, body, headers, self.coded_cap))
            try:
                # What loads or refuses says so at once; a call that is kept is being worked on.
                await asyncio.wait({task}, timeout=self.client.limits.patience)
                if not task.done():
                    yield Rendering()
                answer = await task
            finally:
                # Closed in the middle: the connection closes with the call, which is all the cancel there is.
                task.cancel()
            if self._concedes(url, body, answer):
                continue
            wait = loading_seconds(answer, any_503=self.self_hosted)
            if wait is None:
                break
            yield loading.step(wait)
            await self.deadline.sleep(self._pause(wait))
        self._successful(url, answer)
        yield Rendering()
        yield answer

    async def _make(self, url: str, body: Body, headers: Mapping[str, str], cap: int) -> Answer:
        without = self.client.fallbacks.unsupported(self._server(url))
        sent = body.data(without) if isinstance(body, Form) else _pruned(body, without)
        headers = {**self.client.headers(self.token), **headers}
        return await self.client.make(url, sent, headers=headers, cap=cap, deadline=self.deadline)

    def _concedes(self, url: str, body: Body, answer: Answer) -> bool:
        """Whether this answer refuses fields without which it is worth to ask at once again; then they are left out."""
        without = self.client.fallbacks.unsupported(self._server(url))
        fields = body.fields if isinstance(body, Form) else body
        if answer.ok and not _is_error(answer):
            return False
        more = refused_parameters(_refusal(answer), _optional(fields) - without)
        if not more:
            return False
        log.info("provider.field_left_out", fields=sorted(more), model=self.route.model, provider=self.route.provider)
        self.client.fallbacks.remember(self._server(url), without | more)
        return True

    def _server(self, url: str) -> tuple[str, str]:
        return url, self.route.model

    def _successful(self, url: str, answer: Answer) -> Answer:
        wrong = self.address.protocol_error(url, answer) if self.address else None
        if wrong is not None:
            raise wrong
        return successful(answer)

    def _pause(self, wait: float) -> float:
        longest = self.client.limits.loading_pause
        return longest if math.isnan(wait) else min(max(wait, longest / 5), longest)


def _pruned(body: Mapping[str, Any], without: frozenset[str]) -> dict[str, Any]:
    """The body without fields of these names, however deep."""
    return {
        name: _pruned(value, without) if isinstance(value, Mapping) else value
        for name, value in body.items()
        if name not in without
    }


def _optional(body: Mapping[str, Any]) -> frozenset[str]:
    inside = [_optional(value) for value in body.values() if isinstance(value, Mapping)]
    return frozenset(body).union(*inside) - _ESSENTIAL


def _is_error(answer: Answer) -> bool:
    document = answer.json() if answer.body[:1] == b"{" and len(answer.body) < 64 * 1024 else None
    return isinstance(document, Mapping) and bool(document.get("error") or document.get("detail"))


def _refusal(answer: Answer) -> ProviderError:
    return error_from_text(message_in(answer.json())) if answer.ok else error_from(answer)


class _LoadingBudget:
    """How long a model may load within one run, from its first word that it does."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: float | None = None

    def step(self, wait: float) -> Loading:
        """The step to show for a model that loads for `wait` seconds more. Raises ModelLoadingTooLong."""
        now = asyncio.get_running_loop().time()
        self._ends = now + self._seconds if self._ends is None else self._ends
        if now >= self._ends:
            raise ModelLoadingTooLong
        return Loading(None if math.isnan(wait) else wait)


def loading_seconds(answer: Answer, *, any_503: bool = False) -> float | None:
    """Seconds that the model still loads, NaN where it loads for an unknown time, None where it does not load.

    `{"error": "Model … is currently loading", "estimated_time": 20.0}`; the number may be absent or nonsense.
    """
    if answer.status != 503:
        return None
    document = answer.json()
    document = document if isinstance(document, dict) else {}
    if not (any_503 or "estimated_time" in document or "loading" in message_in(document).lower()):
        return None
    seconds = numbers.seconds(document.get("estimated_time"))
    return math.nan if seconds is None else seconds


def parameters(request: ProviderRequest) -> dict[str, Any]:
    """The settings under the names of Hugging Face's task schema; absent where the request leaves them open."""
    size = {} if request.kind == "video" else {"width": request.recipe.width, "height": request.recipe.height}
    settings = {
        "negative_prompt": request.recipe.negative_prompt,
        **size,
        "num_inference_steps": request.recipe.steps,
        "guidance_scale": request.recipe.guidance,
        "seed": request.recipe.seed,
    }
    return {name: value for name, value in settings.items() if value is not None}
