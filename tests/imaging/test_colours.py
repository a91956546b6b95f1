"""A stored picture has the colours in which browsers show what came, whatever way the file says what they are."""

import io
import struct

import pytest
from PIL import Image

from chatserver.imaging import profiles
from tests.imaging import samples

PROVENANCE = samples.provenance()
# The reddest red of screens as Display P3 numbers it, and what it is in sRGB.
RED_IN_P3, RED = (234, 51, 35), (255, 0, 0)
P3 = profiles.of_code_points(12, 13, is_grey=False)
LINEAR_GREY = profiles.of_gamma(1.0, (), is_grey=True)
# A fifth of the light, and its value in sRGB.
LINEAR, SHOWN = 55, 128
SRGB_POINTS = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3_POINTS = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


async def pixel(processor, data, *, upload=False):
    verified = await processor.verify_upload(data) if upload else await processor.verify_picture(data, PROVENANCE)
    with Image.open(io.BytesIO(verified.data)) as image:
        return image.getpixel((3, 3))


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(mode, colour):
    return Image.new(mode, (16, 16), colour)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
async def test_a_profile_holds_in_every_format(processor, kind):
    options = {"quality": 98} if kind in {"JPEG", "AVIF"} else {"lossless": True} if kind == "WEBP" else {}
    red, green, blue = await pixel(processor, saved(flat("RGB", RED_IN_P3), kind, icc_profile=P3, **options))
    assert red > 250 and max(green, blue) < 6


@pytest.mark.parametrize(
    ("image", "options", "shown"),
    [
        (flat("RGB", RED_IN_P3).quantize(4), {"icc_profile": P3}, RED),
        (flat("RGB", RED_IN_P3).quantize(4), {"icc_profile": P3, "transparency": 3}, (*RED, 255)),
        (flat("RGB", RED_IN_P3), {"icc_profile": P3, "transparency": (1, 2, 3)}, (*RED, 255)),
        (flat("RGBA", (*RED_IN_P3, 90)), {"icc_profile": P3}, (*RED, 90)),
        (flat("L", LINEAR), {"icc_profile": LINEAR_GREY}, (SHOWN, SHOWN, SHOWN)),
        (flat("LA", (LINEAR, 70)), {"icc_profile": LINEAR_GREY}, (SHOWN, SHOWN, SHOWN, 70)),
        (flat("I;16", LINEAR * 257), {"icc_profile": LINEAR_GREY}, (SHOWN, SHOWN, SHOWN)),
        (flat("RGB", RED_IN_P3), {"icc_profile": LINEAR_GREY}, RED_IN_P3),
        (flat("L", LINEAR), {"icc_profile": P3}, (LINEAR, LINEAR, LINEAR)),
    ],
    ids=["palette", "palette-alpha", "one-colour-alpha", "alpha", "grey", "grey-alpha", "grey-16", "grey's", "rgb's"],
)
async def test_a_profile_holds_in_every_mode_and_one_of_another_mode_is_ignored(processor, image, options, shown):
    assert await pixel(processor, saved(image, **options)) == pytest.approx(shown, abs=1)


@pytest.mark.parametrize(
    ("chunks", "shown"),
    [
        ([(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *SRGB_POINTS))], RED_IN_P3),
        ([(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *P3_POINTS))], RED),
        ([(b"gAMA", struct.pack(">I", 100_000))], (246, 124, 104)),
        ([(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))], RED_IN_P3),
        ([(b"cICP", bytes([12, 13, 0, 1]))], RED),
        ([(b"cICP", bytes([1, 13, 0, 1])), (b"gAMA", struct.pack(">I", 100_000))], RED_IN_P3),
        ([(b"cICP", bytes([9, 16, 0, 1]))], RED_IN_P3),
        ([(b"gAMA", struct.pack(">I", 0))], RED_IN_P3),
        ([(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", bytes(32))], RED_IN_P3),
        ([(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", b"\xff" * 32)], RED_IN_P3),
        ([(b"gAMA", b"\0"), (b"cHRM", b""), (b"sRGB", b""), (b"cICP", b"\x0c")], RED_IN_P3),
    ],
)
async def test_what_a_png_says_of_its_colours_in_numbers_holds_where_it_can(processor, chunks, shown):
    assert await pixel(processor, samples.png_of(*chunks)) == pytest.approx(shown, abs=1)


async def test_a_grey_png_has_its_gamma(processor):
    data = samples.png_of((b"gAMA", struct.pack(">I", 100_000)), colour_type=0, sample=bytes([LINEAR]))
    assert await pixel(processor, data) == pytest.approx((SHOWN,) * 3, abs=1)


@pytest.mark.parametrize(
    ("colour_type", "depth", "sample", "same", "other"),
    [
        (0, 1, b"\xff", 1, 0),
        (0, 1, b"\x00", 0, 1),
        (0, 2, b"\xaa", 2, 1),
        (0, 4, b"\xaa", 10, 2),
        (0, 8, b"\x80", 128, 127),
        (0, 16, b"\x80\x00", 0x8000, 0x80),
        (2, 8, b"\x80", 128, 127),
        (2, 16, b"\x80\x00", 0x8000, 0x80),
    ],
)
async def test_the_transparent_colour_of_a_png_is_meant_in_its_own_depth(
    processor, colour_type, depth, sample, same, other
):
    for value, alpha in ((same, 0), (other, 255)):
        transparent = struct.pack(">H", value) * (3 if colour_type == 2 else 1)
        data = samples.png_of((b"tRNS", transparent), colour_type=colour_type, depth=depth, sample=sample)
        *_, seen = await pixel(processor, data, upload=True)
        assert seen == alpha, value
