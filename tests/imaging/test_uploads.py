"""A picture from outside becomes a clean PNG, upright and without anything else of its file, or is refused in words."""

import asyncio
import io
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from chatserver.errors import BadBytes, Busy
from tests.imaging import samples

GPS, ORIENTATION, MAKE = 0x8825, 0x0112, 0x010F


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def exif(**tags) -> Image.Exif:
    found = Image.Exif()
    for tag, value in tags.items():
        found[{"make": MAKE, "place": GPS, "orientation": ORIENTATION}[tag]] = value
    return found


def heic(size=(64, 32)) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", size, (200, 40, 40))).save(buffer, quality=90)
    return buffer.getvalue()


async def refusal_of(processor, data: bytes) -> str:
    with pytest.raises(BadBytes) as refused:
        await processor.verify_upload(data)
    return refused.value.details["why"]


async def test_senders_take_turns_and_one_has_a_dozen_wait_at_most(processor):
    large, small, seen = samples.flat((2400, 2400)), samples.picture(), []

    async def sends(who: str, data: bytes) -> None:
        await processor.verify_upload(data, who)
        seen.append(who)

    dozen = [asyncio.create_task(sends("eve", large if number < 2 else small)) for number in range(12)]
    await asyncio.sleep(0)
    other = asyncio.create_task(sends("ada", small))
    with pytest.raises(Busy):
        await sends("eve", small)
    await asyncio.gather(*dozen, other)
    assert seen[:3] == ["eve", "ada", "eve"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_where_and_with_what_it_was_taken_is_nowhere_in_what_is_kept(processor, kind):
    data = samples.picture(kind, exif=exif(make="Secret Camera", place={1: "N", 2: (52.0, 30.0, 0.0)}))
    assert opened(data).getexif().get_ifd(GPS)
    kept = await processor.verify_upload(data)
    assert opened(kept.data).format == "PNG"
    for stored in (kept.data, kept.thumbnail):
        assert not opened(stored).getexif()
        assert b"Secret" not in stored
    assert opened(kept.data).info == {}


async def test_a_comment_a_profile_and_xmp_are_gone(processor):
    data = samples.picture("JPEG", comment=b"by me", xmp=b"<x:xmpmeta>private</x:xmpmeta>")
    kept = await processor.verify_upload(data)
    assert opened(kept.data).info == {}
    assert b"by me" not in kept.data and b"private" not in kept.data


@pytest.mark.parametrize(("orientation", "corner"), [(3, (47, 31)), (6, (31, 0)), (8, (0, 47))])
async def test_a_picture_that_was_taken_sideways_is_upright(processor, orientation, corner):
    image = Image.new("RGB", (48, 32), "white")
    image.paste("black", (0, 0, 8, 8))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, exif=exif(orientation=orientation))
    kept = await processor.verify_upload(buffer.getvalue())
    assert (kept.width, kept.height) == ((48, 32) if orientation == 3 else (32, 48))
    assert max(opened(kept.data).getpixel(corner)) < 60
    assert max(opened(kept.thumbnail).convert("RGB").getpixel(corner)) < 60


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_broken_exif_data_makes_no_picture_unreadable(processor, kind):
    # A camera's name that is a number, beside the orientation; and no EXIF data at all.
    entries = struct.pack("<HHHIIHHII", 2, 0x010F, 3, 1, 7, ORIENTATION, 3, 1, 6)
    for data, size in ((b"II*\0\x08\0\0\0" + entries + bytes(4), (32, 48)), (b"rubbish and rubbish", (48, 32))):
        kept = await processor.verify_upload(samples.picture(kind, exif=b"Exif\0\0" + data))
        assert (kept.width, kept.height) == size


async def test_a_picture_of_too_many_pixels_is_refused_in_these_words(processor):
    for side in (5_001, 60_000):
        assert "more than 25 million pixels" in await refusal_of(processor, samples.lying_png(side, side))


