"""Verification, re-encoding and conversion of pictures and clips: the parent's side of the imaging child processes.

Decoding happens in `chatserver.imaging.worker`, with limits on memory, CPU and time: a file that exceeds them kills only
its child and raises `BadBytes`; where no child can be started, that is `Busy`. `app.open_state` opens one processor for
each process of the server.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import structlog

from chatserver.errors import BadBytes, BlackedOut, Busy, NotAsOrdered, ProviderError
from chatserver.imaging.protocol import (
    Clip,
    ConvertPicture,
    CopyClip,
    DownloadFormat,
    InspectFile,
    Inspection,
    Mask,
    Picture,
    Provenance,
    ShrinkPicture,
    VerifyClip,
    VerifyMask,
    VerifyPicture,
    VerifyUpload,
)
from chatserver.imaging.size_limits import Size
from chatserver.processes.confinement import Confinement
from chatserver.processes.pool import ChildDied, ChildNotStarted, Pool, ProcessLimits, TaskFailed
from chatserver.runtime.keyed_semaphores import KeyedSemaphores, QueueFull

# A picture of 25 MP takes 100 MB decoded, twice that during colour conversion; a clip's decoder takes less.
LIMITS = ProcessLimits(memory_bytes=1024**3, cpu_seconds=30, niceness=2)
# Wall-clock seconds for one file, without the wait for a free child: thirty CPU seconds on a busy machine.
DEADLINE_SECONDS = 60.0
# With this many callers waiting for a free child, people's requests are refused with `busy`. Workers' results always wait:
# they are paid for, and there are never more of them than concurrent attempts.
MAX_WAITING = 64
# Files that are derived at once, each with the bytes of what it is made of: enough to keep the children at work while others
# are sealed and stored. Results wait behind no more of them. And those of one asker, whose flood keeps nobody else waiting.
DERIVED_AT_ONCE, DERIVED_AT_ONCE_FOR_ASKER = 4, 2
# Files from outside, strangers' and uploads, are looked at one at a time, so that a child stays free for what is made here;
# so many more of each kind may wait, and so many of one sender, of whom only the first waits for others.
MAX_INSPECTIONS_WAITING = 8
MAX_UPLOADS_WAITING = 16
MAX_MASKS_WAITING = 16
MAX_WAITING_OF_SENDER = 12
INSPECTION_SECONDS = 10.0
# After which who was refused may ask again.
BUSY_SECONDS = 5.0
# The most bytes that a service may send for one picture or clip: a PNG of 25 MP is rarely larger.
MAX_RESULT_BYTES = 64 * 1024 * 1024

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class ImageProcessor:
    """Verifies, re-encodes and converts in at most `size` child processes."""

    def __init__(self, size: int = 2) -> None:
        self._pool = Pool("chatserver.imaging.worker", size=size, limits=LIMITS)
        self._outside = asyncio.Semaphore(1)
        self._senders = KeyedSemaphores(1, MAX_WAITING_OF_SENDER)
        self._waiting: Counter[type[msgspec.Struct]] = Counter()
        self._askers = KeyedSemaphores(DERIVED_AT_ONCE_FOR_ASKER, MAX_WAITING)
        self._derived = KeyedSemaphores(1)
        self._turns = asyncio.Semaphore(DERIVED_AT_ONCE)

    @property
    def pids(self) -> list[int]:
        """The process ids of the children."""
        return self._pool.pids

    @property
    def confinement(self) -> Confinement | None:
        """Which restrictions hold for the children; None before the first has started."""
        return self._pool.confinement

    async def start(self) -> None:
        """Starts the first child, so that the first picture does not wait for it.

        A failure is only logged; the first picture starts one again.
        """
        try:
            await self._pool.start()
        except ChildDied:
            log.warning("imaging.child_not_started")

    async def close(self) -> None:
        """Ends every child."""
        await self._pool.close()

    async def verify_picture(
        self, data: bytes, provenance: Provenance, *, requested: Size | None = None, mask: Mask | None = None
    ) -> Picture:
        """A provider's picture as PNG with its provenance in the metadata, its thumbnail, placeholder and fingerprint.

        With a mask it is the mask's source, of which only the marked part is what the provider made.

        Raises BadBytes, NotAsOrdered where its size is far from `requested` (width, height in pixels), BlackedOut where all
        of it is black, and Busy where no child can be started.
        """
        _check_size(data)
        return await self._run(VerifyPicture(data, provenance, requested, mask), Picture)

    async def verify_clip(self, data: bytes, provenance: Provenance, *, requested: Size | None = None) -> Clip:
        """A provider's clip, decoded to its end and copied clean, with its poster as thumbnail.

        Raises BadBytes, NotAsOrdered where its size is far from `requested` (width, height in pixels), BlackedOut where all
        of it is black, and Busy where no child can be started.
        """
        _check_size(data)
        return await self._run(VerifyClip(data, provenance, requested), Clip)

    @asynccontextmanager
    async def turn(self, asker: str, key: str) -> AsyncIterator[None]:
        """A turn to derive the file `key` from a stored one, which is to be read within it only: many may wait.

        A file is derived by one at a time; whoever comes after them finds it made. Raises Busy where MAX_WAITING files of
        this asker are under way already.
        """
        try:
            async with self._askers.held(asker), self._derived.held(key), self._turns:
                yield
        except QueueFull:
            raise Busy(retry_after=BUSY_SECONDS) from None

    async def convert_picture(
        self, png: bytes, wanted: DownloadFormat, provenance: Provenance | None, *, marked: bool = False
    ) -> bytes:
        """A stored PNG for download, in a format, with its provenance in the metadata, and `marked` with the visible mark.

        Raises Busy where MAX_WAITING callers wait already.
        """
        self._check_queue()
        return await self._run(ConvertPicture(png, wanted, provenance, marked), bytes)

    async def shrink_picture(self, png: bytes, side: int, provenance: Provenance | None) -> bytes:
        """A WebP of at most `side` pixels a side of a stored PNG. Raises Busy where MAX_WAITING callers wait already."""
        self._check_queue()
        return await self._run(ShrinkPicture(png, side, provenance), bytes)

    async def copy_clip(self, clip: bytes, provenance: Provenance) -> bytes:
        """A stored clip with this provenance as its only metadata. Raises Busy where MAX_WAITING callers wait already."""
        self._check_queue()
        return await self._run(CopyClip(clip, provenance), bytes)

    async def inspect(self, data: bytes, sender: str = "") -> Inspection:
        """What anybody's picture or clip is, and its fingerprint, within INSPECTION_SECONDS. Raises BadBytes and Busy.

        Senders, known by their address or id, take turns; the empty one is this server itself.
        """
        return await self._look_at(InspectFile(data), sender, Inspection, MAX_INSPECTIONS_WAITING)

    async def verify_upload(self, data: bytes, sender: str = "") -> Picture:
        """A person's picture as a PNG without metadata; times, turns and errors as for `inspect`."""
        return await self._look_at(VerifyUpload(data), sender, Picture, MAX_UPLOADS_WAITING)

    async def verify_mask(self, data: bytes, sender: str = "", *, picture: bytes | None = None) -> bytes:
        """A person's mask as a PNG of black and white; times, turns and errors as for `inspect`.

        With the picture that it marks, it has to be as large, and what is transparent in it marks.
        """
        return await self._look_at(VerifyMask(data, picture), sender, bytes, MAX_MASKS_WAITING)

    async def _look_at(self, task: msgspec.Struct, sender: str, result: type[Result], most_waiting: int) -> Result:
        """Runs a task with a file from outside. Raises Busy where so many of its kind, or of its sender, wait already."""
        kind = type(task)
        if self._waiting[kind] >= most_waiting:
            raise Busy(retry_after=BUSY_SECONDS)
        self._waiting[kind] += 1
        try:
            async with self._senders.held(sender), self._outside:
                return await self._run(task, result, INSPECTION_SECONDS)
        except QueueFull:
            raise Busy(retry_after=BUSY_SECONDS) from None
        finally:
            self._waiting[kind] -= 1

    async def _run(self, task: msgspec.Struct, result: type[Result], seconds: float | None = None) -> Result:
        try:
            answer = await self._answer(msgspec.msgpack.encode(task), seconds or DEADLINE_SECONDS)
        except TaskFailed as failure:
            raise _error(failure) from None
        except ChildNotStarted:
            raise Busy(retry_after=BUSY_SECONDS) from None
        except (ChildDied, TimeoutError) as error:
            log.warning("imaging.limits_exceeded", task=type(task).__name__, error=type(error).__name__)
            raise BadBytes(details={"why": "It took more time or memory than a picture may."}) from None
        return msgspec.msgpack.decode(answer, type=result)

    def _check_queue(self) -> None:
        if self._pool.waiting >= MAX_WAITING:
            raise Busy(retry_after=BUSY_SECONDS)

    async def _answer(self, task: bytes, seconds: float) -> bytes:
        async with self._pool.lease() as child, asyncio.timeout(seconds):
            (answer,) = [answer async for answer in child.submit(task)]
            return answer


def _check_size(data: bytes) -> None:
    if len(data) > MAX_RESULT_BYTES:
        raise BadBytes(details={"why": f"It is larger than {MAX_RESULT_BYTES // 1024**2} MB."})


def _error(failure: TaskFailed) -> ProviderError:
    if failure.kind == "AllBlack":
        return BlackedOut()
    if failure.kind == "SizeMismatch":
        return NotAsOrdered(failure.message)
    if failure.kind in {"Unreadable", "UnknownFormat"}:
        return BadBytes(f"{BadBytes.__doc__} {failure.message}", details={"why": failure.message})
    log.warning("imaging.unexpected_failure", kind=failure.kind)
    return BadBytes()
