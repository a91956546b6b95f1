"""The hub: the providers of a model, and the owner of a token."""

import re
from typing import Any

from aiohttp import web

HEADERS = {"RateLimit": '"api";r=499;t=300', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}

IDS = {
    "fal-ai": "fal-ai/flux/schnell",
    "hf-inference": "{model}",
    "nscale": "{model}",
    "together": "{model}-Free",
    "replicate": "emulated/flux-schnell",
    "wavespeed": "wavespeed-ai/flux-schnell",
}
CLIP_IDS = {
    "fal-ai": "fal-ai/wan/t2v",
    "replicate": "emulated/wan-video",
    "wavespeed": "wavespeed-ai/wan/t2v",
}

CHAT_MODELS = ("openai/gpt-oss-20b", "emulated/chat-large")

WHOAMI = {
    "type": "user",
    "id": "1",
    "name": "ada",
    "fullname": "Ada",
    "email": "ada@example.org",
    "emailVerified": True,
    "isPro": False,
    "orgs": [{"name": "analytical"}],
    "auth": {
        "type": "access_token",
        "accessToken": {
            "displayName": "chat",
            "role": "fineGrained",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "fineGrained": {
                "canReadGatedRepos": False,
                "global": [],
                "scoped": [
                    {
                        "entity": {"_id": "1", "type": "user", "name": "ada"},
                        "permissions": ["inference.serverless.write"],
                    }
                ],
            },
        },
    },
}


def task_of(model: str) -> str:
    """The task of a model, by its name."""
    name = model.lower()
    if re.search(r"wan|video|t2v|ti2v", name):
        return "text-to-video"
    if re.search(r"edit|kontext", name):
        return "image-to-image"
    return "conversational" if re.search(r"gpt|llama|chat|instruct", name) else "text-to-image"


def mapping_of(model: str) -> dict[str, Any]:
    """Every provider of the model's task, fal first."""
    task = task_of(model)
    ids = CLIP_IDS if task == "text-to-video" else IDS
    return {
        provider: {"status": "live", "providerId": name.format(model=model), "task": task}
        for provider, name in ids.items()
    }


def model_answer(request: web.Request, model: str, mapping: Any) -> web.Response:
    """The model's page, with its mapping where it was asked for."""
    document: dict[str, Any] = {"_id": "0", "id": model}
    if "expand" in request.query or "expand[]" in request.query:
        if mapping is not None:
            document["inferenceProviderMapping"] = mapping
    else:
        task = task_of(model)
        tag = "text-generation" if task == "conversational" else task
        document |= {"pipeline_tag": tag, "tags": [tag, "diffusers"]}
    return web.json_response(document, headers=HEADERS)
