"""Files that were made here are recognised, others are not, and nothing is said of whose they are."""

import hashlib
import io
import json
from datetime import UTC, datetime

import aiohttp
import pytest
from msgspec.structs import replace
from PIL import Image, ImageEnhance, ImageFilter

from chatserver.assets import fingerprinting
from chatserver.assets import service as assets
from chatserver.config import Config
from chatserver.imaging.processor import ImageProcessor
from chatserver.limits import Limits
from chatserver.provenance.sealer import open_sealer
from chatserver.web.body_limits import MAX_UPLOAD_BYTES
from tests.assets.session_files import SECRET_KEY, serving
from tests.imaging import samples
from tests.support.people import run_sql

MADE_AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
async def client(session_files):
    async with serving(session_files.database, session_files.storage) as opened:
        yield opened


@pytest.fixture(scope="module")
async def processor():
    opened = ImageProcessor(size=1)
    yield opened
    await opened.close()


def clouds(size=(320, 240)) -> Image.Image:
    """A picture of shapes of every size, the larger the stronger, as in photographs; each one is another."""
    whole = Image.new("RGB", size, "grey")
    for octave in range(1, 7):
        grains = [Image.effect_noise((4 << octave, 3 << octave), 160).convert("L") for _ in range(3)]
        layer = Image.merge("RGB", grains).resize(size, Image.Resampling.BICUBIC)
        whole = Image.blend(whole, layer, 0.5 if octave == 1 else 0.25)
    return whole


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
async def made(session_files, processor):
    """A picture that was made here, sealed as workers do it: (the picture, its asset, its stored bytes)."""
    image = clouds()
    sealer = open_sealer(Config(), SECRET_KEY)
    try:
        picture = await processor.verify_picture(encoded(image), samples.provenance(made_at=MADE_AT))
        data = await sealer.seal(picture.data, "image/png", samples.provenance(made_at=MADE_AT))
    finally:
        await sealer.close()
    sealed = replace(picture, data=data, sha256=hashlib.sha256(data).hexdigest())
    asset = await session_files.create_file(sealed)
    finished = "UPDATE generations SET finished_at = $2 WHERE id = (SELECT generation_id FROM assets WHERE id = $1)"
    await run_sql(session_files.database, finished, asset.id, MADE_AT)
    return image, asset, data


async def verdict(client: aiohttp.ClientSession, data: bytes):
    async with client.post("/api/v1/verifications", data=data) as answer:
        return answer.status, await answer.json()


async def test_a_file_as_it_was_downloaded_is_certainly_from_here_by_its_manifest(client, session_files, made):
    _, asset, data = made
    status, found = await verdict(client, data)
    assert (status, found["made_here"], found["certainty"], found["evidence"]) == (200, True, "certain", "manifest")
    assert (found["made_on"], found["source"]) == ("2026-11-22", "trainedAlgorithmicMedia")
    for extension in (".jpg", ".webp"):
        headers = {"Authorization": f"Bearer {session_files.ada}"}
        async with client.get(asset.url.replace(".png", extension), headers=headers) as answer:
            form = await answer.read()
        assert (await verdict(client, form))[1]["evidence"] == "manifest"


async def test_nothing_is_said_of_whose_it_is(client, session_files, made):
    _, asset, data = made
    for sent in (data, encoded(made[0], "JPEG", quality=70)):
        words = json.dumps((await verdict(client, sent))[1])
        for secret in (session_files.ada, session_files.session_id, asset.id, asset.filename, "Ada", "sunset"):
            assert secret not in words


COPIES = {
    "a jpeg": lambda image: encoded(image, "JPEG", quality=60),
    "a webp": lambda image: encoded(image, "WEBP", quality=50),
    "half as large": lambda image: encoded(image.resize((160, 120)), "JPEG", quality=75),
    "lighter": lambda image: encoded(ImageEnhance.Brightness(image).enhance(1.1), "JPEG", quality=80),
    "blurred": lambda image: encoded(image.filter(ImageFilter.GaussianBlur(1))),
    "grey": lambda image: encoded(image.convert("L"), "JPEG", quality=80),
}


@pytest.mark.parametrize("name", COPIES)
async def test_a_copy_that_was_saved_anew_is_almost_certainly_from_here(client, made, name):
    _, found = await verdict(client, COPIES[name](made[0]))
    assert (found["made_here"], found["evidence"], found["certainty"]) == (True, "fingerprint", "almost-certain"), found
    assert (found["made_on"], found["changed"]) == ("2026-11-22", False)


