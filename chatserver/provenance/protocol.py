"""The messages between `Sealer` and its child processes: three tasks and their results, in msgpack."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver.imaging.protocol import Provenance


class OwnCertificate(Struct, frozen=True, kw_only=True, tag=True):
    """What the server's own certificate is derived from: the same on every machine with the same SECRET_KEY."""

    seed: bytes
    site_name: str


class SigningCertificate(Struct, frozen=True, kw_only=True, tag=True):
    """A certificate with its issuers, and its private key, all in PEM. `algorithm` is C2PA's name for how it signs."""

    chain: bytes
    private_key: bytes
    algorithm: str
    expires_at: datetime


class Recognized(Struct, frozen=True, kw_only=True):
    """How manifests of this server are told from others: by its certificates' issuers (PEM) and serial numbers."""

    issuers: str
    serial_numbers: tuple[str, ...]


class SealFile(Struct, frozen=True, tag=True):
    """Add a manifest to a file; answered by bytes."""

    data: bytes
    content_type: str
    provenance: Provenance
    certificate: OwnCertificate | SigningCertificate


class DescribeCertificate(Struct, frozen=True, tag=True):
    """Answered by the `Recognized` of one certificate."""

    certificate: OwnCertificate | SigningCertificate


class ReadManifest(Struct, frozen=True, tag=True):
    """Read the manifest of a file that may be anything; answered by a `ManifestReading`."""

    data: bytes
    content_type: str
    recognized: Recognized


SealingTask = SealFile | DescribeCertificate | ReadManifest


class ManifestReading(Struct, frozen=True, kw_only=True):
    """What a file's manifest proves.

    `ours`: it was signed by this server, and the file is as it was then. `changed`: it was, and the file has been changed
    since. `others`: somebody else's, or broken. `none`: there is none. `made_at` and `source` are known of `ours` only.
    """

    state: Literal["ours", "changed", "others", "none"]
    made_at: datetime | None = None
    source: str = ""
