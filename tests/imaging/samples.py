"""Valid and broken files for the tests of verification."""

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

import av
import numpy as np
from PIL import Image

from chatserver.imaging.protocol import Provenance
from tests.support import zeros


def provenance(**fields) -> Provenance:
    """How a file was made, or what `fields` make of it."""
    usual = {
        "generation_id": "0198c0de-0000-7000-8000-000000000000",
        "source": "trainedAlgorithmicMedia",
        "model": "black-forest-labs/FLUX.1-schnell",
        "made_at": datetime(2026, 11, 22, 14, 30, tzinfo=UTC),
        "prompt": "a cat",
        "seed": 7,
    }
    return Provenance(**{**usual, **fields})


def picture(kind="PNG", size=(48, 32), mode="RGB", **options) -> bytes:
    """A small picture of a colour gradient."""
    width, height = size
    slope = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    buffer = io.BytesIO()
    source = Image.fromarray(slope)
    # Pillow keeps the numbers when it widens them: 255 would be all but black in sixteen bits.
    sixteen = mode == "I;16"
    image = source.convert("I").point(lambda value: value * 256).convert(mode) if sixteen else source.convert(mode)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(kind: str, size=(256, 256)) -> bytes:
    """A picture that does not compress, so that truncation removes pixels."""
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def jpeg_of_scans(number: int) -> bytes:
    """A whole JPEG that comes in about so many scans, each of which the decoder takes through all of the picture."""
    data = picture("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + number * data[last:-2] + data[-2:]


def flat(size) -> bytes:
    """A picture of one colour, of any size."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def encoded(image: Image.Image, kind: str) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def frames(count: int) -> bytes:
    """An animation as a WebP."""
    first, *others = [Image.new("RGB", (16, 16), (number % 256, 80, 0)) for number in range(count)]
    buffer = io.BytesIO()
    first.save(buffer, "WEBP", save_all=True, append_images=others, duration=40, lossless=True)
    return buffer.getvalue()


def tiff_of_pages(number: int) -> bytes:
    """A TIFF of so many pages, which all show one picture."""
    data = picture("TIFF")
    (first,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    page, end = data[first : first + 2 + 12 * entries], len(data) + len(data) % 2
    starts = range(end, end + (number - 1) * (len(page) + 4), len(page) + 4)
    head = bytearray(data.ljust(end, b"\0"))
    struct.pack_into("<I", head, first + len(page), end)
    return bytes(head) + b"".join(page + struct.pack("<I", following) for following in (*starts[1:], 0))


def bomb(width: int, height: int) -> bytes:
    """A valid PNG of one colour: few bytes, very many pixels."""
    pixels = zeros.zlib_stream((width * 3 + 1) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def lying_png(width: int, height: int) -> bytes:
    """A PNG whose header declares more pixels than there are."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def clip(container="webm", codec="libvpx-vp9", frames=24, size=(96, 64), rate=24, black=0, **metadata: str) -> bytes:
    """A clip of `frames` frames of noise, one second by default; the last `black` of them are black instead."""
    buffer = io.BytesIO()
    with _same_scheduling(), av.open(buffer, "w", format=container) as target:
        target.metadata.update(metadata)
        stream = target.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        if codec.startswith("libvpx"):
            stream.options = {"deadline": "realtime", "cpu-used": "8"}  # noise takes it twelve seconds otherwise
        rng = np.random.default_rng(1)
        for number in range(frames):
            brightest = 1 if number >= frames - black else 255
            pixels = rng.integers(0, brightest, (size[1], size[0], 3), dtype=np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        target.mux(stream.encode())
    return buffer.getvalue()


@contextlib.contextmanager
def _same_scheduling() -> Iterator[None]:
    """SVT-AV1 gives the thread that calls it the highest real-time priority, where root runs it, and leaves it there. All
    that the thread starts afterwards inherits it, and leaves one twentieth of the processors to everybody else."""
    scheduling = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *scheduling)


def sound() -> bytes:
    """A WebM with a sound stream only."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as target:
        stream = target.add_stream("libopus", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), dtype=np.int16), format="s16", layout="mono")
        frame.rate = 48000
        target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return buffer.getvalue()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of(
    *chunks: tuple[bytes, bytes], colour_type: int = 2, depth: int = 8, sample: bytes = b"\xea\x33\x23"
) -> bytes:
    """A PNG of 16 × 16 pixels that are all alike, with these chunks (name, content) before its pixels. `sample` is one
    pixel, or the byte that several share."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    line = b"\0" + sample * (16 * channels * depth // 8 // len(sample))
    header = struct.pack(">IIBBBBB", 16, 16, depth, colour_type, 0, 0, 0)
    written = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(line * 16)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, content) for name, content in written)


def png_chunk(name: bytes, content: bytes) -> bytes:
    """One chunk with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def jpeg_with(marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment at its beginning."""
    whole = picture("JPEG")
    return whole[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + whole[2:]
