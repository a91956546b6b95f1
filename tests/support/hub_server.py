"""A hub behind a real server (uvicorn and uvloop in a thread of their own), sessions in memory, and clients."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import uvicorn
import uvloop
import websockets
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect

from chatserver import ids
from chatserver.brokers.base import Receive, ReportMissed
from chatserver.brokers.memory import MemoryBroker
from chatserver.edge.connection_limits import ConnectionLimiter
from chatserver.edge.limits import HttpLimits
from chatserver.edge.websocket_protocol import uvicorn_settings
from chatserver.errors import Conflict, NotFound
from chatserver.events import Announcement, Event, encode, session_channel, user_channel
from chatserver.identity.viewer import Viewer
from chatserver.realtime import endpoint, protocol
from chatserver.realtime.events import ClientLimits, More, Welcome, You
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import SocketLimits
from chatserver.realtime.ports import Caller, Command, Snapshot
from chatserver.realtime.protocol import Close

T = TypeVar("T")
PATIENCE_SECONDS = 10.0


class Said(Event, frozen=True, kw_only=True, tag="message"):
    """A durable change: the whole message as it now is."""

    seq: int
    message: dict[str, Any]

    def durable_seq(self) -> int | None:
        return self.seq


class Piece(Event, frozen=True, kw_only=True, tag="delta"):
    """Ephemeral, never merged."""

    text: str


class Level(Event, frozen=True, kw_only=True, tag="progress"):
    """Ephemeral; a newer one may replace an older one of its name."""

    name: str
    value: int

    def merge_key(self) -> str | None:
        return f"level:{self.name}"


class CredentialsEnded(Event, frozen=True, kw_only=True, tag="sign-ins-ended"):
    """The end of sign-ins, as `users` announces it."""

    user_id: str
    credential_ids: tuple[str, ...] = ()
    account_closed: bool = False


class RenderedMessage(Event, frozen=True, kw_only=True, tag="message"):
    """A message in the form of chat.v1.html."""

    seq: int
    target: str
    html: str


class Say(Struct, frozen=True, forbid_unknown_fields=True):
    client_id: str
    text: str
    amount: int = 0


class RecordingBroker(MemoryBroker):
    """The memory broker, which exposes its callbacks and the channels that are subscribed to."""

    def __init__(self) -> None:
        super().__init__()
        self.channels: set[str] = set()

    async def start(self, receive: Receive, lost: ReportMissed) -> None:
        self.receive, self.lost = receive, lost
        await super().start(receive, lost)

    def subscribe(self, channel: str) -> None:
        assert channel not in self.channels, "once a channel"
        self.channels.add(channel)
        super().subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        self.channels.remove(channel)
        super().unsubscribe(channel)


class MemorySource:
    """A SessionSource in memory. `reads` lists the calls by method name."""

    def __init__(self) -> None:
        self.seqs: dict[str, int] = {}
        self.messages: dict[str, dict[str, Said]] = {}
        self.members: dict[str, set[str]] = {}
        self.ended: set[str] = set()
        self.reads: list[str] = []
        self.page = 200
        self.delay = 0.0
        self.after_read: Callable[[], Any] | None = None

    def add(self, *members: str) -> str:
        session_id = ids.new()
        self.seqs[session_id], self.messages[session_id] = 0, {}
        self.members[session_id] = set(members)
        return session_id

    def store(self, session_id: str, text: str, message_id: str | None = None) -> Said:
        self.seqs[session_id] += 1
        seq, message_id = self.seqs[session_id], message_id or ids.new()
        said = Said(seq=seq, message={"id": message_id, "seq": seq, "text": text})
        self.messages[session_id][message_id] = said
        return said

    def after(self, session_id: str, after: int) -> list[Event]:
        found = sorted(self.messages[session_id].values(), key=lambda said: said.seq)
        return [said for said in found if said.seq > after]

    async def snapshot(self, viewer: Viewer, session_id: str, after: int | None) -> Snapshot:
        self.reads.append("snapshot")
        if self.delay:
            await asyncio.sleep(self.delay)
        if viewer.id not in self.members.get(session_id, ()):
            raise NotFound
        limits = ClientLimits(
            frame_bytes=1, commands_per_10_seconds=1, commands_per_minute=1, text_length=1, max_size=1, max_count=1
        )
        welcome = Welcome(
            session={"id": session_id},
            you=You(viewer.id, viewer.name, "owner"),
            seq=self.seqs[session_id],
            now=datetime.now(UTC),
            heartbeat_seconds=20,
            limits=limits,
        )
        events = self.after(session_id, after or 0)
        if after is None and len(events) > self.page:
            events = events[-self.page :]
            events.append(More(before=events[0].durable_seq() or 0))
        elif after is not None:
            events = events[: self.page]
        if self.after_read is not None:
            await self.after_read()
        return Snapshot(welcome, [Level(name="credits", value=8)], events)

    async def changes(self, session_id: str, after: int) -> list[Event]:
        self.reads.append("changes")
        return self.after(session_id, after)[: self.page]

    async def sequences(self, session_ids: Sequence[str]) -> dict[str, int]:
        self.reads.append("sequences")
        return {session_id: self.seqs[session_id] for session_id in session_ids}

    async def close_codes(self, viewers: Sequence[tuple[Viewer, str]]) -> list[Close | None]:
        self.reads.append("close_codes")
        return [self._close_code(viewer, session_id) for viewer, session_id in viewers]

    def _close_code(self, viewer: Viewer, session_id: str) -> Close | None:
        if viewer.credential_id in self.ended:
            return Close.NOT_SIGNED_IN
        return None if viewer.id in self.members.get(session_id, ()) else Close.NO_SESSION


def render(event: Event) -> bytes:
    if isinstance(event, Said):
        return encode(RenderedMessage(seq=event.seq, target=event.message["id"], html=f"<p>{event.message['text']}"))
    return encode(event)


async def create(server: "HubServer", caller: Caller, say: Say) -> dict[str, Any]:
    server.ran.append(say.text)
    if say.text == "wait":
        await server.release.wait()
    if say.text == "break":
        raise RuntimeError("a secret detail")
    if say.text == "twice":
        raise Conflict
    said = server.source.store(caller.session_id, say.text)
    server.hub.publish([Announcement(session_channel(caller.session_id), said)])
    return {"message": said.message}


COMMANDS = [Command("message.create", Say, create), Command("prompt.improve", Say, create, concurrent=True)]


class HubServer:
    """The server. `do` runs code in its event loop; `app` answers HTTP in place of a bare "ok"."""

    def __init__(
        self,
        bounds: SocketLimits | None = None,
        http_limits: HttpLimits | None = None,
        app: Any = None,
        **settings: Any,
    ) -> None:
        self.bounds = bounds or SocketLimits(
            sockets_per_user=100, sockets_per_address=1000, commands_per_10_seconds=200, commands_per_minute=2000
        )
        self.limiter = ConnectionLimiter(http_limits, headers={"X-Frame-Options": "DENY"})
        self.settings = {**uvicorn_settings(self.limiter), **settings}
        self.app = app
        self.source = MemorySource()
        self.broker = RecordingBroker()
        self.ran: list[str] = []
        self._ready = threading.Event()
        # Listened on from here on, or the system might give the port to somebody else.
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    async def __aenter__(self) -> "HubServer":
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()), daemon=True)
        self._thread.start()
        await asyncio.to_thread(self._ready.wait, 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.do(lambda: setattr(self.uvicorn, "should_exit", True))
        await asyncio.to_thread(self._thread.join, 20)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.release = asyncio.Event()
        events = (Said, Piece, Level, CredentialsEnded)
        self.hub = Hub(self.broker, events, {protocol.HTML: render}, self.bounds)
        await self.hub.start(self.source)
        app = endpoint.build(self.hub, COMMANDS, self, lambda _, origin: origin == "https://ours.example")
        config = uvicorn.Config(
            _Authenticator(app, self.app),
            log_config=None,
            lifespan="off",
            **self.settings,
        )
        self.uvicorn = uvicorn.Server(config)
        serving = asyncio.create_task(self.uvicorn.serve([self._listener]))
        while not self.uvicorn.started:
            await asyncio.sleep(0.01)
        self._ready.set()
        await serving
        await self.hub.close()

    async def do(self, action: Callable[[], T]) -> T:
        async def run() -> T:
            result = action()
            return await result if asyncio.iscoroutine(result) else result

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self.loop))

    async def session(self, *members: str) -> str:
        return await self.do(lambda: self.source.add(*members))

    async def say(self, session_id: str, *texts: str) -> None:
        """Stores messages and publishes them, all in one iteration of the loop."""
        await self.do(lambda: [self.say_now(session_id, text) for text in texts])

    def say_now(self, session_id: str, text: str) -> None:
        said = self.source.store(session_id, text)
        self.hub.publish([Announcement(session_channel(session_id), said)])

    async def publish(self, session_id: str, *events: Event) -> None:
        channel = session_channel(session_id)
        await self.do(lambda: self.hub.publish([Announcement(channel, event) for event in events]))

    async def revoke(self, user_id: str, **fields: Any) -> None:
        event = CredentialsEnded(user_id=user_id, **fields)
        await self.do(lambda: self.hub.publish([Announcement(user_channel(user_id), event)]))

    async def until(self, condition: Callable[[], Any], patience: float = PATIENCE_SECONDS) -> None:
        """Waits until `condition`, evaluated in the server's loop, is true."""
        deadline = asyncio.get_running_loop().time() + patience
        while not await self.do(condition):
            assert asyncio.get_running_loop().time() < deadline, "the condition did not become true"
            await asyncio.sleep(0.01)

    async def dial(self, person: str, session_id: str, query: str = "", **options: Any) -> "Client":
        """An open socket of which nothing was read yet."""
        headers = {"Authorization": f"Bearer {person}"} if person else {}
        url = f"ws://127.0.0.1:{self.port}/ws/sessions/{session_id}{query}"
        options.setdefault("compression", None)
        return Client(await connect(url, additional_headers=headers, max_size=None, **options))

    @contextlib.asynccontextmanager
    async def joins(self, person: str, session_id: str, query: str = "", **options: Any) -> "AsyncIterator[Client]":
        """A socket that has received its snapshot."""
        client = await self.dial(person, session_id, query, **options)
        try:
            await client.hears("presence")
            yield client
        finally:
            await client.socket.close()


