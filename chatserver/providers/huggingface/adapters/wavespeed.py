"""WaveSpeed behind the router: a task that is submitted and asked for. It tells its state and nothing finer."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.errors import BadBytes
from chatserver.providers import numbers
from chatserver.providers.base import ProviderRequest, Queued, Rendering, Step
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.http import Answer
from chatserver.providers.huggingface.adapters.answers import file_of
from chatserver.providers.huggingface.adapters.openai_images import data_uri
from chatserver.providers.huggingface.adapters.polling import Poll, document, routed
from chatserver.providers.huggingface.job import Job, parameters
from chatserver.providers.huggingface.mapping import Route


def body(_route: Route, request: ProviderRequest) -> dict[str, Any]:
    """The prompt and the settings, flat."""
    source = {} if request.source is None else {"image": data_uri(request.source)}
    return {**source, "prompt": request.recipe.styled_prompt, **parameters(request)}


async def steps(job: Job) -> AsyncGenerator[Step, None]:
    """Queued while `created`, rendering while `processing`, finished."""
    url = f"{job.base}/api/v3/{job.route.provider_id}"
    async with contextlib.aclosing(job.queued(url, body(job.route, job.request))) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Answer):
                task = _task(document(outcome))
            else:
                yield outcome
    poll = Poll(job, routed(job, (task.get("urls") or {}).get("get")))
    said: Step | None = None
    while (step := _step(task)) is not None:
        if step != said:
            said = step
            yield step
        task = _task(await poll.ask())
    yield job.finished(await file_of(job, task.get("outputs") or task.get("output")))


def _task(answer: dict[str, Any]) -> dict[str, Any]:
    """`data` of its envelope, whose `code` may tell another story than the HTTP status."""
    code = numbers.count(answer.get("code"), 599)
    if code is not None and code >= 400:
        raise error_from_text(message_in(answer), status=code)
    task = answer.get("data")
    if not isinstance(task, dict):
        raise BadBytes("The picture service's answer could not be read.")
    return task


def _step(task: dict[str, Any]) -> Step | None:
    match task.get("status"):
        case "created":
            return Queued()
        case "processing":
            return Rendering()
        case "completed":
            return None
    raise error_from_text(message_in(task))
