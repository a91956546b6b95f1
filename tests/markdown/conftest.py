"""The renderer with its real child."""

import pytest

from chatserver.markdown.renderer import MarkdownRenderer


@pytest.fixture(scope="module")
async def renderer():
    """One with a warm child."""
    opened = MarkdownRenderer()
    await opened.start()
    yield opened
    await opened.close()
