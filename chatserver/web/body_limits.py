"""Limits of a request's body: its size, the time that it may take to arrive, and that it is sent as it is."""

import asyncio
import contextlib
import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatserver.errors import ChatserverError, Malformed, TooLarge

# Larger than any body of the API (256 KiB) or form (64 KiB), which have their own limits.
MAX_BYTES = 1024 * 1024
# The time for a small body; received bytes extend it at this rate.
MAX_SECONDS = 30.0
BYTES_PER_SECOND = 8 * 1024
# The most bytes of a file that somebody sends; a form with it has a little more around it.
MAX_UPLOAD_BYTES = 10 * 1024 * 1024
# The most bytes of a mask that is a picture of its own, as in OpenAI's images API.
MAX_MASK_BYTES = 4 * 1024 * 1024
# The addresses that take a file, and the most bytes of a body there.
UPLOADS = {
    "/verify": MAX_UPLOAD_BYTES + 64 * 1024,
    "/api/v1/verifications": MAX_UPLOAD_BYTES,
    "/api/v1/images/edits": MAX_UPLOAD_BYTES + MAX_MASK_BYTES + 64 * 1024,
}
_UPLOADS_OF_SESSION = re.compile(r"/api/v1/sessions/[^/]{1,80}/uploads")


class BodyLimits:
    """Refuses a body whose Content-Length or size is too large (413), that arrives too slowly (408), or is compressed."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BYTES, max_seconds: float = MAX_SECONDS) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, headers = self._most(scope["path"]), Headers(scope=scope)
        self._check_content_length(headers.get("content-length", "0"), most)
        if headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
            raise Malformed("The body is compressed (Content-Encoding), which is not taken here: send it as it is.")
        body = _Body(receive, most, self._max_seconds)
        if most > self._max_bytes and "expect" not in headers:
            await self._answer_behind(body, scope, send)
        else:
            await self._app(scope, body.receive, send)

    async def _answer_behind(self, body: "_Body", scope: Scope, send: Send) -> None:
        """Holds an answer back until the file has arrived: browsers read none before, and one that was cut meanwhile
        tells its sender of a broken line, and not that there is no room for the picture."""

        async def send_behind(message: Message) -> None:
            await body.read_rest()
            await send(message)

        try:
            await self._app(scope, body.receive, send_behind)
        except ChatserverError:
            await body.read_rest()
            raise

    def _most(self, path: str) -> int:
        most = MAX_UPLOAD_BYTES if _UPLOADS_OF_SESSION.fullmatch(path) else self._max_bytes
        return UPLOADS.get(path, most)

    def _check_content_length(self, length: str, most: int) -> None:
        if not length.isascii() or not length.isdigit():
            raise Malformed
        if int(length) > most:
            raise TooLarge


class _Body:
    """One request body. Once it is complete, `receive` waits without a limit: for the client to disconnect."""

    def __init__(self, receive: Receive, max_bytes: int, max_seconds: float) -> None:
        self._receive = receive
        self._left = max_bytes
        self._deadline = asyncio.get_running_loop().time() + max_seconds
        self._is_complete = False

    async def receive(self) -> Message:
        if self._is_complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        self._is_complete = message["type"] != "http.request" or not message.get("more_body", False)
        size = len(message.get("body", b""))
        self._left -= size
        self._deadline += size / BYTES_PER_SECOND
        if self._left < 0:
            raise TooLarge
        return message

    async def read_rest(self) -> None:
        """Reads what has not been read, within the limits, and drops it."""
        with contextlib.suppress(HTTPException, TooLarge):
            while not self._is_complete and self._left >= 0:
                await self.receive()
