"""hf-inference and the self-hosted servers that speak like it: one POST that answers with the picture's bytes.

The content type need not be true (a call that asked for png was answered with image/jpeg), and some servers answer with
JSON that holds the picture or its address, so the body itself is looked at.
"""

import base64
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chatserver.providers.base import ProviderRequest, Step
from chatserver.providers.http import Answer
from chatserver.providers.huggingface.adapters.answers import file_in
from chatserver.providers.huggingface.job import Job, parameters
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


async def steps(job: Job) -> AsyncGenerator[Step, None]:
    """Loading, rendering, finished."""
    url = job.base if job.self_hosted else f"{job.base}/models/{job.route.provider_id}"
    async with contextlib.aclosing(job.made(url, body(job.route, job.request), HEADERS)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Answer):
                yield job.finished(await file_in(job, outcome))
            else:
                yield outcome
