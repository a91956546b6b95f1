"""Every protocol from its request to its bytes, and the stages on the way."""

import asyncio
import contextlib
import io
import threading

import pytest
from PIL import Image

from chatserver.errors import ProviderError
from chatserver.providers.base import Finished, Loading, Queued, Rendering
from tests.emulators.huggingface import (
    ABSENT,
    Embedded,
    Emulator,
    Fail,
    Hang,
    Held,
    Json,
    Ok,
    Prediction,
    Queue,
    Reset,
    Task,
    pictures,
)
from tests.emulators.huggingface import (
    Loading as ModelLoads,
)
from tests.providers.huggingface.requests import IMPATIENT, Make, finished, request, updates_of

# What the service takes to cancel a run.
CANCEL_SECONDS = 2.5
PROVIDERS = ["hf-inference", "fal-ai", "nscale", "together", "replicate", "wavespeed"]
SOURCE = pictures.picture("the source", 1, 32, 32, "PNG")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_provider_makes_the_picture_that_was_asked_for(make: Make, provider: str):
    made = await finished(make(hf_provider=provider), request("a red cat", width=96, height=64, seed=41))
    assert made.data == pictures.picture("a red cat", 41, 96, 64)
    assert Image.open(io.BytesIO(made.data)).size == (96, 64)
    assert made.provider == f"huggingface · {provider}"
    assert made.model == "black-forest-labs/FLUX.1-schnell"
    assert made.seed == 41


@pytest.mark.parametrize("provider", ["hf-inference", "fal-ai", "together", "replicate", "wavespeed"])
async def test_a_variation_sends_the_source_to_the_edit_model(huggingface: Emulator, make: Make, provider: str):
    made = await finished(make(hf_provider=provider), request("bluer", source=SOURCE))
    assert made.model == "Qwen/Qwen-Image-Edit"
    assert len(huggingface.calls("make")[0].body) > len(SOURCE)
    assert made.data == pictures.picture("bluer", 7, 64, 64)


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("hf-inference", ("parameters", "strength")),
        ("fal-ai", ("strength",)),
        ("replicate", ("input", "prompt_strength")),
        ("replicate", ("input", "strength")),
        ("wavespeed", ("strength",)),
    ],
)
async def test_the_strength_of_a_variation_has_the_name_that_each_provider_gives_it(
    huggingface: Emulator, make: Make, provider: str, path: tuple[str, ...]
):
    await finished(make(hf_provider=provider), request(source=SOURCE, change="variation", strength=0.3))
    found = huggingface.calls("make")[0].document
    for name in path:
        found = found[name]
    assert found == 0.3


async def test_together_is_told_no_strength_as_its_models_take_none(huggingface: Emulator, make: Make):
    await finished(make(hf_provider="together"), request(source=SOURCE, change="variation", strength=0.3))
    assert "strength" not in huggingface.calls("make")[0].document


async def test_a_strength_that_a_server_does_not_know_is_left_out(huggingface: Emulator, make: Make):
    refusal = {
        "detail": [{"type": "extra_forbidden", "loc": ["body", "strength"], "msg": "Extra inputs", "input": 0.3}]
    }
    huggingface.script("image-to-image", [Json(refusal, 422)])
    made = await finished(make(hf_provider="wavespeed"), request(source=SOURCE, change="variation", strength=0.3))
    assert made.data.startswith(b"\xff\xd8")
    assert ["strength" in seen.document for seen in huggingface.calls("make")] == [True, False]


@pytest.mark.parametrize("provider", ["hf-inference", "fal-ai", "together", "replicate", "wavespeed"])
@pytest.mark.parametrize("status", [402, 429, 503])
async def test_a_change_that_is_refused_says_why_in_words(
    huggingface: Emulator, make: Make, provider: str, status: int
):
    huggingface.script("image-to-image", [Fail(status)] * 5)
    with pytest.raises(ProviderError) as refused:
        await finished(make(hf_provider=provider), request("make it night", source=SOURCE, change="edit"))
    assert len(refused.value.message) > 20


@pytest.mark.parametrize("provider", ["fal-ai", "replicate", "wavespeed"])
async def test_clips_come_back_as_real_videos(make: Make, provider: str):
    made = await finished(make(hf_provider=provider), request("waves", kind="video"))
    assert made.data == pictures.clip("waves", 7)
    assert made.data.startswith(b"\x1aE\xdf\xa3")


async def test_the_token_goes_to_the_router_and_not_to_the_file_hosts(huggingface: Emulator, make: Make):
    await finished(make(hf_provider="fal-ai", hf_bill_to="analytical"), request())
    submit, fetched = huggingface.calls("make")[0], huggingface.calls("file")[0]
    assert submit.headers["authorization"].startswith("Bearer hf_")
    assert submit.headers["x-hf-bill-to"] == "analytical"
    assert submit.headers["x-amzn-trace-id"]
    assert "authorization" not in fetched.headers
    assert "x-hf-bill-to" not in fetched.headers


def loads(seconds: float) -> Json:
    return Json({"error": "Model emulated/model is currently loading", "estimated_time": seconds}, 503)


