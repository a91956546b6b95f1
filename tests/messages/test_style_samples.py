"""The composer's pictures of the styles: one for each, small, and what the built-in painter paints."""

import numpy as np
import pytest
from PIL import Image

from tests.support import style_samples

MOST_BYTES = 8 * 1024
# What WebP loses, in steps of 255 and on average; another motif, seed or style is ten times as far.
MOST_DIFFERENCE = 9.0


@pytest.mark.parametrize("style", style_samples.NAMES)
def test_a_style_has_a_small_picture_of_what_the_painter_makes_of_it(style) -> None:
    path = style_samples.path(style)
    assert path.stat().st_size <= MOST_BYTES
    with Image.open(path) as sample:
        assert sample.size == (style_samples.SIDE, style_samples.SIDE)
        kept = np.asarray(sample.convert("RGB"), dtype=np.float32)
    painted = np.asarray(style_samples.paint(style), dtype=np.float32)
    assert np.abs(kept - painted).mean() <= MOST_DIFFERENCE


def test_no_picture_is_left_of_a_style_that_is_gone() -> None:
    assert {each.stem for each in style_samples.FOLDER.iterdir()} == set(style_samples.NAMES.values())
