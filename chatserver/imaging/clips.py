"""Clips: every frame decoded once, then the stream copied into a clean container, with a poster; or `Unreadable`."""

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import av
from av.container import InputContainer
from PIL import Image

from chatserver.imaging import bounds, lengths
from chatserver.imaging.pictures import Unreadable, compare, placeholder, thumbnail
from chatserver.imaging.shapes import Clip, Origin
from chatserver.processes import preloading

# FFmpeg is told the format, so that it never guesses a playlist that names other files; browsers play these codecs.
FORMATS = {"webm": ("matroska", "video/webm"), "mp4": ("mp4", "video/mp4")}
CODECS = {"vp8", "vp9", "av1", "h264"}
# What the index takes: a few boxes or cues, and in an MP4 up to 28 bytes for each frame.
INDEX_BYTES = 4096
INDEX_BYTES_A_FRAME = 28
# How much earlier than it says a whole clip may end, in seconds: containers round, and the last frame has no length.
TOLERANCE_SECONDS = 0.5

av.logging.set_level(None)


def warm_up() -> None:
    """Takes a clip all the way, so that everything that PyAV imports late is there: see `pictures.warm_up`."""
    preloading.import_all(av, but={"__main__"})
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as target:
        stream = target.add_stream("libvpx", rate=24)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        frames = [packet for _ in range(2) for packet in stream.encode(av.VideoFrame(16, 16, "yuv420p"))]
        target.mux([*frames, *stream.encode(None)])
    finish(buffer.getvalue(), Origin(prompt="warm-up", seed=0, model=""))


def finish(data: bytes, origin: Origin, ordered: bounds.Size | None = None) -> Clip:
    """Everything that is kept of a provider's clip; NotAsOrdered where it is far from the size `ordered`."""
    container = _container(data)
    try:
        poster, duration, count = _watch(data, container)
        compare(poster.size, ordered)
        clean = _copy(data, container, origin, count)
    except Unreadable:
        raise
    except (av.FFmpegError, ValueError, IndexError, OSError, MemoryError) as error:
        raise Unreadable(f"It is not a whole clip ({type(error).__name__}).") from None
    return Clip(
        data=clean,
        content_type=FORMATS[container][1],
        width=poster.width,
        height=poster.height,
        sha256=hashlib.sha256(clean).hexdigest(),
        thumbnail=thumbnail(poster),
        placeholder=placeholder(poster),
        duration_seconds=round(duration, 3),
    )


def _container(data: bytes) -> str:
    if data.startswith(b"\x1aE\xdf\xa3"):
        container, whole = "webm", lengths.webm_ends_where_it_says(data)
    elif data[4:8] == b"ftyp":
        container, whole = "mp4", lengths.mp4_ends_where_it_says(data)
    else:
        raise Unreadable("It is neither a WebM nor an MP4 clip.")
    if not whole:
        raise Unreadable("It is cut, or something else is hidden behind it.")
    return container


def _open(data: bytes, container: str) -> InputContainer:
    return av.open(io.BytesIO(data), "r", format=FORMATS[container][0])


def _watch(data: bytes, container: str) -> tuple[Image.Image, float, int]:
    """The poster, seconds and frames of a clip decoded to its end. The middle frame is the poster: beginnings fade in."""
    with _open(data, container) as clip:
        stream = _stream(clip)
        promised = float(clip.duration or 0) / av.time_base
        count, end = _decode_all(clip, stream)
    if count == 0 or end + TOLERANCE_SECONDS < promised:
        raise Unreadable("It is cut.")
    if count < bounds.FEWEST_CLIP_FRAMES:
        raise Unreadable("It is one picture, and nothing moves.")
    if max(end, promised) > bounds.CLIP_SECONDS:
        raise Unreadable("It is longer than a clip may be.")
    return _frame(data, container, count // 2), max(end, promised), count


def _stream(clip: Any) -> Any:
    if not clip.streams.video:
        raise Unreadable("There are no pictures in it.")
    stream = clip.streams.video[0]
    context = stream.codec_context
    if context.name.removeprefix("lib") not in CODECS and context.codec.canonical_name not in CODECS:
        raise Unreadable(f"Its codec is {context.name}, which browsers do not play.")
    _judge(context.width, context.height)
    context.thread_count = 1
    return stream


def _judge(width: int, height: int) -> None:
    fault = bounds.fault_of((width, height), pixels=bounds.PIXELS_A_FRAME, longest=bounds.LONGEST_CLIP_SIDE)
    if fault:
        raise Unreadable(fault)


def _decode_all(clip: Any, stream: Any) -> tuple[int, float]:
    count, end = 0, 0.0
    for frame in clip.decode(stream):
        count += 1
        if count > bounds.CLIP_FRAMES:
            raise Unreadable("It is longer than a clip may be.")
        _judge(frame.width, frame.height)
        end = max(end, float(frame.time or 0) + 1 / float(stream.average_rate or 24))
    return count, end


def _frame(data: bytes, container: str, number: int) -> Image.Image:
    with _open(data, container) as clip:
        for index, frame in enumerate(clip.decode(_stream(clip))):
            if index == number:
                image: Image.Image = frame.to_image()
                return image
    raise Unreadable("It is cut.")


def _copy(data: bytes, container: str, origin: Origin, count: int) -> bytes:
    """The pictures' packets as they are, in a container that carries where they came from, and nothing else."""
    buffer = io.BytesIO()
    with (
        _open(data, container) as source,
        av.open(buffer, "w", format=container, options=_options(container, count)) as target,
    ):
        source_stream = _stream(source)
        target_stream = target.add_stream_from_template(source_stream, opaque=True)
        target.metadata.update(title=origin.prompt[:200], comment=f"seed {origin.seed}, {origin.model}")
        for packet in _packets(source, source_stream):
            packet.stream = target_stream
            target.mux(packet)
    return buffer.getvalue()


def _packets(source: Any, stream: Any) -> Iterator[Any]:
    return (packet for packet in source.demux(stream) if packet.dts is not None)


def _options(container: str, count: int) -> dict[str, str]:
    # Room for the index in front lets a browser start and seek before the last byte has come.
    if container == "mp4":
        return {"moov_size": str(INDEX_BYTES + INDEX_BYTES_A_FRAME * count)}
    return {"reserve_index_space": str(INDEX_BYTES)}
