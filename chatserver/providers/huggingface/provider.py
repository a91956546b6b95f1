"""The provider itself: finds the route of each request and lets the route's adapter run it."""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

from chatserver.config import Config
from chatserver.errors import BadParameters, InvalidToken, ModelGone
from chatserver.providers.base import Kind, ProviderRequest, Step
from chatserver.providers.http import Deadline, Http
from chatserver.providers.huggingface.adapters import PROTOCOLS, SELF_HOSTED, SERVES, Steps
from chatserver.providers.huggingface.client import Client, Limits
from chatserver.providers.huggingface.identity import Identities, Identity
from chatserver.providers.huggingface.job import Job
from chatserver.providers.huggingface.mapping import Mappings, Route, Task
from chatserver.providers.huggingface.results import Results

# Hugging Face's own hosting, where the token belongs; to no other server is it ever sent.
ENDPOINTS_HOST = ".endpoints.huggingface.cloud"


class HuggingFace:
    """Pictures and clips through Hugging Face's router, or pictures from a self-hosted server (IMAGE_BASE_URL)."""

    name = "huggingface"
    label = "Hugging Face"

    def __init__(self, config: Config, *, limits: Limits | None = None) -> None:
        self._config = config
        self._limits = limits or _limits(config)
        self._http = Http()
        self._client = Client(config, self._http, self._limits)
        self._results = Results(_result_hosts(config), self._limits)
        self._mappings = Mappings(self._client, config.hf_endpoint, config.hf_provider, SERVES)
        self._identities = Identities(self._client, config.hf_endpoint)

    def supports(self, kind: Kind) -> bool:
        """Clips need the router; pictures the router or a server of one's own."""
        if kind == "image" and self._config.image_base_url:
            return True
        return bool(self._config.huggingface_api_key and (kind == "image" or self._config.video_model))

    def model(self, kind: Kind) -> str:
        """The hub id of the model used by default; "self-hosted" where the operator did not name the server's."""
        if kind == "video":
            return self._config.video_model
        return self._self_hosted_model() if self._config.image_base_url else self._config.image_model

    async def generate(self, request: ProviderRequest) -> AsyncGenerator[Step, None]:
        """The steps of one run. Raises ProviderError; closing it stops the work as far as the service allows."""
        limits = self._limits
        deadline = Deadline(limits.video_seconds if request.kind == "video" else limits.image_seconds)
        if request.kind == "image" and self._config.image_base_url:
            job, steps = self._self_hosted(request, deadline)
        else:
            job, steps = await self._routed(request, deadline)
        try:
            async with contextlib.aclosing(steps(job)) as run:
                async for step in run:
                    yield step
        except (ModelGone, BadParameters):
            # What the hub said some minutes ago may be what is wrong.
            self._mappings.forget(job.route.model)
            raise

    async def identity(self) -> Identity:
        """Whose token this is and whether it may infer, for the doctor. Raises ProviderError."""
        self._check_token()
        return await self._identities.whoami(self._config.huggingface_api_key)

    async def route(self, kind: Kind) -> Route:
        """Who serves the default model of a kind, for the doctor. Raises ModelGone where nobody does."""
        task: Task = "text-to-video" if kind == "video" else "text-to-image"
        return await self._mappings.find(self.model(kind), task, Deadline(self._limits.asking_seconds))

    async def reach(self) -> int:
        """The status with which the self-hosted server answers a plain GET, for the doctor. Raises ProviderDown."""
        seconds, headers = self._limits.asking_seconds, self._client.headers(self._self_hosted_token())
        answer = await self._http.call(
            "GET",
            self._config.image_base_url,
            headers=headers,
            cap=self._limits.json_bytes,
            seconds=seconds,
            silence=seconds,
        )
        return answer.status

    async def close(self) -> None:
        """Sends the cancels that are still to be sent, then gives back the connections."""
        await self._http.close()
        await self._results.close()

    async def _routed(self, request: ProviderRequest, deadline: Deadline) -> tuple[Job, Steps]:
        self._check_token()
        route = await self._mappings.find(self._model_for(request), _task(request), deadline)
        base = f"{self._config.hf_router_url.rstrip('/')}/{route.provider}"
        return Job(self._client, self._results, route, request, base, deadline), PROTOCOLS[route.provider]

    def _self_hosted(self, request: ProviderRequest, deadline: Deadline) -> tuple[Job, Steps]:
        base, model = self._config.image_base_url.rstrip("/"), self._self_hosted_model()
        named = "" if model == "self-hosted" else model
        route = Route("self-hosted", named, model, _task(request))
        job = Job(self._client, self._results, route, request, base, deadline)
        steps = SELF_HOSTED[self._config.image_protocol]
        return dataclasses.replace(job, self_hosted=True, token=self._self_hosted_token()), steps

    def _model_for(self, request: ProviderRequest) -> str:
        if request.model:
            return request.model
        if request.kind == "image" and request.source is not None:
            return self._config.image_edit_model
        return self.model(request.kind)

    def _self_hosted_model(self) -> str:
        # Left at its default, IMAGE_MODEL says nothing about what another server runs.
        chosen = self._config.image_model
        return "self-hosted" if chosen == Config.image_model else chosen

    def _self_hosted_token(self) -> str:
        host = urlsplit(self._config.image_base_url).hostname or ""
        ours = self._config.huggingface_api_key if host.endswith(ENDPOINTS_HOST) else ""
        return self._config.image_api_key or ours

    def _check_token(self) -> None:
        if not self._config.huggingface_api_key:
            raise InvalidToken(
                "This server has no Hugging Face token. The operator has to set one (it starts with hf_)."
            )


def _limits(config: Config) -> Limits:
    return Limits(
        image_seconds=config.hf_seconds,
        video_seconds=2 * config.hf_seconds,
        loading_seconds=config.hf_loading_seconds,
        making_silence=config.hf_silence_seconds,
        asking_seconds=min(Limits.asking_seconds, config.hf_silence_seconds),
    )


def _task(request: ProviderRequest) -> Task:
    if request.kind == "video":
        return "text-to-video"
    return "text-to-image" if request.source is None else "image-to-image"


def _result_hosts(config: Config) -> tuple[str, ...]:
    if not config.image_base_url:
        return config.hf_result_hosts
    parts = urlsplit(config.image_base_url)
    return (*config.hf_result_hosts, f"{parts.scheme}://{parts.netloc}")
