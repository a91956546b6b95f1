"""The official client against our emulator, and our request bodies against its helpers: both are kept honest by it.

The client is pointed at loopback by rewriting the router's host in its transports, so that its addresses stay genuine.
"""

import base64
import contextlib
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from huggingface_hub import AsyncInferenceClient, HfApi, constants, set_async_client_factory, set_client_factory
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, InferenceTimeoutError
from huggingface_hub.hf_api import InferenceProviderMapping
from huggingface_hub.inference._providers import _common, get_provider_helper, hf_inference
from huggingface_hub.utils import _http
from PIL import Image, UnidentifiedImageError

from chatserver.providers.base import ProviderRequest
from chatserver.providers.huggingface.adapters import fal_queue, hf_bytes, openai_images, replicate, wavespeed
from chatserver.providers.huggingface.mapping import Route
from tests.emulators.huggingface import (
    Cut,
    Embedded,
    Emulator,
    Fail,
    Json,
    Loading,
    Outcome,
    Prediction,
    Queue,
    Raw,
    Reset,
    Silence,
    Stream,
    Task,
    Trickle,
    pictures,
)
from tests.emulators.huggingface.chat import MARKDOWN
from tests.emulators.huggingface.outcomes import HTML
from tests.emulators.huggingface.server import TOKEN
from tests.providers.huggingface.requests import request

MODEL = "black-forest-labs/FLUX.1-schnell"
SOURCE = pictures.picture("the source", 1, 32, 32, "PNG")


class _Rewriting:
    """Sends what is meant for the router or the hub to the emulator."""

    target = ""

    @classmethod
    def rewrite(cls, sent: httpx2.Request) -> httpx2.Request:
        if sent.url.host in {"router.huggingface.co", "huggingface.co"}:
            url = httpx2.URL(cls.target)
            sent.url = sent.url.copy_with(scheme="http", host=url.host, port=url.port)
        return sent


