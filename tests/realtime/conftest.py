"""One server for the tests of a module; tests that need other limits start their own."""

from collections.abc import AsyncIterator

import pytest

from tests.support.hub_server import HubServer


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[HubServer]:
    async with HubServer() as opened:
        yield opened
