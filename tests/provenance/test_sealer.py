"""Every form of a file says how it was made, to readers that are not ours, and a change of it is found."""

import asyncio
import os
import signal

import c2pa
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from chatserver.config import Config
from chatserver.errors import Busy, ConfigurationError
from chatserver.imaging.processor import ImageProcessor
from chatserver.provenance.sealer import open_sealer
from chatserver.providers.digital_source import digital_source
from tests.imaging import samples
from tests.provenance import readers
from tests.provenance.authority import Authority

PROMPT = 'A "cat" <on> the roof & naïve, 日没 🌇'
MADE = samples.provenance(prompt=PROMPT, seed=424242)
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PICTURES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


@pytest.fixture(scope="module")
async def processor():
    opened = ImageProcessor(size=1)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def sealer():
    opened = open_sealer(Config(site_name="Ada’s studio"), "a test's key")
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def stored(processor):
    """A picture as it is stored, but without its manifest."""
    return (await processor.verify_picture(samples.noise("PNG"), MADE)).data


@pytest.fixture(scope="module")
async def sealed(processor, sealer, stored):
    """Every form of it with its manifest, by its content type; and a clip."""
    forms = {kind: await processor.convert_picture(stored, form, MADE) for form, kind in PICTURES.items()}
    forms["video/mp4"] = (await processor.verify_clip(samples.clip("mp4", "libx264"), MADE)).data
    return {kind: await sealer.seal(data, kind, MADE) for kind, data in forms.items()}


@pytest.mark.parametrize("kind", [*PICTURES.values(), "video/mp4"])
async def test_each_form_says_by_whom_and_how_it_was_made(sealed, tmp_path, kind):
    tags = await readers.exiftool(sealed[kind], tmp_path)
    assert tags["XMP-iptcExt:DigitalSourceType"] == TRAINED
    assert tags["XMP-iptcExt:DigitalImageGUID"] == MADE.generation_id
    assert tags["XMP-iptcExt:AISystemUsed"] == MADE.model
    assert tags["XMP-iptcExt:AIPromptInformation"] == f"{PROMPT}\nSeed: 424242"
    assert tags["XMP-xmp:CreatorTool"].startswith("chatserver ")
    assert not [name for name in tags if name.endswith(("Warning", "Error"))]
    state, manifest = readers.manifest(sealed[kind], kind)
    assert state == "Valid"
    [action] = [
        each for found in manifest["assertions"] if "actions" in found["label"] for each in found["data"]["actions"]
    ]
    assert (action["action"], action["digitalSourceType"]) == ("c2pa.created", TRAINED)
    assert (action["when"], action["softwareAgent"]["name"]) == ("2026-11-22T14:30:00Z", MADE.model)
    assert manifest["signature_info"]["issuer"] == "Ada’s studio"
    assert "cat" not in str(manifest) and "424242" not in str(manifest) and "thumbnail" not in manifest


async def test_a_webm_says_it_in_its_tags_and_has_no_manifest(processor, sealer, tmp_path):
    clip = await processor.verify_clip(samples.clip("webm"), MADE)
    assert await sealer.seal(clip.data, clip.content_type, MADE) == clip.data
    tags = await readers.exiftool(clip.data, tmp_path)
    assert tags["Matroska:DigitalSourceType"] == TRAINED
    assert (tags["Matroska:Guid"], tags["Matroska:AiSystemUsed"]) == (MADE.generation_id, MADE.model)


async def test_the_painter_is_called_an_algorithm_and_everything_else_a_trained_model():
    assert digital_source("sketch", masked=False) == "algorithmicMedia"
    assert digital_source("huggingface", masked=False) == "trainedAlgorithmicMedia"
    assert digital_source("diffusers", masked=False) == "trainedAlgorithmicMedia"


async def test_a_picture_of_which_only_a_part_was_made_is_called_a_composite():
    assert digital_source("sketch", masked=True) == "compositeSynthetic"
    assert digital_source("huggingface", masked=True) == "compositeWithTrainedAlgorithmicMedia"


async def test_what_pages_show_says_neither_prompt_nor_seed(processor, stored, tmp_path):
    picture = await processor.verify_picture(samples.noise("PNG"), MADE)
    for form in (picture.thumbnail, await processor.shrink_picture(stored, 1024, MADE)):
        tags = await readers.exiftool(form, tmp_path)
        assert tags["XMP-iptcExt:DigitalSourceType"] == TRAINED
        assert "cat" not in str(tags) and "424242" not in str(tags)


