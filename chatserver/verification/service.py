"""Recognises files that were made here: by their manifest, by their SHA-256, or, re-saved ones, by their fingerprint."""

import hashlib
from datetime import UTC

from chatserver.database import Database, Row, Transaction
from chatserver.errors import BadBytes, Invalid
from chatserver.identity.addresses import subnet_of
from chatserver.imaging.processor import ImageProcessor
from chatserver.provenance.sealer import Sealer
from chatserver.providers.digital_source import digital_source
from chatserver.users import attempt_limits
from chatserver.users.attempt_limits import AttemptLimit
from chatserver.verification.models import Certainty, Evidence, Verdict

# How many of 256 bits of a fingerprint may differ. Copies that were re-saved, scaled or lightened differed in up to 26 bits,
# half of them in 6 or fewer; no two of 96 different pictures, of similar prompts, in fewer than 48 (docs/provenance.md).
ALMOST_CERTAIN_BITS, LIKELY_BITS = 16, 32


async def count_attempt(tx: Transaction, address: str) -> None:
    """Counts one file of an address; RateLimited where it has to wait. Needs the worker role."""
    limit = AttemptLimit(
        "verifications", free=tx.limits.verifications_per_address, window=3600, first_wait=60, longest_wait=3600
    )
    await attempt_limits.require_attempt(tx, limit, subnet_of(address))


async def verify(database: Database, pictures: ImageProcessor, sealer: Sealer, data: bytes, address: str) -> Verdict:
    """Whether a file from an address was made here. Raises Invalid for what is no whole picture or clip, and Busy."""
    try:
        found = await pictures.inspect(data, subnet_of(address))
    except BadBytes as error:
        why = error.details.get("why", "")
        raise Invalid(
            f"This is no whole picture or clip. {why}".strip(), details={"field": "file", "why": why}
        ) from None
    reading = await sealer.read(data, found.content_type)
    if reading.state == "ours" and reading.made_at is not None:
        made_on = reading.made_at.astimezone(UTC).date()
        return Verdict(made_here=True, certainty="certain", evidence="manifest", made_on=made_on, source=reading.source)
    sha256 = hashlib.sha256(data).hexdigest()
    return await database.run_system(look_up, sha256, found.fingerprint, changed=reading.state == "changed")


async def look_up(tx: Transaction, sha256: str, fingerprint: str | None, *, changed: bool) -> Verdict:
    """Whether a file with this SHA-256 is stored, or one with nearly this fingerprint. Needs the worker role."""
    if same := await tx.fetch_one("verification.find_by_sha256", sha256=sha256):
        return _verdict(same, "certain", "sha256", changed=changed)
    if fingerprint is not None:
        similar = await tx.fetch_one("verification.find_by_fingerprint", fingerprint=fingerprint, most=LIKELY_BITS)
        if similar is not None:
            certainty: Certainty = "almost-certain" if similar["distance"] <= ALMOST_CERTAIN_BITS else "likely"
            return _verdict(similar, certainty, "fingerprint", changed=changed)
    return Verdict(made_here=False, changed=changed)


def _verdict(row: Row, certainty: Certainty, evidence: Evidence, *, changed: bool) -> Verdict:
    return Verdict(
        made_here=True,
        certainty=certainty,
        evidence=evidence,
        made_on=row["made_at"].astimezone(UTC).date(),
        source=digital_source(row["provider"], masked=row["masked"]),
        changed=changed,
    )
