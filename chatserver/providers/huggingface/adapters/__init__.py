"""One module for each protocol: `body(route, request)` is the request body, `updates(call)` runs it and yields updates."""

from collections.abc import AsyncGenerator, Callable

from chatserver.providers.base import ProviderUpdate
from chatserver.providers.huggingface.adapters import fal_queue, hf_bytes, openai_images, replicate, wavespeed
from chatserver.providers.huggingface.inference_call import InferenceCall
from chatserver.providers.huggingface.mapping import Task

RunProtocol = Callable[[InferenceCall], AsyncGenerator[ProviderUpdate, None]]

# The protocol of each provider behind the router.
PROTOCOLS: dict[str, RunProtocol] = {
    "fal-ai": fal_queue.updates,
    "hf-inference": hf_bytes.updates,
    "nscale": openai_images.updates,
    "replicate": replicate.updates,
    "together": openai_images.updates,
    "wavespeed": wavespeed.updates,
}

# The protocols of self-hosted servers, by IMAGE_PROTOCOL.
SELF_HOSTED: dict[str, RunProtocol] = {"hf-bytes": hf_bytes.updates, "openai-images": openai_images.updates}

# The tasks that the adapters implement, by provider.
SERVES: dict[str, frozenset[Task]] = {
    "fal-ai": frozenset({"text-to-image", "image-to-image", "text-to-video"}),
    "hf-inference": frozenset({"text-to-image", "image-to-image"}),
    "nscale": frozenset({"text-to-image"}),
    "replicate": frozenset({"text-to-image", "image-to-image", "text-to-video"}),
    "together": frozenset({"text-to-image", "image-to-image"}),
    "wavespeed": frozenset({"text-to-image", "image-to-image", "text-to-video"}),
}
