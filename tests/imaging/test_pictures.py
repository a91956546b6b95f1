"""ImageProcessor accepts only whole pictures, and no file costs it more than its limits."""

import asyncio
import base64
import errno
import hashlib
import io
import os
import signal
import struct
import time
from collections.abc import Callable

import psutil
import pytest
from msgspec.structs import replace
from PIL import Image, ImageCms

from chatserver.errors import BadBytes, BlackedOut, Busy, NotAsOrdered
from chatserver.imaging import decoding
from chatserver.imaging import processor as processor_module
from chatserver.imaging.processor import ImageProcessor
from chatserver.processes import pool
from tests.imaging import samples

PROVENANCE = samples.provenance(prompt="A sunset — naïve, 日没 🌇", seed=42, model="Sketch (built in)")


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


async def test_a_picture_is_a_png_that_carries_its_origin_and_nothing_else(processor):
    picture = await processor.verify_picture(samples.picture(pnginfo=None), PROVENANCE)
    image = opened(picture.data)
    assert (image.format, image.size, picture.content_type) == ("PNG", (48, 32), "image/png")
    assert (picture.width, picture.height) == (48, 32)
    packet = image.text.pop("XML:com.adobe.xmp")
    assert "digitalsourcetype/trainedAlgorithmicMedia" in packet
    assert image.text == {
        "prompt": PROVENANCE.prompt,
        "seed": "42",
        "model": PROVENANCE.model,
        "Software": "chatserver",
    }
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()


async def test_all_metadata_of_the_file_is_removed(processor):
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = samples.picture("JPEG", exif=exif, icc_profile=profile, comment=b"by me")
    picture = await processor.verify_picture(data, PROVENANCE)
    assert opened(picture.data).info.keys() == {"prompt", "seed", "model", "Software", "XML:com.adobe.xmp", "xmp"}
    assert b"Secret" not in picture.data
    assert b"by me" not in picture.data


async def test_pixels_are_unchanged(processor):
    data = samples.picture()
    picture = await processor.verify_picture(data, PROVENANCE)
    assert opened(picture.data).tobytes() == opened(data).tobytes()


async def test_a_null_character_in_the_prompt_is_left_out_of_the_metadata(processor):
    picture = await processor.verify_picture(samples.picture(), replace(PROVENANCE, prompt="a\0b"))
    assert opened(picture.data).text["prompt"] == "ab"


@pytest.mark.parametrize(
    ("size", "wanted"), [((1600, 800), (512, 256)), ((300, 900), (171, 512)), ((64, 64), (64, 64))]
)
async def test_thumbnails_and_placeholders_have_bounded_sides(processor, size, wanted):
    picture = await processor.verify_picture(samples.picture(size=size), PROVENANCE)
    small, tiny = opened(picture.thumbnail), opened(base64.b64decode(picture.placeholder))
    assert (small.format, small.size) == ("WEBP", wanted)
    assert tiny.format == "WEBP"
    assert max(tiny.size) == 24


@pytest.mark.parametrize(
    "data",
    [
        samples.picture("PNG", mode="RGBA"),
        samples.picture("PNG", mode="P"),
        samples.picture("PNG", mode="L"),
        samples.picture("PNG", mode="1"),
        samples.picture("PNG", mode="I;16"),
        samples.picture("JPEG"),
        samples.picture("JPEG", mode="CMYK"),
        samples.picture("JPEG", mode="L", progressive=True),
        samples.picture("WEBP"),
        samples.picture("WEBP", mode="RGBA", lossless=True),
    ],
    ids=["rgba", "palette", "grey", "bits", "16-bit", "jpeg", "cmyk", "grey-jpeg", "webp", "webp-alpha"],
)
async def test_every_pixel_mode_of_browser_formats_becomes_a_png(processor, data):
    picture = await processor.verify_picture(data, PROVENANCE)
    assert opened(picture.data).size == (48, 32)
    assert opened(picture.data).mode in {"RGB", "RGBA"}


async def test_sixteen_bit_greys_are_scaled_to_eight(processor):
    buffer = io.BytesIO()
    Image.new("I;16", (8, 8), 32768).save(buffer, "PNG")
    picture = await processor.verify_picture(buffer.getvalue(), PROVENANCE)
    assert opened(picture.data).getpixel((3, 3)) == (128, 128, 128)


async def test_a_rotated_picture_is_set_upright(processor):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = await processor.verify_picture(samples.picture("JPEG", exif=exif), PROVENANCE)
    assert (picture.width, picture.height) == (32, 48)


