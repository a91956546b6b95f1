"""hf-inference and self-hosted servers with its API: one POST that answers with the picture's bytes.

The content type is not reliable (a request for png was answered with image/jpeg), and some servers answer with JSON that
holds the picture or its URL, so the body itself is examined.
"""

import base64
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.providers.base import ProviderRequest, ProviderUpdate
from chatserver.providers.http import HttpResponse
from chatserver.providers.huggingface.adapters.output_files import file_in_response
from chatserver.providers.huggingface.inference_call import InferenceCall, parameters
from chatserver.providers.huggingface.mapping import Route

HEADERS = {"Accept": "image/png"}


def body(_route: Route, request: ProviderRequest) -> dict[str, Any]:
    """`{"inputs": prompt or picture, "parameters": {…}}`."""
    if request.source is None:
        return {"inputs": request.recipe.styled_prompt, "parameters": parameters(request)}
    settings = parameters(request)
    size = {"width": settings.pop("width"), "height": settings.pop("height")}
    picture = base64.b64encode(request.source).decode()
    return {"inputs": picture, "parameters": {"prompt": request.recipe.styled_prompt, **settings, "target_size": size}}


async def updates(call: InferenceCall) -> AsyncGenerator[ProviderUpdate, None]:
    """Loading, rendering, finished."""
    url = call.base if call.self_hosted else f"{call.base}/models/{call.route.provider_id}"
    async with contextlib.aclosing(call.run(url, body(call.route, call.request), HEADERS)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, HttpResponse):
                yield call.finished(await file_in_response(call, outcome))
            else:
                yield outcome
