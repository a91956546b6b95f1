"""WaveSpeed behind the router: a task that is submitted and polled. It reports its state but no progress."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.errors import BadBytes
from chatserver.providers import reported_numbers
from chatserver.providers.base import ProviderRequest, ProviderUpdate, Queued, Rendering
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.http import HttpResponse
from chatserver.providers.huggingface.adapters.openai_images import data_uri
from chatserver.providers.huggingface.adapters.output_files import check_not_blacked_out, file_in_document
from chatserver.providers.huggingface.adapters.polling import StatusPoll, document, routed
from chatserver.providers.huggingface.inference_call import InferenceCall, parameters
from chatserver.providers.huggingface.mapping import Route


def body(_route: Route, request: ProviderRequest) -> dict[str, Any]:
    """The prompt and the settings in one object."""
    source = {} if request.source is None else {"image": data_uri(request.source)}
    return {**source, "prompt": request.recipe.styled_prompt, **parameters(request)}


async def updates(call: InferenceCall) -> AsyncGenerator[ProviderUpdate, None]:
    """Queued while `created`, rendering while `processing`, finished."""
    url = f"{call.base}/api/v3/{call.route.provider_id}"
    async with contextlib.aclosing(call.submit(url, body(call.route, call.request))) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, HttpResponse):
                task = _task(document(outcome))
            else:
                yield outcome
    urls = task.get("urls")
    poll = StatusPoll(call, routed(call, urls.get("get") if isinstance(urls, dict) else None))
    last: ProviderUpdate | None = None
    while (update := _update(task)) is not None:
        if update != last:
            last = update
            yield update
        task = _task(await poll.next_state())
    check_not_blacked_out(task)
    yield call.finished(await file_in_document(call, task.get("outputs") or task.get("output")))


def _task(answer: dict[str, Any]) -> dict[str, Any]:
    """`data` of the response's envelope, whose `code` may be an error although the HTTP status is not."""
    code = reported_numbers.count(answer.get("code"), 599)
    if code is not None and code >= 400:
        raise error_from_text(message_in(answer), status=code)
    task = answer.get("data")
    if not isinstance(task, dict):
        raise BadBytes("The picture service's answer could not be read.")
    return task


def _update(task: dict[str, Any]) -> ProviderUpdate | None:
    match task.get("status"):
        case "created":
            return Queued()
        case "processing":
            return Rendering()
        case "completed":
            return None
    raise error_from_text(message_in(task))
