"""The hue that a picture is remembered by."""

import pytest
from PIL import Image

from chatserver.imaging.hues import dominant_hue


# CSS Color 4's own values for these colours in OKLCH.
@pytest.mark.parametrize(("colour", "hue"), [("#f00", 29), ("#0f0", 142), ("#00f", 264), ("#ff0", 110), ("#f0f", 328)])
def test_a_picture_of_one_colour_has_its_hue(colour, hue):
    assert dominant_hue(Image.new("RGB", (24, 16), colour)) == hue


@pytest.mark.parametrize("colour", ["#000", "#fff", "#777", "#7a7876"])
def test_a_grey_picture_has_none(colour):
    assert dominant_hue(Image.new("RGB", (24, 16), colour)) is None


def test_the_colour_that_there_is_most_of_wins_whatever_stands_against_it():
    image = Image.new("RGB", (24, 24), "#06c")
    image.paste("#c60", (0, 0, 24, 8))
    assert dominant_hue(image) == dominant_hue(Image.new("RGB", (1, 1), "#06c"))


def test_a_small_colour_in_grey_is_found():
    image = Image.new("RGB", (24, 24), "#808080")
    image.paste("#f00", (0, 0, 12, 6))
    assert dominant_hue(image) == 29