async def test_a_picture_cropped_by_a_hundredth_is_likely_or_almost_certainly_from_here(client, made):
    width, height = made[0].size
    cropped = made[0].crop((width // 100, height // 100, width - width // 100, height - height // 100))
    _, found = await verdict(client, encoded(cropped, "JPEG"))
    assert found["certainty"] in {"likely", "almost-certain"}


async def test_a_file_that_was_changed_after_it_was_signed_is_called_so(client, session_files, made):
    address = made[1].url.replace(".png", ".jpg")
    async with client.get(address, headers={"Authorization": f"Bearer {session_files.ada}"}) as answer:
        data = await answer.read()
    changed = data.replace(b"Seed: 7", b"Seed: 8")
    assert changed != data
    status, found = await verdict(client, changed)
    assert (status, found["changed"], found["evidence"]) == (200, True, "fingerprint")


async def test_other_pictures_plain_ones_and_others_clips_are_not_recognised(client):
    for data in (encoded(clouds()), samples.flat((64, 64)), samples.clip(frames=6)):
        status, found = await verdict(client, data)
        assert (status, found["made_here"], found["changed"]) == (200, False, False)
        assert found["made_on"] is None


async def test_a_clip_is_recognised_by_its_bytes_and_a_copy_by_its_middle_frame(client, session_files, processor):
    original = samples.clip(frames=12)
    clip = await processor.verify_clip(original, samples.provenance())
    await session_files.create_file(clip, "waves")
    assert (await verdict(client, clip.data))[1]["evidence"] == "sha256"
    assert (await verdict(client, original))[1]["evidence"] == "fingerprint"


async def test_a_deleted_picture_is_forgotten(client, session_files, processor):
    image = clouds()
    asset = await session_files.create_file(await processor.verify_picture(encoded(image), samples.provenance()))
    copy = encoded(image, "JPEG", quality=80)
    assert (await verdict(client, copy))[1]["made_here"]
    [row] = await run_sql(session_files.database, "SELECT generation_id FROM assets WHERE id = $1", asset.id)
    await session_files.database.run_system(assets.delete_of_generations, [row["generation_id"]])
    assert not (await verdict(client, copy))[1]["made_here"]
    rows = await run_sql(session_files.database, "SELECT fingerprint, sha256 FROM assets WHERE id = $1", asset.id)
    assert [tuple(row.values()) for row in rows] == [(None, "")]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422),
        (b"<html>", 422),
        (samples.noise("PNG")[:2000], 422),
        (samples.bomb(5001, 5000), 422),
        (bytes(MAX_UPLOAD_BYTES + 1), 413),
    ],
    ids=["nothing", "a page", "half a picture", "more than 25 megapixels", "more than 10 MB"],
)
async def test_what_is_no_picture_or_too_large_is_refused_in_words(client, data, status):
    found, answer = await verdict(client, data)
    assert found == status
    assert answer["error"]["message"]


async def test_an_address_has_to_wait_after_so_many_files_an_hour(client, session_files, monkeypatch):
    await run_sql(session_files.database, "DELETE FROM throttles WHERE key LIKE 'verifications:%'")
    monkeypatch.setattr(session_files.database, "_limits", Limits(verifications_per_address=2))
    answers = [await verdict(client, b"no picture") for _ in range(3)]
    await run_sql(session_files.database, "DELETE FROM throttles WHERE key LIKE 'verifications:%'")
    assert [status for status, _ in answers] == [422, 422, 429]
    assert answers[2][1]["error"]["retry_after"] > 0


async def test_files_from_before_there_were_fingerprints_get_theirs_in_steps(
    client, session_files, processor, monkeypatch
):
    monkeypatch.setattr(fingerprinting, "BATCH", 2)
    images = [clouds() for _ in range(3)]
    files = [await processor.verify_picture(encoded(image), samples.provenance()) for image in images]
    stored = [await session_files.create_file(file) for file in files]
    await run_sql(session_files.database, "UPDATE assets SET fingerprint = NULL WHERE id = ANY($1::uuid[])",
                  [asset.id for asset in stored])  # fmt: skip
    assert not (await verdict(client, encoded(images[2], "JPEG")))[1]["made_here"]
    parts = (session_files.database, session_files.storage, processor)
    assert [await fingerprinting.fill(*parts) for _ in range(3)] == [2, 1, 0]
    for image in images:
        assert (await verdict(client, encoded(image, "JPEG")))[1]["certainty"] == "almost-certain"
