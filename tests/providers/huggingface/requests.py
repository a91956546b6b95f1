"""How the tests of the provider ask: small requests, small budgets, every step of a run."""

from collections.abc import Callable

from chatserver.providers.base import Finished, ProviderRequest, ProviderUpdate
from chatserver.providers.huggingface import HuggingFace
from tests.support.recipes import provider_request

# For the tests in which a service really keeps silent: a busy machine must not make one of the others time out.
IMPATIENT = {"generation_idle_seconds": 0.4, "query_seconds": 0.4}

Make = Callable[..., HuggingFace]

QUICK = {
    "image_seconds": 20.0,
    "video_seconds": 20.0,
    "loading_seconds": 10.0,
    "loading_poll_seconds": 0.05,
    "generation_idle_seconds": 5.0,
    "query_seconds": 5.0,
    "poll_seconds": 0.01,
    "max_poll_errors": 3,
    "held_call_seconds": 2.0,
}


def request(prompt: str = "a cat", **fields: object) -> ProviderRequest:
    """A small picture, or what `fields` make of it."""
    return provider_request(generation_id="g", prompt=prompt, **fields)


async def updates_of(provider: HuggingFace, asked: ProviderRequest) -> list[ProviderUpdate]:
    """Every step of one run."""
    return [step async for step in provider.generate(asked)]


async def finished(provider: HuggingFace, asked: ProviderRequest) -> Finished:
    """The last step of one run."""
    last = (await updates_of(provider, asked))[-1]
    assert isinstance(last, Finished)
    return last
