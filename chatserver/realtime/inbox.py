"""The commands of one connection: decoded on arrival, run one after the other, each answered by its `ref`.

Reading never waits: a command joins a queue of QUEUED_COMMANDS, and a task runs them, which exists only while there are any;
a `concurrent` one is started in its turn and not waited for. Commands beyond the limits are refused (`busy`,
`rate-limited`); after REFUSALS in a row the socket is closed.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from chatserver.errors import Busy, ChatserverError, Malformed, RateLimited
from chatserver.realtime import protocol
from chatserver.realtime.events import CommandReply
from chatserver.realtime.limits import COMMAND_SECONDS, QUEUED_COMMANDS, REFUSALS
from chatserver.realtime.ports import BoundCommand, Caller
from chatserver.realtime.rate_limit import CommandRateLimit

log = structlog.get_logger(__name__)


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ping {}`: answered at once, even while a command runs."""


class Inbox:
    """`reply` sends an event to this socket alone; `on_flood(retry_after)` closes it."""

    __slots__ = (
        "_caller",
        "_commands",
        "_concurrent",
        "_is_open",
        "_on_flood",
        "_rate_limit",
        "_refusals",
        "_reply",
        "_runner",
        "_waiting",
    )

    def __init__(
        self,
        caller: Caller,
        commands: Mapping[str, BoundCommand],
        rate_limit: CommandRateLimit,
        reply: Callable[[CommandReply], None],
        on_flood: Callable[[float], None],
    ) -> None:
        self._caller, self._commands, self._rate_limit = caller, commands, rate_limit
        self._reply, self._on_flood = reply, on_flood
        self._waiting: list[tuple[str, BoundCommand, msgspec.Struct]] = []
        self._runner: asyncio.Task[None] | None = None
        self._concurrent: asyncio.Task[None] | None = None
        self._refusals = 0
        self._is_open = False

    def start(self) -> None:
        """The caller is admitted to the session: commands run from now on, those that arrived before first."""
        self._is_open = True
        self._wake()

    def close(self) -> None:
        """The socket is closed. A running command goes on; queued ones are dropped, and repeated by the client.

        A concurrent one is cancelled: nobody waits for it, and it may take minutes.
        """
        self._is_open = False
        self._waiting.clear()
        if self._concurrent is not None:
            self._concurrent.cancel()

    async def wait_idle(self) -> None:
        """Waits until no command runs that others wait for."""
        if self._runner is not None:
            await asyncio.wait([self._runner])

    def accept(self, text: str) -> None:
        """Takes one text message. Raises protocol.BadFrame where it is not a command at all."""
        frame = protocol.decode(text)
        now = asyncio.get_running_loop().time()
        if wait := self._rate_limit.acquire(now):
            self._refuse(frame.ref, RateLimited(retry_after=wait), wait)
            return
        try:
            self._enqueue(frame)
        except ChatserverError as error:
            self._reply_error(frame.ref, error)

    def _enqueue(self, frame: protocol.CommandFrame) -> None:
        if frame.fault is not None:
            raise frame.fault
        if frame.name == "ping":
            protocol.body(frame.fields, Ping)
            self._reply_ok(frame.ref, {})
            return
        command = self._commands.get(frame.name)
        if command is None:
            raise Malformed("There is no such command.", details={"field": "type"})
        fields = protocol.body(frame.fields, command.body)
        if len(self._waiting) >= QUEUED_COMMANDS:
            self._refuse(frame.ref, Busy(retry_after=1), 1)
            return
        self._refusals = 0
        self._waiting.append((frame.ref, command, fields))
        self._wake()

    def _refuse(self, ref: str, error: ChatserverError, wait: float) -> None:
        self._refusals += 1
        if self._refusals > REFUSALS:
            self._on_flood(wait)
        else:
            self._reply_error(ref, error)

    def _wake(self) -> None:
        if self._runner is None and self._is_open and self._waiting:
            self._runner = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                ref, command, fields = self._waiting.pop(0)
                if command.concurrent:
                    self._start_concurrent(ref, command, fields)
                else:
                    await self._run_one(ref, command, fields)
        finally:
            self._runner = None

    def _start_concurrent(self, ref: str, command: BoundCommand, fields: msgspec.Struct) -> None:
        if self._concurrent is not None:
            self._reply_error(ref, Busy(retry_after=1))
            return
        self._concurrent = asyncio.create_task(self._run_one(ref, command, fields))
        self._concurrent.add_done_callback(self._forget_concurrent)

    def _forget_concurrent(self, _: asyncio.Task[None]) -> None:
        self._concurrent = None

    async def _run_one(self, ref: str, command: BoundCommand, fields: msgspec.Struct) -> None:
        try:
            async with asyncio.timeout(None if command.concurrent else COMMAND_SECONDS):
                self._reply_ok(ref, await command.run(self._caller, fields))
        except ChatserverError as error:
            self._reply_error(ref, error)
        except TimeoutError:
            log.warning("command.timed_out", command=command.name, connection=self._caller.connection_id)
            self._reply_error(ref, Busy(retry_after=2))
        except Exception:
            log.exception("command.failed", command=command.name, connection=self._caller.connection_id)
            self._reply_error(ref, ChatserverError())

    def _reply_ok(self, ref: str, result: Any) -> None:
        self._reply(CommandReply(ref=ref, ok=True, result=result))

    def _reply_error(self, ref: str, error: ChatserverError) -> None:
        self._reply(CommandReply(ref=ref, ok=False, error=error.as_dict()))
