"""The parent's side of `processes`: a small pool of children, started when needed, killed when in doubt.

    async with pool.lease() as child:
        async for answer in child.ask(task):
            …

Leaving the block in the middle of a task (cancel, deadline, error) kills the child; the next lease starts another.
Work that can end early may be asked to first (`child.stop()`), so that what the child has loaded is not lost.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from chatserver.processes.child import ANSWER, END, FAILED, HEADER, READY, STOP, TASK, Failure
from chatserver.processes.confinement import Confinement

# A cold disk and a busy machine make imports slow; a child that needs longer is broken.
START_SECONDS = 30.0
# No answer is longer: a verified picture of 25 MP as PNG may take 75 MB. A longer one is a child gone mad.
FRAME_BYTES = 128 * 1024 * 1024
# What a child prints (an import that fails, a library's warning) is told; what comes after so much is not.
TOLD_BYTES = 4096
# What a child may know of our environment. Tokens and keys are not among it.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")

log = structlog.get_logger(__name__)


class ChildDied(Exception):
    """The process ended in the middle of its work: killed, out of memory, or out of CPU time."""


class TaskFailed(Exception):
    """The work raised; `kind` is the name of the exception's class."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.kind = failure.kind
        self.message = failure.message


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one child may take: bytes of address space, seconds of CPU for each task (0: no limit), and its niceness (0–19).

    `start_seconds` is for its imports. `threads` are those of its arithmetic; None leaves them to the libraries.
    """

    memory_bytes: int
    cpu_seconds: int
    niceness: int = 5
    start_seconds: float = START_SECONDS
    threads: int | None = 1


class Child:
    """One process and the pipes to it. `resting` says that it waits for a task."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process = process
        self._telling = asyncio.create_task(_tell(process.stderr, process.pid))
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._header: tuple[int, bytes] | None = None
        self.resting = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._stdout.at_eof()

    async def greet(self) -> Confinement:
        """Waits until the child has imported everything and is ready for its first task; what it is locked in by."""
        kind, body = await self._read()
        if kind != READY:
            raise ChildDied
        self.resting = True
        return msgspec.msgpack.decode(body, type=Confinement)

    async def ask(self, task: bytes) -> AsyncIterator[bytes]:
        """The answers to one task as they come. Raises TaskFailed or ChildDied."""
        self.resting = False
        await self._send(TASK, task)
        while True:
            kind, body = await self._read()
            if kind == ANSWER:
                yield body
                continue
            self.resting = True
            if kind == END:
                return
            assert kind == FAILED
            raise TaskFailed(msgspec.msgpack.decode(body, type=Failure))

    async def stop(self) -> None:
        """Asks for an early end of the task at hand, and waits until the child rests. Raises ChildDied."""
        await self._send(STOP, b"")
        while not self.resting:
            kind, _ = await self._read()
            self.resting = kind in {END, FAILED}

    async def end(self) -> None:
        """Kills the process and waits until the kernel has let it go."""
        if self._process.returncode is None:
            # Killed at once, before anything is awaited: a cancelled caller must not leave it running.
            try:
                self._process.kill()
            except ProcessLookupError:
                log.debug("child.gone_already", pid=self.pid)
        self._stdin.close()
        await self._process.wait()
        await self._telling

    async def _send(self, kind: bytes, body: bytes) -> None:
        try:
            self._stdin.write(HEADER.pack(len(body), kind))
            self._stdin.write(body)
            await self._stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise ChildDied from None

    async def _read(self) -> tuple[bytes, bytes]:
        """One frame. Cancelled between its header and its body, the next call goes on with the body."""
        try:
            if self._header is None:
                self._header = HEADER.unpack(await self._stdout.readexactly(HEADER.size))
            length, kind = self._header
            if length > FRAME_BYTES:
                raise ChildDied
            body = await self._stdout.readexactly(length)
        except asyncio.IncompleteReadError:
            raise ChildDied from None
        self._header = None
        return kind, body


