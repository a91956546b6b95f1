"""What several of these modules use."""

import pytest

from chatserver.markdown.renderer import MarkdownRenderer


@pytest.fixture(scope="module")
async def markdown():
    opened = MarkdownRenderer()
    await opened.start()
    yield opened
    await opened.close()
