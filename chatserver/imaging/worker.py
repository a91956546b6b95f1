"""The imaging child process: one answer for each task."""

from collections.abc import Iterator

import msgspec

from chatserver.imaging import clips, decoding, inspection, masks, pictures, uploads
from chatserver.imaging.protocol import (
    ConvertPicture,
    CopyClip,
    ImagingTask,
    InspectFile,
    ShrinkPicture,
    VerifyClip,
    VerifyMask,
    VerifyPicture,
    VerifyUpload,
)
from chatserver.processes import child

_decoder = msgspec.msgpack.Decoder(ImagingTask)


def work(task: bytes) -> Iterator[bytes]:
    """Carries out one ImagingTask: a Picture, a Clip, bytes or an Inspection, all in msgpack."""
    yield msgspec.msgpack.encode(_do(_decoder.decode(task)))


def _do(task: ImagingTask) -> object:
    match task:
        case VerifyPicture(data, provenance, requested, mask):
            image = pictures.checked(data, requested)
            return pictures.finished(image if mask is None else masks.applied(image, mask), provenance)
        case VerifyClip(data, provenance, requested):
            return clips.verify(data, provenance, requested)
        case VerifyUpload(data):
            return uploads.verify(data)
        case VerifyMask(data, picture):
            return masks.verify(data) if picture is None else masks.verify_transparency(data, picture)
        case ConvertPicture(png, wanted, provenance, marked):
            return pictures.convert(png, wanted, provenance, marked=marked)
        case ShrinkPicture(png, side, provenance):
            return pictures.shrunk(decoding.decode(png), side, provenance)
        case CopyClip(clip, provenance):
            return clips.copied(clip, provenance)
        case InspectFile(data):
            return inspection.inspect(data)


if __name__ == "__main__":
    pictures.warm_up()
    clips.warm_up()
    child.run(work)
