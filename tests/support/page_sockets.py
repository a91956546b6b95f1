"""The sockets of pages that only listen, as a test hears them."""

import asyncio
import json
from typing import Any

import aiohttp

from tests.users.server import Browser

PATIENCE_SECONDS = 20
_ENDS = {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}


def connect(browser: Browser, path: str, **headers: str) -> Any:
    """The socket of a page in this browser."""
    return browser.client.ws_connect(path, headers={"Accept": "*/*", **headers})


async def next_events(socket: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    """The events of the next frame that has some."""
    while True:
        message = await asyncio.wait_for(socket.receive(), PATIENCE_SECONDS)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        events: list[dict[str, Any]] = json.loads(message.data)
        if events:
            return events


async def close_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code with which the server closes; what it says before is passed over."""
    while True:
        message = await asyncio.wait_for(socket.receive(), PATIENCE_SECONDS)
        if message.type in _ENDS:
            return socket.close_code
