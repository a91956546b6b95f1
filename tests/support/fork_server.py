"""Starts the product by forks of one process that has imported it and read its pages, so that a start costs neither.

A forked product is `python -m chatserver …` in everything that a test can see from outside: a process id, signals, an exit
code, its own environment and output. It is not in what an interpreter or the loader reads when it starts, in the
environment that /proc shows, in memory that it shares with its parent, in whose children its own child processes are,
which are forks too (`forked_children`), and in what a password's hash costs (`quick_passwords`): tests of those start the
program itself (`products.start(…, program=products.COMMAND)`), and so does whoever sets a variable of theirs (`needs_exec`).
"""

import asyncio
import contextlib
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Forward = Callable[[bytes, list[int]], None]

_MESSAGE_BYTES = 1 << 20
# A channel and three streams.
_DESCRIPTORS = 4
# The descriptor over which a forked product asks for its child processes.
CHILDREN = 3
# For what still runs when the tests have ended, before it is killed: more than a product itself gives its Postgres, which
# would outlive it (30 s: embedded.server._shut_down).
STOP_SECONDS = 60.0
# What Python, the loader and the allocator read before the program runs.
_READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "LC_", "LANG", "FAKETIME")


def needs_exec(environment: Mapping[str, str]) -> bool:
    """Whether a process that runs already would come too late to read what this environment has and ours has not."""
    names = (name for name in environment if name.startswith(_READ_AT_START))
    return any(environment[name] != os.environ.get(name) for name in names)


class ForkedProcess:
    """One fork: what tests use of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int, pidfd: int, channel: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._pidfd = pidfd
        self._channel, self._ended = channel, asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(channel, self._read_end)

    def _read_end(self) -> None:
        told = self._channel.recv(_MESSAGE_BYTES)
        self._loop.remove_reader(self._channel)
        self._channel.close()
        os.close(self._pidfd)
        # Without a word the server is gone, which kills what it has started.
        self.returncode = int(told) if told else -signal.SIGKILL
        self._ended.set()

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode


class ForkServer:
    """The tests' side; its process starts with the first product and ends with this one, whatever becomes of it."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: Any,
        complaints: Any = None,
        folder: Path | None = None,
    ) -> ForkedProcess:
        """`chatserver ARGUMENTS` in this environment and working folder, ours if none is given; both its streams go to
        the file `output`, or what it complains of to the file `complaints`."""
        request = {"arguments": arguments, "environment": dict(environment), "folder": str(folder or Path.cwd())}
        with open(os.devnull, "rb") as nothing:
            streams = [nothing.fileno(), output.fileno(), (complaints or output).fileno()]
            return ForkedProcess(*await ask_for_fork(self._open(), request, streams))

    def _open(self) -> socket.socket:
        if self._control is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen([sys.executable, "-m", __name__], stdin=theirs, start_new_session=True)
        return self._control

    def close(self) -> None:
        """Ends it, and with it whatever it has started that still runs."""
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait()


