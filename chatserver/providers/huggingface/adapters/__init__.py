"""One module for each protocol: `body(route, request)` is what we send, `steps(job)` runs it."""

from collections.abc import AsyncGenerator, Callable

from chatserver.providers.base import Step
from chatserver.providers.huggingface.adapters import fal_queue, hf_bytes, openai_images, replicate, wavespeed
from chatserver.providers.huggingface.job import Job
from chatserver.providers.huggingface.mapping import Task

Steps = Callable[[Job], AsyncGenerator[Step, None]]

# How each provider behind the router is spoken with.
PROTOCOLS: dict[str, Steps] = {
    "fal-ai": fal_queue.steps,
    "hf-inference": hf_bytes.steps,
    "nscale": openai_images.steps,
    "replicate": replicate.steps,
    "together": openai_images.steps,
    "wavespeed": wavespeed.steps,
}

# And a self-hosted server, by IMAGE_PROTOCOL.
SELF_HOSTED: dict[str, Steps] = {"hf-bytes": hf_bytes.steps, "openai-images": openai_images.steps}

# What we can ask of whom.
SERVES: dict[str, frozenset[Task]] = {
    "fal-ai": frozenset({"text-to-image", "image-to-image", "text-to-video"}),
    "hf-inference": frozenset({"text-to-image", "image-to-image"}),
    "nscale": frozenset({"text-to-image"}),
    "replicate": frozenset({"text-to-image", "image-to-image", "text-to-video"}),
    "together": frozenset({"text-to-image", "image-to-image"}),
    "wavespeed": frozenset({"text-to-image", "image-to-image", "text-to-video"}),
}
