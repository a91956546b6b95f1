"""What the tests of pictures and clips have in common."""

import pytest

from chatserver.imaging.processor import ImageProcessor


@pytest.fixture(scope="module")
async def processor():
    opened = ImageProcessor(size=1)
    await opened.start()
    yield opened
    await opened.close()
