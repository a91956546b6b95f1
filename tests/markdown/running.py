"""A renderer whose texts are not made plain by what else the machine does."""

import contextlib
from collections.abc import AsyncIterator
from unittest import mock

from chatserver.markdown import renderer
from chatserver.markdown.renderer import MarkdownRenderer
from chatserver.processes.pool import Pool
from tests.markdown.patient_worker import WAIT_SECONDS


@contextlib.asynccontextmanager
async def running_renderer(child: str = "tests.markdown.patient_worker") -> AsyncIterator[MarkdownRenderer]:
    """One with a warm child."""
    opened = MarkdownRenderer()
    opened._pool = Pool(child, size=1, limits=renderer.LIMITS)
    with mock.patch.object(renderer, "WAIT_SECONDS", WAIT_SECONDS):
        await opened.start()
        yield opened
        await opened.close()