async def test_a_picture_in_the_colours_of_print_or_of_sixteen_bits_is_one_of_the_screen(processor):
    buffer = io.BytesIO()
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(buffer, "JPEG", quality=95)
    red, green, _ = opened((await processor.verify_upload(buffer.getvalue())).data).getpixel((16, 16))
    assert red > 180 and green < 80
    deep = io.BytesIO()
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(deep, "PNG")
    kept = opened((await processor.verify_upload(deep.getvalue())).data)
    assert (kept.mode, kept.getpixel((0, 0))) == ("RGB", (156, 156, 156))


async def test_of_an_animation_the_first_frame_is_kept_and_a_film_is_refused(processor):
    kept = await processor.verify_upload(samples.frames(5))
    assert opened(kept.data).getpixel((0, 0)) == (0, 80, 0)
    assert getattr(opened(kept.data), "n_frames", 1) == 1
    assert "100 frames" in await refusal_of(processor, samples.frames(101))


async def test_a_very_large_picture_is_kept_smaller_in_its_shape(processor):
    kept = await processor.verify_upload(samples.flat((5000, 2500)))
    assert (kept.width, kept.height) == opened(kept.data).size == (2048, 1024)


async def test_what_hides_behind_a_picture_is_left_behind_or_refused(processor):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("run.js", "alert(1)")
    kept = await processor.verify_upload(samples.picture("JPEG") + archive.getvalue())
    assert b"run.js" not in kept.data
    for kind in ("PNG", "WEBP"):
        assert "hidden behind it" in await refusal_of(processor, samples.picture(kind) + b"<script>alert(1)</script>")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no PNG, JPEG, WebP or HEIC"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG, JPEG, WebP or HEIC"),
        (b"%PDF-1.7", "no PNG, JPEG, WebP or HEIC"),
        (samples.picture("GIF"), "It is a GIF picture. PNG, JPEG, WebP or HEIC can be uploaded."),
        (samples.picture("BMP"), "BMP"),
        (samples.picture("TIFF"), "TIFF"),
        (samples.picture("AVIF"), "It is an AVIF picture"),
        (samples.noise("JPEG")[:-2000], "not a whole picture."),
        (samples.noise("PNG")[:-2000], "cut"),
        (samples.noise("WEBP")[:-2000], "cut"),
        (heic()[:-40], "not a whole picture."),
        (samples.lying_png(3000, 3000), "not a whole picture."),
        (samples.bomb(12_000, 12_000), "25 million pixels"),
        (samples.flat((20_000, 8)), "a side is 8 to 10000"),
        (samples.flat((4, 4)), "a side is 8 to 10000"),
        (samples.clip(), "no PNG, JPEG, WebP or HEIC"),
    ],
)
async def test_what_is_no_whole_picture_of_a_known_kind_is_refused_in_words(processor, data, words):
    assert words in await refusal_of(processor, data)


async def test_a_picture_of_a_phone_is_taken(processor):
    kept = await processor.verify_upload(heic())
    assert (kept.width, kept.height, kept.content_type) == (64, 32, "image/png")
    assert opened(kept.data).getpixel((5, 5))[0] > 150


def test_without_the_plugin_a_picture_of_a_phone_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "phone.heic").write_bytes(heic())
    script = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from chatserver.imaging import uploads\n"
        "try: uploads.format_of(open(sys.argv[1], 'rb').read())\n"
        "except uploads.Unreadable as error: print(error)\n"
        "try: uploads.format_of(b'GIF89a')\n"
        "except uploads.Unreadable as error: print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "phone.heic"], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == [
        "It is a HEIC picture, which cannot be read here. Save it as JPEG and send that.",
        "It is a GIF picture. PNG, JPEG or WebP can be uploaded.",
    ]


async def test_an_upload_has_no_fingerprint_by_which_it_would_count_as_made_here(processor):
    data = samples.noise("PNG")
    assert (await processor.inspect(data)).fingerprint is not None
    assert (await processor.verify_upload(data)).fingerprint is None
