"""Picture servers of every kind: what one refuses is left out, what one answers is found, and a wrong address says so."""

import base64
import io
import json
import textwrap
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from aiohttp import web
from PIL import Image

from chatserver.errors import BadBytes, BadParameters, ProviderDown, ProviderError, WrongAddress
from chatserver.providers import service_urls
from chatserver.providers.http import HttpResponse
from chatserver.providers.huggingface.adapters import polling, replicate
from chatserver.providers.service_urls import ServiceUrl
from tests.emulators.huggingface import Emulator, Fail, Json, Outcome, Queue, Raw, pictures
from tests.emulators.huggingface.outcomes import HTML, Call
from tests.providers.huggingface.requests import Make, finished, request

PICTURE = pictures.picture("a cat", 7, 64, 64, "PNG")
CODED = base64.b64encode(PICTURE).decode()
JPEG = base64.b64encode(pictures.picture("a cat", 7, 64, 64)).decode()


@dataclass
class Picky(Outcome):
    """A server that takes no field of `refuses`, and says so as `words` about the first of them, with `status`."""

    refuses: tuple[str, ...]
    words: Any = field(default_factory=lambda: {"error": {"message": "Unknown parameter: 'FIELD'."}})
    status: int = 400
    content_type: str = "application/json"

    def holds(self) -> bool:
        return True

    async def answer(self, call: Call) -> web.StreamResponse:
        if call.request.content_type == "application/json":
            sent = set(_names(await call.request.json()))
        else:
            sent = {name for name in self.refuses if f'name="{name}"'.encode() in await call.request.read()}
        wrong = next((name for name in self.refuses if name in sent), None)
        if wrong is None:
            return await call.succeed(call)
        words = self.words if isinstance(self.words, str) else json.dumps(self.words)
        return web.Response(text=words.replace("FIELD", wrong), status=self.status, content_type=self.content_type)


def _names(document: dict[str, Any]) -> list[str]:
    return [
        name for key, value in document.items() for name in (key, *(_names(value) if isinstance(value, dict) else ()))
    ]


def own(huggingface: Emulator, make: Make, path: str = "/v1", protocol: str = "openai-images", **settings: object):
    """A provider of one's own server, which is the emulator."""
    return make(image_base_url=f"{huggingface.url}{path}", image_protocol=protocol, **settings)


UNKNOWN = [
    ({"error": {"message": "Unknown parameter: 'FIELD'.", "param": "FIELD", "code": "unknown_parameter"}}, 400),
    ({"detail": [{"type": "extra_forbidden", "loc": ["body", "FIELD"], "msg": "Extra inputs are not permitted"}]}, 422),
    ({"error": "Additional properties are not allowed ('FIELD' was unexpected)"}, 400),
    ({"error": "Pipeline.__call__() got an unexpected keyword argument 'FIELD'"}, 500),
    ({"error": ["this model does not support FIELD"]}, 400),
    ({"message": 'unrecognized field "FIELD"; supported fields are: prompt, size, n, seed, response_format'}, 400),
    ({"error": {"message": "FIELD is not supported by this model"}}, 200),
    ("unknown field `FIELD`, expected one of `prompt`, `size`, `seed`, `response_format`", 422),
]


@pytest.mark.parametrize(("words", "status"), UNKNOWN)
async def test_a_field_that_a_server_refuses_is_left_out_and_remembered(
    huggingface: Emulator, make: Make, words: Any, status: int
):
    content_type = "text/plain" if isinstance(words, str) else "application/json"
    huggingface.script("text-to-image", [Picky(("negative_prompt",), words, status, content_type)])
    provider = own(huggingface, make)
    assert await finished(provider, request(negative_prompt="dogs"))
    assert await finished(provider, request(negative_prompt="dogs"))
    assert [set(seen.document) for seen in huggingface.calls("make")] == [
        {"prompt", "response_format", "size", "negative_prompt", "seed"},
        {"prompt", "response_format", "size", "seed"},
        {"prompt", "response_format", "size", "seed"},
    ]


