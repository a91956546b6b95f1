"""Replicate behind the router: a prediction that is held for up to a minute, then asked for.

A 201 may say `processing` and yet hold the output, so the output is looked for first. Whether the router passes polls
on is nowhere promised: where it does not, a picture that takes longer than the minute has timed out.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.errors import BadBytes, ModelGone, TimedOut
from chatserver.providers.base import ProviderRequest, Step
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.http import Answer
from chatserver.providers.huggingface.adapters.answers import file_of
from chatserver.providers.huggingface.adapters.openai_images import data_uri
from chatserver.providers.huggingface.adapters.polling import Poll, document, progress
from chatserver.providers.huggingface.job import Job, parameters
from chatserver.providers.huggingface.mapping import Route

HEADERS = {"Prefer": "wait", "Accept": "application/json"}


def body(route: Route, request: ProviderRequest) -> dict[str, Any]:
    """`{"input": {…}}`, with the version where the provider's id names one."""
    inputs = {"prompt": request.recipe.styled_prompt, **parameters(request)}
    if request.source is not None:
        picture = data_uri(request.source)
        # Its models differ in the name of the picture and ignore the names that they do not know.
        inputs |= {"image": picture, "images": [picture], "input_image": picture, "input_images": [picture]}
    _, _, version = route.provider_id.partition(":")
    return {"input": inputs, "version": version} if version else {"input": inputs}


async def steps(job: Job) -> AsyncGenerator[Step, None]:
    """Rendering, with the steps that its logs print where it may be asked; finished. Closing it asks it to cancel."""
    async with contextlib.aclosing(
        job.made(_url(job.route, job.base), body(job.route, job.request), HEADERS)
    ) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Answer):
                prediction = document(outcome)
            else:
                yield outcome
    if _output(prediction) is None:
        async with contextlib.aclosing(_waited_for(job, prediction)) as waiting:
            async for state in waiting:
                prediction = state
                yield progress(state.get("logs"))
    yield job.finished(await file_of(job, _output(prediction)))


async def _waited_for(job: Job, prediction: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """The prediction's states, the last one with its output."""
    address = f"{job.base}/v1/predictions/{_id(prediction)}"
    poll, done = Poll(job, address), False
    try:
        while _output(prediction) is None:
            _check(prediction)
            prediction = await _asked(poll)
            yield prediction
        done = True
    finally:
        if not done:
            job.client.http.afterwards(job.client.tell("POST", f"{address}/cancel"))


async def _asked(poll: Poll) -> dict[str, Any]:
    try:
        return await poll.ask()
    except ModelGone as error:
        # A 404 here is not about the model: the router does not pass the question on.
        raise TimedOut from error


def _check(prediction: dict[str, Any]) -> None:
    if prediction.get("status") in {"failed", "canceled", "aborted"}:
        raise error_from_text(message_in(prediction))


def _output(prediction: dict[str, Any]) -> Any:
    """What it has made, in any shape; None while there is nothing."""
    output = prediction.get("output")
    if not output and prediction.get("status") == "succeeded":
        raise BadBytes("The picture service's answer held no picture.")
    return output or None


def _id(prediction: dict[str, Any]) -> str:
    found = prediction.get("id")
    if not isinstance(found, str) or not found.isalnum():
        raise BadBytes("The picture service did not say where to ask for the result.")
    return found


def _url(route: Route, base: str) -> str:
    return f"{base}/v1/predictions" if ":" in route.provider_id else f"{base}/v1/models/{route.provider_id}/predictions"
