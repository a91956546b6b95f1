"""A mask from outside is verified; within what it marks a picture is what was made, and beyond it its source."""

import io

import numpy as np
import pytest
from PIL import Image

from chatserver.errors import BadBytes, BlackedOut
from chatserver.imaging.protocol import Mask
from tests.imaging import samples
from tests.imaging.samples import encoded
from tests.support.masks import mask, pixels

MADE = samples.provenance()


def noise(size, mode="RGB") -> bytes:
    values = np.random.default_rng(1).integers(0, 255, (size[1], size[0], len(mode)), dtype=np.uint8)
    return encoded(Image.fromarray(values, mode), "PNG")


async def put_into(processor, source, made, data):
    kept = await processor.verify_mask(data)
    return await processor.verify_picture(made, MADE, mask=Mask(data=kept, source=source))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is no PNG"),
        (b"GIF89a", "is no PNG"),
        (samples.picture("JPEG"), "is no PNG"),
        (mask()[:-20], "is not a whole PNG"),
        (mask()[:40], "is not a whole PNG"),
        (mask() + b"and more", "is not a whole PNG"),
        (mask((1025, 8)), "has more than 1024 pixels a side"),
        (mask((8, 1025)), "has more than 1024 pixels a side"),
        (samples.bomb(9_000, 9_000), "has more than 1024 pixels a side"),
        (samples.lying_png(60_000, 60_000), "has more than 1024 pixels a side"),
        (samples.lying_png(600, 600), "is not a whole PNG"),
        (mask(box=None), "marks nothing"),
        (encoded(Image.new("L", (64, 64), 127), "PNG"), "marks nothing"),
        (encoded(Image.new("RGBA", (64, 64), (255, 255, 255, 100)), "PNG"), "marks nothing"),
    ],
)
async def test_what_is_no_mask_is_refused_in_words(processor, data, why):
    with pytest.raises(BadBytes) as refused:
        await processor.verify_mask(data)
    assert refused.value.details["why"] == why


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"])
async def test_a_mask_of_any_kind_of_png_is_kept_as_black_and_white(processor, mode):
    image = Image.open(io.BytesIO(mask((64, 48))))
    image = (
        image.convert("I").point(lambda level: level * 257).convert("I;16") if mode == "I;16" else image.convert(mode)
    )
    kept = Image.open(io.BytesIO(await processor.verify_mask(encoded(image, "PNG"))))
    assert (kept.mode, kept.size, kept.info) == ("1", (64, 48), {})
    assert np.array_equal(np.asarray(kept.convert("L")) > 0, pixels(mask((64, 48)))[:, :, 0] > 0)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("made_size", [(400, 300), (200, 152), (1024, 768)])
async def test_beyond_the_mark_are_the_sources_own_pixels_and_within_it_what_was_made(processor, mode, made_size):
    source = noise((400, 300), mode)
    made = encoded(Image.new("RGBA", made_size, (200, 30, 30, 255)), "PNG")
    file = await put_into(processor, source, made, mask((100, 75), (25, 25, 74, 49)))
    assert (file.width, file.height) == (400, 300)
    assert Image.open(io.BytesIO(file.data)).mode == mode
    same = (pixels(file.data) == pixels(source)).all(axis=2)
    marked = np.zeros((300, 400), bool)
    marked[100:200, 100:300] = True
    assert same[~marked].all()
    # All of it is new but for a soft edge of a hundredth of the longer side.
    assert (pixels(file.data)[106:194, 106:294] == (200, 30, 30)).all()
    assert not same[102:198, 102:298].all(axis=1).any()


async def test_the_edge_is_soft_inwards_and_not_at_the_border_of_the_picture(processor):
    source, made = (
        encoded(Image.new("RGB", (400, 400), "black"), "PNG"),
        encoded(Image.new("RGB", (400, 400), "white"), "PNG"),
    )
    file = await put_into(processor, source, made, mask((400, 400), (0, 0, 199, 399)))
    row = pixels(file.data)[200, :, 0]
    assert (row[:190] == 255).all() and (row[200:] == 0).all()
    assert (np.diff(row[192:202]) <= 0).all() and len(set(row[194:202])) > 4


async def test_a_line_thinner_than_the_soft_edge_still_changes_what_it_marks(processor):
    source, made = (
        encoded(Image.new("RGB", (1000, 1000), "black"), "PNG"),
        encoded(Image.new("RGB", (1000, 1000), "white"), "PNG"),
    )
    file = await put_into(processor, source, made, mask((1000, 1000), (500, 100, 502, 900)))
    columns = pixels(file.data)[500, :, 0]
    assert columns[501] == 255 and (columns[:500] == 0).all() and (columns[503:] == 0).all()


async def test_what_a_safety_check_has_blacked_out_is_not_put_into_a_picture(processor):
    with pytest.raises(BlackedOut):
        await put_into(processor, noise((64, 64)), encoded(Image.new("RGB", (64, 64)), "PNG"), mask())


async def test_the_largest_pictures_fit_into_the_limits_of_a_child(processor):
    """Each copy of a picture of 25 megapixels takes up to 100 MB."""
    source = encoded(Image.new("RGBA", (5000, 5000), "teal"), "PNG")
    file = await put_into(processor, source, encoded(Image.new("RGBA", (4096, 4096), "red"), "PNG"), mask())
    assert (file.width, file.height) == (5000, 5000)
    transparent = encoded(Image.new("RGBA", (5000, 5000)), "PNG")
    kept = Image.open(io.BytesIO(await processor.verify_mask(transparent, picture=source)))
    assert (kept.mode, kept.size, kept.getextrema()) == ("1", (1024, 1024), (255, 255))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
async def test_what_is_transparent_in_a_mask_of_its_pictures_size_marks(processor, mode):
    marked = Image.open(io.BytesIO(mask((300, 200), (60, 40, 179, 99))))
    image = Image.new("RGBA", (300, 200), "white")
    image.putalpha(marked.point(lambda level: 255 - level))
    kept = Image.open(
        io.BytesIO(await processor.verify_mask(encoded(image.convert(mode), "PNG"), picture=noise((300, 200))))
    )
    assert (kept.mode, kept.size) == ("1", (300, 200))
    assert np.array_equal(np.asarray(kept), np.asarray(marked) > 0)


async def test_a_mask_has_the_size_that_its_picture_is_shown_in(processor):
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph = samples.picture("JPEG", (48, 32), exif=exif.tobytes())
    assert await processor.verify_mask(encoded(Image.new("RGBA", (32, 48)), "PNG"), picture=photograph)
    with pytest.raises(BadBytes, match="has 48 × 32 pixels, and the picture 32 × 48"):
        await processor.verify_mask(encoded(Image.new("RGBA", (48, 32)), "PNG"), picture=photograph)
    for opaque in (Image.new("RGB", (32, 48)), Image.new("I;16", (32, 48))):
        with pytest.raises(BadBytes, match="has no transparent part"):
            await processor.verify_mask(encoded(opaque, "PNG"), picture=photograph)
