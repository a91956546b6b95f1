"""Each fault becomes its own error, in words that a person can read and without anything that they should not."""

import asyncio
import os
import resource
from datetime import UTC, datetime

import psutil
import pytest

from chatserver.errors import (
    BadBytes,
    BadParameters,
    BlackedOut,
    InvalidToken,
    ModelGone,
    ModelLoadingTooLong,
    NoPermission,
    ProviderCreditsUsedUp,
    ProviderDown,
    ProviderError,
    ProviderRateLimited,
    Refused,
    TimedOut,
)
from chatserver.providers import error_responses
from chatserver.providers.base import Finished
from chatserver.runtime import clock
from tests.emulators.huggingface import (
    At,
    Cut,
    Embedded,
    Emulator,
    Endless,
    Fail,
    Hang,
    Json,
    Loading,
    Outcome,
    Prediction,
    Queue,
    Raw,
    Reset,
    Silence,
    Task,
    Trickle,
    pictures,
)
from tests.emulators.huggingface.outcomes import HTML
from tests.providers.huggingface.requests import IMPATIENT, Make, finished, request, updates_of

FAULTS: list[tuple[Outcome, type[ProviderError], str]] = [
    (Fail(401), InvalidToken, "token"),
    (Fail(402), ProviderCreditsUsedUp, "credits"),
    (Fail(403), NoPermission, "inference"),
    (Fail(404), ModelGone, "model"),
    (Fail(410), ModelGone, "no longer"),
    (Fail(400), ModelGone, "Model not supported by provider"),
    (Fail(400, {"error": ["width: received (`7`) in parameters"]}), BadParameters, "received"),
    # Remarks beside the reason: this one reads as if the model were gone.
    (
        Fail(400, {"error": ["width is odd"], "warnings": ["This model's `x` is deprecated"]}),
        BadParameters,
        "width is odd",
    ),
    (Fail(400, {"error": {"message": "x", "code": "model_not_supported", "type": "t"}}), BadParameters, "settings"),
    (Fail(413), BadParameters, "settings"),
    (Fail(422), BadParameters, "multiple of 8"),
    (Fail(422, {"error": "steps: too many", "error_type": "validation"}), BadParameters, "too many"),
    (Fail(422, "unknown field `x`", content_type="text/plain"), BadParameters, "unknown field"),
    (Fail(422, {"detail": [{"msg": "Prompt flagged", "type": "content_policy_violation"}]}), Refused, "other words"),
    (Fail(400, {"error": "NSFW content was detected"}), Refused, "refused"),
    (Fail(429), ProviderRateLimited, "7 seconds"),
    (Fail(500), ProviderError, "CUDA out of memory"),
    (Fail(502), ProviderDown, "cannot be reached"),
    (Fail(503), ProviderDown, "cannot be reached"),
    (Fail(504), TimedOut, "longer than we allow"),
    (Fail(302, headers={"Location": "http://169.254.169.254/"}), ProviderError, "do not know"),
    (Fail(503, {"error": "busy"}, chunked=True), ProviderDown, "busy"),
    (Reset(), ProviderDown, "cannot be reached"),
    (Reset(polite=True), ProviderDown, "cannot be reached"),
    (Reset(after=100), BadBytes, "cut off"),
    (Raw(HTML.encode(), "text/html"), BadBytes, "a web page instead of a picture"),
    (Json({"note": "no picture here"}, content_type="image/png"), BadBytes, "held no picture"),
    (Raw(b"", "image/png"), BadBytes, "empty"),
    (Raw(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"), BadBytes, "an SVG, which this server"),
    (Raw(b"\0\0\1\0\1\0" + bytes(40), "image/png"), BadBytes, "an icon"),
    (Raw(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "image/jp2"), BadBytes, "a JPEG 2000 file"),
    (Raw(bytes(40) + b"\0" * 8 + b"TRUEVISION-XFILE.\0", "image/png"), BadBytes, "a TGA file"),
    (Raw(b"PK\x03\x04", "image/png"), BadBytes, "something else"),
    (Json({"error": "The GPU is on holiday"}), ProviderError, "on holiday"),
    (Json({"error": {"message": "flagged", "code": "content_policy_violation"}}), Refused, "flagged"),
    (Json({"detail": [{"loc": ["body", "width"], "msg": "is too small"}]}), ProviderError, "width: is too small"),
    (Raw(b"{broken", "application/json"), BadBytes, "held no picture"),
    (Raw(b"[" * 100_000, "application/json"), BadBytes, "held no picture"),
    (Raw(b"x", "image/png", headers={"Content-Encoding": "br"}), BadBytes, "packed"),
    (Raw(b"not gzip", "image/png", headers={"Content-Encoding": "gzip"}), BadBytes, "unpacked"),
    (Cut("length"), BadBytes, "cut off"),
    (Cut("chunked"), BadBytes, "cut off"),
    (Silence(), TimedOut, "longer"),
    (Hang(), TimedOut, "longer"),
    (Embedded("bad"), BadBytes, "broken"),
    (Embedded("empty"), BadBytes, "held no picture"),
]


@pytest.mark.parametrize(("outcome", "error", "words"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
async def test_a_fault_has_its_error_and_its_words(
    huggingface: Emulator, make: Make, outcome: Outcome, error: type[ProviderError], words: str
):
    huggingface.script("text-to-image", [outcome])
    with pytest.raises(ProviderError) as raised:
        await updates_of(make(_limits_for(outcome), hf_provider="hf-inference"), request())
    assert type(raised.value) is error
    assert words in raised.value.message
    assert "<" not in raised.value.message
    assert "hf_emulated" not in str(raised.value.as_dict())
    assert len(huggingface.calls("make")) == 1, "a fault is the pipeline's to retry, not ours"


def _limits_for(outcome: Outcome) -> dict[str, float]:
    return IMPATIENT if isinstance(outcome, Hang | Silence) else {}


async def test_a_trickle_beats_the_silence_but_not_the_deadline(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Trickle(0.3)])
    with pytest.raises(TimedOut):
        await updates_of(
            make({"image_seconds": 0.8, "generation_idle_seconds": 0.6}, hf_provider="hf-inference"), request()
        )
    huggingface.script("text-to-image", [Trickle(0.02)])
    assert await finished(make(hf_provider="hf-inference"), request())


async def test_a_model_that_never_loads_is_given_up(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Loading(60)])
    with pytest.raises(ModelLoadingTooLong) as raised:
        await updates_of(make({"loading_seconds": 0.2}, hf_provider="hf-inference"), request())
    assert raised.value.temporary


async def test_a_queue_that_never_moves_times_out_and_is_cancelled(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Queue((5,), stuck=True)])
    provider = make({"image_seconds": 0.8}, hf_provider="fal-ai")
    with pytest.raises(TimedOut):
        await updates_of(provider, request())
    await provider.close()
    assert [job.cancelled for job in huggingface.jobs.values()] == [True]


IN_JOBS: list[tuple[str, Outcome, type[ProviderError], str]] = [
    ("fal-ai", Queue(error="The GPU caught fire"), ProviderError, "caught fire"),
    ("fal-ai", Queue(error="Flagged", error_type="content_policy_violation"), Refused, "other words"),
    ("fal-ai", Queue(nsfw=True), BlackedOut, "safety check"),
    ("fal-ai", Queue(result=Fail(422, {"detail": [{"msg": "steps must be below 13"}]})), BadParameters, "below 13"),
    ("fal-ai", Queue(result=Json({"images": []})), BadBytes, "held no picture"),
    ("fal-ai", Queue(result=Json({"images": [{"url": None}]})), BadBytes, "held no picture"),
    ("fal-ai", Queue(result=Json({"error": {"message": "The GPU is on holiday"}})), ProviderError, "on holiday"),
    ("nscale", Json({"error": "The GPU is on holiday"}), ProviderError, "on holiday"),
    ("fal-ai", Queue(result=Raw(b"oops")), BadBytes, "could not be read"),
    ("fal-ai", Json({"status": "IN_QUEUE"}), BadBytes, "where to ask"),
    ("fal-ai", Fail(402), ProviderCreditsUsedUp, "credits"),
    ("replicate", Prediction(error="NSFW content detected"), Refused, "other words"),
    ("replicate", Prediction(polls=2, error="Out of memory"), ProviderError, "Out of memory"),
    ("replicate", Prediction(polls=2, polling=False), TimedOut, "longer"),
    ("replicate", Json({"id": "a", "status": "succeeded", "output": []}), BadBytes, "held no picture"),
    ("replicate", Json({"id": "../x", "status": "processing"}), BadBytes, "where to ask"),
    ("wavespeed", Task(error="The prompt has sensitive content"), Refused, "other words"),
    ("wavespeed", Task(nsfw=True), BlackedOut, "no credit"),
    ("wavespeed", Task(error="worker lost"), ProviderError, "worker lost"),
    ("wavespeed", Json({"code": 402, "message": "no balance"}), ProviderCreditsUsedUp, "no balance"),
    ("wavespeed", Json({"data": None}), BadBytes, "could not be read"),
    ("nscale", Embedded("bad"), BadBytes, "broken"),
    ("together", Embedded("empty"), BadBytes, "held no picture"),
]


@pytest.mark.parametrize(("provider", "plan", "error", "words"), IN_JOBS)
async def test_a_job_that_fails_says_why(
    huggingface: Emulator, make: Make, provider: str, plan: Outcome, error: type[ProviderError], words: str
):
    huggingface.script("text-to-image", [plan])
    with pytest.raises(ProviderError) as raised:
        await updates_of(make(hf_provider=provider), request())
    assert type(raised.value) is error
    assert words in raised.value.message


async def test_polls_that_go_on_failing_are_an_outage(huggingface: Emulator, make: Make):
    huggingface.script("poll", [Fail(502)] * 3)
    with pytest.raises(ProviderDown):
        await updates_of(make(hf_provider="fal-ai"), request())
    assert len(huggingface.calls("poll")) >= 3


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.fal.media/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/a.png",
        "https://[::1]/a.png",
        "https://localhost/a.png",
        "https://evil.example/a.png",
        "https://evil.example\\@cdn.fal.media/a.png",
        "https://cdn.fal.media@evil.example/a.png",
        "https://fal.media.evil.example/a.png",
        "file:///etc/passwd",
        "//cdn.fal.media/a.png",
    ],
)
async def test_an_address_that_is_not_trusted_is_not_fetched(huggingface: Emulator, make: Make, url: str):
    huggingface.script("text-to-image", [At(url)])
    with pytest.raises(BadBytes, match="does not trust"):
        await updates_of(make(hf_provider="fal-ai", hf_result_hosts="*.fal.media"), request())


