"""fal's queue behind the router: submit, poll the position and the logs, fetch the result, cancel.

The URLs that fal gives name its own hosts and drop the endpoint's sub-path; only their path is used, below the router's
`/fal-ai`. It is not documented that the router forwards `logs=1` and cancels, so both may fail.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.errors import BadParameters, ModelGone
from chatserver.providers import reported_numbers
from chatserver.providers.base import Finished, ProviderRequest, ProviderUpdate, Queued
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.http import HttpResponse
from chatserver.providers.huggingface.adapters.openai_images import data_uri
from chatserver.providers.huggingface.adapters.output_files import file_in_document
from chatserver.providers.huggingface.adapters.polling import StatusPoll, document, progress, routed
from chatserver.providers.huggingface.client import successful
from chatserver.providers.huggingface.inference_call import InferenceCall, parameters
from chatserver.providers.huggingface.mapping import Route

QUEUE = "_subdomain=queue"
LOGS = "&logs=1"


def body(_route: Route, request: ProviderRequest) -> dict[str, Any]:
    """The prompt and the settings in one object; the size as `image_size`."""
    settings = parameters(request)
    if "width" in settings:
        settings["image_size"] = {"width": settings.pop("width"), "height": settings.pop("height")}
    if request.source is None:
        return {"prompt": request.recipe.styled_prompt, **settings}
    picture = data_uri(request.source)
    return {"image_url": picture, "image_urls": [picture], "prompt": request.recipe.styled_prompt, **settings}


async def updates(call: InferenceCall) -> AsyncGenerator[ProviderUpdate, None]:
    """Queue positions, steps where the model logs them, finished. Closing it asks fal to cancel."""
    url = f"{call.base}/{call.route.provider_id}?{QUEUE}"
    async with contextlib.aclosing(call.submit(url, body(call.route, call.request))) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, HttpResponse):
                submitted = document(outcome)
            else:
                yield outcome
    address = routed(call, submitted.get("response_url"))
    async with contextlib.aclosing(_wait(call, submitted, address)) as waiting:
        async for update in waiting:
            yield update
    yield await _finished(call, address)


async def _wait(call: InferenceCall, state: dict[str, Any], address: str) -> AsyncGenerator[ProviderUpdate, None]:
    poll = StatusPoll(call, f"{address}/status?{QUEUE}{LOGS}")
    last: ProviderUpdate | None = None
    try:
        while state.get("status") != "COMPLETED":
            update = _update(state.get("status"), state)
            if update != last:
                last = update
                yield update
            state = await _next_state(poll)
    finally:
        # The caller has gone: without a cancel the picture would still be made and billed.
        if state.get("status") != "COMPLETED":
            call.client.http.run_in_background(call.client.send("PUT", f"{address}/cancel?{QUEUE}"))
    if state.get("error") or state.get("error_type"):
        raise error_from_text(message_in(state), str(state.get("error_type", "")))


async def _next_state(poll: StatusPoll) -> dict[str, Any]:
    try:
        return await poll.next_state()
    except (BadParameters, ModelGone):
        if not poll.url.endswith(LOGS):
            raise
        poll.url = poll.url.removesuffix(LOGS)
        return await poll.next_state()


def _update(status: Any, state: dict[str, Any]) -> ProviderUpdate:
    if status == "IN_QUEUE":
        return _queued(state)
    if status == "IN_PROGRESS":
        return progress(state.get("logs"))
    raise error_from_text(message_in(state))


def _queued(state: dict[str, Any]) -> Queued:
    return Queued(reported_numbers.count(state.get("queue_position"), reported_numbers.MAX_STEPS))


async def _finished(call: InferenceCall, address: str) -> Finished:
    result = document(successful(await call.client.get(f"{address}?{QUEUE}", call.deadline)))
    data = await file_in_document(call, result)
    return call.finished(data, reported_numbers.count(result.get("seed"), reported_numbers.MAX_SEED))
