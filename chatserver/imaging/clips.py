"""Verifies clips: decodes every frame, copies the video stream into a new container, and makes a poster."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from PIL import Image

from chatserver.imaging import containers, size_limits, xmp
from chatserver.imaging.decoding import Unreadable, is_avif
from chatserver.imaging.fingerprints import fingerprint
from chatserver.imaging.pictures import WARM_UP, AllBlack, check_size, hue, is_black, placeholder, thumbnail
from chatserver.imaging.protocol import Clip, Provenance
from chatserver.processes import preloading

# Browsers play these. FFmpeg is told the format: left to guess, it would open playlists, which name other files.
FORMATS = {"webm": ("matroska", "video/webm"), "mp4": ("mp4", "video/mp4")}
CODECS = {"vp8", "vp9", "av1", "h264"}
# Matroska may hold these, but a WebM may not.
NOT_IN_WEBM = {"h264"}
# Space for the index: a few boxes or cues, and in an MP4 up to 28 bytes for each frame.
INDEX_BYTES = 4096
INDEX_BYTES_A_FRAME = 28
# How many times as wide as high a pixel may be, or as high as wide. Films on discs have up to 2.
MAX_PIXEL_SHAPE = 4
# What turns a frame upright, by the degrees against the clock that it is to be turned by.
_TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
# How much earlier than declared a whole clip may end, in seconds: containers round, and the last frame has no length.
TOLERANCE_SECONDS = 0.5

av.logging.set_level(None)


def warm_up() -> None:
    """Verifies a small clip, so that all modules that PyAV imports late are loaded: see `pictures.warm_up`."""
    preloading.import_all(av, but={"__main__"})
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as target:
        stream = target.add_stream("libvpx", rate=24)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        frames = [packet for _ in range(2) for packet in stream.encode(av.VideoFrame(16, 16, "yuv420p"))]
        target.mux([*frames, *stream.encode(None)])
    verify(buffer.getvalue(), WARM_UP)


def verify(data: bytes, provenance: Provenance, requested: size_limits.Size | None = None) -> Clip:
    """A provider's clip, copied clean, with its poster.

    Raises Unreadable; SizeMismatch where its size is far from `requested` (width, height in pixels); AllBlack.
    """
    container = _whole_container(data)
    with _reading():
        poster, duration, count = _decode(data, container)
        check_size(poster.size, requested)
        if is_black(poster) and _is_all_black(data, container):
            raise AllBlack("All of it is black.")
        clean = _remux(data, container, provenance, count)
    return Clip(
        data=clean,
        content_type=FORMATS[container][1],
        width=poster.width,
        height=poster.height,
        sha256=hashlib.sha256(clean).hexdigest(),
        thumbnail=thumbnail(poster, provenance),
        placeholder=placeholder(poster),
        duration_seconds=round(duration, 3),
        fingerprint=fingerprint(poster),
        hue=hue(poster),
    )


def copied(data: bytes, provenance: Provenance) -> bytes:
    """A whole clip in a new container of its kind, with this provenance as its only metadata. Raises Unreadable."""
    container = _whole_container(data)
    with _reading():
        with _open(data, container) as clip:
            count = sum(1 for _ in _packets(clip, _stream(clip)))
        return _remux(data, container, provenance, count)


def poster_of(data: bytes) -> Image.Image:
    """The middle frame of a whole clip. Raises Unreadable."""
    container = _whole_container(data)
    with _reading():
        poster, _, _ = _decode(data, container)
    return poster


@contextmanager
def _reading() -> Iterator[None]:
    """Turns what FFmpeg raises for a broken clip into Unreadable."""
    try:
        yield
    except Unreadable:
        raise
    except (av.FFmpegError, ValueError, IndexError, OSError, MemoryError) as error:
        raise Unreadable("It is not a whole clip.") from error


def container_of(data: bytes) -> str | None:
    """Which container of FORMATS a file begins as, or None. An AVIF picture begins as an MP4 does, but for its brand."""
    if data.startswith(b"\x1aE\xdf\xa3"):
        return "webm"
    return "mp4" if data[4:8] == b"ftyp" and not is_avif(data) else None


def _whole_container(data: bytes) -> str:
    container = container_of(data)
    if container is None:
        raise Unreadable("It is neither a WebM nor an MP4 clip.")
    whole = containers.webm_length_matches(data) if container == "webm" else containers.mp4_length_matches(data)
    if not whole:
        raise Unreadable("It is cut, or something else is hidden behind it.")
    return container


def _open(data: bytes, container: str) -> InputContainer:
    return av.open(io.BytesIO(data), "r", format=FORMATS[container][0])


def _decode(data: bytes, container: str) -> tuple[Image.Image, float, int]:
    """(Poster, duration in seconds, number of frames) of a clip decoded to its end.

    The poster is the middle frame, because many clips fade in.
    """
    with _open(data, container) as clip:
        stream = _stream(clip)
        declared = float(clip.duration or 0) / av.time_base
        count, end = _decode_all(clip, stream)
    if count == 0 or end + TOLERANCE_SECONDS < declared:
        raise Unreadable("It is cut.")
    if count < size_limits.MIN_CLIP_FRAMES:
        raise Unreadable("It is one picture, and nothing moves.")
    if max(end, declared) > size_limits.MAX_CLIP_SECONDS:
        raise Unreadable("It is longer than a clip may be.")
    return _frame(data, container, count // 2), max(end, declared), count


def _stream(clip: Any) -> Any:
    if not clip.streams.video:
        raise Unreadable("There are no pictures in it.")
    stream = clip.streams.video[0]
    context = stream.codec_context
    if context.name.removeprefix("lib") not in CODECS and context.codec.canonical_name not in CODECS:
        raise Unreadable(f"Its codec is {context.name}, which browsers do not play.")
    if clip.format.name.startswith("matroska") and context.codec.canonical_name in NOT_IN_WEBM:
        raise Unreadable(f"Its codec is {context.codec.canonical_name} in Matroska, which browsers do not play.")
    _check_limits(context.width, context.height)
    context.thread_count = 1
    return stream


def _check_limits(width: int, height: int) -> None:
    problem = size_limits.problem(
        (width, height), max_pixels=size_limits.MAX_CLIP_PIXELS, max_side=size_limits.MAX_CLIP_SIDE
    )
    if problem:
        raise Unreadable(problem)


def _decode_all(clip: Any, stream: Any) -> tuple[int, float]:
    count, end = 0, 0.0
    for frame in clip.decode(stream):
        count += 1
        if count > size_limits.MAX_CLIP_FRAMES:
            raise Unreadable("It is longer than a clip may be.")
        _check_limits(frame.width, frame.height)
        end = max(end, float(frame.time or 0) + 1 / float(stream.average_rate or 24))
    return count, end


def _frame(data: bytes, container: str, number: int) -> Image.Image:
    with _open(data, container) as clip:
        for index, frame in enumerate(clip.decode(_stream(clip))):
            if index == number:
                return _as_shown(frame, clip.streams.video[0].sample_aspect_ratio, container)
    raise Unreadable("It is cut.")


def _as_shown(frame: Any, pixel_shape: Fraction | None, container: str) -> Image.Image:
    """A frame as players show it: with square pixels, and upright. Of a WebM no browser reads how it was held."""
    image: Image.Image = frame.to_image()
    if pixel_shape and pixel_shape != 1:
        if not 1 / MAX_PIXEL_SHAPE <= pixel_shape <= MAX_PIXEL_SHAPE:
            raise Unreadable("Its pixels are strips.")
        size = (max(1, round(image.width * pixel_shape)), image.height)
        _check_limits(*size)
        image = image.resize(size)
    turn = _TURNS.get(frame.rotation % 360) if container == "mp4" else None
    return image if turn is None else image.transpose(turn)


def _is_all_black(data: bytes, container: str) -> bool:
    with _open(data, container) as clip:
        return all(is_black(frame.to_image()) for frame in clip.decode(_stream(clip)))


def _remux(data: bytes, container: str, provenance: Provenance, count: int) -> bytes:
    """The video packets unchanged, in a new container whose only metadata is the provenance."""
    buffer = io.BytesIO()
    with (
        _open(data, container) as source,
        av.open(buffer, "w", format=container, options=_options(container, count)) as target,
    ):
        source_stream = _stream(source)
        target_stream = target.add_stream_from_template(source_stream, opaque=True)
        target.metadata.update(_tags(container, provenance))
        for packet in _packets(source, source_stream):
            packet.stream = target_stream
            target.mux(packet)
    # FFmpeg writes no XMP; a box of its own is allowed after all others.
    return buffer.getvalue() + (xmp.mp4_box(xmp.packet(provenance)) if container == "mp4" else b"")


def _tags(container: str, provenance: Provenance) -> dict[str, str]:
    """What the container's own tags say. Matroska's may have any name, and there is no place for XMP or a manifest in it."""
    tags = {}
    if provenance.prompt is not None:
        tags = {"title": provenance.prompt[:200], "comment": f"seed {provenance.seed}, {provenance.model}"}
    if container == "webm":
        tags |= {
            "DIGITAL_SOURCE_TYPE": xmp.SOURCES + provenance.source,
            "CREATOR_TOOL": xmp.CREATOR_TOOL,
            "AI_SYSTEM_USED": provenance.model,
            "GUID": provenance.generation_id,
            "DATE_ENCODED": provenance.made_at.strftime("%Y-%m-%d %H:%M:%S"),
        }
    return tags


def _packets(source: Any, stream: Any) -> Iterator[Any]:
    return (packet for packet in source.demux(stream) if packet.dts is not None)


def _options(container: str, count: int) -> dict[str, str]:
    # With the index at the front a browser can start and seek before it has the whole file.
    if container == "mp4":
        return {"moov_size": str(INDEX_BYTES + INDEX_BYTES_A_FRAME * count)}
    return {"reserve_index_space": str(INDEX_BYTES)}