@pytest.mark.parametrize(
    ("protocol", "path", "refuses"),
    [
        ("openai-images", "/v1", ("response_format", "seed")),
        (
            "openai-images",
            "/v1",
            ("negative_prompt", "guidance_scale", "num_inference_steps", "size", "response_format"),
        ),
        ("hf-bytes", "/endpoint", ("guidance_scale", "seed", "negative_prompt")),
    ],
)
async def test_one_field_after_the_other_is_left_out(
    huggingface: Emulator, make: Make, protocol: str, path: str, refuses: tuple[str, ...]
):
    huggingface.script("text-to-image", [Picky(refuses)])
    provider = own(huggingface, make, path, protocol)
    assert await finished(provider, request(negative_prompt="dogs", guidance=7.0, steps=20))
    assert len(huggingface.calls("make")) == len(refuses) + 1
    assert await finished(provider, request(negative_prompt="dogs", guidance=7.0, steps=20))
    assert len(huggingface.calls("make")) == len(refuses) + 2


async def test_a_form_leaves_out_what_is_refused_too(huggingface: Emulator, make: Make):
    huggingface.script("image-to-image", [Picky(("response_format", "seed"))])
    assert await finished(own(huggingface, make), request(source=PICTURE))
    assert {"prompt", "size", "image"} == set(huggingface.calls("make")[-1].document)


async def test_behind_the_router_too(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Picky(("guidance_scale",))])
    assert await finished(make(hf_provider="fal-ai"), request(guidance=7.0))
    assert "guidance_scale" not in huggingface.calls("make")[-1].document


@pytest.mark.parametrize(
    "words",
    ["Invalid value for 'size': 64x64", "prompt is not supported", "seed must be below 100", "width: must be 512"],
)
async def test_a_value_that_is_refused_is_told_and_not_left_out(huggingface: Emulator, make: Make, words: str):
    huggingface.script("text-to-image", [Fail(400, {"error": words})])
    with pytest.raises(BadParameters):
        await finished(own(huggingface, make), request())
    assert len(huggingface.calls("make")) == 1


def avif(kind: str) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def urlsafe(text: str) -> str:
    return text.replace("+", "-").replace("/", "_")


