"""The live channel of the gallery: `GET /ws/gallery`, for people with a browser's sign-in.

It says that something of one's own pictures, favourites or albums has changed, and the page asks which of those that it
shows still fit: nothing of a picture travels by it. One person's sockets share a listener on `user:<id>`.
"""

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from typing import NoReturn

import structlog
from starlette.types import ASGIApp

from chatserver import users
from chatserver.assets.events import FavoritesChanged, PicturesChanged
from chatserver.database import Database
from chatserver.errors import ChatserverError
from chatserver.events import Event, user_channel
from chatserver.identity.viewer import Viewer
from chatserver.realtime import page_socket
from chatserver.realtime.endpoint import IsOwnOrigin
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import ACCESS_CHECK_BATCH, EPHEMERAL_SECONDS
from chatserver.realtime.page_socket import PageEndpoint, PageSocket, Refusal
from chatserver.realtime.protocol import CLOSE_REASONS, Close

PATH = "/ws/gallery"
# Pages that one person may have open in sight at once, in one process.
MOST_SOCKETS = 10
# Sign-ins are checked so often, for the case that the event of their end was lost.
CHECK_SECONDS = 4.0
CHANGED = {"type": "gallery.changed"}

log = structlog.get_logger(__name__)


class Reader:
    """The open galleries of one person in this process; told of changes at once, then at most every EPHEMERAL_SECONDS."""

    def __init__(self) -> None:
        self.sockets: set[PageSocket] = set()
        self._told_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def take_event(self, event: Event) -> None:
        """Takes what is announced to this person."""
        if isinstance(event, PicturesChanged | FavoritesChanged):
            self.tell()
        elif isinstance(event, users.SignInsEnded):
            self._close_ended(event)

    def tell(self) -> None:
        """Says that something has changed."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._told_at + EPHEMERAL_SECONDS), self._tell)

    def _tell(self) -> None:
        self._timer, self._told_at = None, asyncio.get_running_loop().time()
        for socket in tuple(self.sockets):
            socket.send(CHANGED)

    def _close_ended(self, event: users.SignInsEnded) -> None:
        for socket in tuple(self.sockets):
            if event.account_closed:
                _close(socket, Close.ACCOUNT_CLOSED)
            elif socket.viewer.credential_id in event.credential_ids:
                _close(socket, Close.NOT_SIGNED_IN)

    def close(self) -> None:
        """The last socket has left."""
        if self._timer is not None:
            self._timer.cancel()


class GalleryChannel:
    """The open galleries of this process."""

    def __init__(self, database: Database, hub: Hub, is_own_origin: IsOwnOrigin) -> None:
        self._database, self._hub = database, hub
        self._endpoint = PageEndpoint(PATH, hub, is_own_origin, self._refusal, self._listen_to)
        self._readers: dict[str, Reader] = {}
        self._unlisten: dict[str, Callable[[], None]] = {}
        self._task: asyncio.Task[NoReturn] | None = None

    def beside(self, others: ASGIApp) -> ASGIApp:
        """The websocket application: this channel at its path, and `others` at all others."""
        return self._endpoint.beside(others)

    def _refusal(self, viewer: Viewer) -> Refusal | None:
        reader = self._readers.get(viewer.id)
        return page_socket.TOO_MANY if reader is not None and len(reader.sockets) >= MOST_SOCKETS else None

    async def _listen_to(self, socket: PageSocket) -> None:
        reader = self._join(socket)
        # What changed between the page and its socket: it is asked for once.
        socket.send(CHANGED)
        try:
            await socket.closed.wait()
        finally:
            _close(socket, Close.RESTARTING)
            reader.sockets.discard(socket)
            self._leave(socket.viewer.id, reader)

    def _join(self, socket: PageSocket) -> Reader:
        user_id = socket.viewer.id
        reader = self._readers.get(user_id)
        if reader is None:
            reader = self._readers[user_id] = Reader()
            self._unlisten[user_id] = self._hub.listen(user_channel(user_id), reader.take_event, missed=reader.tell)
        reader.sockets.add(socket)
        if self._task is None:
            # For everybody: not in the context of whoever came first, nor with their share of the database.
            self._task = asyncio.create_task(self._watch_sign_ins(), context=contextvars.Context())
        return reader

    def _leave(self, user_id: str, reader: Reader) -> None:
        if reader.sockets:
            return
        reader.close()
        del self._readers[user_id]
        self._unlisten.pop(user_id)()
        if not self._readers and self._task is not None:
            self._task.cancel()
            self._task = None

    def _sockets(self) -> list[PageSocket]:
        return [socket for reader in self._readers.values() for socket in reader.sockets]

    async def _watch_sign_ins(self) -> NoReturn:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            sockets = self._sockets()
            page_socket.keep_alive(sockets)
            try:
                for start in range(0, len(sockets), ACCESS_CHECK_BATCH):
                    await self._close_signed_out(sockets[start : start + ACCESS_CHECK_BATCH])
            except ChatserverError as error:
                log.warning("gallery.sign_ins_unchecked", error=error.code)
            except Exception:
                log.exception("gallery.sign_ins_unchecked")

    async def _close_signed_out(self, sockets: Sequence[PageSocket]) -> None:
        credentials = [socket.viewer.credential_id for socket in sockets]
        valid = await self._database.run_reading(users.valid_credentials, credentials)
        for socket in sockets:
            if socket.viewer.credential_id not in valid:
                _close(socket, Close.NOT_SIGNED_IN)

    def close_sockets(self) -> None:
        """Closes all sockets with 1012: the process ends."""
        for socket in self._sockets():
            _close(socket, Close.RESTARTING)


def _close(socket: PageSocket, code: Close) -> None:
    socket.transport.close(code, CLOSE_REASONS.get(code, "restarting"))
