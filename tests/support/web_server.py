"""Serves an application on a free port, in the tests' own process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette


class Server(uvicorn.Server):
    """uvicorn's server without its handlers of signals: they are pytest's, and are inherited by all that tests start."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: Starlette, **settings: Any) -> AsyncIterator[str]:
    """The address at which it is served; `settings` are uvicorn's."""
    server = Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", **settings))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://localhost:{port}"
    finally:
        server.should_exit = True
        await running
