"""The built-in provider: the same picture for the same prompt, real steps, and child processes that end."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image, ImageDraw

from chatserver import config
from chatserver.errors import BadParameters, ProviderDown, SimulatedFailure
from chatserver.providers.base import Finished, Loading, ProviderRequest, Queued, Rendering
from chatserver.providers.sketch.provider import Sketch, _should_fail
from tests.support.loop_watch import LOOP_SECONDS, watching
from tests.support.recipes import provider_request

ROOT = Path(__file__).resolve().parents[3]


# Half of what a paced picture takes: whatever ends it does not wait for its end.
AT_ONCE_SECONDS = 5.0


@pytest.fixture(scope="module")
async def sketch():
    provider = Sketch(config.load({}))
    yield provider
    await provider.close()


@pytest.fixture
async def paced():
    """A provider that takes ten seconds for each picture, long enough for a test to interrupt it."""
    provider = Sketch(config.load({"SKETCH_PACE": "10", "WORKER_CONCURRENCY": "1"}))
    yield provider
    await provider.close()


def asked(prompt="a beautiful sunset over mountains", **changes) -> ProviderRequest:
    fields = {"kind": "image", "width": 160, "height": 120, "seed": 7, **changes}
    return provider_request(prompt=prompt, **fields)


async def updates_of(provider, request):
    return [step async for step in provider.generate(request)]


async def made(provider, request) -> bytes:
    return (await updates_of(provider, request))[-1].data


def pixels(data: bytes, size=None) -> np.ndarray:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return np.asarray(image.resize(size, Image.Resampling.BOX) if size else image, dtype=np.int16)


def pixels_of(picture, size):
    image = Image.fromarray(picture.astype(np.uint8))
    return np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.int16)


async def until(condition, seconds=30.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


# What is drawn ------------------------------------------------------------------------------------------------------


async def test_the_same_prompt_seed_and_size_give_the_same_bytes(sketch):
    assert await made(sketch, asked()) == await made(sketch, asked())


async def test_another_process_draws_the_same_bytes(sketch):
    other = Sketch(config.load({}))
    try:
        assert await made(other, asked("night city")) == await made(sketch, asked("night city"))
    finally:
        await other.close()


async def test_another_seed_gives_clearly_another_picture(sketch):
    one, two = pixels(await made(sketch, asked(seed=1))), pixels(await made(sketch, asked(seed=2)))
    assert np.abs(one - two).mean() > 12


@pytest.mark.parametrize("prompt", ["sunset over mountains", "cherry blossom", "spring meadow", "night city skyline"])
async def test_twice_the_size_is_the_same_composition(sketch, prompt):
    small = pixels(await made(sketch, asked(prompt, width=192, height=144)), (48, 36))
    large = pixels(await made(sketch, asked(prompt, width=384, height=288)), (48, 36))
    other = pixels(await made(sketch, asked(prompt, width=384, height=288, seed=8)), (48, 36))
    assert np.abs(small - large).mean() < 0.5 * np.abs(small - other).mean()


@pytest.mark.parametrize("prompt", ["sunset over mountains", "night city skyline", "watercolour harbour"])
async def test_a_larger_picture_is_the_same_picture_when_it_is_made_smaller(sketch, prompt):
    small = pixels(await made(sketch, asked(prompt, width=256, height=192)))
    large = pixels(await made(sketch, asked(prompt, width=512, height=384)), (256, 192))
    assert np.abs(small - large).mean() < 15
    quarter = [pixels_of(picture, (64, 48)) for picture in (small, large)]
    assert np.corrcoef(*[one.ravel() for one in quarter])[0, 1] > 0.95


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (320, 96), (96, 320), (257, 64)])
async def test_every_size_and_ratio_comes_exactly(sketch, size):
    data = await made(sketch, asked("stormy sea with a lighthouse, rain", width=size[0], height=size[1]))
    assert Image.open(io.BytesIO(data)).size == size


SCENES = [
    "night city in neon",
    "snowy village",
    "pine forest in fog with a deer",
    "desert dunes with camels and cacti",
    "abstract marble",
    "abstract neon waves",
    "planet with rings",
    "cherry blossom and a pagoda",
    "cat on a roof at night",
    "watercolour harbour",
    "ink drawing of an owl under the moon",
    "pencil sketch of a castle",
    "pixel art of hot air balloons and birds",
    "poster of a sailboat",
    "oil painting of poppies, rainbow",
    "photo of a whale in the ocean",
    "portrait of a queen in sepia",
    "northern lights and fireworks",
    "",
    "…🎨 \x00 لوحة 絵",
]


@pytest.mark.parametrize("prompt", SCENES)
async def test_every_scene_and_style_can_be_drawn(sketch, prompt):
    picture = pixels(await made(sketch, asked(prompt, width=96, height=72)))
    assert picture.std() > 8, "nearly one colour"


async def test_a_colour_word_turns_the_palette(sketch):
    red = pixels(await made(sketch, asked("a red sea", seed=3))).mean(axis=(0, 1))
    teal = pixels(await made(sketch, asked("a teal sea", seed=3))).mean(axis=(0, 1))
    assert red[0] - red[2] > teal[0] - teal[2] + 30


async def test_monochrome_has_no_colour(sketch):
    picture = pixels(await made(sketch, asked("monochrome mountains")))
    assert np.ptp(picture, axis=2).max() <= 2


async def test_a_negative_prompt_leaves_its_motif_out(sketch):
    both = await made(sketch, asked("birds over the sea"))
    without = await made(sketch, asked("birds over the sea", negative_prompt="birds"))
    assert both != without


async def test_a_style_from_the_chips_is_the_style_of_the_words(sketch):
    plain, inked = await made(sketch, asked()), await made(sketch, asked(style="ink"))
    saturation = [np.ptp(pixels(data), axis=2).mean() for data in (plain, inked)]
    assert saturation[1] < saturation[0] * 0.6


@pytest.fixture(scope="module")
async def source(sketch):
    """A picture to change: a lighthouse by day."""
    return await made(sketch, asked("a lighthouse on a cliff by the sea, sunny day", seed=3, width=192, height=128))


async def changed(sketch, source, prompt, change="edit", **fields):
    asked_for = {"width": 192, "height": 128, "source": source, "change": change, **fields}
    return pixels(await made(sketch, asked(prompt, **asked_for)))


def forms(picture):
    """Where things begin and end, whatever the light: the signs of steps in brightness that are no noise."""
    grey = picture.mean(axis=2)
    # Relative to what is around it, as a night has smaller steps than a day.
    steps = np.concatenate([np.diff(grey, axis=0).ravel(), np.diff(grey, axis=1).ravel()])
    return np.abs(steps) / (np.abs(steps).mean() + 1e-6)


def alike(one, other):
    return np.corrcoef(forms(one), forms(other))[0, 1]


async def test_an_edit_keeps_the_composition_and_changes_the_light(sketch, source):
    day = pixels(source)
    another = pixels(await made(sketch, asked("a meadow with a tree", seed=5, width=192, height=128)))
    night, winter, sunset = [await changed(sketch, source, f"make it {one}") for one in ("night", "winter", "sunset")]
    assert night.mean() < day.mean() * 0.45
    assert sunset[..., 0].mean() - sunset[..., 2].mean() > day[..., 0].mean() - day[..., 2].mean() + 30
    assert np.ptp(winter, axis=2).mean() < np.ptp(day, axis=2).mean() * 0.6
    for edited in (night, winter, sunset):
        assert alike(edited, day) > 0.25 > alike(another, day)


async def test_an_edit_into_a_style_is_that_style_and_still_the_picture(sketch, source):
    inked = await changed(sketch, source, "as an ink drawing")
    assert np.ptp(inked, axis=2).mean() < np.ptp(pixels(source), axis=2).mean() * 0.5


async def test_a_change_is_the_same_for_the_same_source_and_seed(sketch, source):
    for change in ("edit", "variation"):
        first, again = [await changed(sketch, source, "make it night", change) for _ in range(2)]
        assert (first == again).all()
        assert (first != await changed(sketch, source, "make it night", change, seed=8)).any()


async def test_the_strength_of_a_variation_is_how_much_changes(sketch, source):
    day = pixels(source)
    far = [
        np.abs(await changed(sketch, source, "a lighthouse by the sea", "variation", strength=strength) - day).mean()
        for strength in (0.0, 0.2, 0.5, 1.0)
    ]
    assert far[0] < 1 < far[1] < far[2] < far[3]
    usual = await changed(sketch, source, "a lighthouse by the sea", "variation")
    assert (usual == await changed(sketch, source, "a lighthouse by the sea", "variation", strength=0.5)).all()


async def test_a_source_of_another_shape_is_cut_and_not_stretched(sketch):
    disc = Image.new("RGB", (300, 100), "white")
    ImageDraw.Draw(disc).ellipse((120, 20, 180, 80), fill="black")
    buffer = io.BytesIO()
    disc.save(buffer, "JPEG", quality=95)
    found = await changed(sketch, buffer.getvalue(), "x", "variation", strength=0.0, width=100, height=100)
    dark = found.mean(axis=2) < 128
    assert abs(np.ptp(np.nonzero(dark)[0]) - np.ptp(np.nonzero(dark)[1])) <= 2


async def test_a_picture_that_is_enlarged_stays_as_it_is(sketch, source):
    large = await changed(sketch, source, "x", "variation", strength=0.2, enlargement="enlarged", width=384, height=256)
    assert np.abs(pixels_of(large, (192, 128)) - pixels(source)).mean() < 2


async def test_an_instruction_that_the_painter_cannot_follow_is_refused_in_words(sketch, source):
    with pytest.raises(BadParameters, match="light, season, weather"):
        await changed(sketch, source, "remove the hat")


async def test_a_canvas_that_is_too_large_is_refused(sketch):
    with pytest.raises(BadParameters):
        await updates_of(sketch, asked(width=4096, height=64))


async def test_a_clip_is_a_webm_that_moves(sketch):
    steps = await updates_of(sketch, asked("sunset over the sea", kind="video", width=130, height=97))
    assert steps[-1].data.startswith(b"\x1aE\xdf\xa3")
    rendering = [step for step in steps if isinstance(step, Rendering)]
    assert rendering[-1].step == rendering[-1].steps > 48
    assert (
        steps[-1].data
        == (await updates_of(sketch, asked("sunset over the sea", kind="video", width=130, height=97)))[-1].data
    )


# What is said -------------------------------------------------------------------------------------------------------


async def test_progress_rises_step_by_step_to_the_end(sketch):
    steps = await updates_of(sketch, asked())
    assert isinstance(steps[0], Loading)
    rendering = [step for step in steps if isinstance(step, Rendering)]
    assert [step.step for step in rendering] == list(range(rendering[-1].steps + 1))
    assert [step.fraction for step in rendering] == [step.step / step.steps for step in rendering]
    assert rendering[-1].fraction == 1


async def test_as_many_steps_as_were_asked_for(sketch):
    for wanted in (1, 4, 30):
        rendering = [step for step in await updates_of(sketch, asked(steps=wanted)) if isinstance(step, Rendering)]
        assert rendering[-1].steps == wanted


async def test_previews_are_small_webps_of_what_is_there(sketch):
    steps = await updates_of(sketch, asked(width=640, height=320))
    previews = [step.preview for step in steps if isinstance(step, Rendering) and step.preview]
    assert previews
    for preview in previews:
        image = Image.open(io.BytesIO(preview))
        assert image.format == "WEBP"
        assert max(image.size) <= 160
        assert image.size[0] == 2 * image.size[1]


async def test_loading_has_a_time_only_where_a_process_has_to_start():
    provider = Sketch(config.load({}))
    try:
        assert (await updates_of(provider, asked(width=64, height=64)))[0].eta_seconds is not None
        assert (await updates_of(provider, asked(width=64, height=64)))[0] == Loading(None)
    finally:
        await provider.close()


async def test_who_has_to_wait_for_a_painter_is_told_so(paced):
    first = paced.generate(asked())
    async for step in first:
        if isinstance(step, Rendering):
            break
    second = paced.generate(asked(seed=8))
    assert await anext(second) == Queued(position=0)
    await second.aclose()
    await first.aclose()


async def test_the_loop_is_never_blocked_while_it_draws(sketch):
    async with watching() as loop:
        await updates_of(sketch, asked(width=512, height=512))
    assert loop.busiest < LOOP_SECONDS
    assert loop.turns > 20


# Simulated failures -------------------------------------------------------------------------------------------------


async def test_sketch_fail_1_fails_in_the_middle_and_says_that_it_is_a_drill():
    provider = Sketch(config.load({"SKETCH_FAIL": "1"}))
    steps = []
    try:
        with pytest.raises(SimulatedFailure) as caught:
            async for step in provider.generate(asked()):
                steps.append(step)  # noqa: PERF401  a comprehension would lose them when it raises
    finally:
        await provider.close()
    assert any(isinstance(step, Rendering) and step.step for step in steps)
    assert not caught.value.temporary
    assert "drill" in caught.value.message


async def test_sketch_fail_with_a_word_fails_only_prompts_with_that_word():
    provider = Sketch(config.load({"SKETCH_FAIL": "doom"}))
    try:
        with pytest.raises(SimulatedFailure):
            await updates_of(provider, asked("Doom over mountains"))
        assert isinstance((await updates_of(provider, asked()))[-1], Finished)
    finally:
        await provider.close()


async def test_the_pace_stretches_a_picture():
    provider = Sketch(config.load({"SKETCH_PACE": "1"}))
    try:
        begun = time.monotonic()
        await updates_of(provider, asked(width=64, height=64))
        assert time.monotonic() - begun >= 1
    finally:
        await provider.close()


# Processes ----------------------------------------------------------------------------------------------------------


async def begun(provider, request):
    """A run that has come as far as its first step on the canvas."""
    run = provider.generate(request)
    async for step in run:
        if isinstance(step, Rendering) and step.step:
            return run
    raise AssertionError


async def test_closing_the_run_ends_the_drawing_at_once(paced):
    run = await begun(paced, asked())
    (pid,) = paced.pids
    before = time.monotonic()
    await run.aclose()
    assert time.monotonic() - before < AT_ONCE_SECONDS
    assert not psutil.pid_exists(pid)
    assert paced.pids == []


async def test_a_cancelled_task_ends_the_drawing(paced):
    run = await begun(paced, asked())
    (pid,) = paced.pids
    task = asyncio.ensure_future(anext(run))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not psutil.pid_exists(pid), AT_ONCE_SECONDS)


async def test_a_killed_process_is_provider_down_and_the_next_picture_works():
    slow = Sketch(config.load({"SKETCH_PACE": "1", "WORKER_CONCURRENCY": "1"}))
    try:
        run = await begun(slow, asked())
        os.kill(slow.pids[0], signal.SIGKILL)
        with pytest.raises(ProviderDown):
            async for _ in run:
                pass
        assert isinstance((await updates_of(slow, asked(width=64, height=64)))[-1], Finished)
    finally:
        await slow.close()


async def test_a_process_killed_while_idle_is_replaced_without_an_error():
    provider = Sketch(config.load({"WORKER_CONCURRENCY": "1"}))
    try:
        await updates_of(provider, asked(width=64, height=64))
        (pid,) = provider.pids
        os.kill(pid, signal.SIGKILL)
        # Not only the process is gone: the loop has been told.
        await until(lambda: not provider._pool.warm and not psutil.pid_exists(pid))
        assert isinstance((await updates_of(provider, asked(width=64, height=64)))[-1], Finished)
    finally:
        await provider.close()


async def test_close_ends_every_process_even_one_at_work():
    provider = Sketch(config.load({"SKETCH_PACE": "10"}))
    run = await begun(provider, asked())
    pids = provider.pids
    await provider.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    # It may have told more before it ended.
    with pytest.raises(ProviderDown):
        assert not [update async for update in run if isinstance(update, Finished)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees a locked-in child's environment")
async def test_painting_processes_get_no_secrets():
    os.environ["HUGGINGFACE_API_KEY"] = "hf_canary"
    provider = Sketch(config.load({}))
    try:
        await updates_of(provider, asked(width=64, height=64))
        assert "hf_canary" not in psutil.Process(provider.pids[0]).environ().values()
    finally:
        del os.environ["HUGGINGFACE_API_KEY"]
        await provider.close()


@pytest.mark.parametrize(
    ("fail", "should_fail"), [("1", True), ("1.0", True), ("1,0", True), ("0,0", False), ("", False)]
)
def test_a_share_of_failures_may_be_written_with_a_comma(fail, should_fail):
    assert _should_fail(fail, "a boat of 1,0 tons") is should_fail


PARENT = """
import asyncio
from chatserver import config
from chatserver.providers.sketch.provider import Sketch
from tests.support.recipes import provider_request

async def main():
    sketch = Sketch(config.load({"SKETCH_PACE": "60"}))
    request = provider_request(generation_id="x", prompt="sea", seed=1)
    async for step in sketch.generate(request):
        if sketch.pids:
            print("children", *sketch.pids, flush=True)

asyncio.run(main())
"""


async def test_a_parent_that_is_killed_leaves_no_child():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        lines = iter(parent.stdout.readline, "")
        line = await asyncio.to_thread(lambda: next(line for line in lines if line.startswith("children")))
        pids = [int(text) for text in line.split()[1:]]
        assert all(psutil.pid_exists(pid) for pid in pids)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    await until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
