"""python-socketio on uvicorn, where it is installed: its own rooms, its own `emit`. No order, no history."""

import asyncio
import socket
import sys
from typing import Any
from urllib.parse import parse_qs

import socketio  # type: ignore[import-not-found,unused-ignore]
import uvicorn
import uvloop

from benchmarks.servers.events import DURABLE, TRIGGER, text

# The load generator answers no pings.
server = socketio.AsyncServer(async_mode="asgi", ping_interval=3600)


async def enter(sid: str, environ: dict[str, Any]) -> None:
    [room] = parse_qs(environ["QUERY_STRING"])["room"]
    await server.enter_room(sid, int(room))


async def obey(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while trigger := await reader.readexactly(TRIGGER.size):
        number, nanoseconds = TRIGGER.unpack(trigger)
        await server.emit("delta", text(nanoseconds), room=number & ~DURABLE)


async def main(clients: int, orders: int) -> None:
    server.on("connect", enter)
    await asyncio.start_server(obey, sock=socket.socket(fileno=orders))
    config = uvicorn.Config(
        socketio.ASGIApp(server),
        log_config=None,
        lifespan="off",
        access_log=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
    await uvicorn.Server(config).serve(sockets=[socket.socket(fileno=clients)])


uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