async def test_a_listed_name_that_leads_to_a_private_network_is_not_fetched(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [At("https://cdn.localhost/a.png"), At("https://cdn.localtest.invalid/a.png")])
    provider = make(hf_provider="fal-ai", hf_result_hosts="*.localhost,*.invalid")
    with pytest.raises(BadBytes, match="does not trust"):
        await updates_of(provider, request())
    with pytest.raises(ProviderDown):
        await updates_of(provider, request())


async def test_the_resolver_leaves_private_addresses_out(make: Make):
    resolver = make()._results._http._resolver
    with pytest.raises(OSError, match="private network"):
        await resolver.resolve("localhost", 443)


@pytest.mark.parametrize(
    ("outcome", "error", "words"),
    [
        (Fail(302, headers={"Location": "http://169.254.169.254/"}), BadBytes, "leads elsewhere"),
        (Fail(403), BadBytes, "no longer"),
        (Fail(404), BadBytes, "no longer"),
        (Fail(503), ProviderDown, "server is down"),
        (Raw(HTML.encode(), "text/html"), BadBytes, "a web page"),
        (Cut(), BadBytes, "cut off"),
        (Silence(), TimedOut, "longer"),
        (Reset(), ProviderDown, "cannot be reached"),
    ],
)
async def test_a_file_that_cannot_be_fetched_says_so(
    huggingface: Emulator, make: Make, outcome: Outcome, error: type[ProviderError], words: str
):
    huggingface.script("file", [outcome] * 2)
    with pytest.raises(ProviderError) as raised:
        await updates_of(make(_limits_for(outcome), hf_provider="fal-ai"), request())
    assert type(raised.value) is error
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("outcome", "provider"),
    [
        (Endless(), "hf-inference"),
        (Endless(200), "hf-inference"),
        (Endless(200, say_length=True), "hf-inference"),
        (Raw(pictures.gzip_bomb(), "image/png", headers={"Content-Encoding": "gzip"}), "hf-inference"),
        (Endless(), "fal-ai"),
    ],
)
async def test_memory_stays_bounded_whatever_comes(huggingface: Emulator, make: Make, outcome: Outcome, provider: str):
    huggingface.script("file" if provider == "fal-ai" else "text-to-image", [outcome])
    process = psutil.Process(os.getpid())
    before, peak = process.memory_info().rss, 0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    with pytest.raises(BadBytes, match="larger than the"):
        await updates_of(make({"image_bytes": 8 << 20, "json_bytes": 1 << 10}, hf_provider=provider), request())
    watching.cancel()
    assert peak - before < 40 << 20


