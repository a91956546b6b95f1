"""OpenAI's picture routes: nscale and together behind the router, vLLM-Omni, SGLang and others at one's own address.

The routes are alike, the fields are not: nscale takes no steps, together wants `steps` and its own word for base64,
self-hosted servers take the diffusers names beside OpenAI's.
"""

import base64
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.errors import ProviderError, WrongAddress
from chatserver.providers import service_urls
from chatserver.providers.base import ProviderRequest, Step
from chatserver.providers.http import Answer
from chatserver.providers.huggingface.adapters.answers import file_in
from chatserver.providers.huggingface.job import Body, Form, Job, parameters
from chatserver.providers.huggingface.mapping import Route

# The paths of calls, which people copy along with the address.
CALLS = ("/images/generations", "/images/edits", "/images/variations", "/images", "/models", "/chat/completions")
HEADERS = {"Accept": "application/json"}


def body(route: Route, request: ProviderRequest) -> dict[str, Any]:
    """The JSON of `/images/generations` as this provider takes it."""
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


def form(route: Route, request: ProviderRequest) -> Form:
    """The multipart form of `/images/edits`, for a variation on a self-hosted server."""
    return Form(body(route, request), request.source)


async def steps(job: Job) -> AsyncGenerator[Step, None]:
    """Loading where the server says so, rendering, finished."""
    errors: list[ProviderError] = []
    for base in bases(job):
        try:
            async with contextlib.aclosing(_steps_at(base, job)) as run:
                async for step in run:
                    yield step
        except ProviderError as error:
            # What comes from an address that was only guessed counts where it is in the service's own words.
            if not isinstance(error, WrongAddress) and (not errors or error.said):
                raise
            errors.append(error)
        else:
            job.client.settled[job.base] = base
            return
    raise errors[0]


def bases(job: Job) -> tuple[str, ...]:
    """The addresses that may be meant, the one that has answered before first. Behind the router there is no doubt."""
    if not job.self_hosted:
        return (f"{job.base}/v1",)
    meant = service_urls.candidates(job.base, CALLS, versioned=True)
    return tuple(dict.fromkeys((job.client.settled.get(job.base, meant[0]), *meant)))


async def _steps_at(base: str, job: Job) -> AsyncGenerator[Step, None]:
    path, sent = _call(job)
    async with contextlib.aclosing(job.made(service_urls.join(base, path), sent, HEADERS)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Answer):
                yield job.finished(await file_in(job, outcome))
            else:
                yield outcome


def _call(job: Job) -> tuple[str, Body]:
    if job.self_hosted and job.request.source is not None:
        return "/images/edits", form(job.route, job.request)
    return "/images/generations", body(job.route, job.request)


def _for_together(route: Route, request: ProviderRequest) -> dict[str, Any]:
    settings = parameters(request)
    if "num_inference_steps" in settings:
        settings["steps"] = settings.pop("num_inference_steps")
    source = {} if request.source is None else _together_source(route, request.source)
    common = {"model": route.provider_id, "prompt": request.recipe.styled_prompt, "response_format": "base64"}
    return {**common, **source, **settings}


def _together_source(route: Route, source: bytes) -> dict[str, Any]:
    picture = data_uri(source)
    # Only the first Kontext family takes one picture under this name; every other model takes references.
    model = route.provider_id.lower()
    return {"image_url": picture} if "kontext" in model and "flux.1" in model else {"reference_images": [picture]}


def data_uri(source: bytes) -> str:
    """A verified PNG as a data: address."""
    return f"data:image/png;base64,{base64.b64encode(source).decode()}"
