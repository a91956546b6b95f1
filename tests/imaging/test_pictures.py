"""The workshop lets nothing through that is not one whole picture, and no file costs it much."""

import asyncio
import base64
import hashlib
import io
import os
import signal
import struct
import time

import psutil
import pytest
from PIL import Image, ImageCms

from chatserver.errors import BadBytes, Busy, Invalid, NotAsOrdered, TooLarge
from chatserver.imaging import workshop as workshops
from chatserver.imaging.workshop import PictureWorkshop
from tests.imaging import bytes_of

SAID = {"prompt": "A sunset — naïve, 日没 🌇", "seed": 42, "model": "Sketch (built in)"}


@pytest.fixture(scope="module")
async def workshop():
    opened = PictureWorkshop(size=1)
    await opened.start()
    yield opened
    await opened.close()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


async def test_a_picture_is_a_png_that_carries_its_origin_and_nothing_else(workshop):
    picture = await workshop.finish_picture(bytes_of.picture(pnginfo=None), **SAID)
    image = opened(picture.data)
    assert (image.format, image.size, picture.content_type) == ("PNG", (48, 32), "image/png")
    assert (picture.width, picture.height) == (48, 32)
    assert image.text == {"prompt": SAID["prompt"], "seed": "42", "model": SAID["model"], "Software": "chatserver"}
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()


async def test_the_pixels_stay_what_they_were(workshop):
    data = bytes_of.picture()
    picture = await workshop.finish_picture(data, **SAID)
    assert opened(picture.data).tobytes() == opened(data).tobytes()


async def test_a_prompt_that_cannot_be_written_is_written_as_well_as_can_be(workshop):
    picture = await workshop.finish_picture(bytes_of.picture(), **{**SAID, "prompt": "a\0b"})
    assert opened(picture.data).text["prompt"] == "ab"


@pytest.mark.parametrize(
    ("size", "wanted"), [((1600, 800), (512, 256)), ((300, 900), (171, 512)), ((64, 64), (64, 64))]
)
async def test_thumbnails_and_placeholders_are_within_their_sides(workshop, size, wanted):
    picture = await workshop.finish_picture(bytes_of.picture(size=size), **SAID)
    small, tiny = opened(picture.thumbnail), opened(base64.b64decode(picture.placeholder))
    assert (small.format, small.size) == ("WEBP", wanted)
    assert tiny.format == "WEBP"
    assert max(tiny.size) == 24


@pytest.mark.parametrize(
    "data",
    [
        bytes_of.picture("PNG", mode="RGBA"),
        bytes_of.picture("PNG", mode="P"),
        bytes_of.picture("PNG", mode="L"),
        bytes_of.picture("PNG", mode="1"),
        bytes_of.picture("PNG", mode="I;16"),
        bytes_of.picture("JPEG"),
        bytes_of.picture("JPEG", mode="CMYK"),
        bytes_of.picture("JPEG", mode="L", progressive=True),
        bytes_of.picture("WEBP"),
        bytes_of.picture("WEBP", mode="RGBA", lossless=True),
    ],
    ids=["rgba", "palette", "grey", "bits", "16-bit", "jpeg", "cmyk", "grey-jpeg", "webp", "webp-alpha"],
)
async def test_every_kind_that_browsers_draw_becomes_a_png(workshop, data):
    picture = await workshop.finish_picture(data, **SAID)
    assert opened(picture.data).size == (48, 32)
    assert opened(picture.data).mode in {"RGB", "RGBA"}


async def test_sixteen_bits_are_not_blown_out(workshop):
    buffer = io.BytesIO()
    Image.new("I;16", (8, 8), 32768).save(buffer, "PNG")
    picture = await workshop.finish_picture(buffer.getvalue(), **SAID)
    assert opened(picture.data).getpixel((3, 3)) == (128, 128, 128)


async def test_a_picture_that_lies_on_its_side_is_set_upright(workshop):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = await workshop.finish_picture(bytes_of.picture("JPEG", exif=exif), **SAID)
    assert (picture.width, picture.height) == (32, 48)


