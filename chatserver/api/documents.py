"""/api/v1/openapi.json and /api/v1/asyncapi.json: generated and encoded once, at the start."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.api.asyncapi import asyncapi
from chatserver.api.endpoint import PREFIX, Endpoint
from chatserver.api.openapi import openapi
from chatserver.config import Config
from chatserver.events import Event
from chatserver.realtime.ports import Command


class Documents(Struct, frozen=True):
    """Both documents as JSON."""

    openapi: bytes
    asyncapi: bytes


def make(
    endpoints: Sequence[Endpoint], commands: Sequence[Command], events: Sequence[type[Event]], config: Config
) -> Documents:
    """The documents of these endpoints, commands and events."""
    return Documents(
        msgspec.json.encode(openapi(endpoints, config.origin)),
        msgspec.json.encode(asyncapi(commands, events, config.origin)),
    )


async def show_openapi(request: Request) -> Response:
    return _show(request.app.state.documents.openapi)


async def show_asyncapi(request: Request) -> Response:
    return _show(request.app.state.documents.asyncapi)


def _show(document: bytes) -> Response:
    return Response(document, media_type="application/json", headers={"Cache-Control": "no-cache"})


ROUTES = [Route(f"{PREFIX}/openapi.json", show_openapi), Route(f"{PREFIX}/asyncapi.json", show_asyncapi)]
