"""The parent's side of `processes`: a pool of child processes, started on demand.

    async with pool.lease() as child:
        async for answer in child.submit(task):
            …

Leaving the block during a task (cancellation, deadline, error) kills the child; the next lease starts another. To keep what
the child has loaded, ask for an early end first: `child.stop_task()`.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType

import msgspec
import structlog

from chatserver.processes.child import ANSWER, END, FAILED, HEADER, READY, STOP, TASK, Failure
from chatserver.processes.confinement import Confinement

# Imports are slow on a cold disk and a busy machine; a child that needs longer is broken.
START_SECONDS = 30.0
# The longest answer: a verified picture of 25 MP as PNG may take 75 MB. With a longer one the child is broken.
MAX_FRAME_BYTES = 128 * 1024 * 1024
# How much of a child's stderr (a failing import, a library's warning) is logged; the rest is discarded.
LOGGED_BYTES = 4096
# The environment variables that children inherit; no tokens or keys.
INHERITED_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")

log = structlog.get_logger(__name__)


class ChildDied(Exception):
    """The process ended during its work: killed, out of memory, or out of CPU time."""


class ChildNotStarted(ChildDied):
    """No process could be started for the work, or it did not become ready: nothing is said of the work itself."""


class TaskFailed(Exception):
    """The work raised an exception; `kind` is the name of its class."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.kind = failure.kind
        self.message = failure.message


class ProcessLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one child: bytes of address space, CPU seconds for each task (0: no limit), and its niceness (0–19).

    `start_seconds` is for its imports. `threads` is the number of BLAS and OpenMP threads; None leaves it to the libraries.
    """

    memory_bytes: int
    cpu_seconds: int
    niceness: int = 5
    start_seconds: float = START_SECONDS
    threads: int | None = 1


class Child:
    """One process and the pipes to it. `idle` is true while it waits for a task."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process = process
        self._logging = asyncio.create_task(_log_stderr(process.stderr, process.pid))
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._header: tuple[int, bytes] | None = None
        self.idle = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._stdout.at_eof()

    async def wait_until_ready(self) -> Confinement:
        """Waits for the end of the child's imports; returns its restrictions. Raises ChildDied."""
        kind, body = await self._read()
        if kind != READY:
            raise ChildDied
        self.idle = True
        return msgspec.msgpack.decode(body, type=Confinement)

    async def submit(self, task: bytes) -> AsyncIterator[bytes]:
        """Runs one task; yields its answers as they come. Raises TaskFailed or ChildDied."""
        self.idle = False
        await self._send(TASK, task)
        while True:
            kind, body = await self._read()
            if kind == ANSWER:
                yield body
                continue
            self.idle = True
            if kind == END:
                if body:
                    yield body
                return
            assert kind == FAILED
            raise TaskFailed(msgspec.msgpack.decode(body, type=Failure))

    async def stop_task(self) -> None:
        """Asks for an early end of the current task, and waits until the child is idle. Raises ChildDied."""
        await self._send(STOP, b"")
        while not self.idle:
            kind, _ = await self._read()
            self.idle = kind in {END, FAILED}

    async def kill(self) -> None:
        """Kills the process and waits for its end."""
        if self._process.returncode is None:
            # Before the first await: a cancelled caller must not leave it running.
            try:
                self._process.kill()
            except ProcessLookupError:
                log.debug("child.already_exited", pid=self.pid)
        self._stdin.close()
        await self._process.wait()
        await self._logging

    async def _send(self, kind: bytes, body: bytes) -> None:
        try:
            self._stdin.write(HEADER.pack(len(body), kind) + body)
            await self._stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise ChildDied from None

    async def _read(self) -> tuple[bytes, bytes]:
        """One frame. If cancelled between header and body, the next call continues with the body."""
        try:
            if self._header is None:
                self._header = HEADER.unpack(await self._stdout.readexactly(HEADER.size))
            length, kind = self._header
            if length > MAX_FRAME_BYTES:
                raise ChildDied
            body = await self._stdout.readexactly(length)
        except asyncio.IncompleteReadError:
            raise ChildDied from None
        self._header = None
        return kind, body