@pytest.mark.parametrize("kind", [*PICTURES.values(), "video/mp4"])
async def test_one_changed_byte_is_found_wherever_it_is(sealed, sealer, kind):
    assert (await sealer.read(sealed[kind], kind)).state == "ours"
    size = len(sealed[kind])
    for place in (size // 3, size // 2, size * 2 // 3, size * 5 // 6):
        broken = bytearray(sealed[kind])
        broken[place] ^= 1
        assert (await sealer.read(bytes(broken), kind)).state in {"changed", "others"}
        try:
            assert readers.manifest(bytes(broken), kind)[0] == "Invalid"
        except c2pa.C2paError:
            continue


async def test_what_is_read_of_ones_own_file_is_when_and_how_it_was_made(sealed, sealer, stored):
    reading = await sealer.read(sealed["image/jpeg"], "image/jpeg")
    assert (reading.made_at, reading.source) == (MADE.made_at, "trainedAlgorithmicMedia")
    assert (await sealer.read(stored, "image/png")).state == "none"
    assert (await sealer.read(b"\xff\xd8\xff not a picture", "image/jpeg")).state in {"none", "others"}


async def test_a_file_that_was_sealed_twice_has_the_same_size(sealer, stored):
    # Two processes may make the same form at once, and one may then be read with the size of the other.
    assert len({len(await sealer.seal(stored, "image/png", MADE)) for _ in range(3)}) == 1


async def test_every_machine_with_the_same_secret_signs_alike_and_one_with_another_does_not(sealed):
    same, other = open_sealer(Config(site_name="Renamed"), "a test's key"), open_sealer(Config(), "another's key")
    try:
        assert (await same.read(sealed["image/png"], "image/png")).state == "ours"
        assert (await other.read(sealed["image/png"], "image/png")).state == "others"
    finally:
        await asyncio.gather(same.close(), other.close())


async def test_a_sealer_whose_process_was_killed_says_busy_and_starts_another(stored):
    sealer = open_sealer(Config(), "a test's key")
    try:
        await sealer.seal(stored, "image/png", MADE)
        [pid] = sealer.pids
        os.kill(pid, signal.SIGSTOP)
        sealing = asyncio.create_task(sealer.seal(stored, "image/png", MADE))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Busy):
            await sealing
        assert len(await sealer.seal(stored, "image/png", MADE)) > len(stored)
    finally:
        await sealer.close()


# The operator's certificate -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority():
    return Authority()


def with_certificate(certificate: str, key: str) -> Config:
    return Config(c2pa_certificate=certificate, c2pa_key=key)


@pytest.mark.parametrize("kind", ["ed25519", "es256", "es384", "ps256"])
async def test_files_are_signed_with_the_operators_certificate_and_trusted_by_who_trusts_its_authority(
    authority, stored, kind
):
    sealer = open_sealer(with_certificate(*authority.issue(kind)), "a test's key")
    try:
        data = await sealer.seal(stored, "image/png", MADE)
        assert readers.manifest(data, "image/png", trusting=authority.pem)[0] == "Trusted"
        assert (await sealer.read(data, "image/png")).state == "ours"
    finally:
        await sealer.close()


async def test_another_customer_of_the_same_authority_is_somebody_else_and_earlier_files_stay_ours(
    authority, stored, sealed
):
    ours, others = (open_sealer(with_certificate(*authority.issue()), "a test's key") for _ in range(2))
    try:
        data = await others.seal(stored, "image/png", MADE)
        assert (await ours.read(data, "image/png")).state == "others"
        assert (await ours.read(sealed["image/png"], "image/png")).state == "ours"
    finally:
        await asyncio.gather(ours.close(), others.close())


async def test_an_expired_certificate_is_replaced_by_the_own_one(authority, stored):
    sealer = open_sealer(with_certificate(*authority.issue(days=-1)), "a test's key")
    try:
        data = await sealer.seal(stored, "image/png", MADE)
        assert readers.manifest(data, "image/png", trusting=authority.pem)[0] == "Valid"
        assert (await sealer.read(data, "image/png")).state == "ours"
    finally:
        await sealer.close()


async def test_it_may_be_given_as_paths_and_in_one_line(authority, tmp_path):
    certificate, key = authority.issue()
    (tmp_path / "chain.pem").write_text(certificate)
    (tmp_path / "key.pem").write_text(key)
    for given in ((str(tmp_path / "chain.pem"), str(tmp_path / "key.pem")), (certificate, key.replace("\n", "\\n"))):
        await open_sealer(with_certificate(*given), "a test's key").close()


def wrong(authority):
    certificate, key = authority.issue()
    others = Authority("Somebody Else")
    return {
        "no key": (certificate, "", "C2PA_KEY is not set"),
        "no certificate": ("", key, "C2PA_CERTIFICATE is not set"),
        "no file": ("/nowhere/chain.pem", key, "C2PA_CERTIFICATE names a file that cannot be read"),
        "a key without its first line": (certificate, key.partition("\n")[2], "C2PA_KEY names a file"),
        "a broken certificate": ("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", key, "holds no cert"),
        "a broken key": (certificate, "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", "no private key"),
        "another's key": (certificate, authority.issue()[1], "is not the key of"),
        "the signer alone": (*authority.issue(alone=True), "followed by its issuer"),
        "another's issuer": (authority.issue(alone=True)[0] + others.pem, key, "do not follow each other"),
        "an authority's": (*authority.issue(ca=True), "authority's"),
        "one for certificates": (*authority.issue(signs=False), "digital signatures"),
        "a web server's": (*authority.issue(purpose=ExtendedKeyUsageOID.SERVER_AUTH), "extendedKeyUsage"),
        "a passphrase": (*authority.issue(passphrase=b"x"), "passphrase"),
        "a small key": (*authority.issue("small rsa"), "kind that C2PA does not take"),
        "another curve": (*authority.issue("another curve"), "kind that C2PA does not take"),
    }


def test_what_is_wrong_with_it_is_said_at_the_start_and_the_key_never_is(authority):
    for name, (certificate, key, words) in wrong(authority).items():
        with pytest.raises(ConfigurationError) as caught:
            open_sealer(with_certificate(certificate, key), "a test's key")
        assert words in caught.value.message, name
        lines = [line for line in key.splitlines() if len(line) > 20 and "---" not in line]
        assert not any(line in caught.value.message for line in lines), name
