"""The renderer with its real child."""

import pytest

from tests.markdown.running import running_renderer


@pytest.fixture(scope="module")
async def renderer():
    async with running_renderer() as opened:
        yield opened