BAD = {
    "empty": b"",
    "one byte": b"\x89",
    "html": b"<!doctype html><html><body>502 Bad Gateway</body></html>",
    "json": b'{"error": "loading"}',
    "gif": b"GIF89a" + bytes(40),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "jpeg 2000": bytes_of.picture("JPEG2000"),
    "icon": bytes_of.picture("ICO"),
    "cut tiff": bytes_of.noise("TIFF")[:-9000],
    "cut bmp": bytes_of.noise("BMP")[:-9000],
    "cut gif": bytes_of.noise("GIF")[:-9000],
    "cut avif": bytes_of.noise("AVIF")[:-9000],
    "a bitmap of a hundred megapixels": b"BM"
    + struct.pack("<IHHI", 0, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 10_000, 10_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "clip": bytes_of.clip(),
    "only a signature": b"\x89PNG\r\n\x1a\n",
    "cut png": bytes_of.noise("PNG")[:-9000],
    "cut png with its end sewn on": bytes_of.noise("PNG")[:-9000] + b"\x00\x00\x00\x00IEND\xaeB\x60\x82",
    "cut jpeg": bytes_of.noise("JPEG")[:-4000],
    "cut webp": bytes_of.noise("WEBP")[:-4000],
    "half a jpeg": bytes_of.noise("JPEG")[:9000],
    "png and html": bytes_of.picture() + b"<script>alert(1)</script>",
    "png and zip": bytes_of.picture() + b"PK\x03\x04" + bytes(60),
    "webp and more": bytes_of.picture("WEBP") + b"<script>alert(1)</script>",
    "html before png": b"<html>" + bytes_of.picture(),
    "wav": b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28),
    "flipped bits": bytes(
        byte ^ 0xFF if 200 < place < 900 else byte for place, byte in enumerate(bytes_of.noise("PNG"))
    ),
    "header that lies": bytes_of.lying_png(3000, 3000),
    "no size": bytes_of.lying_png(0, 0),
    "26 megapixels": bytes_of.bomb(5200, 5001),
    "108 megapixels": bytes_of.bomb(12000, 9000),
    "very wide": bytes_of.bomb(100_000, 300),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
async def test_whatever_is_read_here_is_a_picture(workshop, kind):
    picture = await workshop.finish_picture(bytes_of.noise(kind, (48, 32)), **SAID)
    assert (picture.width, picture.height, picture.content_type) == (48, 32, "image/png")
    assert opened(picture.data).format == "PNG"


@pytest.mark.parametrize(
    ("kind", "options"), [("GIF", {}), ("AVIF", {}), ("WEBP", {}), ("TIFF", {"compression": "tiff_lzw"})]
)
async def test_of_several_pictures_the_first_is_taken(workshop, kind, options):
    buffer, blue = io.BytesIO(), Image.new("RGB", (8, 8), "blue")
    Image.new("RGB", (8, 8), "red").save(buffer, kind, save_all=True, append_images=[blue], **options)
    picture = await workshop.finish_picture(buffer.getvalue(), **SAID)
    red, green, blue_too = opened(picture.data).convert("RGB").getpixel((3, 3))
    assert red > 200 > 60 > max(green, blue_too)


@pytest.mark.parametrize("name", BAD)
async def test_bad_bytes_are_refused_with_a_reason(workshop, name):
    with pytest.raises(BadBytes) as caught:
        await workshop.finish_picture(BAD[name], **SAID)
    assert caught.value.details["why"]


async def test_a_bomb_is_refused_at_once_and_costs_no_memory(workshop):
    data = bytes_of.bomb(20_000, 20_000)
    assert len(data) < 6_000_000
    (pid,) = workshop.pids
    before, begun = psutil.Process(pid).memory_info().rss, time.monotonic()
    with pytest.raises(BadBytes):
        await workshop.finish_picture(data, **SAID)
    assert time.monotonic() - begun < 2
    assert psutil.Process(pid).memory_info().rss - before < 50 * 1024**2


async def test_a_file_larger_than_any_picture_is_refused_unread(workshop):
    with pytest.raises(BadBytes, match="broken"):
        await workshop.finish_picture(bytes(workshops.RESULT_BYTES + 1), **SAID)


async def test_a_child_that_dies_is_bad_bytes_and_the_next_picture_works():
    workshop = PictureWorkshop(size=1)
    try:
        await workshop.start()
        task = asyncio.create_task(workshop.finish_picture(bytes_of.bomb(4900, 5000), **SAID))
        await asyncio.sleep(0.05)
        os.kill(workshop.pids[0], signal.SIGKILL)
        with pytest.raises(BadBytes):
            await task
        assert await workshop.finish_picture(bytes_of.picture(), **SAID)
    finally:
        await workshop.close()


async def test_a_child_that_takes_too_long_is_killed_and_replaced(monkeypatch):
    monkeypatch.setattr(workshops, "DEADLINE_SECONDS", 0.3)
    workshop = PictureWorkshop(size=1)
    try:
        await workshop.start()
        (pid,) = workshop.pids
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(BadBytes):
            await workshop.finish_picture(bytes_of.picture(), **SAID)
        assert not psutil.pid_exists(pid)
        monkeypatch.setattr(workshops, "DEADLINE_SECONDS", 30)
        assert await workshop.finish_picture(bytes_of.picture(), **SAID)
    finally:
        await workshop.close()


async def test_a_line_that_is_too_long_is_busy_for_people_but_not_for_what_was_paid_for(monkeypatch):
    monkeypatch.setattr(workshops, "WAITING", 2)
    workshop = PictureWorkshop(size=1)
    try:
        await workshop.start()
        os.kill(workshop.pids[0], signal.SIGSTOP)
        tasks = [asyncio.create_task(workshop.convert_picture(bytes_of.picture(), "webp")) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Busy):
            await workshop.convert_picture(bytes_of.picture(), "webp")
        result = asyncio.create_task(workshop.finish_picture(bytes_of.picture(), **SAID))
        os.kill(workshop.pids[0], signal.SIGCONT)
        assert len(await asyncio.gather(*tasks)) == 3
        assert (await result).content_type == "image/png"
    finally:
        await workshop.close()


async def test_close_leaves_no_child():
    workshop = PictureWorkshop()
    await workshop.start()
    pids = workshop.pids
    await workshop.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)