class Pool:
    """Up to `size` children that run `module`. They are started on demand and kept."""

    def __init__(self, module: str, *, size: int, limits: ProcessLimits, variables: tuple[str, ...] = ()) -> None:
        """`variables` are the environment variables that these children inherit besides the usual ones."""
        self._module = module
        self._limits = limits
        self._variables = (*INHERITED_VARIABLES, *variables)
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Child] = []
        self._children: set[Child] = set()
        self._waiting = 0
        self._closed = False
        self._confinement: Confinement | None = None

    @property
    def confinement(self) -> Confinement | None:
        """Which restrictions hold for the children; None before the first has started."""
        return self._confinement

    @property
    def warm(self) -> bool:
        """Whether a child is idle, so that the next lease does not have to start one."""
        return any(child.alive for child in self._idle)

    @property
    def busy(self) -> bool:
        """Whether the next lease has to wait for another to end."""
        return self._slots.locked()

    @property
    def waiting(self) -> int:
        """The number of leases that wait for a child."""
        return self._waiting

    @property
    def pids(self) -> list[int]:
        """The process ids of the children."""
        return [child.pid for child in self._children]

    async def start(self) -> None:
        """Starts one child ahead of the first task. Raises ChildNotStarted."""
        async with self.lease():
            pass

    def lease(self) -> "ChildLease":
        """An idle child for one caller. Raises ChildNotStarted where none can be started."""
        return ChildLease(self)

    async def close(self) -> None:
        """Kills every child; who waits for an answer gets ChildDied, who waits for a child ChildNotStarted."""
        self._closed = True
        self._idle.clear()
        await asyncio.gather(*(child.kill() for child in self._children))
        self._children.clear()

    async def acquire(self) -> Child:
        """For `ChildLease`: waits for a place, and takes an idle child or starts one."""
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._idle_or_new()
        except BaseException:
            self._slots.release()
            raise

    async def release(self, child: Child) -> None:
        """For `ChildLease`: keeps the child if it is idle, and frees its place."""
        try:
            if child.idle and child.alive and not self._closed:
                self._idle.append(child)
            else:
                await self._discard(child)
        finally:
            self._slots.release()

    async def _idle_or_new(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            await self._discard(child)
        return await self._start()

    async def _discard(self, child: Child) -> None:
        self._children.discard(child)
        await child.kill()

    async def _start(self) -> Child:
        if self._closed:
            raise ChildNotStarted
        child = Child(await self._spawn())
        self._children.add(child)
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                self._record(await child.wait_until_ready())
        except (TimeoutError, ChildDied):
            await self._discard(child)
            raise ChildNotStarted from None
        except BaseException:
            await self._discard(child)
            raise
        log.debug("child.started", module=self._module, pid=child.pid)
        return child

    def _record(self, confinement: Confinement) -> None:
        """Logs once which restrictions this machine refuses: they are the same for every child."""
        if self._confinement is None and confinement.refused:
            log.warning("child.confinement_incomplete", module=self._module, refused=confinement.refused)
        self._confinement = confinement

    async def _spawn(self) -> asyncio.subprocess.Process:
        limits = (self._limits.memory_bytes, self._limits.cpu_seconds, self._limits.niceness)
        environment = _environment(self._variables, self._limits.threads)
        try:
            return await spawn(self._module, [str(limit) for limit in limits], environment)
        except OSError as error:
            # The machine has no process, no memory or no descriptor left for it.
            log.error("child.not_started", module=self._module, error=error.strerror)
            raise ChildNotStarted from error


class ChildLease:
    """`async with` has a child of a pool. A class and no generator, because each drawn message takes one."""

    __slots__ = ("_child", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Child:
        self._child = await self._pool.acquire()
        return self._child

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.release(self._child)


async def spawn(module: str, arguments: list[str], environment: dict[str, str]) -> asyncio.subprocess.Process:
    """Executes a child's module with pipes to its standard streams."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chatserver.processes.bootstrap",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,  # so that Ctrl+C reaches the parent only, which ends its jobs first
    )


async def _log_stderr(stderr: asyncio.StreamReader, pid: int) -> None:
    """Logs the beginning of a child's stderr, and reads it to its end, so that the child never waits for a full pipe."""
    logged = 0
    while piece := await stderr.read(LOGGED_BYTES):
        if logged < LOGGED_BYTES:
            log.warning("child.stderr", pid=pid, text=piece.decode(errors="replace"))
        logged += len(piece)


def _environment(variables: tuple[str, ...], threads: int | None) -> dict[str, str]:
    """A child's environment: the inherited variables, the path of our package, and the number of threads for arithmetic."""
    package_parent = str(Path(__file__).resolve().parents[2])
    inherited = {name: os.environ[name] for name in variables if name in os.environ}
    paths = filter(None, (package_parent, os.environ.get("PYTHONPATH")))
    thread_counts = {} if threads is None else {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    return {**inherited, "PYTHONPATH": os.pathsep.join(paths), **thread_counts}
