"""What a request's body may cost: its size, and the time it may take to arrive."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatserver.errors import Malformed, TooLarge

# Larger than any body of the API (256 KiB) or form (64 KiB), which have their own limits.
MAX_BYTES = 1024 * 1024
# Any body that fits into a packet or two; what is longer has a second more for each of these.
MAX_SECONDS = 30.0
BYTES_A_SECOND = 8 * 1024


class BodyLimits:
    """Refuses a body that is announced, or grows, too large (413), or that drips in too slowly (408)."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BYTES, max_seconds: float = MAX_SECONDS) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._check_announced(Headers(scope=scope).get("content-length", "0"))
        body = _Body(receive, self._max_bytes, self._max_seconds)
        await self._app(scope, body.receive, send)

    def _check_announced(self, length: str) -> None:
        if not length.isascii() or not length.isdigit():
            raise Malformed
        if int(length) > self._max_bytes:
            raise TooLarge


class _Body:
    """One body on its way in. Once it is whole, `receive` waits without a limit: for the browser to go away."""

    def __init__(self, receive: Receive, max_bytes: int, max_seconds: float) -> None:
        self._receive = receive
        self._left = max_bytes
        self._deadline = asyncio.get_running_loop().time() + max_seconds
        self._whole = False

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        size = len(message.get("body", b""))
        self._left -= size
        self._deadline += size / BYTES_A_SECOND
        if self._left < 0:
            raise TooLarge
        return message
