"""What stands beside a picture in its file, broken or long, makes it neither unreadable nor turned: browsers skip it."""

import io
import zlib

import pytest
from PIL import Image, PngImagePlugin

from tests.imaging import samples

PROVENANCE = samples.provenance()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
LONG = b"x" * 3 * 1024**2


@pytest.mark.parametrize(
    "note",
    [
        (b"zTXt", b"workflow\0\0" + zlib.compress(LONG)),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
        (b"iTXt", b"workflow\0\0\0\0\0" + LONG),
        (b"iCCP", b"p\0\0" + zlib.compress(LONG)),
        (b"iCCP", b"p\0\0no zlib"),
        *((name, b"") for name in (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"tRNS")),
        *((name, b"") for name in (b"eXIf", b"acTL", b"fcTL", b"tIME", b"bKGD", b"abCd")),
        (b"eXIf", b"MM\0*\0\0\0\x08\xff\xff"),
    ],
    ids=lambda note: f"{note[0].decode()}-{len(note[1])}",
)
async def test_a_note_in_a_png_leaves_its_picture_as_it_is(processor, note):
    verified = await processor.verify_picture(samples.png_of(note), PROVENANCE)
    assert Image.open(io.BytesIO(verified.data)).getpixel((3, 3)) == (0xEA, 0x33, 0x23)


async def test_a_note_in_a_png_may_have_a_wrong_checksum_and_its_pixels_may_not(processor):
    whole = samples.png_of()
    wrong = samples.png_chunk(b"tEXt", b"a\0b")[:-4] + bytes(4)
    assert await processor.verify_upload(whole[:33] + wrong + whole[33:])
    with pytest.raises(Exception, match="not a whole picture"):
        await processor.verify_upload(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])


@pytest.mark.parametrize(
    ("marker", "content"),
    [
        (0xE0, b"JFIF\0"),
        (0xE1, b"Exif\0\0"),
        (0xE1, b"Exif\0\0no tags at all"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0\xff<<<"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        (0xE2, b"ICC_PROFILE\0"),
        (0xE2, b"ICC_PROFILE\0\x02\x03part two of three"),
        (0xE2, b"MPF\0MM\0*\0\0\0\x08\xff\xff"),
        (0xED, b"Photoshop 3.0\x008BIM\x03\xed\x05abc"),
        (0xEE, b"Adobe"),
        (0xEF, b"x" * 65_000),
        (0xFE, b""),
        (0xFE, b"\0\xff\xfe"),
    ],
)
async def test_a_note_in_a_jpeg_leaves_its_picture_as_it_is(processor, marker, content):
    plain = await processor.verify_picture(samples.picture("JPEG"), PROVENANCE)
    noted = await processor.verify_picture(samples.jpeg_with(marker, content), PROVENANCE)
    assert noted.data == plain.data


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_only_exif_says_how_a_picture_was_held_as_in_browsers(processor, kind):
    text, exif = PngImagePlugin.PngInfo(), Image.Exif()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    exif[0x0112] = 6
    told = await processor.verify_upload(saved(kind, **({"pnginfo": text} if kind == "PNG" else {"xmp": XMP})))
    turned = await processor.verify_upload(saved(kind, exif=exif.tobytes()))
    assert [(kept.width, kept.height) for kept in (told, turned)] == [(40, 20), (20, 40)]


def saved(kind, **options):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20)).save(buffer, kind, **options)
    return buffer.getvalue()


async def test_fractions_for_colours_are_refused_in_words(processor):
    buffer = io.BytesIO()
    Image.new("F", (16, 16), 0.5).save(buffer, "TIFF")
    with pytest.raises(Exception, match="fractions"):
        await processor.verify_picture(buffer.getvalue(), PROVENANCE)
