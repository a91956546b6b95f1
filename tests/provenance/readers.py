"""Other people's readers of what files say of themselves: ExifTool, and the reader of the C2PA project."""

import asyncio
import io
import json
from pathlib import Path

import c2pa

OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


async def exiftool(data: bytes, folder: Path) -> dict[str, str]:
    """Every tag that ExifTool finds, by its group and name."""
    file = folder / "file"
    file.write_bytes(data)
    process = await asyncio.create_subprocess_exec(
        "exiftool", "-json", "-G1", str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    [tags] = json.loads(output)
    return {name: str(value) for name, value in tags.items()}


def manifest(data: bytes, content_type: str, *, trusting: str = "") -> tuple[str, dict]:
    """(State of its validation, the active manifest) of a file; with `trusting`, authorities in PEM, it may be Trusted."""
    trust = {"trust": {"trust_anchors": trusting}} if trusting else {}
    context = c2pa.Context.from_dict({**OFFLINE, **trust})
    with c2pa.Reader(content_type, io.BytesIO(data), context=context) as reader:
        return reader.get_validation_state(), reader.get_active_manifest()
