"""uvicorn's responses in fewer writes, and the flow control that they share with the reading of requests."""

import asyncio
from collections.abc import Callable
from typing import cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class HoldingFlowControl(FlowControl):
    """uvicorn's flow control, which does not resume reading while input is held."""

    is_holding = False
    headers: list[tuple[bytes, bytes]]

    def resume_reading(self) -> None:
        if not self.is_holding:
            super().resume_reading()


class HeadAndBody:
    """The transport of a response until its body begins: the head leaves with the first part of that, in one system call."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.close, self.is_closing = transport.close, transport.is_closing
        self.write: Callable[[bytes], None] = self._keep

    def _keep(self, head: bytes) -> None:
        self.write = lambda body: self.transport.writelines([head, body])


class ResponseCycle(RequestResponseCycle):
    """uvicorn's request and response, in fewer writes; its 500, where the application failed, has all headers."""

    # The body was to wait for a 100 that it never got. Nobody knows whether it follows, so nothing else can: a proxy that
    # sends the next request on this connection would have it taken for the body.
    ends_connection = False

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
            return
        await super().send(message)
        if isinstance(self.transport, HeadAndBody):
            self.transport = self.transport.transport

    async def _start(self, message: ASGISendEvent) -> None:
        # The answer to HEAD has no body that could take the head along.
        if self.scope["method"] != "HEAD":
            self.transport = cast(asyncio.Transport, HeadAndBody(self.transport))
        self.ends_connection = self.waiting_for_100_continue and self.more_body
        if self.ends_connection:
            self.keep_alive = False  # said in the head
        await super().send(message)
        if self.ends_connection:
            self.keep_alive = True  # or uvicorn would close it at once, over what is still to be read (`http_protocol`)

    async def send_500_response(self) -> None:
        body = b"Internal Server Error.\n"
        headers = [
            *cast(HoldingFlowControl, self.flow).headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})
