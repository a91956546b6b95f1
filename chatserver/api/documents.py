"""/api/v1/openapi.json and /api/v1/asyncapi.json: each generated and encoded once, when it is first asked for."""

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.api.asyncapi import asyncapi
from chatserver.api.endpoint import PREFIX, Endpoint
from chatserver.api.openapi import openapi
from chatserver.config import Config
from chatserver.events import Event
from chatserver.realtime.ports import Command


class Documents:
    """The documents of these endpoints, commands and events, as JSON. Blocking: call it from threads."""

    def __init__(
        self, endpoints: Sequence[Endpoint], commands: Sequence[Command], events: Sequence[type[Event]], config: Config
    ) -> None:
        self._endpoints, self._commands, self._events, self._origin = endpoints, commands, events, config.origin

    @cached_property
    def openapi(self) -> bytes:
        """Of the HTTP API."""
        return msgspec.json.encode(openapi(self._endpoints, self._origin))

    @cached_property
    def asyncapi(self) -> bytes:
        """Of the websocket."""
        return msgspec.json.encode(asyncapi(self._commands, self._events, self._origin))


async def show_openapi(request: Request) -> Response:
    documents: Documents = request.app.state.documents
    return await _show(lambda: documents.openapi)


async def show_asyncapi(request: Request) -> Response:
    documents: Documents = request.app.state.documents
    return await _show(lambda: documents.asyncapi)


async def _show(document: Callable[[], bytes]) -> Response:
    content = await asyncio.to_thread(document)
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-cache"})


ROUTES = [Route(f"{PREFIX}/openapi.json", show_openapi), Route(f"{PREFIX}/asyncapi.json", show_asyncapi)]
