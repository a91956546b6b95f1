"""XMP packets: what a file says of its making, for every program that reads metadata.

The names are those of the IPTC Photo Metadata Standard 2025.1 (AI information, digital source type), of XMP 1 and of Dublin
Core. Nothing here is proven: that is what the manifest is for (`chatserver.provenance`).
"""

import re
import uuid
from xml.sax.saxutils import escape, quoteattr

from chatserver import __version__
from chatserver.imaging.protocol import Provenance

SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CREATOR_TOOL = f"chatserver {__version__}"
# The box of an MP4 that holds XMP (XMP Specification Part 3, 1.2.7.1).
_MP4_UUID = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
# The most characters of a prompt in one packet: a JPEG's has room for 65,502 bytes, and a character takes up to six.
LONGEST_PROMPT = 8000
# What no XML document may hold (XML 1.0, 2.2).
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_PACKET = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" \
xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"{attributes}>{prompt}</rdf:Description>\
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
_PROMPT = "<Iptc4xmpExt:AIPromptInformation>{text}</Iptc4xmpExt:AIPromptInformation>"


def packet(provenance: Provenance) -> bytes:
    """The packet of a file, in UTF-8; without the prompt where the provenance has none."""
    attributes = {
        "xmp:CreatorTool": CREATOR_TOOL,
        "xmp:CreateDate": provenance.made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "xmpMM:DocumentID": f"xmp.did:{provenance.generation_id}",
        "Iptc4xmpExt:DigImageGUID": provenance.generation_id,
        "Iptc4xmpExt:DigitalSourceType": SOURCES + provenance.source,
        "Iptc4xmpExt:AISystemUsed": provenance.model,
    }
    written = "".join(f" {name}={quoteattr(_allowed(value))}" for name, value in attributes.items() if value)
    return _PACKET.format(attributes=written, prompt=_prompt(provenance)).encode()


def mp4_box(data: bytes) -> bytes:
    """A packet as a box of an MP4."""
    return (8 + 16 + len(data)).to_bytes(4) + b"uuid" + _MP4_UUID.bytes + data


def _prompt(provenance: Provenance) -> str:
    if provenance.prompt is None:
        return ""
    seed = "" if provenance.seed is None else f"\nSeed: {provenance.seed}"
    return _PROMPT.format(text=escape(_allowed(provenance.prompt[:LONGEST_PROMPT]) + seed))


def _allowed(text: str) -> str:
    return _FORBIDDEN.sub("", text.encode("utf-8", "replace").decode())
