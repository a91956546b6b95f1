"""One module for each protocol: `body(route, request)` is the request body, `steps(call)` runs it and yields its steps."""

from collections.abc import AsyncGenerator, Callable

from chatserver.providers.base import Step
from chatserver.providers.huggingface.adapters import fal_queue, hf_bytes, openai_images, replicate, wavespeed
from chatserver.providers.huggingface.inference_call import InferenceCall
from chatserver.providers.huggingface.mapping import Task

Steps = Callable[[InferenceCall], AsyncGenerator[Step, None]]

# The protocol of each provider behind the router.
PROTOCOLS: dict[str, Steps] = {
    "fal-ai": fal_queue.steps,
    "hf-inference": hf_bytes.steps,
    "nscale": openai_images.steps,
    "replicate": replicate.steps,
    "together": openai_images.steps,
    "wavespeed": wavespeed.steps,
}

# The protocols of self-hosted servers, by IMAGE_PROTOCOL.
SELF_HOSTED: dict[str, Steps] = {"hf-bytes": hf_bytes.steps, "openai-images": openai_images.steps}

# The tasks that the adapters implement, by provider.
SERVES: dict[str, frozenset[Task]] = {
    "fal-ai": frozenset({"text-to-image", "image-to-image", "text-to-video"}),
    "hf-inference": frozenset({"text-to-image", "image-to-image"}),
    "nscale": frozenset({"text-to-image"}),
    "replicate": frozenset({"text-to-image", "image-to-image", "text-to-video"}),
    "together": frozenset({"text-to-image", "image-to-image"}),
    "wavespeed": frozenset({"text-to-image", "image-to-image", "text-to-video"}),
}
