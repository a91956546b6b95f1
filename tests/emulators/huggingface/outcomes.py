"""The outcomes of a call: successes, refusals, and every way in which a connection can fail."""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

LEFT = object()
ABSENT = object()

HTML = "<!DOCTYPE html><html><head><title>504 Gateway Time-out</title></head><body><h1>Gateway</h1></body></html>"


@dataclass
class Call:
    """One request as the emulator parsed it. `succeed` answers in the form of its route."""

    request: web.Request
    exchange: str
    prompt: str
    seed: int | None
    width: int
    height: int
    data: bytes
    content_type: str
    succeed: Callable[["Call"], Awaitable[web.StreamResponse]]
    # What happens when the file of a success is fetched from its own address.
    file: "Outcome | None" = None
    plan: Any = None
    url: str | None = None


class Outcome:
    """One outcome of a call."""

    def holds(self) -> bool:
        """Whether the next call gets this outcome too."""
        return False

    async def answer(self, call: Call) -> web.StreamResponse:
        raise NotImplementedError


@dataclass
class Ok(Outcome):
    """The successful response, after a delay."""

    seconds: float = 0.0

    async def answer(self, call: Call) -> web.StreamResponse:
        await asyncio.sleep(self.seconds)
        return await call.succeed(call)


Slow = Ok


@dataclass
class Held(Outcome):
    """The successful response, once it is let go."""

    let_go: threading.Event

    async def answer(self, call: Call) -> web.StreamResponse:
        while not self.let_go.is_set():
            await asyncio.sleep(0.01)
        return await call.succeed(call)


@dataclass
class Loading(Outcome):
    """503 with the time left, until the model has loaded. `estimate` may be ABSENT, negative or any nonsense."""

    seconds: float
    estimate: Any = LEFT
    then: Outcome = field(default_factory=Ok)
    started: float | None = None

    def holds(self) -> bool:
        return self.started is None or time.monotonic() < self.started + self.seconds

    async def answer(self, call: Call) -> web.StreamResponse:
        self.started = self.started or time.monotonic()
        left = self.started + self.seconds - time.monotonic()
        if left <= 0:
            return await self.then.answer(call)
        document: dict[str, Any] = {"error": "Model emulated/model is currently loading"}
        if self.estimate is not ABSENT:
            document["estimated_time"] = round(left, 2) if self.estimate is LEFT else self.estimate
        return web.json_response(document, status=503)


@dataclass
class Json(Outcome):
    """A JSON document, unchanged."""

    document: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    async def answer(self, call: Call) -> web.StreamResponse:
        return web.Response(
            text=json.dumps(self.document), status=self.status, headers=self.headers, content_type=self.content_type
        )


@dataclass
class Raw(Outcome):
    """Bytes, unchanged."""

    data: bytes
    content_type: str = "application/octet-stream"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    async def answer(self, call: Call) -> web.StreamResponse:
        headers = {**self.headers, "Content-Type": self.content_type}
        return web.Response(body=self.data, status=self.status, headers=headers)