# Made when they are needed: each worker collects this module, and one of them runs it.
BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one byte": lambda: b"\x89",
    "html": lambda: b"<!doctype html><html><body>502 Bad Gateway</body></html>",
    "json": lambda: b'{"error": "loading"}',
    "gif": lambda: b"GIF89a" + bytes(40),
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "jpeg 2000": lambda: samples.picture("JPEG2000"),
    "icon": lambda: samples.picture("ICO"),
    "cut tiff": lambda: samples.noise("TIFF")[:-9000],
    "cut bmp": lambda: samples.noise("BMP")[:-9000],
    "cut gif": lambda: samples.noise("GIF")[:-9000],
    "cut avif": lambda: samples.noise("AVIF")[:-9000],
    "a bitmap of a hundred megapixels": lambda: (
        b"BM"
        + struct.pack("<IHHI", 0, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 10_000, 10_000, 1, 24, 0, 0, 0, 0, 0, 0)
    ),
    "clip": lambda: samples.clip(),
    "only a signature": lambda: b"\x89PNG\r\n\x1a\n",
    "cut png": lambda: samples.noise("PNG")[:-9000],
    "cut png with its end sewn on": lambda: samples.noise("PNG")[:-9000] + b"\x00\x00\x00\x00IEND\xaeB\x60\x82",
    "cut jpeg": lambda: samples.noise("JPEG")[:-4000],
    "cut webp": lambda: samples.noise("WEBP")[:-4000],
    "half a jpeg": lambda: samples.noise("JPEG")[:9000],
    "png and html": lambda: samples.picture() + b"<script>alert(1)</script>",
    "png and zip": lambda: samples.picture() + b"PK\x03\x04" + bytes(60),
    "webp and more": lambda: samples.picture("WEBP") + b"<script>alert(1)</script>",
    "html before png": lambda: b"<html>" + samples.picture(),
    "wav": lambda: b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28),
    "flipped bits": lambda: bytes(
        byte ^ 0xFF if 200 < place < 900 else byte for place, byte in enumerate(samples.noise("PNG"))
    ),
    "header that lies": lambda: samples.lying_png(3000, 3000),
    "no size": lambda: samples.lying_png(0, 0),
    "26 megapixels": lambda: samples.bomb(5200, 5001),
    "108 megapixels": lambda: samples.bomb(12000, 9000),
    "very wide": lambda: samples.bomb(100_000, 300),
    "jpeg of scans": lambda: samples.jpeg_of_scans(200),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM"])
async def test_every_accepted_format_becomes_a_png(processor, kind):
    picture = await processor.verify_picture(samples.noise(kind, (48, 32)), PROVENANCE)
    assert (picture.width, picture.height, picture.content_type) == (48, 32, "image/png")
    assert opened(picture.data).format == "PNG"


@pytest.mark.parametrize(
    ("kind", "options"), [("GIF", {}), ("AVIF", {}), ("WEBP", {}), ("TIFF", {"compression": "tiff_lzw"})]
)
async def test_the_first_of_several_frames_is_used(processor, kind, options):
    buffer, blue = io.BytesIO(), Image.new("RGB", (8, 8), "blue")
    Image.new("RGB", (8, 8), "red").save(buffer, kind, save_all=True, append_images=[blue], **options)
    picture = await processor.verify_picture(buffer.getvalue(), PROVENANCE)
    red, green, blue_too = opened(picture.data).convert("RGB").getpixel((3, 3))
    assert red > 200 > 60 > max(green, blue_too)


async def test_a_jpeg_of_many_scans_is_taken(processor):
    picture = await processor.verify_picture(samples.jpeg_of_scans(50), PROVENANCE)
    assert (picture.width, picture.height) == (48, 32)


@pytest.mark.parametrize("name", BAD)
async def test_bad_bytes_are_refused_with_a_reason(processor, name):
    with pytest.raises(BadBytes) as caught:
        await processor.verify_picture(BAD[name](), PROVENANCE)
    assert caught.value.details["why"]


async def test_a_decompression_bomb_is_refused_at_once_and_costs_no_memory(processor):
    data = samples.bomb(20_000, 20_000)
    assert len(data) < 6_000_000
    child = psutil.Process(*processor.pids)
    before, begun = child.memory_info().rss, child.cpu_times().user
    with pytest.raises(BadBytes):
        await processor.verify_picture(data, PROVENANCE)
    assert child.cpu_times().user - begun < 1
    assert child.memory_info().rss - before < 50 * 1024**2


async def test_a_file_larger_than_any_picture_is_refused_unread(processor):
    with pytest.raises(BadBytes, match="broken"):
        await processor.verify_picture(bytes(processor_module.MAX_RESULT_BYTES + 1), PROVENANCE)


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_child_that_dies_is_bad_bytes_and_the_next_picture_works():
    processor = ImageProcessor(size=1)
    try:
        await processor.start()
        task = asyncio.create_task(processor.verify_picture(samples.bomb(4900, 5000), PROVENANCE))
        await until(lambda: processor._pool.busy)
        os.kill(processor.pids[0], signal.SIGKILL)
        with pytest.raises(BadBytes):
            await task
        assert await processor.verify_picture(samples.picture(), PROVENANCE)
    finally:
        await processor.close()


