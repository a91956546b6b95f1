"""Replicate behind the router: a prediction whose request is held for up to a minute and then polled.

A 201 may have the status `processing` and still hold the output, so the output is checked first. It is not documented that
the router forwards polls: where it does not, a picture that takes longer than a minute times out.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.errors import BadBytes, ModelGone, TimedOut
from chatserver.providers.base import ProviderRequest, ProviderUpdate
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.http import HttpResponse
from chatserver.providers.huggingface.adapters.openai_images import data_uri
from chatserver.providers.huggingface.adapters.output_files import file_in_document
from chatserver.providers.huggingface.adapters.polling import StatusPoll, document, progress
from chatserver.providers.huggingface.inference_call import InferenceCall, parameters
from chatserver.providers.huggingface.mapping import Route

HEADERS = {"Prefer": "wait", "Accept": "application/json"}


def body(route: Route, request: ProviderRequest) -> dict[str, Any]:
    """`{"input": {…}}`, with the version where the provider's id names one."""
    inputs = {"prompt": request.recipe.styled_prompt, **parameters(request)}
    if request.source is not None:
        picture = data_uri(request.source)
        # Models differ in the name of this field and ignore names that they do not know.
        if "strength" in inputs:
            inputs["prompt_strength"] = inputs["strength"]
        inputs |= {"image": picture, "images": [picture], "input_image": picture, "input_images": [picture]}
    _, _, version = route.provider_id.partition(":")
    return {"input": inputs, "version": version} if version else {"input": inputs}


async def updates(call: InferenceCall) -> AsyncGenerator[ProviderUpdate, None]:
    """Rendering, with the steps in the logs where polling works; finished. Closing it asks for a cancel."""
    async with contextlib.aclosing(
        call.run(_url(call.route, call.base), body(call.route, call.request), HEADERS)
    ) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, HttpResponse):
                prediction = document(outcome)
            else:
                yield outcome
    if _output(prediction) is None:
        async with contextlib.aclosing(_wait(call, prediction)) as waiting:
            async for state in waiting:
                prediction = state
                yield progress(state.get("logs"))
    yield call.finished(await file_in_document(call, _output(prediction)))


async def _wait(call: InferenceCall, prediction: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """The prediction's states, the last one with its output."""
    address = f"{call.base}/v1/predictions/{_id(prediction)}"
    poll, done = StatusPoll(call, address), False
    try:
        while _output(prediction) is None:
            _check(prediction)
            prediction = await _next_state(poll)
            yield prediction
        done = True
    finally:
        if not done:
            call.client.http.run_in_background(call.client.send("POST", f"{address}/cancel"))


async def _next_state(poll: StatusPoll) -> dict[str, Any]:
    try:
        return await poll.next_state()
    except ModelGone as error:
        # A 404 here is not about the model: the router does not forward the poll.
        raise TimedOut from error


def _check(prediction: dict[str, Any]) -> None:
    if prediction.get("status") in ("failed", "canceled", "aborted"):
        raise error_from_text(message_in(prediction))


def _output(prediction: dict[str, Any]) -> Any:
    """The output in any form; None while there is none."""
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
