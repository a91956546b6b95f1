"""The files that every page needs, compressed once for all browsers."""

import brotli
import pytest

from chatserver.web.static import StaticFile


async def test_a_file_that_could_not_be_compressed_is_compressed_for_the_next_browser(monkeypatch):
    file, content = StaticFile.from_content(b"body { }" * 100, ".css"), b"body { }" * 100
    with monkeypatch.context() as broken:
        broken.setattr("asyncio.to_thread", no_thread)
        with pytest.raises(RuntimeError):
            await file.encoded("br")
    compressed, encoding = await file.encoded("br")
    assert (brotli.decompress(compressed), encoding) == (content, "br")


async def no_thread(*_):
    raise RuntimeError("can't start new thread")