async def test_a_model_that_loads_says_how_long_and_then_renders(huggingface: Emulator, make: Make):
    let_go, steps = threading.Event(), []
    huggingface.script("text-to-image", [loads(0.4), loads(0.2), Held(let_go)])
    async for step in make({"held_call_seconds": 1.0}, hf_provider="hf-inference").generate(request()):
        steps.append(step)
        if isinstance(step, Rendering):
            let_go.set()
    etas = [step.eta_seconds for step in steps if isinstance(step, Loading)]
    assert len(etas) >= 2
    assert etas == sorted(etas, reverse=True)
    kinds = list(dict.fromkeys(type(step) for step in steps))
    assert kinds == [Loading, Rendering, Finished]


@pytest.mark.parametrize("estimate", [ABSENT, -3, "NaN", None, "soon", 1e400, [], {}])
async def test_a_nonsensical_estimate_is_no_estimate(huggingface: Emulator, make: Make, estimate: object):
    huggingface.script("text-to-image", [ModelLoads(0.08, estimate), Ok()])
    steps = await updates_of(make(hf_provider="hf-inference"), request())
    assert steps[0] == Loading(None)
    assert isinstance(steps[-1], Finished)


async def test_fal_tells_its_places_and_its_steps(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Queue((3, 2, 1, 0), steps=4)])
    steps = await updates_of(make(hf_provider="fal-ai"), request())
    assert [step.position for step in steps if isinstance(step, Queued)] == [3, 2, 1, 0]
    assert [(step.step, step.steps, step.fraction) for step in steps if isinstance(step, Rendering)] == [
        (1, 4, 0.25),
        (2, 4, 0.5),
        (3, 4, 0.75),
        (4, 4, 1.0),
    ]


async def test_a_place_that_rises_is_shown_as_it_is(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Queue((1, 4, 0))])
    steps = await updates_of(make(hf_provider="fal-ai"), request())
    assert [step.position for step in steps if isinstance(step, Queued)] == [1, 4, 0]


async def test_a_router_that_does_not_pass_logs_on_costs_only_the_fraction(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Queue((0,), steps=3, takes_logs=False)])
    steps = await updates_of(make(hf_provider="fal-ai"), request())
    assert [step for step in steps if isinstance(step, Rendering)] == [Rendering()]
    assert isinstance(steps[-1], Finished)


@pytest.mark.parametrize("weather", [[Fail(502)], [Fail(500), Reset()], [Fail(429), Hang(0.8)]])
async def test_polls_that_fail_now_and_then_are_forgiven(huggingface: Emulator, make: Make, weather: list):
    huggingface.script("poll", weather)
    assert await finished(make(IMPATIENT, hf_provider="fal-ai"), request())


async def test_replicate_is_asked_when_its_minute_is_over(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Prediction(polls=3)])
    steps = await updates_of(make(hf_provider="replicate"), request())
    fractions = [step.fraction for step in steps if isinstance(step, Rendering)]
    assert fractions[-3:] == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]


async def test_wavespeed_tells_its_coarse_states(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Task(("created", "created", "processing"))])
    steps = await updates_of(make(hf_provider="wavespeed"), request())
    assert steps[:-1] == [Queued(), Rendering()]


@pytest.mark.parametrize("form", ["b64", "url", "output", "string"])
async def test_a_picture_inside_json_is_taken_in_each_of_its_forms(huggingface: Emulator, make: Make, form: str):
    huggingface.script("text-to-image", [Embedded(form)])
    assert (await finished(make(hf_provider="hf-inference"), request())).data.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("plan", [Queue((2,), stuck=True), Queue((0,), steps=1000)])
async def test_closing_a_run_at_fal_cancels_it_there(huggingface: Emulator, make: Make, plan: Queue):
    huggingface.script("text-to-image", [plan])
    provider = make(hf_provider="fal-ai")
    async with contextlib.aclosing(provider.generate(request())) as run:
        await anext(run)
        await anext(run) if plan.steps else None
    await provider.close()
    assert [job.cancelled for job in huggingface.jobs.values()] == [True]
    assert any(seen.method == "PUT" and seen.path.endswith("/cancel") for seen in huggingface.seen)


async def test_a_cancelled_task_cancels_at_replicate_and_returns_promptly(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Prediction(polls=10_000)])
    huggingface.script("cancel", [Hang(CANCEL_SECONDS)])
    provider = make(hf_provider="replicate")
    task = asyncio.create_task(updates_of(provider, request()))
    async with asyncio.timeout(30):
        while not huggingface.calls("poll"):
            await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    before = loop.time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert loop.time() - before < CANCEL_SECONDS
    await provider.close()
    assert any(seen.path.endswith("/cancel") for seen in huggingface.seen)


async def test_a_run_that_was_finished_is_not_cancelled(huggingface: Emulator, make: Make):
    provider = make(hf_provider="fal-ai")
    await finished(provider, request())
    await provider.close()
    assert not any(job.cancelled for job in huggingface.jobs.values())