async def test_a_child_that_takes_too_long_is_killed_and_replaced(monkeypatch):
    monkeypatch.setattr(processor_module, "DEADLINE_SECONDS", 0.3)
    processor = ImageProcessor(size=1)
    try:
        await processor.start()
        (pid,) = processor.pids
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(BadBytes):
            await processor.verify_picture(samples.picture(), PROVENANCE)
        assert not psutil.pid_exists(pid)
        monkeypatch.setattr(processor_module, "DEADLINE_SECONDS", 30)
        assert await processor.verify_picture(samples.picture(), PROVENANCE)
    finally:
        await processor.close()


async def test_a_full_queue_is_busy_for_downloads_but_not_for_results(monkeypatch):
    monkeypatch.setattr(processor_module, "MAX_WAITING", 2)
    processor = ImageProcessor(size=1)
    try:
        await processor.start()
        os.kill(processor.pids[0], signal.SIGSTOP)
        tasks = [
            asyncio.create_task(processor.convert_picture(samples.picture(), "webp", PROVENANCE)) for _ in range(3)
        ]
        await until(lambda: processor._pool.waiting == 2)
        with pytest.raises(Busy):
            await processor.convert_picture(samples.picture(), "webp", PROVENANCE)
        result = asyncio.create_task(processor.verify_picture(samples.picture(), PROVENANCE))
        os.kill(processor.pids[0], signal.SIGCONT)
        assert len(await asyncio.gather(*tasks)) == 3
        assert (await result).content_type == "image/png"
    finally:
        await processor.close()


async def test_close_leaves_no_child():
    processor = ImageProcessor()
    await processor.start()
    pids = processor.pids
    await processor.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)


# Downloads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP")])
async def test_a_picture_converts_to_other_formats(processor, wanted, kind):
    picture = await processor.verify_picture(samples.picture(mode="RGBA"), PROVENANCE)
    image = opened(await processor.convert_picture(picture.data, wanted, PROVENANCE))
    assert (image.format, image.size) == (kind, (48, 32))


# Sizes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(1, 25_000_000), (25_000_000, 1), (1, 1), (7, 512), (12_000, 16), (10_001, 2_000), (9_000, 100)]
)
async def test_a_strip_or_a_speck_is_refused_by_its_sides_however_few_its_pixels(processor, size):
    before = psutil.Process(processor.pids[0]).memory_info().rss
    with pytest.raises(BadBytes) as caught:
        await processor.verify_picture(samples.lying_png(*size), PROVENANCE)
    assert f"{size[0]} × {size[1]}" in caught.value.message
    assert psutil.Process(processor.pids[0]).memory_info().rss - before < 20 * 1024**2


@pytest.mark.parametrize(
    ("requested", "came"),
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
async def test_what_nobody_would_call_the_picture_that_was_ordered_is_refused_in_words(processor, requested, came):
    with pytest.raises(BadBytes) as caught:
        await processor.verify_picture(samples.flat(came), PROVENANCE, requested=requested)
    assert f"{came[0]} × {came[1]}" in caught.value.message
    if max(came) < 64 * min(came):
        assert isinstance(caught.value, NotAsOrdered)
        assert f"{requested[0]} × {requested[1]}" in caught.value.message
        assert not caught.value.temporary


@pytest.mark.parametrize(
    ("requested", "came"),
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
async def test_rounded_enlarged_and_fixed_sizes_of_services_are_accepted(processor, requested, came):
    picture = await processor.verify_picture(samples.flat(came), PROVENANCE, requested=requested)
    assert (picture.width, picture.height) == came


@pytest.mark.parametrize(
    ("few", "many"),
    [
        (lambda: samples.frames(3), lambda: samples.frames(101)),
        (lambda: samples.tiff_of_pages(100), lambda: samples.tiff_of_pages(101)),
    ],
    ids=["WebP", "TIFF"],
)
async def test_a_picture_of_many_frames_is_no_picture(processor, few, many):
    assert (await processor.verify_picture(few(), PROVENANCE)).width in {16, 48}
    with pytest.raises(BadBytes) as caught:
        await processor.verify_picture(many(), PROVENANCE)
    assert "frames" in caught.value.message


def test_no_more_pages_are_looked_at_than_there_may_be():
    data, began = samples.tiff_of_pages(20_000), time.process_time()
    with pytest.raises(decoding.Unreadable, match="frames"):
        decoding.decode(data)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_a_picture_of_nothing_but_black_was_blacked_out_and_one_with_a_grey_spot_was_not(processor, kind):
    black = Image.new("RGB", (256, 256))
    with pytest.raises(BlackedOut):
        await processor.verify_picture(samples.encoded(black, kind), PROVENANCE)
    black.paste((24, 24, 24), (96, 96, 128, 128))
    assert (await processor.verify_picture(samples.encoded(black, kind), PROVENANCE)).width == 256


async def test_a_picture_is_not_broken_where_the_machine_has_no_process_for_it(monkeypatch):
    async def refused(*_):
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(pool, "spawn", refused)
    opened = ImageProcessor(size=1)
    for asked in (opened.verify_picture(samples.picture(), PROVENANCE), opened.verify_upload(samples.picture())):
        with pytest.raises(Busy):
            await asked
    await opened.close()
