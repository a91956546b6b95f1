"""The emulator as fixtures. A conftest takes them with `from tests.emulators.huggingface.fixture import *`."""

from collections.abc import Iterator

import pytest

from tests.emulators.huggingface.server import Emulator

__all__ = ["huggingface", "huggingface_server"]


@pytest.fixture(scope="session")
def huggingface_server() -> Iterator[Emulator]:
    """One emulator for the whole run."""
    emulator = Emulator().start()
    yield emulator
    emulator.close()


@pytest.fixture
def huggingface(huggingface_server: Emulator) -> Emulator:
    """The emulator without the scripts of earlier tests."""
    huggingface_server.reset()
    return huggingface_server