async def test_a_style_becomes_part_of_the_prompt(huggingface: Emulator, make: Make):
    await finished(make(hf_provider="nscale"), request("a boat", style="watercolour"))
    assert huggingface.calls("make")[0].document["prompt"] == "a boat, watercolour style"


@pytest.mark.parametrize("words", ["[loading 0.2] [queue 2] [steps 3]", "[queue 1]"])
async def test_words_in_a_prompt_script_the_emulator_by_hand(make: Make, words: str):
    steps = await updates_of(make(hf_provider="fal-ai"), request(f"a cat {words}"))
    assert any(isinstance(step, Queued) for step in steps)
    assert any(isinstance(step, Loading) for step in steps) == ("loading" in words)
    assert isinstance(steps[-1], Finished)


async def test_a_self_hosted_server_scaled_to_zero_is_loading(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Fail(503), Fail(503, ""), Ok()])
    provider = make(image_base_url=f"{huggingface.url}/endpoint", huggingface_api_key="")
    steps = await updates_of(provider, request())
    assert [step for step in steps if isinstance(step, Loading)] == [Loading(None), Loading(None)]
    assert isinstance(steps[-1], Finished)
    assert (steps[-1].provider, steps[-1].model) == ("self-hosted", "self-hosted")


async def test_a_self_hosted_server_never_sees_the_hugging_face_token(huggingface: Emulator, make: Make):
    await finished(make(image_base_url=f"{huggingface.url}/endpoint"), request())
    assert "authorization" not in huggingface.calls("make")[0].headers
    await finished(make(image_base_url=f"{huggingface.url}/endpoint", image_api_key="mine"), request())
    assert huggingface.calls("make")[1].headers["authorization"] == "Bearer mine"


@pytest.mark.parametrize("form", ["b64", "url"])
@pytest.mark.parametrize("root", ["", "/v1", "/v1/"])
async def test_an_openai_server_of_ones_own_makes_pictures(huggingface: Emulator, make: Make, form: str, root: str):
    huggingface.script("text-to-image", [Embedded(form)])
    settings = {"image_base_url": huggingface.url + root, "image_protocol": "openai-images", "image_model": "sd/1.5"}
    made = await finished(make(**settings), request(steps=8, guidance=4.5))
    assert made.data == pictures.picture("a cat", 7, 64, 64)
    sent = huggingface.calls("make")[0].document
    assert (sent["model"], sent["size"], sent["num_inference_steps"]) == ("sd/1.5", "64x64", 8)


async def test_an_openai_server_of_ones_own_gets_the_source_as_a_form(huggingface: Emulator, make: Make):
    provider = make(image_base_url=huggingface.url, image_protocol="openai-images")
    await finished(provider, request("bluer", source=SOURCE))
    seen = huggingface.calls("make")[0]
    assert seen.path == "/v1/images/edits"
    assert SOURCE in seen.body


async def test_a_source_is_called_what_it_is(huggingface: Emulator, make: Make):
    provider = make(image_base_url=huggingface.url, image_protocol="openai-images")
    for form in ("JPEG", "WEBP"):
        await finished(provider, request(source=pictures.picture("the source", 1, 32, 32, form)))
        assert f"Content-Type: image/{form.lower()}".encode() in huggingface.calls("make")[-1].body
    await finished(make(hf_provider="fal-ai"), request(source=pictures.picture("the source", 1, 32, 32, "JPEG")))
    assert huggingface.calls("make")[-1].document["image_url"].startswith("data:image/jpeg;base64,")


async def test_a_server_of_ones_own_is_asked_for_the_model_that_edits(huggingface: Emulator, make: Make):
    own = {"image_base_url": huggingface.url, "image_protocol": "openai-images", "image_model": "sd/1.5"}
    for settings, model in ((own, "sd/1.5"), ({**own, "image_edit_model": "qwen-edit"}, "qwen-edit")):
        made = await finished(make(**settings), request("bluer", source=SOURCE, change="edit"))
        assert made.model == make(**settings).model("image", "edit") == model
        assert huggingface.calls("make")[-1].document["model"] == model


async def test_which_changes_are_offered_follows_from_what_it_was_given(huggingface: Emulator, make: Make):
    assert make().supports("image", "edit")
    assert make().supports("image", "variation")
    assert not make().supports("video", "edit")
    assert not make(image_edit_model="none").supports("image", "edit")
    assert not make(huggingface_api_key="").supports("image", "variation")
    own = {"image_base_url": huggingface.url, "huggingface_api_key": ""}
    assert make(**own, image_protocol="openai-images").supports("image", "edit")
    # One model at one address makes pictures, unless the operator says that it also changes them.
    assert not make(**own).supports("image", "variation")
    assert make(**own, image_edit_model="own/pix2pix").supports("image", "variation")


async def test_what_a_provider_supports_follows_from_what_it_was_given(huggingface: Emulator, make: Make):
    assert make().supports("image")
    assert make().supports("video")
    alone = make(image_base_url=huggingface.url, huggingface_api_key="")
    assert alone.supports("image")
    assert not alone.supports("video")
