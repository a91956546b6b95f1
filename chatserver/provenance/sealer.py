"""Writing and reading of manifests: the parent's side of the sealing child processes.

A process for writing has the key and sees only files that this server has encoded itself; another one reads what strangers
bring, and has no key. Each is started when it is first needed. `app.open_state` opens one sealer for each server process.
"""

import asyncio
import hmac
from datetime import timedelta
from typing import TypeVar

import msgspec
import structlog

from chatserver.config import Config
from chatserver.errors import Busy, ConfigurationError
from chatserver.imaging.protocol import Provenance
from chatserver.processes.pool import ChildDied, Pool, ProcessLimits, TaskFailed
from chatserver.provenance.protocol import (
    DescribeCertificate,
    ManifestReading,
    OwnCertificate,
    ReadManifest,
    Recognized,
    SealFile,
    SigningCertificate,
)
from chatserver.runtime import clock

# The library, and a file of 64 MB three times: as it came, as it goes, and between.
LIMITS = ProcessLimits(memory_bytes=1024**3, cpu_seconds=10, niceness=2)
# Wall-clock seconds for one file; 64 MB take less than one on a machine that is not busy.
DEADLINE_SECONDS = 30.0
# Containers that can hold a manifest. There is no place for one in WebM.
SEALED_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "video/mp4"})

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class Sealer:
    """Writes manifests with `certificate`, the operator's, or where there is none, or it has expired, with the own one."""

    def __init__(self, own: OwnCertificate, certificate: SigningCertificate | None = None) -> None:
        self._own, self._operators = own, certificate
        self._writers = Pool("chatserver.provenance.worker", size=1, limits=LIMITS)
        self._readers = Pool("chatserver.provenance.worker", size=1, limits=LIMITS)
        self._recognized: Recognized | None = None

    @property
    def pids(self) -> list[int]:
        """The process ids of the children."""
        return [*self._writers.pids, *self._readers.pids]

    async def close(self) -> None:
        """Ends the child processes."""
        await asyncio.gather(self._writers.close(), self._readers.close())

    async def seal(self, data: bytes, content_type: str, provenance: Provenance) -> bytes:
        """A file that this server has encoded, with a manifest; unchanged where its container cannot hold one.

        Raises Busy where it could not be written; the file itself is well then, and says in its XMP what it is.
        """
        if content_type not in SEALED_TYPES:
            return data
        task = SealFile(data, content_type, provenance, self._certificate())
        return await self._run(self._writers, task, bytes)

    async def read(self, data: bytes, content_type: str) -> ManifestReading:
        """What the manifest of anybody's file proves. Raises Busy where the file could not be read in time."""
        if content_type not in SEALED_TYPES:
            return ManifestReading(state="none")
        task = ReadManifest(data, content_type, await self._ours())
        return await self._run(self._readers, task, ManifestReading)

    def _certificate(self) -> OwnCertificate | SigningCertificate:
        if self._operators is None:
            return self._own
        if self._operators.expires_at <= clock.now() + timedelta(seconds=DEADLINE_SECONDS):
            log.error("provenance.certificate_expired", expired_at=self._operators.expires_at.isoformat())
            return self._own
        return self._operators

    async def _ours(self) -> Recognized:
        """Files of both certificates are this server's: the operator may have set one later."""
        if self._recognized is None:
            found = [
                await self._run(self._writers, DescribeCertificate(each), Recognized)
                for each in (self._own, self._operators)
                if each is not None
            ]
            self._recognized = Recognized(
                issuers="".join(each.issuers for each in found),
                serial_numbers=tuple(number for each in found for number in each.serial_numbers),
            )
        return self._recognized

    async def _run(self, pool: Pool, task: msgspec.Struct, result: type[Result]) -> Result:
        try:
            async with pool.lease() as child, asyncio.timeout(DEADLINE_SECONDS):
                (answer,) = [answer async for answer in child.submit(msgspec.msgpack.encode(task))]
        except (ChildDied, TimeoutError, TaskFailed) as error:
            # Not the failure's message: a library's may hold what it was given.
            kind = error.kind if isinstance(error, TaskFailed) else type(error).__name__
            log.error("provenance.failed", task=type(task).__name__, error=kind)
            raise Busy from None
        return msgspec.msgpack.decode(answer, type=result)


def open_sealer(config: Config, secret_key: str) -> Sealer:
    """The sealer of a configuration. Raises ConfigurationError where C2PA_CERTIFICATE or C2PA_KEY is not right."""
    # The seed does not reveal SECRET_KEY.
    seed = hmac.digest(secret_key.encode(), b"chatserver provenance certificate", "sha256")
    return Sealer(OwnCertificate(seed=seed, site_name=config.site_name), operators_certificate(config))


def operators_certificate(config: Config) -> SigningCertificate | None:
    """The certificate that the operator has set, or None. Raises ConfigurationError where it is not right."""
    if not (config.c2pa_certificate or config.c2pa_key):
        return None
    if not (config.c2pa_certificate and config.c2pa_key):
        missing = "C2PA_KEY" if config.c2pa_certificate else "C2PA_CERTIFICATE"
        raise ConfigurationError(f"{missing} is not set: a certificate and its key belong together.")
    # Its library takes a tenth of a second, which a server without a certificate of the operator's does not need.
    from chatserver.provenance import certificates

    return certificates.load(config.c2pa_certificate, config.c2pa_key)