ANSWERS: dict[str, Any] = {
    "b64_json": {"data": [{"b64_json": CODED}]},
    "with a data: prefix": {"data": [{"b64_json": f"data:image/png;base64,{CODED}"}]},
    "with a prefix in capitals and blanks": {"data": [{"b64_json": f"DATA:image/png;charset=utf-8;BASE64, {CODED} "}]},
    "in the alphabet of addresses": {"data": [{"b64_json": urlsafe(JPEG)}]},
    "without padding": {"data": [{"b64_json": CODED.rstrip("=")}]},
    "with too much padding": {"data": [{"b64_json": CODED.rstrip("=") + "===="}]},
    "as Python prints bytes": {"data": [{"b64_json": f"b'{CODED}'"}]},
    "as Python prints bytes, in a field of any name": {"image": f'b"{CODED}"'},
    "in lines": {"data": [{"b64_json": "\r\n".join(textwrap.wrap(CODED, 76)) + "\r\n"}]},
    "with blanks around": {"data": [{"b64_json": f"  {CODED}\t"}]},
    "b64_json null and a data: url": {"data": [{"b64_json": None, "url": f"data:image/png;base64,{CODED}"}]},
    "b64_json empty": {"data": [{"b64_json": "", "image": CODED}]},
    "a percent-encoded data: url": {"data": [{"url": f"data:image/png,{quote(PICTURE)}"}]},
    "a percent-encoded base64": {"data": [{"url": f"data:image/png;base64,{quote(CODED, safe='')}"}]},
    "b64_json that is an address": {"data": [{"b64_json": "FILE"}]},
    "url": {"data": [{"url": "FILE"}]},
    "url that is base64": {"data": [{"b64_json": None, "url": None, "base64": CODED}]},
    "a relative url": {"data": [{"url": "PATH"}]},
    "a path": {"images": ["PATH"]},
    "images of base64": {"images": [CODED], "parameters": {"init_images": [JPEG]}, "info": "{}"},
    "images of jpeg in base64": {"images": [JPEG]},
    "images of objects": {"images": [{"url": "FILE", "content_type": "image/png"}]},
    "image": {"image": CODED},
    "an image of an object": {"image": {"url": "FILE"}},
    "image_url": {"choices": [{"message": {"images": [{"image_url": {"url": f"data:image/png;base64,{CODED}"}}]}}]},
    "output": {"output": "FILE"},
    "output of calls": {"output": [{"type": "image_generation_call", "result": CODED}]},
    "artifacts": {"artifacts": [{"base64": CODED, "finishReason": "SUCCESS", "seed": 7}]},
    "parts": {"candidates": [{"content": {"parts": [{"text": "Here"}, {"inlineData": {"data": CODED}}]}}]},
    "data alone": {"data": CODED},
    "data of texts": {"data": [CODED]},
    "the first is broken": {"data": [{"b64_json": "***"}, {"b64_json": CODED}]},
    "an error that is null": {"error": None, "created": 1, "data": [{"b64_json": CODED, "revised_prompt": "a cat"}]},
    "a list": [{"b64_json": CODED}],
    "a string": CODED,
    "avif": {"data": [{"b64_json": avif("AVIF")}]},
    "gif": {"data": [{"b64_json": avif("GIF")}]},
    "bmp": {"data": [{"b64_json": avif("BMP")}]},
    "tiff": {"data": [{"b64_json": avif("TIFF")}]},
}


@pytest.mark.parametrize(("protocol", "path"), [("openai-images", "/v1"), ("hf-bytes", "/endpoint")])
@pytest.mark.parametrize("form", ANSWERS)
async def test_a_picture_is_found_in_whichever_field_and_form(
    huggingface: Emulator, make: Make, form: str, protocol: str, path: str
):
    kept = Call(None, "file", "", None, 64, 64, PICTURE, "image/png", None)  # type: ignore[arg-type]
    address = huggingface.keep(kept)
    text = json.dumps(ANSWERS[form]).replace("FILE", address).replace("PATH", address.removeprefix(huggingface.url))
    huggingface.script("text-to-image", [Raw(text.encode(), "application/json")])
    made = await finished(own(huggingface, make, path, protocol), request())
    assert Image.open(io.BytesIO(made.data)).size in {(64, 64), (8, 8)}


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (PICTURE, "application/json"),
        (CODED.encode(), "text/plain"),
        (f"data:image/png;base64,{CODED}\n".encode(), "text/plain"),
        (b"\xef\xbb\xbf  " + json.dumps({"image": CODED}).encode(), "image/png"),
    ],
)
@pytest.mark.parametrize(("protocol", "path"), [("openai-images", "/v1"), ("hf-bytes", "/endpoint")])
async def test_the_label_of_an_answer_counts_nothing(
    huggingface: Emulator, make: Make, data: bytes, content_type: str, protocol: str, path: str
):
    huggingface.script("text-to-image", [Raw(data, content_type)])
    assert (await finished(own(huggingface, make, path, protocol), request())).data == PICTURE


async def test_fal_may_fill_in_another_field(huggingface: Emulator, make: Make):
    result = {"images": [{"url": None}], "image": {"url": f"data:image/png;base64,{CODED}"}, "seed": 2**70}
    huggingface.script("text-to-image", [Queue(result=Json(result))])
    made = await finished(make(hf_provider="fal-ai"), request())
    assert (made.data, made.seed) == (PICTURE, 7)


