"""The child processes of a forked product (chatserver.processes) as forks too: each module is imported once in a run, where
otherwise every product imports it anew, for up to half a second of a processor each.

A template is a process that has run a child's module as far as the module serves; it forks for each child, as the same
program with the same environment would start. What a child does from there on, its confinement first, is the product's.
"""

import asyncio
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from chatserver.processes import child, forking, pool
from tests.support.fork_server import ForkedProcess, Server, ask_for_fork

# Those that start nothing else, no thread either, while they are imported.
MODULES = {
    "chatserver.imaging.worker",
    "chatserver.markdown.worker",
    "chatserver.provenance.worker",
    "chatserver.providers.sketch.painting.painter",
}
_RUN = child.run, forking.run


# In the product -------------------------------------------------------------------------------------------------------


class ForkedChild(ForkedProcess):
    """With the pipes to its streams: what `pool.Child` uses of `asyncio.subprocess.Process`."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader


def use(server: socket.socket) -> None:
    """From here on this process's children are forks, asked for over this socket."""
    execute = pool.spawn

    async def spawn(module: str, arguments: list[str], environment: dict[str, str]) -> Any:
        if module not in MODULES:
            return await execute(module, arguments, environment)
        request = {"module": module, "arguments": arguments, "environment": environment}
        return await _start(server, request)

    pool.spawn = spawn


class Template:
    """One template of the tests' own: `spawn` takes the place of `pool.spawn`, for a single module and environment."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    async def spawn(self, module: str, arguments: list[str], environment: dict[str, str]) -> ForkedChild:
        if self._socket is None:
            self._socket = _open_template(module, environment)
        return await _start(self._socket, {"arguments": arguments})

    def close(self) -> None:
        """Ends it and its forks."""
        if self._socket is not None:
            self._socket.close()


async def _start(server: socket.socket, request: dict[str, Any]) -> ForkedChild:
    (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = os.pipe(), os.pipe(), os.pipe()
    try:
        started = ForkedChild(*await ask_for_fork(server, request, [stdin, stdout, stderr]))
    finally:
        for descriptor in (stdin, stdout, stderr):
            os.close(descriptor)
    started.stdin = await _writer(to_stdin)
    started.stdout, started.stderr = await _reader(from_stdout), await _reader(from_stderr)
    return started


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb", 0))
    return reader


async def _writer(descriptor: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    transport, _ = await loop.connect_write_pipe(lambda: protocol, os.fdopen(descriptor, "wb", 0))
    return asyncio.StreamWriter(transport, protocol, None, loop)


# In the fork server ---------------------------------------------------------------------------------------------------


class Templates:
    """One process for each module and environment, from the first request on; they end with this one."""

    def __init__(self) -> None:
        self._sockets: dict[tuple[str, ...], socket.socket] = {}

    def forward(self, message: bytes, descriptors: list[int]) -> None:
        """Hands a product's request to the template that it is for."""
        request = json.loads(message)
        key = (request["module"], *(f"{name}={value}" for name, value in sorted(request["environment"].items())))
        if key not in self._sockets:
            self._sockets[key] = _open_template(request["module"], request["environment"])
        socket.send_fds(self._sockets[key], [message], descriptors)


def _open_template(module: str, environment: dict[str, str]) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", __name__, module]
        subprocess.Popen(command, stdin=theirs, env=environment, start_new_session=True)
    return ours


# In a template --------------------------------------------------------------------------------------------------------


def main() -> None:
    """The template until its end; then, in each fork, the child."""
    control = socket.socket(fileno=os.dup(0))
    child.run, forking.run = _forking(control, child.run), _forking(control, forking.run)
    sys.argv.pop(0)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _forking(control: socket.socket, run: Callable[..., None]) -> Callable[..., None]:
    """What a module calls in place of `run`: returns here in each fork, which calls that."""

    def serve(*arguments: Any, **named: Any) -> None:
        gc.collect()
        gc.freeze()  # keeps the pages that exist now shared with the forks
        request = Server(control).serve()
        if request is not None:
            child.run, forking.run = _RUN
            os.setsid()
            sys.argv[1:] = request["arguments"]
            run(*arguments, **named)

    return serve


if __name__ == "__main__":
    main()