class Pool:
    """Up to `size` children that run `module`. They start on the first need and stay warm."""

    def __init__(self, module: str, *, size: int, limits: Limits, passed_on: tuple[str, ...] = ()) -> None:
        """`passed_on` names what these children may know of our environment besides the usual."""
        self._module = module
        self._limits = limits
        self._passed_on = (*PASSED_ON, *passed_on)
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Child] = []
        self._children: set[Child] = set()
        self._waiting = 0
        self._closed = False
        self._confinement: Confinement | None = None

    @property
    def confinement(self) -> Confinement | None:
        """What the children are locked in by; None before the first has started."""
        return self._confinement

    @property
    def warm(self) -> bool:
        """Whether a child waits for work, so that the next lease does not have to start one."""
        return any(child.alive for child in self._idle)

    @property
    def busy(self) -> bool:
        """Whether the next lease has to wait for another to end."""
        return self._slots.locked()

    @property
    def waiting(self) -> int:
        """How many leases wait for a child."""
        return self._waiting

    @property
    def pids(self) -> list[int]:
        """The processes that this pool runs now."""
        return [child.pid for child in self._children]

    async def start(self) -> None:
        """Starts one child ahead of need."""
        async with self.lease():
            pass

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Child]:
        """A ready child for one caller. Raises ChildDied where none can be started."""
        await self._wait_for_slot()
        try:
            child = await self._take()
            try:
                yield child
            finally:
                await self._give_back(child)
        finally:
            self._slots.release()

    async def close(self) -> None:
        """Kills every child; those who still wait for an answer get ChildDied."""
        self._closed = True
        self._idle.clear()
        await asyncio.gather(*(child.end() for child in self._children))
        self._children.clear()

    async def _wait_for_slot(self) -> None:
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1

    async def _take(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            await self._discard(child)
        return await self._start()

    async def _give_back(self, child: Child) -> None:
        if child.resting and child.alive and not self._closed:
            self._idle.append(child)
        else:
            await self._discard(child)

    async def _discard(self, child: Child) -> None:
        self._children.discard(child)
        await child.end()

    async def _start(self) -> Child:
        if self._closed:
            raise ChildDied
        child = Child(await self._spawn())
        self._children.add(child)
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                self._note(await child.greet())
        except TimeoutError:
            await self._discard(child)
            raise ChildDied from None
        except BaseException:
            await self._discard(child)
            raise
        log.debug("child.started", module=self._module, pid=child.pid)
        return child

    def _note(self, confinement: Confinement) -> None:
        """Says once what this machine refuses: it is the same for every child."""
        if self._confinement is None and confinement.refused:
            log.warning("child.less_confined", module=self._module, refused=confinement.refused)
        self._confinement = confinement

    async def _spawn(self) -> asyncio.subprocess.Process:
        limits = (self._limits.memory_bytes, self._limits.cpu_seconds, self._limits.niceness)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "chatserver.processes.start",
            self._module,
            *(str(limit) for limit in limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(self._passed_on, self._limits.threads),
            start_new_session=True,  # Ctrl+C in the terminal is the parent's to answer, after it gave its jobs back
        )


async def _tell(stderr: asyncio.StreamReader, pid: int) -> None:
    """Reads to the end, so that no child waits for a full pipe, and tells the beginning: it writes, and we sign."""
    told = 0
    while piece := await stderr.read(TOLD_BYTES):
        if told < TOLD_BYTES:
            log.warning("child.printed", pid=pid, words=piece.decode(errors="replace"))
        told += len(piece)


def _environment(passed_on: tuple[str, ...], threads: int | None) -> dict[str, str]:
    """As little as Python needs, the way to our package, and how many threads a child's arithmetic may use."""
    package_parent = str(Path(__file__).resolve().parents[2])
    inherited = {name: os.environ[name] for name in passed_on if name in os.environ}
    paths = filter(None, (package_parent, os.environ.get("PYTHONPATH")))
    arithmetic = {} if threads is None else {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    return {**inherited, "PYTHONPATH": os.pathsep.join(paths), **arithmetic}
