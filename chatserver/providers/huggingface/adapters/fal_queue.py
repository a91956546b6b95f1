"""fal's queue behind the router: submit, ask for the place and the logs, fetch the result, cancel.

The addresses that fal gives name its own hosts and drop the endpoint's sub-path; only their path is used, behind the
router's `/fal-ai`. Whether the router passes `logs=1` and the cancel on is nowhere promised, so both may fail.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.errors import BadParameters, ModelGone, Refused
from chatserver.providers import numbers
from chatserver.providers.base import Finished, ProviderRequest, Queued, Step
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.http import Answer
from chatserver.providers.huggingface.adapters.answers import file_of
from chatserver.providers.huggingface.adapters.openai_images import data_uri
from chatserver.providers.huggingface.adapters.polling import Poll, document, progress, routed
from chatserver.providers.huggingface.client import successful
from chatserver.providers.huggingface.job import Job, parameters
from chatserver.providers.huggingface.mapping import Route

QUEUE = "_subdomain=queue"
LOGS = "&logs=1"


def body(_route: Route, request: ProviderRequest) -> dict[str, Any]:
    """The prompt and the settings, flat; the size as one object, which fal calls `image_size`."""
    settings = parameters(request)
    if "width" in settings:
        settings["image_size"] = {"width": settings.pop("width"), "height": settings.pop("height")}
    if request.source is None:
        return {"prompt": request.recipe.styled_prompt, **settings}
    picture = data_uri(request.source)
    return {"image_url": picture, "image_urls": [picture], "prompt": request.recipe.styled_prompt, **settings}


async def steps(job: Job) -> AsyncGenerator[Step, None]:
    """Places in the queue, steps where the model prints them, finished. Closing it asks fal to cancel."""
    url = f"{job.base}/{job.route.provider_id}?{QUEUE}"
    async with contextlib.aclosing(job.queued(url, body(job.route, job.request))) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Answer):
                submitted = document(outcome)
            else:
                yield outcome
    address = routed(job, submitted.get("response_url"))
    async with contextlib.aclosing(_waited_for(job, submitted, address)) as waiting:
        async for step in waiting:
            yield step
    yield await _finished(job, address)


async def _waited_for(job: Job, state: dict[str, Any], address: str) -> AsyncGenerator[Step, None]:
    poll = Poll(job, f"{address}/status?{QUEUE}{LOGS}")
    said: Step | None = None
    try:
        while state.get("status") != "COMPLETED":
            step = _step(state.get("status"), state)
            if step != said:
                said = step
                yield step
            state = await _asked(poll)
    finally:
        # Nobody waits any more: left alone, it would be made and billed all the same.
        if state.get("status") != "COMPLETED":
            job.client.http.afterwards(job.client.tell("PUT", f"{address}/cancel?{QUEUE}"))
    if state.get("error") or state.get("error_type"):
        raise error_from_text(message_in(state), str(state.get("error_type", "")))


async def _asked(poll: Poll) -> dict[str, Any]:
    try:
        return await poll.ask()
    except (BadParameters, ModelGone):
        if not poll.url.endswith(LOGS):
            raise
        poll.url = poll.url.removesuffix(LOGS)
        return await poll.ask()


def _step(status: Any, state: dict[str, Any]) -> Step:
    if status == "IN_QUEUE":
        return _queued(state)
    if status == "IN_PROGRESS":
        return progress(state.get("logs"))
    raise error_from_text(message_in(state))


def _queued(state: dict[str, Any]) -> Queued:
    return Queued(numbers.count(state.get("queue_position"), numbers.MAX_STEPS))


async def _finished(job: Job, address: str) -> Finished:
    result = document(successful(await job.client.ask(f"{address}?{QUEUE}", job.deadline)))
    data = await file_of(job, result)
    # A safety checker does not fail: it hands out a black picture, which nobody should pay for.
    if _blanked(result.get("has_nsfw_concepts")):
        raise Refused
    return job.finished(data, numbers.count(result.get("seed"), numbers.MAX_SEED))


def _blanked(concepts: Any) -> bool:
    return isinstance(concepts, list) and bool(concepts) and concepts[0] is True
