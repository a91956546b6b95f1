"""The bare `websockets` library: rooms are sets, and `broadcast` sends. No sign-in, no order, no history."""

import asyncio
import socket
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.servers.events import DURABLE, Orders, Piece, text
from chatserver.events import encode

rooms: dict[int, set[ServerConnection]] = {}


async def enter(connection: ServerConnection) -> None:
    assert connection.request is not None
    room = rooms.setdefault(int(connection.request.path.partition("?")[0][-12:]), set())
    room.add(connection)
    try:
        await connection.wait_closed()
    finally:
        room.discard(connection)


def obey(number: int, nanoseconds: int) -> None:
    event = encode(Piece(text=text(nanoseconds)))
    broadcast(rooms.get(number & ~DURABLE, set()), (b"[" + event + b"]").decode())


async def main(clients: int, orders: int) -> None:
    await asyncio.get_running_loop().create_server(lambda: Orders(obey), sock=socket.socket(fileno=orders))
    async with serve(enter, sock=socket.socket(fileno=clients), compression=None, ping_interval=None) as server:
        await server.serve_forever()


uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
