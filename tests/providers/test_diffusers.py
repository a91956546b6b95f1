"""The provider `diffusers`, on a real pipeline made here with random weights; and what it says where it cannot work.

Whatever needs torch is skipped where the extra is not installed, and says so at the end of the run.
"""

import asyncio
import importlib
import io
import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from chatserver import config
from chatserver.doctor import local_model
from chatserver.errors import BlackedOut, ConfigurationError, ModelGone, ProviderDown, ProviderError
from chatserver.processes import pool
from chatserver.providers import open_providers
from chatserver.providers.base import Finished, Loading, ProviderRequest, Queued, Rendering
from chatserver.providers.diffusers import Diffusers, models, provider
from tests.support import forked_children
from tests.support.product import running
from tests.support.recipes import provider_request
from tests.support.story import sign_up

SECRETS = ("HUGGINGFACE_API_KEY", "HF_TOKEN", "SECRET_KEY")


@pytest.fixture(scope="module", autouse=True)
def surroundings():
    """Tiny tensors gain nothing from threads. What a child must not know is there to be known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        for name in SECRETS:
            patch.setenv(name, "canary")
        yield


@pytest.fixture(scope="module", autouse=True)
def imported_once(surroundings):
    """The pipeline's processes are forks of one that has imported torch, which takes seconds of a processor. The product,
    below, executes its own."""
    template = forked_children.Template()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "spawn", template.spawn)
        yield
    template.close()


@pytest.fixture(scope="module")
async def folder(tmp_path_factory):
    """The tiny pipelines, made by a process of its own, so that this one stays without torch."""
    absent = ", ".join(models.missing_packages())
    if absent:
        pytest.skip(f"local diffusion is not tested: {absent} not installed (.ci/diffusers installs them)")
    target = tmp_path_factory.mktemp("models")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.tiny_diffusion", str(target)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 150)
    assert process.returncode == 0, output.decode()
    return target


@pytest.fixture(scope="module")
async def model(folder):
    return folder / "tiny-diffusion"


@pytest.fixture(scope="module")
async def diffusers(model):
    """One for nearly all: importing torch takes longer than everything else."""
    opened = opened_at(model, DIFFUSERS_STEPS="3")
    yield opened
    await opened.close()


def opened_at(model, **settings) -> Diffusers:
    return Diffusers(config.load({"DIFFUSERS_MODEL": str(model), "DIFFUSERS_DEVICE": "cpu", **settings}))


def asked(prompt="a beautiful sunset over mountains", **changes) -> ProviderRequest:
    fields = {"kind": "image", "width": 128, "height": 96, "seed": 7, "steps": 4, **changes}
    return provider_request(prompt=prompt, **fields)


# So many steps last for seconds, so that a test can step in.
LONG = asked(steps=500, width=256, height=256)
TOO_LONG = "xylophone " * 30


async def updates_of(opened, request):
    return [step async for step in opened.generate(request)]


async def made(opened, request) -> bytes:
    return (await updates_of(opened, request))[-1].data


async def begun(opened, request, step=2):
    """A run that has come as far as this step."""
    run = opened.generate(request)
    async for each in run:
        if isinstance(each, Rendering) and (each.step or 0) >= step:
            return run
    raise AssertionError


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.int16)


# What is made -------------------------------------------------------------------------------------------------------


async def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_picture(diffusers):
    first, again, other = [await made(diffusers, asked(seed=seed)) for seed in (7, 7, 8)]
    assert first == again
    assert np.abs(pixels(first) - pixels(other)).mean() > 1


@pytest.mark.parametrize("size", [(64, 64), (200, 72), (130, 97)])
async def test_every_size_comes_exactly(diffusers, size):
    data = await made(diffusers, asked(width=size[0], height=size[1]))
    assert Image.open(io.BytesIO(data)).size == size
    assert data.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "changes", [{"prompt": "a harbour"}, {"negative_prompt": "clouds"}, {"style": "ink"}, {"guidance": 1.5}]
)
async def test_what_is_asked_changes_the_picture(diffusers, changes):
    assert await made(diffusers, asked(**changes)) != await made(diffusers, asked())


async def test_a_variation_begins_at_its_source(diffusers):
    red, blue = (png(colour) for colour in ((220, 30, 30), (30, 30, 220)))
    first, again = [await updates_of(diffusers, asked(source=red)) for _ in range(2)]
    assert first[-1].data == again[-1].data
    assert first[-1].data != await made(diffusers, asked(source=blue)) != await made(diffusers, asked())
    assert Image.open(io.BytesIO(first[-1].data)).size == (128, 96)
    rendering = [step for step in first if isinstance(step, Rendering) and step.step]
    # A part of the steps alone, because it does not begin at nothing; and that is what is said.
    assert [step.step for step in rendering] == list(range(1, rendering[-1].steps + 1))
    assert rendering[-1].steps < 5


async def test_the_strength_of_a_variation_is_the_share_of_the_steps(diffusers):
    red = png((220, 30, 30))
    weak, strong = [await updates_of(diffusers, asked(source=red, steps=20, strength=part)) for part in (0.1, 0.9)]
    taken = [max(step.step or 0 for step in steps if isinstance(step, Rendering)) for steps in (weak, strong)]
    assert taken[0] <= 3 < 16 <= taken[1]
    # However weak it is, there is a step to take.
    assert (await updates_of(diffusers, asked(source=red, steps=1, strength=0.0)))[-1].data


async def test_a_pipeline_that_takes_instructions_edits_and_says_so(folder, diffusers):
    opened = opened_at(folder / "instructed", DIFFUSERS_STEPS="3")
    try:
        assert opened.supports("image", "edit")
        assert not opened.supports("image")
        assert not opened.supports("image", "variation")
        red, blue = [
            await made(opened, asked("make it night", source=png(colour), change="edit", width=64, height=64))
            for colour in ((220, 30, 30), (30, 30, 220))
        ]
        assert red != blue
        assert Image.open(io.BytesIO(red)).size == (64, 64)
    finally:
        await opened.close()
    assert diffusers.supports("image", "variation")
    assert not diffusers.supports("image", "edit")


def test_what_a_model_does_is_told_by_its_name_where_it_is_not_here():
    for model, tasks in (
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", {"image", "variation"}),
        ("timbrooks/instruct-pix2pix", {"edit"}),
        ("Qwen/Qwen-Image-Edit-2509", {"edit"}),
        ("black-forest-labs/FLUX.1-Kontext-dev", {"image", "edit"}),
    ):
        assert models.tasks(model) == tasks


async def test_a_variation_in_one_step_has_a_step(diffusers):
    assert (await updates_of(diffusers, asked(source=png((9, 99, 9)), steps=1)))[-1].data


def png(colour) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(buffer, "PNG")
    return buffer.getvalue()


# What is said -------------------------------------------------------------------------------------------------------


async def test_steps_are_those_of_the_scheduler_and_rise_to_the_end(diffusers):
    steps = await updates_of(diffusers, asked(steps=6))
    rendering = [step for step in steps if isinstance(step, Rendering)]
    # The scheduler of Stable Diffusion 1.5 takes one step more than it is asked for.
    assert [(step.step, step.steps) for step in rendering[1:]] == [(number, 7) for number in range(1, 8)]
    assert [step.fraction for step in rendering] == [number / 7 for number in range(8)]
    finished = steps[-1]
    assert (finished.model, finished.provider, finished.seed) == ("tiny-diffusion", "diffusers", 7)


async def test_steps_are_those_of_the_configuration_where_none_are_asked_for(diffusers):
    assert (await updates_of(diffusers, asked(steps=None)))[-2].steps == 4


async def test_previews_are_small_webps_at_most_four_a_second(diffusers):
    begun_at = asyncio.get_running_loop().time()
    steps = await updates_of(diffusers, asked(steps=60, width=256, height=128))
    seconds = asyncio.get_running_loop().time() - begun_at
    previews = [step.preview for step in steps if isinstance(step, Rendering) and step.preview]
    assert 1 <= len(previews) <= 1 + 4 * seconds
    for preview in previews:
        image = Image.open(io.BytesIO(preview))
        image.load()
        assert image.format == "WEBP"
        assert image.size == (32, 16)


async def test_the_second_picture_waits_in_the_queue_for_the_first(diffusers):
    first = await begun(diffusers, LONG)
    second = diffusers.generate(asked())
    assert await anext(second) == Queued(position=0)
    await first.aclose()
    assert isinstance([step async for step in second][-1], Finished)


# Ends ---------------------------------------------------------------------------------------------------------------


async def test_a_picture_that_is_left_stops_at_its_next_step_and_the_model_stays_loaded(diffusers):
    expected = await made(diffusers, asked())
    run = await begun(diffusers, LONG)
    pids, now = diffusers.pids, asyncio.get_running_loop().time
    left_at = now()
    await run.aclose()
    assert now() - left_at < 0.5
    steps = await updates_of(diffusers, asked())
    assert now() - left_at < 10, "it went on to its end"
    assert steps[-1].data == expected
    assert not any(isinstance(step, Loading) for step in steps)
    assert diffusers.pids == pids


async def test_cancelled_at_any_moment_the_next_picture_is_right(diffusers):
    expected, pids = await made(diffusers, asked()), diffusers.pids
    for ticks in (0, 1, 2, 3, 5, 8, 13, 50):
        task = asyncio.create_task(updates_of(diffusers, LONG))
        for _ in range(ticks):
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await made(diffusers, asked()) == expected
    assert diffusers.pids == pids


async def test_a_process_that_does_not_stop_is_killed_and_the_next_picture_works(diffusers, monkeypatch):
    monkeypatch.setattr(provider, "STOP_SECONDS", 0.2)
    run = await begun(diffusers, LONG)
    (stopped,) = diffusers.pids
    os.kill(stopped, signal.SIGSTOP)
    await run.aclose()
    assert isinstance((await updates_of(diffusers, asked()))[-1], Finished)
    assert stopped not in diffusers.pids
    assert not psutil.pid_exists(stopped)


async def test_a_killed_process_is_provider_down_and_the_next_one_reports_its_load_and_paints_the_same(diffusers):
    expected = await updates_of(diffusers, asked())
    assert not any(isinstance(step, Loading) for step in expected)
    run = await begun(diffusers, LONG)
    os.kill(diffusers.pids[0], signal.SIGKILL)
    with pytest.raises(ProviderDown):
        async for _ in run:
            pass
    again = await updates_of(diffusers, asked())
    loading = [step.eta_seconds for step in again if isinstance(step, Loading)]
    assert loading[0] >= 0
    assert loading == sorted(loading, reverse=True)
    assert again[-1] == expected[-1]


async def test_the_first_load_has_no_time_and_close_ends_the_process_in_the_middle_of_its_work(model):
    opened = opened_at(model)
    run = opened.generate(LONG)
    assert await anext(run) == Loading(eta_seconds=None)
    async for step in run:
        if isinstance(step, Rendering) and step.step:
            break
    (pid,) = opened.pids
    await run.aclose()
    await opened.close()
    assert not psutil.pid_exists(pid)


async def test_what_the_safety_checker_finds_is_refused(folder):
    opened = opened_at(folder / "prudish")
    try:
        with pytest.raises(BlackedOut) as caught:
            await updates_of(opened, asked())
        assert "other words" in caught.value.message
    finally:
        await opened.close()


@pytest.mark.parametrize("spare_bytes", [256 * 1024, 48 * 1024**2], ids=["for no kernel", "for no tensor"])
async def test_a_picture_that_does_not_fit_into_memory_says_so_and_the_next_one_works(diffusers, spare_bytes):
    expected = await made(diffusers, asked())
    process = psutil.Process(diffusers.pids[0])
    before = process.rlimit(psutil.RLIMIT_AS)
    process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + spare_bytes, before[1]))
    with pytest.raises(ProviderError, match="smaller"):
        await updates_of(diffusers, asked(width=1024, height=1024, steps=1, guidance=1.0))
    process.rlimit(psutil.RLIMIT_AS, before)
    assert await made(diffusers, asked()) == expected


async def test_a_pipeline_with_broken_weights_is_said_in_words_without_its_place(model, tmp_path):
    broken = tmp_path / "broken"
    for file in model.rglob("*"):
        if file.is_file():
            target = broken / file.relative_to(model)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes()[:100] if file.suffix == ".safetensors" else file.read_bytes())
    opened = opened_at(broken)
    try:
        with pytest.raises(ModelGone, match="cannot be loaded") as caught:
            await updates_of(opened, asked())
        assert str(tmp_path) not in caught.value.message
    finally:
        await opened.close()


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a graphics card")
async def test_a_graphics_card_that_is_not_there_is_said_in_words(model):
    opened = opened_at(model, DIFFUSERS_DEVICE="cuda")
    try:
        with pytest.raises(ModelGone, match="cannot be loaded"):
            await updates_of(opened, asked())
    finally:
        await opened.close()


async def test_the_pipeline_process_gets_no_token(diffusers):
    await updates_of(diffusers, asked())
    assert "canary" not in psutil.Process(diffusers.pids[0]).environ().values()


@pytest.mark.usefixtures("folder")
def test_previews_have_the_colours_that_the_encoder_gave_their_latents():
    torch = importlib.import_module("torch")
    previews = importlib.import_module("chatserver.providers.diffusers.previews")

    class Encoder:
        """A linear one, of which the map is known to be exact."""

        dtype, device = torch.float32, "cpu"
        config = SimpleNamespace(scaling_factor=0.5, shift_factor=None)
        mixing = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, -1, 1]])

        def to(self, dtype):
            return self

        def encode(self, pictures):
            small = torch.nn.functional.avg_pool2d(pictures, 8)
            return SimpleNamespace(latents=torch.einsum("cd,bdhw->bchw", self.mixing, small))

    colour = torch.tensor([0.8, 0.4, 0.2])
    latents = Encoder().encode((colour * 2 - 1)[None, :, None, None].expand(1, 3, 64, 64)).latents * 0.5
    preview = previews.Previewer(SimpleNamespace(vae=Encoder())).encode(latents)
    shown = pixels(preview).mean(axis=(0, 1)) / 255
    assert np.abs(shown - colour.numpy()).max() < 0.03


# Through the product --------------------------------------------------------------------------------------------------


async def test_in_the_product_a_picture_comes_a_cancelled_one_gives_its_credit_back(database_url, model, tmp_path):
    settings = {"DATABASE_URL": database_url, "DIFFUSERS_MODEL": str(model), "OMP_NUM_THREADS": "1"}
    async with running(tmp_path, PROVIDERS="diffusers", **settings) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys()
        chat = await ada.joins(session)
        done = await chat.sees_ended(await chat.generates(TOO_LONG, seed=5, steps=8))
        (picture,) = done["generations"]
        assert (picture["status"], picture["provider"], picture["model"]) == ("done", "diffusers", "tiny-diffusion")
        stages = [event for event in chat.events if event["type"] == "progress"]
        assert {"model-loading", "rendering"} <= {event["status"] for event in stages}
        left = (await ada.credits(session))["image"]["left"]

        long = await chat.generates("an endless sea", steps=100, width=512, height=512)
        # This one takes many times TELL_SECONDS, so that steps are told; a quick picture may end before the first is.
        told = await chat.hears(lambda event: event.get("message_id") == long["id"] and event.get("step", 0) > 0)
        assert (told["type"], told["steps"]) == ("progress", 101)
        await chat.asks("generation.cancel", generation_id=long["generations"][0]["id"])
        ended = await chat.sees_ended(long)
        assert ended["generations"][0]["status"] == "cancelled"
        again = await chat.sees_ended(await chat.generates("a quiet harbour", seed=5, steps=8))
        assert again["generations"][0]["status"] == "done"
        assert (await ada.credits(session))["image"]["left"] == left - 1
        await chat.leaves()
        # The text encoder reads 77 tokens and warns of the rest, by heart.
        assert "xylophone" not in product.output()


# Where it cannot work -------------------------------------------------------------------------------------------------


def test_where_the_packages_are_missing_the_start_says_how_to_get_them(monkeypatch):
    monkeypatch.setattr(models, "PACKAGES", ("torch_of_nowhere",))
    page = (Path(__file__).parents[2] / "docs" / "diffusers.md").read_text()
    command = "\n.venv/bin/pip install --no-build-isolation --editable '.[diffusers]'"
    assert command in page
    words = f"PROVIDERS names diffusers, but it is not installed: {command.strip()}"
    with pytest.raises(ConfigurationError) as caught:
        open_providers(config.load({"PROVIDERS": "diffusers", "DIFFUSERS_MODEL": "somebody/sd"}))
    assert caught.value.message == words
    (finding,) = local_model.check(config.load({"DIFFUSERS_MODEL": "somebody/sd"}))
    assert finding.status == "failure"
    assert "torch_of_nowhere" in finding.message


def test_without_a_model_the_start_says_which_setting_is_missing(monkeypatch):
    monkeypatch.setattr(models, "PACKAGES", ())
    with pytest.raises(ConfigurationError, match="DIFFUSERS_MODEL is not set"):
        open_providers(config.load({"PROVIDERS": "diffusers"}))


async def test_a_model_alone_chooses_the_provider(monkeypatch):
    monkeypatch.setattr(models, "PACKAGES", ())
    opened = open_providers(config.load({"DIFFUSERS_MODEL": "stable-diffusion-v1-5/stable-diffusion-v1-5"}))
    (only,) = opened.values()
    assert only.model("image") == "stable-diffusion-v1-5/stable-diffusion-v1-5"
    assert not only.supports("video")
    await only.close()


def pipeline_without_weights(folder: Path) -> Path:
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "U"], "safety_checker": [None, None]}
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def no_folder(place: Path) -> Path:
    return place / "nowhere"


def a_file(place: Path) -> Path:
    (place / "sd.safetensors").write_bytes(b"")
    return place / "sd.safetensors"


def an_empty_folder(place: Path) -> Path:
    return place


def a_folder_without_parts(place: Path) -> Path:
    return pipeline_without_weights(place / "half")


def a_folder_with_a_broken_index(place: Path) -> Path:
    (place / "model_index.json").write_text("{")
    return place


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (no_folder, "is not there"),
        (a_file, "names a file"),
        (an_empty_folder, "holds no model_index.json"),
        (a_folder_without_parts, "lacks: unet"),
        (a_folder_with_a_broken_index, "cannot be read"),
    ],
)
async def test_a_wrong_folder_is_said_in_words_at_the_first_picture_and_by_the_doctor(
    monkeypatch, tmp_path, wrong, words
):
    monkeypatch.setattr(models, "PACKAGES", ())
    settings = config.load({"DIFFUSERS_MODEL": str(wrong(tmp_path))})
    opened = Diffusers(settings)
    with pytest.raises(ModelGone, match=words) as caught:
        await updates_of(opened, asked())
    await opened.close()
    assert not caught.value.temporary
    assert str(tmp_path) not in caught.value.message
    (finding,) = local_model.check(settings)
    assert finding.status == "failure"
    assert words in finding.message


def test_the_doctor_says_nothing_of_a_provider_that_is_not_in_use():
    assert local_model.check(config.load({})) == []