async def test_a_place_that_no_queue_has_is_not_believed(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Queue(positions=(10**30, -3, 2))])
    steps = [step async for step in make(hf_provider="fal-ai").generate(request())]
    assert [step.position for step in steps if hasattr(step, "position")] == [None, 2]


# Addresses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written", ["", "/", "/v1", "/v1/", "/v1/images/generations", "/v1/images/edits/", "/v1/models"]
)
async def test_what_people_usually_get_wrong_in_an_address_is_understood(
    huggingface: Emulator, make: Make, written: str
):
    provider = own(huggingface, make, written)
    assert await finished(provider, request())
    assert await finished(provider, request(source=PICTURE))
    assert [seen.exchange for seen in huggingface.seen] == ["make", "make"]
    assert await provider.reach() == (f"{huggingface.url}/v1/images/generations", 200)


@pytest.mark.parametrize(("protocol", "path"), [("openai-images", "/v1"), ("hf-bytes", "/endpoint")])
@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Raw(HTML.encode(), "text/html"), "a web page"),
        (Fail(404), "404"),
        (Fail(404, {"detail": "Not Found"}), "404"),
        (Fail(405, {"detail": "Method Not Allowed"}), "405"),
        (Fail(308, headers={"Location": "https://gpu.example.org/x?token=geheim"}), "https://gpu.example.org/x"),
        (Fail(400, "Client sent an HTTP request to an HTTPS server.", content_type="text/plain"), "https"),
    ],
)
async def test_an_address_that_does_not_speak_the_protocol_says_so(
    huggingface: Emulator, make: Make, outcome: Outcome, words: str, protocol: str, path: str
):
    huggingface.script("text-to-image", [outcome] * 4)
    provider = own(huggingface, make, path, protocol)
    with pytest.raises(WrongAddress) as raised:
        await finished(provider, request())
    with pytest.raises(WrongAddress) as doctors:
        await provider.reach()
    for message in (raised.value.message, doctors.value.message):
        assert f"{huggingface.url}{path}" in message
        assert f"does not speak {protocol} (IMAGE_PROTOCOL)" in message
        assert words in message
        assert "Set IMAGE_BASE_URL" in message
        assert "geheim" not in message


@pytest.mark.parametrize(
    ("address", "url", "location", "right"),
    [
        ("own", "http://a.lan/api/chat/completions", "https://a.lan/api/chat/completions", "https://a.lan/api"),
        ("own", "http://a.lan/v1/chat/completions", "https://a.lan/v1/chat/completions", "https://a.lan/v1"),
        ("own", "http://a.lan/x/images/generations", "/y/images/generations", "http://a.lan/y"),
        ("own", "http://a.lan/make", "https://a.lan/make", "https://a.lan/make"),
        ("own", "http://a.lan/make", "https://a.lan/login", "the address of the server's API"),
        ("own", "http://a.lan", "https://a.lan/", "https://a.lan."),
        ("own", "http://a.lan", "/login", "the address of the server's API"),
        ("own", "http://a.lan/v1/images/edits", "https://a.lan/login", "the address of the server's API"),
        ("hub", "http://hub.lan/api/models/a", "https://hub.lan/api/models/a", "https://hub.lan."),
        ("hub", "http://router.lan/nscale/v1/x", "https://router.lan/nscale/v1/x", "https://router.lan."),
    ],
)
def test_where_an_address_leads_says_the_base_that_is_right(address: str, url: str, location: str, right: str):
    meant = ServiceUrl("IT", "this", "http://example.org", own=address == "own")
    error = meant.protocol_error(url, HttpResponse(308, {"Location": location}, b""))
    assert error is not None and f"Set IT to {right}" in error.message


@pytest.mark.parametrize("location", ["http://[", "//[x]/", "http://a/\udcff\u202e", "http://a/" + "x" * 9000])
def test_where_an_address_leads_is_told_in_words_that_can_be_stored(location: str):
    meant = ServiceUrl("IT", "this", "http://example.org", own=True)
    error = meant.protocol_error("http://a.lan/v1/images", HttpResponse(308, {"Location": location}, b""))
    assert error is not None and error.message.isprintable() and len(error.message) < 1000