async def test_a_huge_picture_of_few_bytes_is_handed_on_for_the_pipeline_to_judge(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Raw(pictures.pixel_bomb(), "image/png")])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = await finished(make(hf_provider="hf-inference"), request())
    assert isinstance(made, Finished)
    # Kilobytes: a decoded 400 MP picture would take 400 MB at least.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "99999999999999999999"}, 3600),
        ({"Retry-After": "9" * 400}, 3600),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "NaN"}, None),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 1),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 3600),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "", "RateLimit": '"api";r=0;t=55'}, 55),
        ({"Retry-After": "", "RateLimit": '"api";r=12;t=55'}, None),
    ],
)
async def test_a_rate_limit_says_when_to_come_back(
    huggingface: Emulator, make: Make, headers: dict[str, str], seconds: float | None
):
    huggingface.script("text-to-image", [Fail(429, headers=headers)])
    with pytest.raises(ProviderRateLimited) as raised:
        await updates_of(make(hf_provider="hf-inference"), request())
    assert raised.value.retry_after == seconds


async def test_a_date_to_come_back_at_is_read_by_the_databases_clock(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2031, 3, 4, 5, 6, 7, tzinfo=UTC))
    assert error_responses.retry_after({"Retry-After": "Tue, 04 Mar 2031 05:07:07 GMT"}) == 60


