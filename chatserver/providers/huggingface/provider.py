"""The provider `huggingface`: finds the route of each request and runs it with the route's adapter."""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Iterator
from urllib.parse import urlsplit

from chatserver.config import Config
from chatserver.errors import BadBytes, BadParameters, InvalidToken, ModelGone, ProviderError
from chatserver.providers import service_urls
from chatserver.providers.base import Kind, ProviderRequest, ProviderUpdate
from chatserver.providers.error_responses import error_from
from chatserver.providers.http import Deadline, HttpClient, HttpResponse
from chatserver.providers.huggingface import token_identity
from chatserver.providers.huggingface.adapters import PROTOCOLS, SELF_HOSTED, SERVES, RunProtocol, openai_images
from chatserver.providers.huggingface.client import HUB, ApiClient, HuggingFaceLimits
from chatserver.providers.huggingface.inference_call import InferenceCall
from chatserver.providers.huggingface.mapping import ProviderMappings, Route, Task
from chatserver.providers.huggingface.result_download import ResultDownloader
from chatserver.providers.huggingface.token_identity import TokenIdentity
from chatserver.providers.recipe import Change
from chatserver.providers.redaction import without_secrets
from chatserver.providers.service_urls import ServiceUrl

ROUTER = ServiceUrl("HF_ROUTER_URL", "HTTP as the router of Hugging Face does", Config.hf_router_url, own=False)
_EXAMPLES = {"hf-bytes": "http://gpu.lan:5000", "openai-images": "http://gpu.lan:8000/v1"}
# The value of IMAGE_EDIT_MODEL where pictures are not changed.
NO_MODEL = "none"
# What a model is called where the operator named none for their server; that server is then not told which.
UNNAMED_MODEL = "self-hosted"
# Hugging Face's own hosting. The token is sent to no other self-hosted server.
ENDPOINTS_HOST = ".endpoints.huggingface.cloud"


