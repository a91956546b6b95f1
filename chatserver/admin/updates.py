"""The live channel of the operator's pages: `GET /ws/admin`, for admins with a browser's sign-in.

It says which part has changed, and the page fetches itself again: figures never travel by it. While somebody listens, the
process compares what the pages show every two seconds, in a few small queries whatever the number of listeners; an act of an
operator is announced over the hub and compared at once. Whoever is no admin any more is closed with 4504 then.
"""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import NoReturn

import structlog
from starlette.types import ASGIApp

from chatserver import users
from chatserver.admin import overview, work
from chatserver.audit.events import ADMIN_CHANNEL
from chatserver.database import Database, Transaction
from chatserver.errors import Busy
from chatserver.generations.provider_limits import FallbackChain
from chatserver.identity.viewer import Viewer
from chatserver.realtime import page_socket
from chatserver.realtime.endpoint import IsOwnOrigin
from chatserver.realtime.hub import Hub
from chatserver.realtime.page_socket import PageEndpoint, PageSocket, Refusal
from chatserver.realtime.protocol import Close
from chatserver.reports import service as reports

PATH = "/ws/admin"
COMPARE_SECONDS = 2.0
# Pages that one admin may have open at once, in one process.
MOST_SOCKETS = 10

# The parts that pages show.
PARTS = ("work", "acts", "checks", "health", "reports")
# Each part with what shows whether it has changed.
Marks = dict[str, Hashable]

log = structlog.get_logger(__name__)


class AdminChannel:
    """The sockets of this process. `check_health` is that of /readyz; `chain` are the limits of the providers."""

    def __init__(
        self,
        database: Database,
        hub: Hub,
        check_health: Callable[[], Awaitable[dict[str, str]]],
        chain: FallbackChain,
        is_own_origin: IsOwnOrigin,
    ) -> None:
        self._database, self._hub, self._check_health, self._chain = database, hub, check_health, chain
        self._endpoint = PageEndpoint(PATH, hub, is_own_origin, self._refusal, self._listen_to)
        self._sockets: set[PageSocket] = set()
        self._marks: Marks = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[NoReturn] | None = None
        self._unlisten: Callable[[], None] | None = None

    def beside(self, others: ASGIApp) -> ASGIApp:
        """The websocket application: this channel at its path, and `others` at all others."""
        return self._endpoint.beside(others)

    def _refusal(self, viewer: Viewer) -> Refusal | None:
        if viewer.role != "admin":
            return Close.NO_SESSION, "not an admin"
        if sum(socket.viewer.id == viewer.id for socket in self._sockets) >= MOST_SOCKETS:
            return page_socket.TOO_MANY
        return None

    async def _listen_to(self, socket: PageSocket) -> None:
        self._sockets.add(socket)
        # What changed between the page and its socket: it is fetched once more.
        socket.send(_changed(PARTS))
        self._begin()
        try:
            await socket.closed.wait()
        finally:
            socket.transport.close(Close.RESTARTING, "restarting")
            self._sockets.discard(socket)
            if not self._sockets:
                self._end()

    def _begin(self) -> None:
        if self._task is None:
            self._unlisten = self._hub.listen(ADMIN_CHANNEL, lambda _: self._wake.set())
            # For everybody: not in the context of whoever came first, nor with their share of the database.
            self._task = asyncio.create_task(self._compare(), context=contextvars.Context())

    def _end(self) -> None:
        if self._task is not None and self._unlisten is not None:
            self._task.cancel()
            self._unlisten()
        self._task, self._unlisten, self._marks = None, None, {}

    async def _compare(self) -> NoReturn:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COMPARE_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._compare_once()
            except Busy:
                log.warning("admin.database_busy")
            except Exception:
                log.exception("admin.compare_failed")
            page_socket.keep_alive(list(self._sockets))

    async def _compare_once(self) -> None:
        credentials = [socket.viewer.credential_id for socket in self._sockets]
        marks, valid, admins = await self._database.run_system(_read, self._chain, credentials)
        marks["health"] = tuple((await self._check_health()).items())
        for socket in list(self._sockets):
            if socket.viewer.credential_id not in valid:
                socket.transport.close(Close.NOT_SIGNED_IN, "not signed in")
            elif socket.viewer.id not in admins:
                socket.transport.close(Close.NO_SESSION, "not an admin")
        # The first time everything has: who came before it may have drawn its page before what changed meanwhile.
        changed = [part for part, mark in marks.items() if self._marks.get(part) != mark]
        self._marks = marks
        if changed:
            for socket in self._sockets:
                socket.send(_changed(changed))

    def close_sockets(self) -> None:
        """Closes all sockets with 1012: the process ends."""
        for socket in list(self._sockets):
            socket.transport.close(Close.RESTARTING, "restarting")


def _changed(parts: Sequence[str]) -> dict[str, object]:
    """Says that these parts have changed."""
    return {"type": "admin.changed", "parts": list(parts)}


async def _read(tx: Transaction, chain: FallbackChain, credential_ids: list[str]) -> tuple[Marks, set[str], set[str]]:
    """What shows whether a part has changed; which of these sign-ins are valid, and who is an admin."""
    queue = await overview.read_queue(tx)
    providers = await overview.provider_statuses(tx, chain)
    stuck = await work.read(tx)
    marks: Marks = {
        "work": (
            queue.generations_waiting,
            queue.generations_running,
            queue.busy_workers,
            queue.oldest_seconds >= overview.LONG_WAIT_SECONDS,
            tuple((each.name, each.report.state, each.report.running, each.report.calls) for each in providers),
            tuple(lease.id for lease in stuck.leases),
            tuple(hold.generation_id for hold in stuck.holds),
            tuple((process.id, process.is_alive, process.connections) for process in stuck.processes),
        ),
        "acts": await tx.fetch_value("admin.newest_act"),
        "checks": await tx.fetch_value("admin.newest_check_end"),
        "reports": await reports.count_open(tx),
    }
    valid = await users.valid_credentials(tx, credential_ids)
    return marks, valid, {row["id"] for row in await tx.fetch_all("admin.admins")}