async def ask_for_fork(
    server: socket.socket, request: dict[str, Any], streams: Sequence[int]
) -> tuple[int, int, socket.socket]:
    """The id of a fork that has these three streams, a descriptor of it, and the channel on which its end is told."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(server, [json.dumps(request).encode()], [theirs.fileno(), *streams])
    ours.setblocking(False)
    await _readable(ours)
    pid, descriptors, _, _ = socket.recv_fds(ours, _MESSAGE_BYTES, 1)
    assert pid, "the fork server has ended; what it says stands in this test's output"
    return int(pid), descriptors[0], ours


async def _readable(channel: socket.socket) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(channel, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(channel)


# The other side -------------------------------------------------------------------------------------------------------


class Server:
    """Forks for each request and says how each fork ended. Single-threaded, as whoever forks has to be.

    `forwards`, where it is given, takes what comes over the second socket, which every fork inherits as CHILDREN.
    """

    def __init__(self, control: socket.socket, forwards: Forward | None = None) -> None:
        self._control, self._forwards = control, forwards
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._pids: dict[int, int] = {}
        if forwards:
            self._asked, self._ask = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._selector.register(self._asked, selectors.EVENT_READ)

    def serve(self) -> dict[str, Any] | None:
        """Returns the request in each fork; None in the server itself, when nobody asks any more."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._tell_end(key.fd, key.data)
                    continue
                message, descriptors, _, _ = socket.recv_fds(key.fileobj, _MESSAGE_BYTES, _DESCRIPTORS)
                if not message:
                    self._end_all()
                    return None
                if key.fileobj is self._control:
                    if (request := self._fork(json.loads(message), *descriptors)) is not None:
                        return request
                else:
                    self._forwards(message, descriptors)
                    for descriptor in descriptors:
                        os.close(descriptor)

    def _fork(self, request: dict[str, Any], channel: int, *streams: int) -> dict[str, Any] | None:
        pid = os.fork()
        if pid == 0:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            if self._forwards:
                os.dup2(self._ask.fileno(), CHILDREN, inheritable=False)
            self._selector.close()
            os.closerange(CHILDREN + bool(self._forwards), 1 << 20)
            return request
        for stream in streams:
            os.close(stream)
        told, pidfd = socket.socket(fileno=channel), os.pidfd_open(pid)
        with contextlib.suppress(OSError):  # who asked may have been killed
            # The descriptor too: by the time at which the id is read it may be nobody's any more.
            socket.send_fds(told, [str(pid).encode()], [pidfd])
        self._pids[pidfd] = pid
        self._selector.register(pidfd, selectors.EVENT_READ, told)
        return None

    def _tell_end(self, pidfd: int, told: socket.socket) -> None:
        _, status = os.waitpid(self._pids.pop(pidfd), 0)
        self._selector.unregister(pidfd)
        os.close(pidfd)
        with told, contextlib.suppress(OSError):  # nobody may be waiting
            told.send(str(os.waitstatus_to_exitcode(status)).encode())

    def _end_all(self) -> None:
        """By SIGTERM first, upon which a product stops the Postgres that it may have started."""
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            for pid in self._pids.values():
                os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while self._pids and time.monotonic() < deadline:
                for key, _ in self._selector.select(timeout=0.1):
                    if key.data is not None:
                        self._tell_end(key.fd, key.data)


def _import_product() -> None:
    """Everything that a start would import, and some of what comes later."""
    import databases.backends.postgres  # noqa: F401
    import uvicorn.lifespan.off
    import uvicorn.loops.uvloop
    import uvicorn.protocols.http.httptools_impl
    import uvicorn.protocols.websockets.websockets_sansio_impl  # noqa: F401

    import chatserver.app.web_server
    import chatserver.app.worker_process
    import chatserver.brokers.redis
    import chatserver.cli
    import chatserver.server  # which the command line imports for those that serve
    import chatserver.storage.s3  # noqa: F401


def _open_site() -> None:
    """What a product of the usual settings reads, compiles and compresses for its pages, so that its forks find it done."""
    from chatserver.config import Config
    from chatserver.web import templating

    site = templating.open_site(Config(), "")
    for name in site.environment.list_templates():
        site.environment.get_template(name)
    for name in ("css/app.css", "js/app.js"):
        site.statics.file(name).compress("br")


def main() -> None:
    """The server until its end; then, in each fork, the product."""
    from tests.support import forked_children, quick_passwords

    control = socket.socket(fileno=os.dup(0))
    _import_product()
    quick_passwords.use()
    _open_site()
    gc.collect()
    gc.freeze()  # or the first collection of each fork would copy it all
    request = Server(control, forked_children.Templates().forward).serve()
    if request is None:
        return
    forked_children.use(socket.socket(fileno=CHILDREN))
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv[1:] = request["arguments"]
    runpy.run_module("chatserver", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
