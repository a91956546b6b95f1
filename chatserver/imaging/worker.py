"""The imaging child process: one answer for each task."""

from collections.abc import Iterator

import msgspec

from chatserver.imaging import clips, pictures
from chatserver.imaging.protocol import ConvertPicture, ImagingTask, ShrinkPicture, VerifyClip, VerifyPicture
from chatserver.processes import child

_decoder = msgspec.msgpack.Decoder(ImagingTask)


def work(task: bytes) -> Iterator[bytes]:
    """Carries out one ImagingTask: a Picture, a Clip or bytes, all in msgpack."""
    yield msgspec.msgpack.encode(_do(_decoder.decode(task)))


def _do(task: ImagingTask) -> object:
    match task:
        case VerifyPicture(data, provenance, requested):
            return pictures.verify(data, provenance, requested)
        case VerifyClip(data, provenance, requested):
            return clips.verify(data, provenance, requested)
        case ConvertPicture(png, wanted):
            return pictures.convert(png, wanted)
        case ShrinkPicture(png, side):
            return pictures.shrunk(pictures.decode(png), side)


if __name__ == "__main__":
    pictures.warm_up()
    clips.warm_up()
    child.run(work)
