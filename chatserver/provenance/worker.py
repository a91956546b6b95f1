"""The sealing child process: writes manifests with the key that a task brings, or reads those of files that may be anything.

A process does one or the other (`sealer.Sealer` has two pools): a key never shares a process with a stranger's file.
"""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import c2pa
import msgspec

from chatserver import __version__
from chatserver.imaging.protocol import Provenance
from chatserver.processes import child
from chatserver.provenance import certificates
from chatserver.provenance.protocol import (
    DescribeCertificate,
    ManifestReading,
    OwnCertificate,
    ReadManifest,
    Recognized,
    SealFile,
    SealingTask,
    SigningCertificate,
)

GENERATOR = "chatserver"
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_ACTIONS = "c2pa.actions.v2"
# The child has no network, and needs none: nothing is fetched, and no thumbnail is put in (it would be the larger part).
_OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False}
_WRITING = {"verify": {**_OFFLINE, "verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}
# What a reading fails with where only the file's content is not what was signed.
_CHANGED = {"assertion.dataHash.mismatch", "assertion.bmffHash.mismatch", "assertion.boxesHash.mismatch"}

_decoder = msgspec.msgpack.Decoder(SealingTask)


def work(task: bytes) -> Iterator[bytes]:
    """Carries out one SealingTask: bytes, a Recognized or a ManifestReading, all in msgpack."""
    yield msgspec.msgpack.encode(_do(_decoder.decode(task)))


def _do(task: SealingTask) -> object:
    match task:
        case SealFile(data, content_type, provenance, certificate):
            return seal(data, content_type, provenance, _resolved(certificate))
        case DescribeCertificate(certificate):
            return certificates.recognized(_resolved(certificate))
        case ReadManifest(data, content_type, recognized):
            return read(data, content_type, recognized)


def _resolved(certificate: OwnCertificate | SigningCertificate) -> SigningCertificate:
    return certificates.derive(certificate) if isinstance(certificate, OwnCertificate) else certificate


def seal(data: bytes, content_type: str, provenance: Provenance, certificate: SigningCertificate) -> bytes:
    """The file with a manifest that says when, by what and how it was made; it holds neither prompt nor person."""
    signer = c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(certificate.algorithm, certificate.chain, certificate.private_key, None)
    )
    target = io.BytesIO()
    with signer, c2pa.Context.from_dict(_WRITING) as context, c2pa.Builder(_manifest(provenance), context) as builder:
        builder.sign(signer, content_type, io.BytesIO(data), target)
    return target.getvalue()


def _manifest(provenance: Provenance) -> dict[str, Any]:
    action = {
        "action": "c2pa.created",
        "when": provenance.made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "softwareAgent": {"name": provenance.model or GENERATOR},
        "digitalSourceType": SOURCES + provenance.source,
    }
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": __version__}],
        # `created`: this server itself says so, and has not merely found it said.
        "assertions": [{"label": _ACTIONS, "created": True, "data": {"actions": [action]}}],
    }


def read(data: bytes, content_type: str, recognized: Recognized) -> ManifestReading:
    """What the manifest of a file proves."""
    trust = {"verify": {**_OFFLINE, "verify_trust": True}, "trust": {"trust_anchors": recognized.issuers}}
    try:
        with c2pa.Context.from_dict(trust) as context, _reader(data, content_type, context) as reader:
            report = msgspec.json.decode(reader.json())
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return ManifestReading(state="none")
    except c2pa.C2paError:
        return ManifestReading(state="others")
    return _judge(report, recognized)


def _reader(data: bytes, content_type: str, context: c2pa.Context) -> c2pa.Reader:
    return c2pa.Reader(content_type, io.BytesIO(data), context=context)


def _judge(report: dict[str, Any], recognized: Recognized) -> ManifestReading:
    manifest = report.get("manifests", {}).get(report.get("active_manifest"), {})
    results = report.get("validation_results", {}).get("activeManifest", {})
    passed, failed = ({each["code"] for each in results.get(name, ())} for name in ("success", "failure"))
    # An authority's other customers are trusted too; the serial number says that it was this server.
    signed_by_us = {"claimSignature.validated", "signingCredential.trusted"} <= passed and manifest.get(
        "signature_info", {}
    ).get("cert_serial_number") in recognized.serial_numbers
    if not signed_by_us or failed - _CHANGED:
        return ManifestReading(state="others")
    if failed:
        return ManifestReading(state="changed")
    return _reading(manifest)


def _reading(manifest: dict[str, Any]) -> ManifestReading:
    actions = [
        action for each in manifest["assertions"] if each["label"] == _ACTIONS for action in each["data"]["actions"]
    ]
    for action in actions:
        if action.get("action") == "c2pa.created":
            made_at = datetime.fromisoformat(action["when"])
            return ManifestReading(
                state="ours", made_at=made_at, source=action["digitalSourceType"].removeprefix(SOURCES)
            )
    return ManifestReading(state="others")  # the same certificate, but not this program


if __name__ == "__main__":
    child.run(work)
