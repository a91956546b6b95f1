"""The certificate that signs what files say of their making: whose it is, until when, and whether files can be signed."""

from datetime import timedelta

from chatserver import config as configuration
from chatserver.config import Config
from chatserver.doctor.findings import Finding, failure, ok, warning
from chatserver.errors import Busy, ConfigurationError
from chatserver.imaging.protocol import Provenance
from chatserver.provenance.protocol import SigningCertificate
from chatserver.provenance.sealer import Sealer, open_sealer, operators_certificate
from chatserver.runtime import clock

NAME = "certificate"
# Authorities take days to issue another one.
SOON = timedelta(days=30)
MEND = "Look at C2PA_CERTIFICATE and C2PA_KEY (docs/provenance.md)."
# A PNG of one pixel.
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe"
    "0def46b80000000049454e44ae426082"
)


async def check(config: Config) -> Finding:
    """Signs a picture of one pixel with the operator's certificate and reads it again; the own one needs no check."""
    try:
        operators = operators_certificate(config)
    except ConfigurationError as error:
        return failure(NAME, error.message, MEND)
    if operators is None:
        return ok(NAME, "Files are signed with this server's own, untrusted one.")
    sealer = open_sealer(config, configuration.secret_key(config))
    try:
        works = await _works(sealer)
    finally:
        await sealer.close()
    if not works:
        return failure(NAME, "A file that was signed with it is not recognised.", MEND)
    return _operators(operators)


async def _works(sealer: Sealer) -> bool:
    provenance = Provenance(generation_id="doctor", source="algorithmicMedia", model="", made_at=clock.now())
    try:
        sealed = await sealer.seal(_PIXEL, "image/png", provenance)
        return (await sealer.read(sealed, "image/png")).state == "ours"
    except Busy:
        return False


def _operators(certificate: SigningCertificate) -> Finding:
    until = f"{certificate.expires_at:%d %B %Y}"
    if certificate.expires_at <= clock.now():
        return failure(NAME, f"It expired on {until}; files are signed with this server's own, untrusted one.", MEND)
    if certificate.expires_at <= clock.now() + SOON:
        return warning(NAME, f"It expires on {until}.", "Ask its authority for the next one.")
    return ok(NAME, f"Files are signed with the operator's, until {until}.")