class _Authenticator:
    """Authenticates by name: `Bearer ada`; `Bearer ada/2` is the second sign-in of ada."""

    def __init__(self, app: Any, http: Any) -> None:
        self._app = app
        self._http = http

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and self._http is not None:
            await self._http(scope, receive, send)
            return
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})
            return
        given = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        name = given.partition("/")[0]
        viewer = Viewer(id=name, name=name.title(), role="member", via="token", credential_id=given or "none")
        scope["state"] = {"viewer": viewer if name else None}
        await self._app(scope, receive, send)


class Client:
    """One open websocket and everything that it received."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.frames: list[list[dict[str, Any]]] = []
        self._number = 0

    async def hears(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Waits for the next event of a type with these fields, and returns it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for event in self.events[self._number :]:
                    self._number += 1
                    if event["type"] == kind and all(event.get(name) == value for name, value in fields.items()):
                        return event
                await self.read()

    async def read(self) -> None:
        frame = json.loads(await self.socket.recv())
        self.frames.append(frame)
        self.events += frame

    async def closes(self, patience: float = PATIENCE_SECONDS) -> tuple[int, str]:
        """Waits until the server closes; its close code and reason."""
        async with asyncio.timeout(patience):
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await self.read()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""

    async def asks(self, command: str, ref: str = "1", **fields: Any) -> dict[str, Any]:
        await self.sends(json.dumps({"type": command, "ref": ref, **fields}))
        return await self.hears("reply", ref=ref)

    async def sends(self, text: str | bytes) -> None:
        await self.socket.send(text)

    @property
    def texts(self) -> list[str]:
        """The texts of the received messages, in order."""
        return [event["message"]["text"] for event in self.events if event["type"] == "message"]

    @property
    def seqs(self) -> list[int]:
        """The seqs of the received messages, in order."""
        return [event["seq"] for event in self.events if event["type"] == "message"]
