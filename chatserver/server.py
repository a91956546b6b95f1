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
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog

from chatserver.config import Config
from chatserver.database import command_line
from chatserver.errors import ConfigurationError
from chatserver.realtime import limits
from chatserver.runtime import event_loop, file_descriptors, gc_tuning, logs, termination
from chatserver.runtime.process_roles import ProcessRole

# Requests still under way after the drain have this long; then they are cut.
SHUTDOWN_SECONDS = 10
# How often it is seen whether every web process runs.
SUPERVISE_SECONDS = 1.0

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
        event_loop.run(_serve(config, role, workers, listener))


def work(config: Config) -> None:
    """Works on generations and replies until a signal ends it."""
    _warn_of_root()
    event_loop.run(_work(config))


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
    # Several web processes import it each.
    importing = asyncio.create_task(asyncio.to_thread(_import_web_server)) if workers == 1 else None
    async with command_line.database_url(config) as url:
        await command_line.prepare(config, url)
        config = replace(config, database_url=url, port=listener.getsockname()[1])
        if importing is None:
            await _supervise(config, role, workers, listener)
        else:
            serve_socket = await importing
            await serve_socket(config, role, listener, None)


def _import_web_server() -> Callable[[Config, ProcessRole, socket.socket, int | None], Awaitable[None]]:
    """What serves the pages, two thirds of all that is imported: in a thread, while the embedded Postgres starts."""
    from chatserver.app import web_server

    return web_server.serve


def _import_worker() -> Callable[[Config, asyncio.Event], Awaitable[None]]:
    from chatserver.app import worker_process

    return worker_process.work


async def _work(config: Config) -> None:
    stop = asyncio.Event()
    with termination.handled(stop.set):
        await _work_until(config, stop)


async def _work_until(config: Config, stop: asyncio.Event) -> None:
    importing = asyncio.create_task(asyncio.to_thread(_import_worker))
    async with command_line.database_url(config) as url:
        await command_line.prepare(config, url)
        run_worker = await importing
        await run_worker(replace(config, database_url=url), stop)


# Several web processes ----------------------------------------------------------------------------------------------


async def _supervise(config: Config, role: ProcessRole, workers: int, listener: socket.socket) -> None:
    """Keeps `workers` web processes running on one socket; a process that dies is replaced, a signal ends all."""
    stop = asyncio.Event()
    with termination.handled(stop.set):
        await _supervise_until(stop, config, role, workers, listener)


async def _supervise_until(
    stop: asyncio.Event, config: Config, role: ProcessRole, workers: int, listener: socket.socket
) -> None:
    gc_tuning.freeze()
    context = multiprocessing.get_context("spawn")
    children: list[multiprocessing.context.SpawnProcess] = []
    spawn = partial(_spawn, context, config, role, listener)
    try:
        while len(children) < workers:
            children.append(spawn(len(children)))
        while not stop.is_set():
            _replace_dead(children, spawn)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SUPERVISE_SECONDS):
                    await stop.wait()
    finally:
        for child in children:
            child.terminate()
        for child in children:
            await asyncio.to_thread(child.join, 2 * SHUTDOWN_SECONDS)


def _replace_dead(
    children: list[multiprocessing.context.SpawnProcess], spawn: Callable[[int], multiprocessing.context.SpawnProcess]
) -> None:
    for index, child in enumerate(children):
        if child.is_alive():
            continue
        log.warning("web.process_died", exit_code=child.exitcode)
        try:
            children[index] = spawn(index)
        except OSError as error:
            # The machine has no process or memory left for it; the others go on, and the next time it may have.
            log.error("web.process_not_started", error=error.strerror)


def _spawn(
    context: multiprocessing.context.SpawnContext,
    config: Config,
    role: ProcessRole,
    listener: socket.socket,
    number: int,
) -> multiprocessing.context.SpawnProcess:
    child = context.Process(target=_serve_in_child, args=(config, role, listener, number), name="chatserver web")
    child.start()
    return child


def _serve_in_child(config: Config, role: ProcessRole, listener: socket.socket, number: int) -> None:
    gc_tuning.pause()
    logs.configure(config)
    event_loop.run(_serve_under_parent(config, role, listener, number))


async def _serve_under_parent(config: Config, role: ProcessRole, listener: socket.socket, number: int) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    # Without this the children of a killed supervisor would keep the port from the next one.
    asyncio.get_running_loop().add_reader(parent.sentinel, _follow_parent, parent.sentinel)
    await _import_web_server()(config, role, listener, number)


def _follow_parent(sentinel: int) -> None:
    asyncio.get_running_loop().remove_reader(sentinel)
    signal.raise_signal(signal.SIGTERM)
