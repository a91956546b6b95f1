"""OpenAI's picture routes: nscale and together behind the router, vLLM-Omni, SGLang and others at one's own address.

The routes are alike, the fields are not: nscale takes no steps, together wants `steps` and its own word for base64,
self-hosted servers take the diffusers names beside OpenAI's.
"""

import base64
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp

from chatserver.providers.base import ProviderRequest, Step
from chatserver.providers.http import Answer
from chatserver.providers.huggingface.adapters.hf_bytes import embedded
from chatserver.providers.huggingface.job import Body, Job, parameters, prompt
from chatserver.providers.huggingface.mapping import Route

HEADERS = {"Accept": "application/json"}


def body(route: Route, request: ProviderRequest) -> dict[str, Any]:
    """The JSON of `/images/generations` as this provider takes it."""
    if route.provider == "together":
        return _for_together(route, request)
    settings = parameters(request)
    size = f"{settings.pop('width')}x{settings.pop('height')}"
    if route.provider == "nscale":
        settings.pop("num_inference_steps", None)
    common = {"model": route.provider_id, "prompt": prompt(request), "response_format": "b64_json", "size": size}
    return {name: value for name, value in {**common, **settings}.items() if value != ""}


def form(route: Route, request: ProviderRequest) -> aiohttp.FormData:
    """The multipart form of `/images/edits`, for a variation on a self-hosted server."""
    data = aiohttp.FormData()
    for name, value in body(route, request).items():
        data.add_field(name, str(value))
    data.add_field("image", request.source, filename="source.png", content_type="image/png")
    return data


async def steps(job: Job) -> AsyncGenerator[Step, None]:
    """Loading where the server says so, rendering, finished."""
    url, sent = _call(job)
    async with contextlib.aclosing(job.made(url, sent, HEADERS)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Answer):
                yield job.finished(await embedded(job, outcome.json()))
            else:
                yield outcome


def _call(job: Job) -> tuple[str, Body]:
    root = job.base if job.base.endswith("/v1") else f"{job.base}/v1"
    if job.self_hosted and job.request.source is not None:
        return f"{root}/images/edits", lambda: form(job.route, job.request)
    return f"{root}/images/generations", body(job.route, job.request)


def _for_together(route: Route, request: ProviderRequest) -> dict[str, Any]:
    settings = parameters(request)
    if "num_inference_steps" in settings:
        settings["steps"] = settings.pop("num_inference_steps")
    source = {} if request.source is None else _together_source(route, request.source)
    common = {"model": route.provider_id, "prompt": prompt(request), "response_format": "base64"}
    return {**common, **source, **settings}


def _together_source(route: Route, source: bytes) -> dict[str, Any]:
    picture = data_uri(source)
    # Only the first Kontext family takes one picture under this name; every other model takes references.
    model = route.provider_id.lower()
    return {"image_url": picture} if "kontext" in model and "flux.1" in model else {"reference_images": [picture]}


def data_uri(source: bytes) -> str:
    """A verified PNG as a data: address."""
    return f"data:image/png;base64,{base64.b64encode(source).decode()}"
