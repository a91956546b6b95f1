"""Responses that end while they are sent: a share link's with the link, a file's when it is hidden or deleted."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chatserver.edge.http_protocol import CUT
from chatserver.errors import Busy

# Seconds between two checks of a response that is being sent: a link that is revoked ends within a second. Smaller files are
# sent before the first check, right after the one that allowed them.
CHECK_SECONDS = 0.4
# A database that is away for longer ends the response too: what has ended meanwhile cannot be known.
UNKNOWN_SECONDS = 5.0
# The most seconds until the server has noticed that its connection is cut.
_CUT_SECONDS = 1.0


class WhileOpen(Response):
    """Sends another response while `is_open`; then the connection is cut, whether or not the client was reading."""

    def __init__(
        self, response: Response, is_open: Callable[[], Awaitable[bool]], check_seconds: float = CHECK_SECONDS
    ) -> None:
        self._response, self._is_open, self._check_seconds = response, is_open, check_seconds
        # Shared, so that a header that is set on this one is sent.
        self.status_code, self.raw_headers = response.status_code, response.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._response(scope, receive, send))
        watching = asyncio.create_task(self._wait_for_end())
        try:
            await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            # Before the response is given up, whose storage may take a moment.
            is_cut = _cut(scope)
        finally:
            for task in (sending, watching):
                task.cancel()
            await asyncio.gather(sending, watching, return_exceptions=True)
        if is_cut:
            await _wait_for_disconnect(receive)
        raise ClientDisconnect

    async def _wait_for_end(self) -> None:
        with suppress(Busy):
            while True:
                await asyncio.sleep(self._check_seconds)
                if not await until_answered(self._is_open):
                    return


async def until_answered(question: Callable[[], Awaitable[bool]]) -> bool:
    """The answer of the database to what may be sent, asked again while it is away. Busy after UNKNOWN_SECONDS."""
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    while True:
        try:
            return await question()
        except Busy:
            if loop.time() - asked_at > UNKNOWN_SECONDS:
                raise
            await asyncio.sleep(CHECK_SECONDS)


def _cut(scope: Scope) -> bool:
    """Ends the connection at once, where the server can: closing it would first send what its buffer holds."""
    cut = scope.get("extensions", {}).get(CUT)
    if cut is not None:
        cut("share-ended")
    return cut is not None


async def _wait_for_disconnect(receive: Receive) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_CUT_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass
