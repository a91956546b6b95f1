"""The workshop in which every provider's bytes become a picture that we dare to keep and show.

Decoding happens in child processes with limits on memory, CPU and time (`chatserver.imaging.worker`); a file that
breaks them costs one child and is `BadBytes`. Opened by `app.open_state`, one for each process.
"""

import asyncio
from typing import TypeVar

import msgspec
import structlog

from chatserver.errors import BadBytes, Busy, Invalid, NotAsOrdered, TooLarge
from chatserver.imaging.bounds import Size
from chatserver.imaging.shapes import (
    CheckUpload,
    Clip,
    Convert,
    DownloadFormat,
    FinishClip,
    FinishPicture,
    Origin,
    Picture,
)
from chatserver.processes.confinement import Confinement
from chatserver.processes.pool import ChildDied, Limits, Pool, TaskFailed

# A picture of 25 MP takes 100 MB decoded, twice while its colours change; a clip's decoder takes less.
LIMITS = Limits(memory_bytes=1024**3, cpu_seconds=30, niceness=2)
# Wall-clock seconds for one file, waiting for a free child not counted: thirty CPU seconds on a busy machine.
DEADLINE_SECONDS = 60.0
# Callers that may wait for a free child before the next person hears `busy`. What a worker brings waits however long
# the line is: it was paid for, and there are never more of them than attempts at once.
WAITING = 64
# What a service may send for one picture or clip; no PNG of 25 MP that we want is larger.
RESULT_BYTES = 64 * 1024 * 1024
# What a person may send as the source of a variation.
UPLOAD_BYTES = 10 * 1024 * 1024

log = structlog.get_logger(__name__)

Made = TypeVar("Made")


class PictureWorkshop:
    """Verifies, re-encodes and converts. `size` children at most; `start` warms one, `close` ends them all."""

    def __init__(self, size: int = 2) -> None:
        self._pool = Pool("chatserver.imaging.worker", size=size, limits=LIMITS)

    @property
    def pids(self) -> list[int]:
        """The children's processes."""
        return self._pool.pids

    @property
    def confinement(self) -> Confinement | None:
        """What the children are locked in by; None before the first has started."""
        return self._pool.confinement

    async def start(self) -> None:
        """Starts the first child, so that the first picture does not wait for it; without success, that one tries again."""
        try:
            await self._pool.start()
        except ChildDied:
            log.warning("picture.no_child")

    async def close(self) -> None:
        """Ends every child."""
        await self._pool.close()

    async def finish_picture(
        self, data: bytes, *, prompt: str, seed: int, model: str, ordered: Size | None = None
    ) -> Picture:
        """A provider's picture as PNG with its origin in the metadata, its thumbnail and placeholder; or BadBytes.

        NotAsOrdered where its size in pixels is far from the one `ordered`.
        """
        _judge_result(data)
        origin = Origin(prompt=prompt, seed=seed, model=model)
        return await self._make(FinishPicture(data, origin, ordered), Picture)

    async def finish_clip(
        self, data: bytes, *, prompt: str, seed: int, model: str, ordered: Size | None = None
    ) -> Clip:
        """A provider's clip, watched to its end and copied clean, with a poster as its thumbnail; or BadBytes.

        NotAsOrdered where its size in pixels is far from the one `ordered`.
        """
        _judge_result(data)
        origin = Origin(prompt=prompt, seed=seed, model=model)
        return await self._make(FinishClip(data, origin, ordered), Clip)

    async def convert_picture(self, png: bytes, wanted: DownloadFormat) -> bytes:
        """One of our PNGs as JPEG or WebP, for download."""
        self._judge_line()
        return await self._make(Convert(png, wanted), bytes)

    async def verify_upload(self, data: bytes) -> bytes:
        """Somebody's own picture as a PNG, upright and without metadata. Raises TooLarge (over 10 MB) or Invalid."""
        if len(data) > UPLOAD_BYTES:
            raise TooLarge(f"The picture is larger than {UPLOAD_BYTES // 1024**2} MB.")
        self._judge_line()
        try:
            return await self._make(CheckUpload(data), bytes)
        except BadBytes as error:
            raise Invalid(f"That picture cannot be used. {error.details.get('why', '')}".strip()) from None

    async def _make(self, task: msgspec.Struct, kind: type[Made]) -> Made:
        try:
            answer = await self._ask(msgspec.msgpack.encode(task))
        except TaskFailed as failure:
            raise _bad(failure) from None
        except (ChildDied, TimeoutError) as error:
            log.warning("picture.broke_its_limits", task=type(task).__name__, error=type(error).__name__)
            raise BadBytes(details={"why": "It took more time or memory than a picture may."}) from None
        return msgspec.msgpack.decode(answer, type=kind)

    def _judge_line(self) -> None:
        if self._pool.waiting >= WAITING:
            raise Busy(retry_after=5)

    async def _ask(self, task: bytes) -> bytes:
        async with self._pool.lease() as child, asyncio.timeout(DEADLINE_SECONDS):
            (answer,) = [answer async for answer in child.ask(task)]
            return answer


def _judge_result(data: bytes) -> None:
    if len(data) > RESULT_BYTES:
        raise BadBytes(details={"why": f"It is larger than {RESULT_BYTES // 1024**2} MB."})


def _bad(failure: TaskFailed) -> BadBytes:
    if failure.kind == "NotAsOrdered":
        return NotAsOrdered(failure.message)
    if failure.kind == "Unreadable":
        return BadBytes(f"{BadBytes.__doc__} {failure.message}", details={"why": failure.message})
    log.warning("picture.unexpected_failure", kind=failure.kind)
    return BadBytes()