async def test_without_a_token_nothing_is_called(huggingface: Emulator, make: Make):
    with pytest.raises(InvalidToken, match="has no Hugging Face token"):
        await updates_of(make(huggingface_api_key=""), request())
    assert huggingface.seen == []


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer abc",
        "your key hf_abcdefghijkl is wrong",
        "<b>bold</b>",
        "x" * 201,
        "{}",
        "cut \ud83d",
        "a\u202eb",
        "a\x9bb",
    ],
)
async def test_what_a_service_says_is_not_passed_on_when_it_may_harm(huggingface: Emulator, make: Make, secret: str):
    huggingface.script("text-to-image", [Fail(500, {"error": secret})])
    with pytest.raises(ProviderError) as raised:
        await updates_of(make(hf_provider="hf-inference"), request())
    assert "It said" not in raised.value.message


async def test_a_service_that_is_not_there_is_down(huggingface: Emulator, make: Make):
    with pytest.raises(ProviderDown):
        await updates_of(make(hf_endpoint="http://127.0.0.1:1"), request())
    with pytest.raises(ProviderDown):
        await updates_of(make(hf_router_url="http://nowhere.invalid"), request())


async def test_a_picture_over_the_cap_is_refused_also_where_its_coded_form_would_fit(huggingface: Emulator, make: Make):
    huggingface.script("text-to-image", [Raw(b"\x89PNG\r\n\x1a\n" + bytes(1100), "image/png")])
    with pytest.raises(BadBytes, match="larger than the"):
        await updates_of(make({"image_bytes": 1000}, hf_provider="hf-inference"), request())
