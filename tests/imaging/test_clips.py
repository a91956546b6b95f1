"""Clips are watched to their end before anyone else sees them, and copied clean."""

import base64
import io

import av
import pytest
from PIL import Image

from chatserver.errors import BadBytes
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
