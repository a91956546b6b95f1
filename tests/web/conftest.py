from collections.abc import AsyncIterator

import pytest

from tests.support.site import Client, serve


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    """A client of a site with the default settings."""
    async with serve() as opened:
        yield opened