# Downloads and uploads ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP")])
async def test_a_picture_can_be_had_in_other_formats(workshop, wanted, kind):
    picture = await workshop.finish_picture(bytes_of.picture(mode="RGBA"), **SAID)
    image = opened(await workshop.convert_picture(picture.data, wanted))
    assert (image.format, image.size) == (kind, (48, 32))


async def test_an_upload_loses_all_that_it_tells_about_its_owner(workshop):
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = bytes_of.picture("JPEG", exif=exif, icc_profile=profile, comment=b"by me")
    png = await workshop.verify_upload(data)
    assert opened(png).format == "PNG"
    assert not opened(png).info
    assert b"Secret" not in png


@pytest.mark.parametrize("name", ["empty", "html", "gif", "jpeg 2000", "cut jpeg", "108 megapixels", "png and html"])
async def test_a_bad_upload_is_invalid_with_a_reason(workshop, name):
    with pytest.raises(Invalid, match="cannot be used"):
        await workshop.verify_upload(BAD[name])


async def test_an_upload_of_more_than_ten_megabytes_is_too_large(workshop):
    with pytest.raises(TooLarge):
        await workshop.verify_upload(bytes(10 * 1024**2 + 1))


# Sizes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(1, 25_000_000), (25_000_000, 1), (1, 1), (7, 512), (12_000, 16), (10_001, 2_000), (9_000, 100)]
)
async def test_a_strip_or_a_speck_is_refused_by_its_sides_however_few_its_pixels(workshop, size):
    before = psutil.Process(workshop.pids[0]).memory_info().rss
    with pytest.raises(BadBytes) as caught:
        await workshop.finish_picture(bytes_of.lying_png(*size), **SAID)
    assert f"{size[0]} × {size[1]}" in caught.value.message
    assert psutil.Process(workshop.pids[0]).memory_info().rss - before < 20 * 1024**2


@pytest.mark.parametrize(
    ("ordered", "came"),
    [
        ((1024, 1024), (16, 16)),
        ((1024, 1024), (127, 127)),
        ((1024, 1024), (8000, 10)),
        ((1024, 1024), (4500, 1200)),
        ((512, 512), (1500, 300)),
        ((512, 512), (300, 1500)),
        ((64, 1024), (1024, 64)),
    ],
)
async def test_what_nobody_would_call_the_picture_that_was_ordered_is_refused_in_words(workshop, ordered, came):
    with pytest.raises(BadBytes) as caught:
        await workshop.finish_picture(bytes_of.flat(came), **SAID, ordered=ordered)
    assert f"{came[0]} × {came[1]}" in caught.value.message
    if max(came) < 64 * min(came):
        assert isinstance(caught.value, NotAsOrdered)
        assert f"{ordered[0]} × {ordered[1]}" in caught.value.message
        assert not caught.value.temporary


@pytest.mark.parametrize(
    ("ordered", "came"),
    [
        ((1024, 1024), (1024, 1024)),
        ((1000, 600), (1024, 640)),
        ((512, 512), (1024, 1024)),
        ((64, 64), (1024, 1024)),
        ((768, 432), (1536, 1024)),
        ((512, 768), (1024, 1024)),
        ((1024, 1024), (512, 512)),
        ((1024, 1024), (4096, 4096)),
        ((64, 1024), (64, 1024)),
    ],
)
async def test_what_services_round_enlarge_or_have_in_their_own_sizes_is_taken(workshop, ordered, came):
    picture = await workshop.finish_picture(bytes_of.flat(came), **SAID, ordered=ordered)
    assert (picture.width, picture.height) == came


async def test_a_picture_of_many_frames_is_no_picture(workshop):
    few, many = bytes_of.frames(3), bytes_of.frames(101)
    assert (await workshop.finish_picture(few, **SAID)).width == 16
    with pytest.raises(BadBytes) as caught:
        await workshop.finish_picture(many, **SAID)
    assert "frames" in caught.value.message
