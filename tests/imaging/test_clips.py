"""Clips are watched to their end before anyone else sees them, and copied clean."""

import base64
import io
from fractions import Fraction

import av
import pytest
from PIL import Image

from chatserver.errors import BadBytes, NotAsOrdered
from chatserver.imaging.workshop import PictureWorkshop
from tests.imaging import bytes_of

SAID = {"prompt": "Waves at dusk, 波", "seed": 9, "model": "Sketch (built in)"}


@pytest.fixture(scope="module")
async def workshop():
    opened = PictureWorkshop(size=1)
    yield opened
    await opened.close()


KINDS = {"webm": ("webm", "libvpx-vp9"), "webm-vp8": ("webm", "libvpx"), "mp4": ("mp4", "libx264")}


@pytest.mark.parametrize("name", KINDS)
async def test_a_clip_keeps_its_pictures_and_gains_a_poster(workshop, name):
    container, codec = KINDS[name]
    clip = await workshop.finish_clip(bytes_of.clip(container, codec), **SAID)
    assert (clip.content_type, clip.width, clip.height) == (f"video/{container}", 96, 64)
    assert clip.duration_seconds == pytest.approx(1.0, abs=0.1)
    assert Image.open(io.BytesIO(clip.thumbnail)).size == (96, 64)
    assert max(Image.open(io.BytesIO(base64.b64decode(clip.placeholder))).size) == 24
    with av.open(io.BytesIO(clip.data)) as played:
        assert sum(1 for _ in played.decode(video=0)) == 24


async def test_a_clip_carries_its_origin_and_nothing_of_before(workshop):
    clip = await workshop.finish_clip(bytes_of.clip(artist="Secret Person"), **SAID)
    with av.open(io.BytesIO(clip.data)) as played:
        tags = {key.lower(): value for key, value in played.metadata.items()}
    assert tags["title"] == SAID["prompt"]
    assert tags["comment"] == "seed 9, Sketch (built in)"
    assert b"Secret" not in clip.data


WEBM, MP4 = bytes_of.clip(), bytes_of.clip("mp4", "libx264", frames=48)
BAD = {
    "empty": b"",
    "html": b"<html>502</html>",
    "picture": bytes_of.picture(),
    "half a webm": WEBM[: len(WEBM) // 2],
    "a webm without its last third": WEBM[: len(WEBM) * 2 // 3],
    "half an mp4": MP4[: len(MP4) // 2],
    "an mp4 without its index": MP4[:-700],
    "a webm and more": WEBM + b"<script>alert(1)</script>",
    "an mp4 and more": MP4 + b"<script>alert(1)</script>",
    "only a signature": WEBM[:4],
    "sound alone": bytes_of.sound(),
    "a codec of yesterday": bytes_of.clip("mp4", "mpeg4"),
    "a playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "noise behind a signature": WEBM[:60] + bytes(range(256)) * 20,
    "too large": bytes_of.clip("mp4", "mpeg4", frames=1, size=(2048, 2048)),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_clips_are_refused_with_a_reason(workshop, name):
    with pytest.raises(BadBytes) as caught:
        await workshop.finish_clip(BAD[name], **SAID)
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
async def test_a_clip_is_judged_by_its_sides_its_frames_and_its_length(workshop, options, words):
    with pytest.raises(BadBytes) as caught:
        await workshop.finish_clip(bytes_of.clip("mp4", "libx264", **options), **SAID)
    assert words in caught.value.message


async def test_a_clip_far_from_what_was_ordered_is_refused_in_words_and_a_services_own_size_is_taken(workshop):
    with pytest.raises(NotAsOrdered) as caught:
        await workshop.finish_clip(bytes_of.clip(size=(64, 64)), **SAID, ordered=(768, 768))
    assert "64 × 64 pixels, and 768 × 768 were ordered" in caught.value.message
    assert (await workshop.finish_clip(bytes_of.clip(size=(832, 480)), **SAID, ordered=(512, 512))).width == 832