class HuggingFace:
    """Pictures and clips through Hugging Face's router, or pictures from a self-hosted server (IMAGE_BASE_URL)."""

    name = "huggingface"
    label = "Hugging Face"
    redraws = False

    def __init__(self, config: Config, *, limits: HuggingFaceLimits | None = None) -> None:
        self._config = config
        self._limits = limits or _limits(config)
        self._http = HttpClient()
        self._client = ApiClient(config, self._http, self._limits)
        self._results = ResultDownloader(_result_hosts(config), self._limits)
        self._mappings = ProviderMappings(self._client, config.hf_endpoint, config.hf_provider, SERVES)

    def supports(self, kind: Kind, change: Change | None = None) -> bool:
        """Clips need the router, pictures and changes to them the router or a self-hosted server."""
        if change is not None:
            return kind == "image" and self._supports_changes()
        if kind == "image" and self._config.image_base_url:
            return True
        return bool(self._config.huggingface_api_key and (kind == "image" or self._config.video_model))

    def _supports_changes(self) -> bool:
        config = self._config
        if config.image_edit_model == NO_MODEL:
            return False
        if not config.image_base_url:
            return bool(config.huggingface_api_key)
        # OpenAI's API has edits; a server with one picture model at one address changes pictures where the operator says so.
        return config.image_protocol == "openai-images" or self._edit_model_is_chosen()

    def _edit_model_is_chosen(self) -> bool:
        chosen = self._config.image_edit_model
        return chosen != Config.image_edit_model or chosen == self._config.image_model

    def model(self, kind: Kind, change: Change | None = None) -> str:
        """The hub id of the model; UNNAMED_MODEL where the operator named none for their server."""
        if kind == "video":
            return self._config.video_model
        if change is not None:
            return self._edit_model()
        return self._self_hosted_model() if self._config.image_base_url else self._config.image_model

    def _edit_model(self) -> str:
        if self._config.image_base_url and not self._edit_model_is_chosen():
            return self._self_hosted_model()
        return self._config.image_edit_model

    async def generate(self, request: ProviderRequest) -> AsyncGenerator[ProviderUpdate, None]:
        """The updates of one run. Raises ProviderError. Closing it stops the work as far as the service allows."""
        limits = self._limits
        deadline = Deadline(limits.video_seconds if request.kind == "video" else limits.image_seconds)
        if request.kind == "image" and self._config.image_base_url:
            call, run_protocol = self._self_hosted(request, deadline)
        else:
            with self._translated_errors(HUB, self._config.hf_endpoint):
                call, run_protocol = await self._routed(request, deadline)
        try:
            with self._translated_errors(call.address or ROUTER, call.base):
                async with contextlib.aclosing(run_protocol(call)) as run:
                    async for update in run:
                        yield update
        except (ModelGone, BadParameters, BadBytes) as error:
            if not isinstance(error, BadBytes):
                # The cached mapping may be out of date.
                self._mappings.forget(call.route.model)
            if not isinstance(error, BadParameters) and not call.self_hosted:
                await self._check_router()
            raise

    async def identity(self) -> TokenIdentity:
        """The owner of the token and whether it may run inference, for the doctor. Raises ProviderError."""
        self._check_token()
        with self._translated_errors(HUB, self._config.hf_endpoint):
            return await token_identity.fetch(self._client, self._config.hf_endpoint)

    async def route(self, task: Task) -> Route:
        """The route of the model of a task, for the doctor. Raises ModelGone where there is none."""
        models: dict[Task, str] = {
            "text-to-image": self._config.image_model,
            "image-to-image": self._config.image_edit_model,
            "text-to-video": self._config.video_model,
        }
        with self._translated_errors(HUB, self._config.hf_endpoint):
            return await self._mappings.find(models[task], task, Deadline(self._limits.query_seconds))

    async def reach(self) -> tuple[str, int]:
        """The URL of the self-hosted server's calls and the status of one without a prompt, for the doctor.

        Raises ProviderDown where no server answers, and WrongAddress where it does not speak the protocol.
        """
        address, base = self._self_hosted_address(), self._config.image_base_url
        urls = [base]
        if self._config.image_protocol == "openai-images":
            found = service_urls.candidates(base, openai_images.CALLS, versioned=True)
            urls = [service_urls.join(root, "/images/generations") for root in found]
        with self._translated_errors(address, base):
            answers = [(url, await self._probe(url)) for url in urls]
            wrong = [address.protocol_error(url, answer) for url, answer in answers]
            for (url, answer), error in zip(answers, wrong, strict=True):
                if error is None and answer.status in {401, 403}:
                    raise error_from(answer)
                if error is None:
                    return service_urls.without_credentials(url), answer.status
            raise wrong[0] or ProviderError

    async def _probe(self, url: str) -> HttpResponse:
        """Sends an empty request, which makes no picture: a server of the protocol refuses it with an error."""
        seconds = self._limits.query_seconds
        return await self._http.call(
            "POST",
            url,
            headers={**self._client.headers(self._self_hosted_token()), "Content-Type": "application/json"},
            body=b"{}",
            max_bytes=self._limits.image_bytes,
            seconds=seconds,
            idle_seconds=seconds,
        )

    @contextlib.contextmanager
    def _translated_errors(self, address: ServiceUrl, url: str) -> Iterator[None]:
        """Errors that name the URL's setting where that is the cause, without keys that a service may have repeated."""
        try:
            yield
        except ProviderError as error:
            explained = address.explain(url, error)
            keys = [self._config.huggingface_api_key, self._config.image_api_key]
            explained.message = without_secrets(explained.message, keys)
            explained.service_message = without_secrets(explained.service_message, keys)
            raise explained from error.__cause__

    async def close(self) -> None:
        """Sends the pending cancels, then closes the connections."""
        await self._http.close()
        await self._results.close()

    async def _routed(self, request: ProviderRequest, deadline: Deadline) -> tuple[InferenceCall, RunProtocol]:
        self._check_token()
        route = await self._mappings.find(self._model_for(request), _task(request), deadline)
        base = f"{self._config.hf_router_url.rstrip('/')}/{route.provider}"
        return InferenceCall(self._client, self._results, route, request, base, deadline), PROTOCOLS[route.provider]

    async def _check_router(self) -> None:
        """Raises WrongAddress where HF_ROUTER_URL names something that is no router: a 404 is then not about the model."""
        if self._config.hf_router_url == Config.hf_router_url:
            return
        url = f"{self._config.hf_router_url.rstrip('/')}/v1/models"
        try:
            answer = await self._client.get(url)
        except ProviderError:
            return  # what the call itself has met says more
        if not (answer.ok and isinstance(answer.json(), dict | list)):
            raise ROUTER.protocol_error(url, answer) or ROUTER.wrong_address(url, "it answered with something else")

    def _self_hosted(self, request: ProviderRequest, deadline: Deadline) -> tuple[InferenceCall, RunProtocol]:
        base, model = self._config.image_base_url.rstrip("/"), self._model_for(request)
        named = "" if model == UNNAMED_MODEL else model
        route = Route("self-hosted", named, model, _task(request))
        call = InferenceCall(self._client, self._results, route, request, base, deadline)
        run_protocol = SELF_HOSTED[self._config.image_protocol]
        token, address = self._self_hosted_token(), self._self_hosted_address()
        return dataclasses.replace(call, self_hosted=True, token=token, address=address), run_protocol

    def _self_hosted_address(self) -> ServiceUrl:
        protocol = self._config.image_protocol
        key = "" if self._self_hosted_token() and not self._config.image_api_key else "IMAGE_API_KEY"
        return ServiceUrl("IMAGE_BASE_URL", f"{protocol} (IMAGE_PROTOCOL)", _EXAMPLES[protocol], key=key)

    def _model_for(self, request: ProviderRequest) -> str:
        return self.model(request.kind, None if request.source is None else request.recipe.change or "variation")

    def _self_hosted_model(self) -> str:
        # The default of IMAGE_MODEL is not the model of another server.
        chosen = self._config.image_model
        return UNNAMED_MODEL if chosen == Config.image_model else chosen

    def _self_hosted_token(self) -> str:
        host = urlsplit(self._config.image_base_url).hostname or ""
        token = self._config.huggingface_api_key if host.endswith(ENDPOINTS_HOST) else ""
        return self._config.image_api_key or token

    def _check_token(self) -> None:
        if not self._config.huggingface_api_key:
            raise InvalidToken(
                "This server has no Hugging Face token. The operator has to set one (it starts with hf_)."
            )


def _limits(config: Config) -> HuggingFaceLimits:
    return HuggingFaceLimits(
        image_seconds=config.hf_seconds,
        video_seconds=2 * config.hf_seconds,
        loading_seconds=config.hf_loading_seconds,
        generation_idle_seconds=config.hf_silence_seconds,
        query_seconds=min(HuggingFaceLimits.query_seconds, config.hf_silence_seconds),
    )


def _task(request: ProviderRequest) -> Task:
    if request.kind == "video":
        return "text-to-video"
    return "text-to-image" if request.source is None else "image-to-image"


def _result_hosts(config: Config) -> tuple[str, ...]:
    if not config.image_base_url:
        return config.hf_result_hosts
    return (*config.hf_result_hosts, *service_urls.origins(config.image_base_url))
