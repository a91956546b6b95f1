"""The event loop of our processes and commands: uvloop's, except that it looks up names in threads of its own.

libuv looks up two names at a time, and a loop that ends waits for every look-up. A name whose server is silent takes half a
minute each time: two of them kept every other name from being found, and SIGTERM from ending the process, for minutes.
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

# Names that are looked up at once, each in a thread that ends with it; more wait. Whoever asks for the same shares one.
MOST_LOOKUPS = 32

T = TypeVar("T")
_Query = tuple[Any, ...]


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a process's or a command's coroutine to its end."""
    return uvloop.run(main, loop_factory=EventLoop)


class EventLoop(uvloop.Loop):
    """Looks up names for what is connected by `create_connection`, and for whoever calls `getaddrinfo`."""

    def __init__(self) -> None:
        super().__init__()
        self._lookups: dict[_Query, asyncio.Task[list[Any]]] = {}
        self._free = asyncio.Semaphore(MOST_LOOKUPS)

    async def getaddrinfo(self, host: Any, port: Any, **options: int) -> list[Any]:
        """Like `socket.getaddrinfo`. A look-up that its asker gives up goes on to its own end."""
        if _is_address(host):
            return list(await super().getaddrinfo(host, port, **options))
        query = (host, port, *(options.get(name, 0) for name in ("family", "type", "proto", "flags")))
        if query not in self._lookups:
            self._lookups[query] = self.create_task(self._look_up(query))
            self._lookups[query].add_done_callback(lambda task: self._forget(query, task))
        return list(await asyncio.shield(self._lookups[query]))

    def _forget(self, query: _Query, task: "asyncio.Task[list[Any]]") -> None:
        del self._lookups[query]
        if not task.cancelled():
            task.exception()  # all who asked may have given up

    async def _look_up(self, query: _Query) -> list[Any]:
        async with self._free:
            answer: asyncio.Future[list[Any]] = self.create_future()
            # A daemon: nobody waits for it where the process ends.
            thread = threading.Thread(target=self._run_lookup, args=(query, answer), name="getaddrinfo", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise OSError("the system gives no thread for a look-up") from error
            return await answer

    def _run_lookup(self, query: _Query, answer: "asyncio.Future[list[Any]]") -> None:
        try:
            found = socket.getaddrinfo(*query)
        except Exception as error:  # noqa: BLE001  whatever it is, those who asked are told
            self._tell(answer, answer.set_exception, error)
        else:
            self._tell(answer, answer.set_result, found)

    def _tell(self, answer: "asyncio.Future[list[Any]]", settle: Callable[[Any], None], outcome: Any) -> None:
        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            self.call_soon_threadsafe(_settle, answer, settle, outcome)

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """A connection to the first address of a host that takes it. Raises OSError as the last of them did."""
        if _is_address(host):
            return await super().create_connection(protocol_factory, host, port, **options)
        if options.get("ssl") and options.get("server_hostname") is None:
            options["server_hostname"] = host
        asked = {name: options.pop(name, 0) for name in ("family", "proto", "flags")}
        found = await self.getaddrinfo(host, port, type=socket.SOCK_STREAM, **asked)
        for number, (family, _, proto, _, address) in enumerate(found, start=1):
            try:
                return await super().create_connection(
                    protocol_factory, *address[:2], family=family, proto=proto, **options
                )
            except OSError:
                if number == len(found):
                    raise
        raise OSError(f"{host} has no address")


def _settle(answer: "asyncio.Future[list[Any]]", settle: Callable[[Any], None], outcome: Any) -> None:
    if not answer.done():
        settle(outcome)


def _is_address(host: Any) -> bool:
    """Whether nothing has to be looked up: an address in digits, or none at all."""
    if not isinstance(host, str):
        return host is None
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return not host
    return True
