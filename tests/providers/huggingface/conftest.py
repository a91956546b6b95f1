"""A provider pointed at the emulator, with budgets so small that every fault shows within a second."""

from collections.abc import AsyncIterator

import pytest

from chatserver import config
from chatserver.providers.huggingface import HuggingFace, HuggingFaceLimits
from tests.emulators.huggingface import Emulator
from tests.emulators.huggingface.fixture import huggingface, huggingface_server
from tests.providers.huggingface.requests import QUICK, Make

__all__ = ["huggingface", "huggingface_server"]


@pytest.fixture
async def make(huggingface: Emulator) -> AsyncIterator[Make]:
    """Makes providers: `make(hf_provider="replicate", limits={"held_call_seconds": 1})`; they are closed at the end."""
    made: list[HuggingFace] = []

    def one(limits: dict[str, float] | None = None, **settings: object) -> HuggingFace:
        environ = huggingface.environment(**{name.upper(): str(value) for name, value in settings.items()})
        provider = HuggingFace(config.load(environ), limits=HuggingFaceLimits(**{**QUICK, **(limits or {})}))
        made.append(provider)
        return provider

    yield one
    for provider in made:
        await provider.close()
