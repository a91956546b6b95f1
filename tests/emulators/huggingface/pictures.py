"""The files of the emulated models: deterministic pictures and clips, and malicious files."""

import functools
import hashlib
import io
import struct
import zlib
from fractions import Fraction

import av
import numpy
from PIL import Image, ImageDraw, ImageOps

from tests.support import zeros


@functools.lru_cache(maxsize=64)
def picture(prompt: str, seed: int | None, width: int, height: int, kind: str = "JPEG") -> bytes:
    """A gradient whose colours come from prompt and seed, with the prompt written on it."""
    digest = hashlib.sha256(f"{prompt}\0{seed}".encode()).digest()
    gradient = Image.linear_gradient("L").resize((width, height)).rotate(90 * (digest[6] % 4))
    image = ImageOps.colorize(gradient, tuple(digest[0:3]), tuple(digest[3:6]))
    ImageDraw.Draw(image).text((8, 8), f"{prompt[:60]}\nseed {seed}", fill="white")
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@functools.lru_cache(maxsize=16)
def clip(prompt: str, seed: int | None, frames: int = 12, width: int = 160, height: int = 96) -> bytes:
    """A real WebM of one second in which the picture's colours move."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=Fraction(12))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        still = numpy.asarray(Image.open(io.BytesIO(picture(prompt, seed, width, height, "PNG"))).convert("RGB"))
        for number in range(frames):
            shifted = numpy.roll(still, number * width // frames, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numpy.ascontiguousarray(shifted), format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


@functools.lru_cache(maxsize=4)
def pixel_bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    """A small PNG of very many black pixels (one bit each)."""
    data = zeros.zlib_stream((1 + (width + 7) // 8) * height)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


@functools.lru_cache(maxsize=2)
def gzip_bomb(megabytes: int = 200) -> bytes:
    """Zeros behind a PNG's first bytes, packed a thousand to one."""
    return zeros.gzip_stream(b"\x89PNG\r\n\x1a\n", megabytes * 1024 * 1024)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