class _Transport(httpx2.HTTPTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return super().handle_request(_Rewriting.rewrite(request))


class _AsyncTransport(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await super().handle_async_request(_Rewriting.rewrite(request))


def _client() -> httpx2.Client:
    hooks = {"request": [_http.hf_request_event_hook]}
    return httpx2.Client(event_hooks=hooks, follow_redirects=True, timeout=None, transport=_Transport())


def _async_client() -> httpx2.AsyncClient:
    hooks = {"request": [_http.async_hf_request_event_hook], "response": [_http.async_hf_response_event_hook]}
    return httpx2.AsyncClient(event_hooks=hooks, follow_redirects=True, timeout=None, transport=_AsyncTransport())


@pytest.fixture
def official(huggingface: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    _Rewriting.target = huggingface.url
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    _forget()
    set_client_factory(_client)
    set_async_client_factory(_async_client)
    yield huggingface
    set_client_factory(_http.default_client_factory)
    set_async_client_factory(_http.default_async_client_factory)
    _forget()


def _forget() -> None:
    _common._fetch_inference_provider_mapping.cache_clear()
    hf_inference._check_supported_task.cache_clear()


@contextlib.asynccontextmanager
async def _using(provider: str, **settings: Any) -> AsyncIterator[AsyncInferenceClient]:
    async with AsyncInferenceClient(provider=provider, api_key=TOKEN, **settings) as client:
        yield client


async def _draw(provider: str = "hf-inference", **settings: Any) -> Image.Image:
    async with _using(provider, **settings) as client:
        return await client.text_to_image("a cat", model=MODEL, width=64, height=64, seed=7)


@pytest.mark.parametrize("provider", ["hf-inference", "fal-ai", "nscale", "together", "replicate", "wavespeed"])
async def test_the_official_client_gets_its_picture(official: Emulator, provider: str):
    image = await _draw(provider)
    expected = Image.open(io.BytesIO(pictures.picture("a cat", 7, 64, 64)))
    assert image.size == (64, 64)
    assert image.tobytes() == expected.tobytes()


@pytest.mark.parametrize("provider", ["fal-ai", "wavespeed"])
async def test_the_official_client_waits_for_its_clip(official: Emulator, provider: str):
    async with _using(provider) as client:
        clip = await client.text_to_video("waves", model="Wan-AI/Wan2.2-TI2V-5B", seed=7)
    assert clip == pictures.clip("waves", 7)


@pytest.mark.parametrize("provider", ["fal-ai", "together", "replicate"])
async def test_the_official_client_varies_a_picture(official: Emulator, provider: str):
    async with _using(provider) as client:
        image = await client.image_to_image(SOURCE, prompt="bluer", model="Qwen/Qwen-Image-Edit")
    assert image.size == (512, 512)


OUTCOMES: list[tuple[Outcome, type[Exception], str]] = [
    (Loading(20), HfHubHTTPError, "503"),
    (Fail(429), HfHubHTTPError, "429"),
    (Fail(401), HfHubHTTPError, "Invalid username or password"),
    (Fail(402), HfHubHTTPError, "402"),
    (Fail(403), HfHubHTTPError, "403 Forbidden: None"),
    (Fail(404), HfHubHTTPError, "404"),
    (Fail(410), HfHubHTTPError, "410"),
    (Fail(400), BadRequestError, "not supported"),
    (Fail(422), HfHubHTTPError, "multiple of 8"),
    (Fail(500), HfHubHTTPError, "500"),
    (Fail(504), HfHubHTTPError, "504"),
    (Raw(HTML.encode(), "text/html"), UnidentifiedImageError, ""),
    (Json({"no": "picture"}, content_type="image/png"), UnidentifiedImageError, ""),
    (Cut("length"), httpx2.RemoteProtocolError, ""),
    (Cut("chunked"), httpx2.RemoteProtocolError, ""),
    (Reset(), httpx2.ReadError, ""),
    (Reset(polite=True), httpx2.RemoteProtocolError, ""),
    (Raw(pictures.pixel_bomb(), "image/png"), Image.DecompressionBombError, ""),
]


@pytest.mark.parametrize(("outcome", "error", "words"), OUTCOMES)
async def test_the_official_client_meets_each_fault_as_it_would_at_the_real_service(
    official: Emulator, outcome: Outcome, error: type[Exception], words: str
):
    official.script("text-to-image", [outcome])
    with pytest.raises(error) as raised:
        await _draw()
    assert words in str(raised.value)


async def test_the_official_client_waits_out_a_trickle_and_not_a_silence(official: Emulator):
    official.script("text-to-image", [Trickle(0.1), Silence()])
    assert (await _draw(timeout=0.6)).size == (64, 64)
    with pytest.raises(InferenceTimeoutError):
        await _draw(timeout=0.6)


async def test_the_official_client_opens_half_a_picture_and_takes_any_content_type(official: Emulator):
    official.script("text-to-image", [Cut("half"), Raw(SOURCE)])
    with pytest.raises(OSError, match=r"(?i)truncated"):
        (await _draw()).load()
    assert (await _draw()).size == (32, 32)


@pytest.mark.parametrize(
    ("provider", "outcome", "error"),
    [
        ("replicate", Prediction(polls=5), TimeoutError),
        ("wavespeed", Task(error="no"), ValueError),
        ("nscale", Embedded("bad"), (ValueError, UnidentifiedImageError)),
        ("nscale", Embedded("empty"), IndexError),
        ("nscale", Embedded("url"), KeyError),
    ],
)
async def test_the_official_client_meets_the_faults_of_jobs(
    official: Emulator, provider: str, outcome: Outcome, error: Any
):
    official.script("text-to-image", [outcome])
    with pytest.raises(error):
        await _draw(provider)


async def test_the_official_client_does_not_look_at_a_failed_result_of_fal(official: Emulator):
    official.script("text-to-video", [Queue(result=Fail(422))])
    async with _using("fal-ai") as client:
        with pytest.raises(KeyError):
            await client.text_to_video("waves", model="Wan-AI/Wan2.2-TI2V-5B")


async def test_the_official_client_gives_up_at_one_failed_poll(official: Emulator):
    official.script("poll", [Fail(502)])
    async with _using("fal-ai") as client:
        with pytest.raises(HfHubHTTPError):
            await client.text_to_video("waves", model="Wan-AI/Wan2.2-TI2V-5B")


@pytest.mark.parametrize("stream", [Stream(), Stream(keep_alive=True), Stream(split=3), Stream(ending="no-done")])
async def test_the_official_client_reads_the_assistants_stream(official: Emulator, stream: Stream):
    official.script("chat", [stream])
    text = ""
    async with AsyncInferenceClient(api_key=TOKEN) as client:
        chunks = await client.chat_completion([{"role": "user", "content": "hi"}], model="m/m", stream=True)
        async for chunk in chunks:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert text == MARKDOWN


@pytest.mark.parametrize("mapping", ["dict", "list"])
async def test_the_official_client_reads_both_forms_of_the_mapping(official: Emulator, mapping: str):
    entry = {"status": "live", "providerId": MODEL, "task": "text-to-image"}
    official.mappings[MODEL] = {"nscale": entry} if mapping == "dict" else [{**entry, "provider": "nscale"}]
    assert (await _draw("auto")).size == (64, 64)


async def test_the_official_client_knows_its_user(official: Emulator):
    assert HfApi(endpoint=official.url, token=TOKEN).whoami()["name"] == "ada"


# Our bodies and the helpers'.

ADAPTERS = {
    "fal-ai": fal_queue,
    "hf-inference": hf_bytes,
    "nscale": openai_images,
    "replicate": replicate,
    "together": openai_images,
    "wavespeed": wavespeed,
}
FULL = {"steps": 8, "guidance": 3.5, "negative_prompt": "blurry"}


def _helpers_body(
    monkeypatch: pytest.MonkeyPatch, route: Route, inputs: Any, parameters: dict[str, Any]
) -> dict[str, Any] | bytes:
    """What the official client would send on this route."""
    known = InferenceProviderMapping(
        provider=route.provider, hf_model_id=route.model, providerId=route.provider_id, status="live", task=route.task
    )
    monkeypatch.setattr(_common, "_fetch_inference_provider_mapping", lambda _model: [known])
    monkeypatch.setattr(hf_inference, "_check_supported_task", lambda _model, _task: None)
    helper = get_provider_helper(route.provider, route.task, route.model)  # type: ignore[arg-type]
    prepared = helper.prepare_request(
        inputs=inputs, parameters=parameters, headers={}, model=route.model, api_key=TOKEN
    )
    return prepared.json if prepared.json is not None else prepared.data  # type: ignore[return-value]


def _schema(asked: ProviderRequest) -> dict[str, Any]:
    """The parameters as one gives them to the official client."""
    size = {} if asked.kind == "video" else {"width": asked.recipe.width, "height": asked.recipe.height}
    named = {"num_inference_steps": asked.recipe.steps, "guidance_scale": asked.recipe.guidance}
    return {**size, **named, "negative_prompt": asked.recipe.negative_prompt, "seed": asked.recipe.seed}


@pytest.mark.parametrize("fields", [{}, FULL])
@pytest.mark.parametrize("provider", list(ADAPTERS))
@pytest.mark.parametrize("version", ["", ":abc123"])
def test_our_pictures_are_asked_for_as_the_official_client_does(
    monkeypatch: pytest.MonkeyPatch, provider: str, fields: dict[str, Any], version: str
):
    asked = request(**fields)
    model = MODEL if provider == "hf-inference" else f"owner/name{version}"
    route = Route(provider, model, MODEL, "text-to-image")
    assert ADAPTERS[provider].body(route, asked) == _helpers_body(
        monkeypatch, route, asked.recipe.prompt, _schema(asked)
    )


@pytest.mark.parametrize("provider", ["fal-ai", "replicate", "wavespeed"])
def test_our_clips_are_asked_for_as_the_official_client_does(monkeypatch: pytest.MonkeyPatch, provider: str):
    asked = request(kind="video", **FULL)
    route = Route(provider, "owner/name", MODEL, "text-to-video")
    assert ADAPTERS[provider].body(route, asked) == _helpers_body(
        monkeypatch, route, asked.recipe.prompt, _schema(asked)
    )


@pytest.mark.parametrize("model", ["owner/name", "black-forest-labs/FLUX.1-kontext-dev"])
@pytest.mark.parametrize("provider", ["fal-ai", "together", "replicate", "wavespeed", "hf-inference"])
def test_our_variations_are_asked_for_as_the_official_client_does(
    monkeypatch: pytest.MonkeyPatch, provider: str, model: str
):
    asked = request("bluer", source=SOURCE, **FULL)
    route = Route(provider, MODEL if provider == "hf-inference" else model, MODEL, "image-to-image")
    ours = ADAPTERS[provider].body(route, asked)
    parameters = {**_schema(asked), "prompt": "bluer"}
    if provider in {"fal-ai", "hf-inference"}:
        # Where the size is one object, the schema calls it target_size.
        parameters["target_size"] = {"width": parameters.pop("width"), "height": parameters.pop("height")}
    theirs = _helpers_body(monkeypatch, route, SOURCE, parameters)
    assert _with_jpeg_label(ours) == (_read(theirs) if isinstance(theirs, bytes) else theirs)


async def test_the_official_client_of_openai_edits_pictures_here_as_we_do(official: Emulator):
    """The emulator speaks `/v1/images/edits` as that client does, and our form has its fields."""
    from openai import AsyncOpenAI  # a second of a processor, which no worker that only collects this has to spend

    official.reset()
    theirs = AsyncOpenAI(base_url=f"{official.url}/v1", api_key="k", max_retries=0)
    answer = await theirs.images.edit(
        model="qwen-edit",
        image=("source.png", SOURCE, "image/png"),
        prompt="bluer",
        size="64x64",  # type: ignore[call-overload]
        response_format="b64_json",
        extra_body={"seed": 7},
    )
    await theirs.close()
    asked = request("bluer", source=SOURCE, change="edit")
    ours = openai_images.form(Route("self-hosted", "qwen-edit", "qwen-edit", "image-to-image"), asked)
    seen = official.calls("make")[0]
    assert seen.path == "/v1/images/edits"
    assert base64.b64decode(answer.data[0].b64_json) == pictures.picture("bluer", 7, 64, 64)
    assert {**ours.fields, "seed": "7"} == {name: value for name, value in seen.document.items() if name != "image"}
    assert seen.document["image"].encode("latin-1") == ours.picture


def _read(data: bytes) -> Any:
    return httpx2.Response(200, content=data).json()


def _with_jpeg_label(body: Any) -> Any:
    """Our sources are PNGs and say so; the helpers call every bare bytes a JPEG."""
    if isinstance(body, dict):
        return {name: _with_jpeg_label(value) for name, value in body.items()}
    if isinstance(body, list):
        return [_with_jpeg_label(value) for value in body]
    picture = base64.b64encode(SOURCE).decode()
    return f"data:image/jpeg;base64,{picture}" if body == f"data:image/png;base64,{picture}" else body
