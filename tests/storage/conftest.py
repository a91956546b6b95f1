import pytest

from chatserver import storage


@pytest.fixture(scope="module")
async def store(request, swift):
    """The bucket that the module names (BUCKET), with one file."""
    opened = await storage.open_url(swift.url(request.module.BUCKET))
    await opened.create()
    await opened.put("a/1.png", b"0123456789", "image/png")
    yield opened
    await opened.close()
