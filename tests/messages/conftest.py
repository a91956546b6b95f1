"""What several of these modules use."""

import pytest

from tests.markdown.running import running_renderer


@pytest.fixture(scope="module")
async def markdown():
    async with running_renderer() as opened:
        yield opened
