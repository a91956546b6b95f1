"""Clips are decoded to their end before they are stored, and copied without their metadata."""

import base64
import functools
import io
import struct
from collections.abc import Callable
from fractions import Fraction

import av
import pytest
from PIL import Image

from chatserver.errors import BadBytes, BlackedOut, NotAsOrdered
from tests.imaging import samples

PROVENANCE = samples.provenance(prompt="Waves at dusk, 波", seed=9, model="Sketch (built in)")


KINDS = {"webm": ("webm", "libvpx-vp9"), "webm-vp8": ("webm", "libvpx"), "mp4": ("mp4", "libx264")}


@pytest.mark.parametrize("name", KINDS)
async def test_a_clip_keeps_its_frames_and_gets_a_poster(processor, name):
    container, codec = KINDS[name]
    clip = await processor.verify_clip(samples.clip(container, codec), PROVENANCE)
    assert (clip.content_type, clip.width, clip.height) == (f"video/{container}", 96, 64)
    assert clip.duration_seconds == pytest.approx(1.0, abs=0.1)
    assert Image.open(io.BytesIO(clip.thumbnail)).size == (96, 64)
    assert max(Image.open(io.BytesIO(base64.b64decode(clip.placeholder))).size) == 24
    with av.open(io.BytesIO(clip.data)) as played:
        assert sum(1 for _ in played.decode(video=0)) == 24


async def test_the_metadata_of_a_clip_is_its_provenance_alone(processor):
    clip = await processor.verify_clip(samples.clip(artist="Secret Person"), PROVENANCE)
    with av.open(io.BytesIO(clip.data)) as played:
        tags = {key.lower(): value for key, value in played.metadata.items()}
    assert tags["title"] == PROVENANCE.prompt
    assert tags["comment"] == "seed 9, Sketch (built in)"
    assert b"Secret" not in clip.data


@functools.cache
def webm() -> bytes:
    return samples.clip()


@functools.cache
def mp4() -> bytes:
    return samples.clip("mp4", "libx264", frames=48)


# Made when they are needed: each worker collects this module, and one of them runs it.
BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "html": lambda: b"<html>502</html>",
    "picture": lambda: samples.picture(),
    "half a webm": lambda: webm()[: len(webm()) // 2],
    "a webm without its last third": lambda: webm()[: len(webm()) * 2 // 3],
    "half an mp4": lambda: mp4()[: len(mp4()) // 2],
    "an mp4 without its index": lambda: mp4()[:-700],
    "a webm and more": lambda: webm() + b"<script>alert(1)</script>",
    "an mp4 and more": lambda: mp4() + b"<script>alert(1)</script>",
    "only a signature": lambda: webm()[:4],
    "sound alone": lambda: samples.sound(),
    "a codec of yesterday": lambda: samples.clip("mp4", "mpeg4"),
    "a playlist": lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "noise behind a signature": lambda: webm()[:60] + bytes(range(256)) * 20,
    "too large": lambda: samples.clip("mp4", "mpeg4", frames=1, size=(2048, 2048)),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_clips_are_refused_with_a_reason(processor, name):
    with pytest.raises(BadBytes) as caught:
        await processor.verify_clip(BAD[name](), PROVENANCE)
    assert caught.value.details["why"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": 1}, "nothing moves"),
        ({"size": (4104, 16)}, "4104 × 16"),
        ({"size": (1040, 16)}, "strip"),
        ({"frames": 3, "rate": Fraction(1, 100)}, "longer"),
    ],
)
async def test_a_clip_is_judged_by_its_sides_its_frames_and_its_length(processor, options, words):
    with pytest.raises(BadBytes) as caught:
        await processor.verify_clip(samples.clip("mp4", "libx264", **options), PROVENANCE)
    assert words in caught.value.message


async def test_a_clip_far_from_what_was_ordered_is_refused_in_words_and_a_services_own_size_is_taken(processor):
    with pytest.raises(NotAsOrdered) as caught:
        await processor.verify_clip(samples.clip(size=(64, 64)), PROVENANCE, requested=(768, 768))
    assert "64 × 64 pixels, and 768 × 768 were ordered" in caught.value.message
    assert (await processor.verify_clip(samples.clip(size=(832, 480)), PROVENANCE, requested=(512, 512))).width == 832


@pytest.mark.parametrize(("container", "codec"), [("webm", "libvpx-vp9"), ("mp4", "libx264")])
async def test_a_clip_of_nothing_but_black_was_blacked_out_and_one_that_ends_in_black_was_not(
    processor, container, codec
):
    with pytest.raises(BlackedOut):
        await processor.verify_clip(samples.clip(container, codec, black=24), PROVENANCE)
    fading = samples.clip(container, codec, black=16)
    assert (await processor.verify_clip(fading, PROVENANCE)).duration_seconds == pytest.approx(1, abs=0.1)


def corner_clip(pixel_shape=Fraction(1), matrix=None, container="mp4", codec="libx264") -> bytes:
    """A clip of 64 × 48 pixels, red in its upper left quarter; `matrix` is that of its track."""
    buffer, quarter = io.BytesIO(), Image.new("RGB", (64, 48), "blue")
    quarter.paste((255, 0, 0), (0, 0, 32, 24))
    with av.open(buffer, "w", format=container) as target:
        stream = target.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel_shape
        for _ in range(4):
            target.mux(stream.encode(av.VideoFrame.from_image(quarter)))
        target.mux(stream.encode())
    data = buffer.getvalue()
    if matrix is None:
        return data
    place = data.index(b"tkhd") + 4 + 40
    return data[:place] + struct.pack(">9i", *matrix) + data[place + 36 :]


ONE, END = 0x10000, 0x40000000
TURNED = {
    "upright": ((ONE, 0, 0, 0, ONE, 0, 0, 0, END), (64, 48), (8, 8)),
    "to the right": ((0, ONE, 0, -ONE, 0, 0, 0, 0, END), (48, 64), (40, 8)),
    "on its head": ((-ONE, 0, 0, 0, -ONE, 0, 0, 0, END), (64, 48), (56, 40)),
    "to the left": ((0, -ONE, 0, ONE, 0, 0, 0, 0, END), (48, 64), (8, 56)),
}


@pytest.mark.parametrize("how", TURNED)
async def test_a_clip_that_players_turn_has_the_sides_and_the_poster_that_they_show(processor, how):
    matrix, size, red_at = TURNED[how]
    clip = await processor.verify_clip(corner_clip(matrix=matrix), PROVENANCE)
    poster = Image.open(io.BytesIO(clip.thumbnail)).convert("RGB")
    red, _, blue = poster.getpixel(red_at)
    assert ((clip.width, clip.height), poster.size) == (size, size)
    assert red > 200 > 60 > blue


async def test_a_clip_whose_pixels_are_no_squares_is_as_wide_as_players_show_it(processor):
    clip = await processor.verify_clip(corner_clip(Fraction(2)), PROVENANCE)
    assert (clip.width, clip.height) == Image.open(io.BytesIO(clip.thumbnail)).size == (128, 48)
    with pytest.raises(BadBytes, match="strips"):
        await processor.verify_clip(corner_clip(Fraction(9)), PROVENANCE)


async def test_a_codec_that_no_webm_may_hold_is_named(processor):
    with pytest.raises(BadBytes, match="h264 in Matroska"):
        await processor.verify_clip(corner_clip(container="matroska"), PROVENANCE)
