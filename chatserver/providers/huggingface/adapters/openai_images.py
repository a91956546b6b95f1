"""OpenAI's image API: nscale and together behind the router, and self-hosted servers such as vLLM-Omni and SGLang.

The routes are the same, the fields are not: nscale takes no steps, together has `steps` and its own name for base64, and
self-hosted servers take the parameters of diffusers besides OpenAI's.
"""

import base64
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.errors import ProviderError, WrongAddress
from chatserver.providers import service_urls
from chatserver.providers.base import ProviderRequest, ProviderUpdate
from chatserver.providers.http import HttpResponse
from chatserver.providers.huggingface.adapters.output_files import file_in_response
from chatserver.providers.huggingface.inference_call import Body, InferenceCall, MultipartForm, media_type, parameters
from chatserver.providers.huggingface.mapping import Route

# The paths of calls, which people copy together with the base URL.
CALLS = ("/images/generations", "/images/edits", "/images/variations", "/images", "/models", "/chat/completions")
HEADERS = {"Accept": "application/json"}


def body(route: Route, request: ProviderRequest) -> dict[str, Any]:
    """The JSON of `/images/generations` for this provider."""
    if route.provider == "together":
        return _for_together(route, request)
    settings = parameters(request)
    size = f"{settings.pop('width')}x{settings.pop('height')}"
    if route.provider == "nscale":
        settings.pop("num_inference_steps", None)
    common = {
        "model": route.provider_id,
        "prompt": request.recipe.styled_prompt,
        "response_format": "b64_json",
        "size": size,
    }
    return {name: value for name, value in {**common, **settings}.items() if value != ""}


def form(route: Route, request: ProviderRequest) -> MultipartForm:
    """The multipart form of `/images/edits`, for a change to a picture on a self-hosted server."""
    return MultipartForm(body(route, request), request.source)


async def updates(call: InferenceCall) -> AsyncGenerator[ProviderUpdate, None]:
    """Loading where the server says so, rendering, finished."""
    errors: list[ProviderError] = []
    for base in base_urls(call):
        try:
            async with contextlib.aclosing(_updates_at(base, call)) as run:
                async for update in run:
                    yield update
        except ProviderError as error:
            # An error from a guessed base URL counts only if it has a message of the service.
            if not isinstance(error, WrongAddress) and (not errors or error.service_message):
                raise
            errors.append(error)
        else:
            call.client.working_bases[call.base] = base
            return
    raise errors[0]


def base_urls(call: InferenceCall) -> tuple[str, ...]:
    """The candidate base URLs, the one that has answered before first. Behind the router there is only one."""
    if not call.self_hosted:
        return (f"{call.base}/v1",)
    found = service_urls.candidates(call.base, CALLS, versioned=True)
    return tuple(dict.fromkeys((call.client.working_bases.get(call.base, found[0]), *found)))


async def _updates_at(base: str, call: InferenceCall) -> AsyncGenerator[ProviderUpdate, None]:
    path, sent = _request(call)
    async with contextlib.aclosing(call.run(service_urls.join(base, path), sent, HEADERS)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, HttpResponse):
                yield call.finished(await file_in_response(call, outcome))
            else:
                yield outcome


def _request(call: InferenceCall) -> tuple[str, Body]:
    if call.self_hosted and call.request.source is not None:
        return "/images/edits", form(call.route, call.request)
    return "/images/generations", body(call.route, call.request)


def _for_together(route: Route, request: ProviderRequest) -> dict[str, Any]:
    settings = parameters(request)
    if "num_inference_steps" in settings:
        settings["steps"] = settings.pop("num_inference_steps")
    # Its models take no strength: what changes is up to the words.
    settings.pop("strength", None)
    source = {} if request.source is None else _together_source(route, request.source)
    common = {"model": route.provider_id, "prompt": request.recipe.styled_prompt, "response_format": "base64"}
    return {**common, **source, **settings}


def _together_source(route: Route, source: bytes) -> dict[str, Any]:
    picture = data_uri(source)
    # Only FLUX.1 Kontext takes one picture under this name; all other models take references.
    model = route.provider_id.lower()
    return {"image_url": picture} if "kontext" in model and "flux.1" in model else {"reference_images": [picture]}


def data_uri(source: bytes) -> str:
    """A verified picture as a data: URL."""
    return f"data:{media_type(source)};base64,{base64.b64encode(source).decode()}"
