"""One house for the tests of this folder; those that change its bounds build their own."""

from collections.abc import AsyncIterator

import pytest

from tests.realtime.house import House


@pytest.fixture(scope="module")
async def house() -> AsyncIterator[House]:
    async with House() as opened:
        yield opened