@pytest.mark.parametrize("address", ["http://[", "//[::1", None, 5, [], {}, "x"])
def test_a_job_whose_address_cannot_be_read_is_the_services_fault(address: object):
    with pytest.raises(BadBytes):
        polling.routed(SimpleNamespace(base="http://router"), address)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [[], {}, None, 5])
def test_a_state_of_any_type_is_no_fault_of_ours(status: object):
    replicate._check({"status": status})


async def test_in_a_container_localhost_is_explained(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service_urls, "in_container", lambda: True)
    provider = make(image_base_url="http://127.0.0.1:9")
    with pytest.raises(ProviderDown, match="inside a container"):
        await finished(provider, request())


async def test_a_key_that_the_service_repeats_is_shown_to_nobody(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Fail(400, {"error": "Who is geheim/12345 of all?"})])
    with pytest.raises(ProviderError) as raised:
        await finished(own(huggingface, make, image_api_key="geheim/12345"), request())
    assert "geheim" not in raised.value.message + raised.value.service_message
    assert "of all" in raised.value.service_message


@pytest.mark.parametrize(
    ("status", "settings", "words"),
    [
        (401, {"image_api_key": "wrong"}, "IMAGE_API_KEY"),
        (401, {}, "IMAGE_API_KEY"),
        (403, {"image_api_key": "weak"}, "IMAGE_API_KEY"),
    ],
)
async def test_a_key_that_ones_own_server_refuses_is_not_called_one_of_hugging_faces(
    huggingface: Emulator, make: Make, status: int, settings: dict[str, str], words: str
):
    huggingface.script("text-to-image", [Fail(status)])
    with pytest.raises(ProviderError, match=words) as caught:
        await finished(own(huggingface, make, **settings), request())
    assert "hf_" not in caught.value.message


@dataclass
class ByAnotherName(Outcome):
    """A server that calls itself localhost, wherever it was called."""

    server: Emulator

    def holds(self) -> bool:
        return True

    async def answer(self, call: Call) -> web.StreamResponse:
        url = self.server.keep(call).replace("127.0.0.1", "localhost")
        return web.json_response({"data": [{"url": url}]})


async def test_a_server_on_this_machine_may_name_itself_in_another_way(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [ByAnotherName(huggingface)])
    assert (await finished(own(huggingface, make), request())).data


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://files.lan:9000/a.png", "HF_RESULT_HOSTS may list http://files.lan:9000"),
        ("https://Files.Example.org/a.png", "HF_RESULT_HOSTS may list files.example.org"),
        ("file:///etc/passwd", "no address of the web"),
    ],
)
async def test_of_an_address_that_is_not_trusted_the_log_alone_says_what_to_set(
    huggingface: Emulator, make: Make, url: str, words: str
):
    huggingface.script("text-to-image", [Json({"data": [{"url": url}]})])
    with structlog.testing.capture_logs() as logged, pytest.raises(ProviderError, match=r"does not trust\.$"):
        await finished(own(huggingface, make), request())
    assert [words in line["mend"] for line in logged if line["event"] == "huggingface.result_url_refused"] == [True]


@pytest.mark.parametrize("url", ["http://[", "//[::1", "https://[x]/a.png", "http://a]b/a.png"])
async def test_an_address_that_cannot_be_read_is_the_services_fault(huggingface: Emulator, make: Make, url: str):
    huggingface.script("text-to-image", [Json({"data": [{"url": url}]})])
    with pytest.raises(BadBytes):
        await finished(own(huggingface, make), request())


async def test_an_error_in_a_pictures_place_keeps_its_words(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Json({"created": 1, "data": [{"error": "the worker ran out of memory"}]})])
    with pytest.raises(ProviderError, match="the worker ran out of memory"):
        await finished(own(huggingface, make), request())
