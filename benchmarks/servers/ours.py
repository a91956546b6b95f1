"""Our hub as the product runs it: uvicorn with our protocol, sign-in, rights, order by seq. Sessions are in memory."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
import uvicorn
import uvloop

from benchmarks.servers.events import DURABLE, Orders, Piece, Said, text
from chatserver.brokers.memory import MemoryBroker
from chatserver.brokers.redis import RedisBroker
from chatserver.edge.connection_limits import ConnectionLimiter
from chatserver.edge.limits import HttpLimits
from chatserver.edge.websocket_protocol import uvicorn_settings
from chatserver.events import Announcement, Event, session_channel
from chatserver.identity.viewer import Viewer
from chatserver.realtime import endpoint
from chatserver.realtime.events import ClientLimits, Welcome, You
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import SocketLimits
from chatserver.realtime.ports import Snapshot
from chatserver.realtime.protocol import Close
from chatserver.runtime import gc_tuning


class EmptySessions:
    """A SessionSource whose sessions have no messages and count their seqs."""

    def __init__(self) -> None:
        self.seqs: dict[str, int] = {}

    async def snapshot(self, viewer: Viewer, session_id: str, after: int | None) -> Snapshot:
        limits = ClientLimits(
            frame_bytes=1, commands_per_10_seconds=1, commands_per_minute=1, text_length=1, max_size=1, max_count=1
        )
        welcome = Welcome(
            session={"id": session_id},
            you=You(viewer.id, viewer.name, "owner"),
            seq=self.seqs.get(session_id, 0),
            now=datetime.now(UTC),
            heartbeat_seconds=20,
            limits=limits,
        )
        return Snapshot(welcome, [], [])

    async def changes(self, session_id: str, after: int) -> list[Event]:
        return []

    async def sequences(self, session_ids: Sequence[str]) -> dict[str, int]:
        return {session_id: self.seqs.get(session_id, 0) for session_id in session_ids}

    async def close_codes(self, viewers: Sequence[tuple[Viewer, str]]) -> list[Close | None]:
        return [None] * len(viewers)


class TokenAuthentication:
    """Signs everybody in under the name that is their token."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        name = dict(scope["headers"])[b"authorization"].decode().removeprefix("Bearer ")
        viewer = Viewer(id=name, name=name, role="member", via="token", credential_id=name)
        scope["state"]["viewer"] = viewer
        await self._app(scope, receive, send)


def publish(hub: Hub, sessions: EmptySessions, number: int, nanoseconds: int) -> None:
    session_id = f"00000000-0000-7000-8000-{number & ~DURABLE:012d}"
    event: Event = Piece(text=text(nanoseconds))
    if number & DURABLE:
        seq = sessions.seqs[session_id] = sessions.seqs.get(session_id, 0) + 1
        event = Said(seq=seq, text=text(nanoseconds))
    hub.publish([Announcement(session_channel(session_id), event)])


async def main(clients: int, orders: int) -> None:
    # The load generator answers no pings.
    everyone = SocketLimits(sockets_per_user=100_000, sockets_per_address=100_000, heartbeat_seconds=1e6)
    # With REDIS_URL it is one of several processes, as in benchmarks.across_processes.
    url = os.environ.get("REDIS_URL")
    hub, sessions = Hub(RedisBroker(url) if url else MemoryBroker(), (Said, Piece), limits=everyone), EmptySessions()
    await hub.start(sessions)

    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Orders(partial(publish, hub, sessions)), sock=socket.socket(fileno=orders))
    app = TokenAuthentication(endpoint.build(hub, [], None, lambda _, origin: False))
    # All clients of a benchmark have one address.
    limiter = ConnectionLimiter(HttpLimits(connections_per_address=100_000))
    config = uvicorn.Config(app, log_config=None, lifespan="off", access_log=False, **uvicorn_settings(limiter))
    gc_tuning.freeze()
    await uvicorn.Server(config).serve(sockets=[socket.socket(fileno=clients)])


structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
