"""From the bytes of a provider to an asset that everyone sees: verify, stage the row, put the bytes, finish."""

import asyncio
import hashlib
from collections.abc import Sequence

import structlog
from msgspec.structs import replace

from chatserver.assets import service as assets
from chatserver.errors import Busy, NotFound, StorageError
from chatserver.generations import queue
from chatserver.generations.models import GenerationJob, ModelChoice
from chatserver.imaging.processor import ImageProcessor
from chatserver.imaging.protocol import Clip, Mask, Picture, Provenance
from chatserver.jobs.lease import Lease, LeaseLost, backoff
from chatserver.provenance.sealer import Sealer
from chatserver.providers.base import Finished
from chatserver.providers.digital_source import digital_source
from chatserver.runtime import clock, failpoints
from chatserver.statistics.models import ProviderCall
from chatserver.storage.base import Storage

# The first wait before a store that is away, or the start of a process, is tried again, and the longest.
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 15.0

log = structlog.get_logger(__name__)


async def verify(
    pictures: ImageProcessor, sealer: Sealer, job: GenerationJob, finished: Finished, mask: Mask | None = None
) -> Picture | Clip:
    """Decodes and re-encodes what a provider made, in a child process, and seals it; with a mask, it is put into the marked
    part of its source. Raises BadBytes and NotAsOrdered."""
    provenance = Provenance(
        generation_id=job.id,
        source=digital_source(finished.provider, masked=job.recipe.masked),
        model=finished.model,
        made_at=clock.now(),
        prompt=job.recipe.prompt,
        seed=_seed(job, finished),
    )
    file = await _verify(pictures, job, finished.data, provenance, mask)
    return await _seal(sealer, file, provenance)


async def _verify(
    pictures: ImageProcessor, job: GenerationJob, data: bytes, provenance: Provenance, mask: Mask | None
) -> Picture | Clip:
    """Verifies what is paid for; while the machine has no process for it, it is tried again until the job's deadline."""
    requested, failures = (job.recipe.width, job.recipe.height), 0
    while True:
        try:
            if job.kind == "video":
                return await pictures.verify_clip(data, provenance, requested=requested)
            return await pictures.verify_picture(data, provenance, requested=requested, mask=mask)
        except Busy:
            log.warning("generation.not_verified_yet", generation_id=job.id)
            await asyncio.sleep(backoff(RETRY_SECONDS, failures, LONGEST_RETRY_SECONDS))
            failures += 1


async def _seal(sealer: Sealer, file: Picture | Clip, provenance: Provenance) -> Picture | Clip:
    """The file with its manifest; without one where that fails: it is paid for, and its XMP says what it is."""
    try:
        data = await sealer.seal(file.data, file.content_type, provenance)
    except Busy:
        log.error("generation.not_sealed", generation_id=provenance.generation_id)
        return file
    return replace(file, data=data, sha256=hashlib.sha256(data).hexdigest())


async def publish(
    lease: Lease,
    storage: Storage,
    job: GenerationJob,
    finished: Finished,
    file: Picture | Clip,
    calls: Sequence[ProviderCall],
) -> None:
    """Stages the row, puts the bytes, then finishes: in this order, so that no row ever names missing bytes.

    `calls` are those that this attempt has made. Raises LeaseLost, also where the generation was deleted meanwhile.
    """
    try:
        staged = await lease.insist(assets.stage, job.id, job.attempt, file)
    except NotFound:
        raise LeaseLost from None
    await _put(storage, job, staged.storage_key, file.data, file.content_type)
    failpoints.at("put")
    await _put(storage, job, staged.thumbnail_key, file.thumbnail, "image/webp")
    result = queue.Result(
        asset_id=staged.id,
        made_by=ModelChoice(finished.provider, finished.model),
        seed=_seed(job, finished),
        width=file.width,
        height=file.height,
    )
    await lease.insist(queue.finish, job, result, calls)


def _seed(job: GenerationJob, finished: Finished) -> int:
    return job.recipe.seed if finished.seed is None else finished.seed


async def _put(storage: Storage, job: GenerationJob, key: str, data: bytes, content_type: str) -> None:
    """Stores bytes; a store that is away is tried again, with the same key, until the job's deadline."""
    failures = 0
    while True:
        try:
            return await storage.put(key, data, content_type)
        except (StorageError, OSError) as error:
            log.warning("storage.put_failed", error=type(error).__name__, generation_id=job.id)
            await asyncio.sleep(backoff(RETRY_SECONDS, failures, LONGEST_RETRY_SECONDS))
            failures += 1
