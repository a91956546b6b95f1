"""The imaging child: one task in, one answer out."""

from collections.abc import Iterator

import msgspec

from chatserver.imaging import clips, pictures
from chatserver.imaging.shapes import CheckUpload, Convert, FinishClip, FinishPicture, ImagingTask
from chatserver.processes import child

_decoder = msgspec.msgpack.Decoder(ImagingTask)


def work(task: bytes) -> Iterator[bytes]:
    """Answers one ImagingTask with a Picture, a Clip or plain bytes, in msgpack."""
    yield msgspec.msgpack.encode(_do(_decoder.decode(task)))


def _do(task: ImagingTask) -> object:
    match task:
        case FinishPicture(data, origin, ordered):
            return pictures.finish(data, origin, ordered)
        case FinishClip(data, origin, ordered):
            return clips.finish(data, origin, ordered)
        case Convert(png, wanted):
            return pictures.convert(png, wanted)
        case CheckUpload(data):
            return pictures.check_upload(data)


if __name__ == "__main__":
    pictures.warm_up()
    clips.warm_up()
    child.run(work)