@dataclass
class Fail(Outcome):
    """The usual answer of a status, or `body` in its place: text is sent as it is, anything else as JSON."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    chunked: bool = False

    async def answer(self, call: Call) -> web.StreamResponse:
        usual_body, usual_headers = USUAL.get(self.status, ({"error": "unknown error"}, {}))
        body = usual_body if self.body is None else self.body
        text = body if isinstance(body, str) else json.dumps(body)
        content_type = "text/html" if text.startswith("<") else self.content_type
        headers = {**usual_headers, **self.headers}
        response = web.Response(text=text, status=self.status, headers=headers, content_type=content_type)
        if self.chunked:
            response.enable_chunked_encoding()
        return response


USUAL: dict[int, tuple[Any, dict[str, str]]] = {
    400: ({"error": "Model not supported by provider hf-inference"}, {}),
    401: ({"error": "Invalid username or password."}, {"X-Error-Message": "Invalid username or password."}),
    402: ({"error": "You have used up the credits that your month includes."}, {}),
    403: (
        {
            "error": "This authentication method does not have sufficient permissions to call Inference Providers on "
            "behalf of user ada"
        },
        {},
    ),
    404: ("<!DOCTYPE html><html><body><pre>Cannot POST /models</pre></body></html>", {}),
    410: ({"error": "The requested model is deprecated and no longer supported by provider hf-inference"}, {}),
    422: (
        {"detail": [{"type": "value_error", "loc": ["body", "width"], "msg": "width must be a multiple of 8"}]},
        {},
    ),
    429: ({"error": "Rate limit reached."}, {"Retry-After": "7"}),
    500: ({"error": "unknown error", "warnings": ["There was an inference error: CUDA out of memory"]}, {}),
    502: (HTML, {}),
    503: (HTML, {}),
    504: (HTML, {}),
}


@dataclass
class Trickle(Outcome):
    """The whole answer, an eighth at a time."""

    pause: float = 0.5

    async def answer(self, call: Call) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": call.content_type})
        response.content_length = len(call.data)
        await response.prepare(call.request)
        eighth = len(call.data) // 8 + 1
        for start in range(0, len(call.data), eighth):
            await response.write(call.data[start : start + eighth])
            await asyncio.sleep(self.pause)
        return response


@dataclass
class Silence(Outcome):
    """Headers, then nothing for a long time."""

    seconds: float = 60.0

    async def answer(self, call: Call) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": call.content_type})
        response.content_length = len(call.data) or 1000
        await response.prepare(call.request)
        await asyncio.sleep(self.seconds)
        return response


@dataclass
class Hang(Outcome):
    """No response at all, not even headers."""

    seconds: float = 60.0

    async def answer(self, call: Call) -> web.StreamResponse:
        await asyncio.sleep(self.seconds)
        return await call.succeed(call)


@dataclass
class Cut(Outcome):
    """`length`: fewer bytes than promised; `chunked`: no last chunk; `half`: whole HTTP, half a file."""

    how: str = "length"

    async def answer(self, call: Call) -> web.StreamResponse:
        half = call.data[: len(call.data) // 2]
        if self.how == "half":
            return web.Response(body=half, content_type=call.content_type)
        response = web.StreamResponse(headers={"Content-Type": call.content_type})
        if self.how == "length":
            response.content_length = len(call.data)
        else:
            response.enable_chunked_encoding()
        await response.prepare(call.request)
        await response.write(half)
        # The bytes are to arrive before the end of the connection does.
        await asyncio.sleep(0.05)
        assert call.request.transport is not None
        call.request.transport.close()
        return response


@dataclass
class Endless(Outcome):
    """A picture's first bytes, then zeros without end, or `megabytes` of them with their length said first."""

    megabytes: int | None = None
    say_length: bool = False

    async def answer(self, call: Call) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "image/png"})
        if self.say_length:
            response.content_length = (self.megabytes or 1) * 1024 * 1024 + 8
        await response.prepare(call.request)
        await response.write(b"\x89PNG\r\n\x1a\n")
        sent, megabyte = 0, bytes(1024 * 1024)
        while self.megabytes is None or sent < self.megabytes:
            await response.write(megabyte)
            sent += 1
        return response


@dataclass
class Reset(Outcome):
    """The connection breaks: before the headers, or `after` so many bytes; `polite` closes instead of resetting."""

    after: int | None = None
    polite: bool = False

    async def answer(self, call: Call) -> web.StreamResponse:
        transport = call.request.transport
        assert transport is not None
        response = web.StreamResponse(headers={"Content-Type": call.content_type})
        if self.after is not None:
            response.content_length = len(call.data)
            await response.prepare(call.request)
            await response.write(call.data[: self.after])
            await asyncio.sleep(0.05)
        if self.polite:
            transport.close()
        else:
            # Lingering for no time makes the close a reset.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return response
