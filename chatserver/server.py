"""Runs the processes: the web server with its drain, several web processes, or a worker alone.

The first process starts the embedded Postgres (where DATABASE_URL is empty) and migrates the schema.
"""

import asyncio
import contextlib
import multiprocessing
import multiprocessing.context
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import structlog
import uvicorn
import uvloop

from chatserver.app.background import reporting, running_worker
from chatserver.app.composition import open_state
from chatserver.app.web_application import WebApplication, open_web_application
from chatserver.config import Config
from chatserver.database import command_line
from chatserver.edge.connection_limits import ConnectionLimiter
from chatserver.edge.limits import ACCEPTED_AT_ONCE, CONNECTIONS, HttpLimits
from chatserver.edge.websocket_protocol import uvicorn_settings
from chatserver.errors import ConfigurationError
from chatserver.net import ip_addresses
from chatserver.realtime import limits
from chatserver.runtime import file_descriptors, logs, loop_lag, termination
from chatserver.runtime.process_roles import ProcessRole
from chatserver.web.headers import security_headers

# Requests still under way after the drain have this long; then they are cut.
SHUTDOWN_SECONDS = 10

log = structlog.get_logger(__name__)


def serve(config: Config, *, role: ProcessRole, workers: int) -> None:
    """Serves until a signal ends it. Raises ConfigurationError where it cannot start."""
    if role is ProcessRole.worker:
        work(config)
        return
    if workers > 1 and not config.redis_url:
        raise ConfigurationError("More than one web process needs REDIS_URL, so that events reach every one of them.")
    _warn_of_root()
    file_descriptors.raise_limit()
    with _listen(config) as listener:
        uvloop.run(_serve(config, role, workers, listener))


def work(config: Config) -> None:
    """Works on generations and replies until a signal ends it."""
    _warn_of_root()
    uvloop.run(_work(config))


def _warn_of_root() -> None:
    if os.geteuid() == 0:
        log.warning(
            "process.started_as_root",
            advice="run it as an ordinary user: a vulnerability in it would give away the machine",
        )


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it: by default the kernel takes 4 MB for a client that does not read.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.KERNEL_BYTES)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        where = f"{config.host}:{config.port}"
        raise ConfigurationError(f"Cannot listen on {where}: {error.strerror}. Set PORT or HOST.") from None
    listener.listen(file_descriptors.backlog())
    return listener


async def _serve(config: Config, role: ProcessRole, workers: int, listener: socket.socket) -> None:
    async with command_line.database_url(config) as url:
        await command_line.prepare(config, url)
        config = replace(config, database_url=url, port=listener.getsockname()[1])
        if workers > 1:
            await _supervise(config, role, workers, listener)
        else:
            await serve_socket(config, role, listener)


async def serve_socket(config: Config, role: ProcessRole, listener: socket.socket) -> None:
    """One web process on a socket that is listening already."""
    async with open_web_application(config, with_worker=role is ProcessRole.all) as product:
        # libuv accepts one connection of a handle in each iteration of the loop; all of these have one queue in the kernel.
        handles = [listener, *(listener.dup() for _ in range(ACCEPTED_AT_ONCE - 1))]
        await DrainingServer(_uvicorn_config(config, product), product).serve(sockets=handles)


def _uvicorn_config(config: Config, product: WebApplication) -> uvicorn.Config:
    return uvicorn.Config(
        product,
        **uvicorn_settings(_connection_limiter(config)),
        lifespan="off",
        loop="uvloop",
        access_log=False,
        log_config=None,
        date_header=True,
        backlog=file_descriptors.backlog(),
    )


def _connection_limiter(config: Config) -> ConnectionLimiter:
    http_limits = HttpLimits(
        connections_per_address=config.connections_per_address + config.sockets_per_address,
        connections=min(file_descriptors.connection_limit(), CONNECTIONS),
    )
    trusted = [ip_addresses.setting("TRUSTED_PROXIES", text) for text in config.trusted_proxies]

    def trusts(text: str) -> bool:
        address = ip_addresses.address_of(text)
        return address is not None and any(address in network for network in trusted)

    return ConnectionLimiter(http_limits, trusts=trusts, headers=security_headers(config))


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which drains the product's websockets before it closes anything."""

    def __init__(self, config: uvicorn.Config, product: WebApplication) -> None:
        super().__init__(config)
        self._product = product

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A signal that asks for the end ends `serve`; a second one cuts what is left."""
        with _signals(self._ask_to_exit):
            yield

    def _ask_to_exit(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._product.announce_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._product.drain()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in termination.signals()}
    for number in before:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            # What is still to be closed is not killed by a second signal.
            signal.signal(number, handler)


async def _work(config: Config) -> None:
    stop = asyncio.Event()
    with _signals(stop.set):
        await _work_until(config, stop)


async def _work_until(config: Config, stop: asyncio.Event) -> None:
    async with command_line.database_url(config) as url:
        await command_line.prepare(config, url)
        opened = replace(config, database_url=url)
        async with (
            open_state(opened) as state,
            reporting(state, "worker"),
            running_worker(state),
        ):
            log.info("worker.started", concurrency=config.worker_concurrency)
            with loop_lag.monitored():
                await stop.wait()


# Several web processes ----------------------------------------------------------------------------------------------


async def _supervise(config: Config, role: ProcessRole, workers: int, listener: socket.socket) -> None:
    """Keeps `workers` web processes running on one socket; a process that dies is replaced, a signal ends all."""
    stop = asyncio.Event()
    with _signals(stop.set):
        await _supervise_until(stop, config, role, workers, listener)


async def _supervise_until(
    stop: asyncio.Event, config: Config, role: ProcessRole, workers: int, listener: socket.socket
) -> None:
    context = multiprocessing.get_context("spawn")
    children = [_spawn(context, config, role, listener) for _ in range(workers)]
    while not stop.is_set():
        for index, child in enumerate(children):
            if not child.is_alive():
                log.warning("web.process_died", exit_code=child.exitcode)
                children[index] = _spawn(context, config, role, listener)
        try:
            await asyncio.wait_for(stop.wait(), 1)
        except TimeoutError:
            continue
    for child in children:
        child.terminate()
    for child in children:
        await asyncio.to_thread(child.join, 2 * SHUTDOWN_SECONDS)


def _spawn(
    context: multiprocessing.context.SpawnContext, config: Config, role: ProcessRole, listener: socket.socket
) -> multiprocessing.context.SpawnProcess:
    child = context.Process(target=_serve_in_child, args=(config, role, listener), name="chatserver web")
    child.start()
    return child


def _serve_in_child(config: Config, role: ProcessRole, listener: socket.socket) -> None:
    logs.configure(config)
    uvloop.run(_serve_under_parent(config, role, listener))


async def _serve_under_parent(config: Config, role: ProcessRole, listener: socket.socket) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    # Without this the children of a killed supervisor would keep the port from the next one.
    asyncio.get_running_loop().add_reader(parent.sentinel, _follow_parent, parent.sentinel)
    await serve_socket(config, role, listener)


def _follow_parent(sentinel: int) -> None:
    asyncio.get_running_loop().remove_reader(sentinel)
    signal.raise_signal(signal.SIGTERM)
