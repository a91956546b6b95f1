"""Hugging Face through the whole product: every exchange of the emulator as somebody who asks for a picture sees it.

After each fault the credit is back, the message says why with a code, and the connection and the worker live. Many faults
go at the same time, each told to the emulator by its prompt.
"""

import asyncio
import contextlib
import json
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.emulators.huggingface import (
    ABSENT,
    At,
    Cut,
    Embedded,
    Emulator,
    Endless,
    Fail,
    Json,
    Loading,
    Ok,
    Prediction,
    Queue,
    Raw,
    Reset,
    Silence,
    Slow,
    Stream,
    Task,
    Trickle,
    hub,
    pictures,
)
from tests.emulators.huggingface.outcomes import HTML
from tests.emulators.huggingface.server import TOKEN
from tests.support import product as products
from tests.support.story import Refusal, sign_up

# Wide open: what these limits do has tests of its own.
WIDE = {
    "HF_CONCURRENCY": "40",
    "HF_REQUESTS_PER_HOUR": "100000",
    "WORKER_CONCURRENCY": "40",
    "PROVIDER_FAILURES": "1000",
}
# Quick to give up, for what never ends; the others have as long as in life, on a machine that is busy.
IMPATIENT = {"HF_SILENCE_SECONDS": "2", "HF_SECONDS": "9", "HF_LOADING_SECONDS": "2"}
# Who serves which model in the installation with several providers.
SEVERAL = {
    "emulated/pictures": "nscale",
    "emulated/edit": "wavespeed",
    "emulated/video": "replicate",
}
# The installation whose memory is measured.
MEASURED = "hf-inference"
# For a picture whose worker a busy machine has held up beyond its lease, too: it is done again after that.
PATIENCE_SECONDS = 150
MIB = 1024 * 1024
DONE = "done"


@pytest.fixture(scope="module")
async def emulator():
    """One of our own, so that nobody else resets it."""
    running = Emulator().start()
    yield running
    running.close()


@pytest.fixture(scope="module")
async def installations(emulator, postgres_server, tmp_path_factory):
    """Products on databases of their own, begun at the same time: pictures from hf-inference, from fal, and one with
    several providers: pictures from nscale, variations from WaveSpeed, clips from Replicate; and two that are impatient."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name):
            url = await postgres_server.create_database()
            models = dict(zip(("IMAGE_MODEL", "IMAGE_EDIT_MODEL", "VIDEO_MODEL"), SEVERAL, strict=True))
            provider, _, patience = name.partition(", ")
            environ = {**emulator.environment(), **WIDE, "HF_PROVIDER": provider, "DATABASE_URL": url}
            environ |= models if provider == "auto" else {}
            environ |= IMPATIENT if patience else {}
            # Executed, so that its child processes are below it, whose memory is measured.
            program = products.COMMAND if name == MEASURED else None
            running = products.running(tmp_path_factory.mktemp(name), program=program, **environ)
            installation = await stack.enter_async_context(running)
            return name, installation, url

        for model, provider in SEVERAL.items():
            emulator.mappings[model] = {provider: hub.mapping_of(model)[provider]}
        names = ("hf-inference", "fal-ai", "auto", "hf-inference, impatient", "fal-ai, impatient")
        started = await asyncio.gather(*(start(name) for name in names))
        yield {name: installation for name, installation, _ in started}
    for _, _, url in started:
        await postgres_server.drop_database(url)


class Case:
    """A prompt, what it gets, and what must become of it: `done`, or an error's code."""

    def __init__(self, name, expected, outcome, file=None, varied=False, **fields):
        self.varied = varied
        self.prompt, self.expected, self.outcome, self.file, self.fields = f"a {name}", expected, outcome, file, fields


def detail(message):
    return {"detail": [{"type": "value_error", "loc": ["body", "width"], "msg": message, "input": 100}]}


BYTES = [
    Case("plain success", DONE, Ok()),
    Case("model that loads", DONE, Loading(1.5)),
    Case("model that loads without a time", DONE, Loading(1, estimate=ABSENT)),
    Case("model that loads for less than nothing", DONE, Loading(1, estimate=-3)),
    Case("model that loads for no number", DONE, Loading(1, estimate="NaN")),
    Case("401", "invalid-token", Fail(401)),
    Case("402", "provider-credits-used-up", Fail(402)),
    Case("403", "no-permission", Fail(403)),
    Case("404 page", "model-gone", Fail(404)),
    Case("404", "model-gone", Fail(404, {"error": "Model not found"})),
    Case("410", "model-gone", Fail(410)),
    Case("400 unsupported", "model-gone", Fail(400)),
    Case("400 list", "bad-parameters", Fail(400, {"error": ["width too odd: received `7` in parameters"]})),
    Case("422 list", "bad-parameters", Fail(422)),
    Case("422 of TGI", "bad-parameters", Fail(422, {"error": "steps too many", "error_type": "validation"})),
    Case("422 text", "bad-parameters", Fail(422, "Failed to deserialize", content_type="text/plain")),
    Case("422 in chunks", "bad-parameters", Fail(422, detail("width"), chunked=True)),
    Case("refusal", "refused", Fail(400, {"error": "The prompt was flagged by our content policy"})),
    Case("500", "provider-error", Fail(500)),
    Case("502 page", "provider-down", Fail(502)),
    Case("503 page", "provider-down", Fail(503)),
    Case("504 page", "timed-out", Fail(504)),
    Case("page instead of a picture", "bad-bytes", Raw(HTML.encode(), "text/html")),
    Case("wrong content type", DONE, Raw(pictures.picture("x", 1, 64, 64), "application/octet-stream")),
    Case("JSON labelled as a picture", "bad-bytes", Raw(b'{"hello": 1}', "image/png")),
    Case("nothing", "bad-bytes", Raw(b"", "image/png")),
    Case("slow trickle", DONE, Trickle(0.1)),
    Case("body cut off", "bad-bytes", Cut()),
    Case("body without its last chunk", "bad-bytes", Cut("chunked")),
    Case("half a picture", "bad-bytes", Cut("half")),
    Case("picture of 108 megapixels", "bad-bytes", Raw(pictures.pixel_bomb(12_000, 9_000), "image/png")),
    Case("stamp", "not-as-ordered", Raw(pictures.picture("x", 1, 16, 16), "image/jpeg"), width=1024, height=1024),
    Case("strip", "not-as-ordered", Raw(pictures.picture("x", 1, 1024, 200), "image/jpeg")),
    Case("size of its own", DONE, Raw(pictures.picture("x", 1, 832, 480), "image/jpeg")),
    Case("reset", "provider-down", Reset()),
    Case("reset in the middle", "bad-bytes", Reset(after=100)),
    Case("polite close", "provider-down", Reset(polite=True)),
    Case("black picture without a flag", "blacked-out", Raw(pictures.pixel_bomb(400, 400), "image/png")),
]
ENDLESS_BYTES = [
    Case("model that never loads", "model-loading-too-long", Loading(600)),
    Case("silence", "timed-out", Silence()),
]
ENDLESS_QUEUES = [Case("stuck queue", "timed-out", Queue((5,), stuck=True))]
QUEUES = [
    Case("place in the queue", DONE, Queue((3, 2, 1, 0), steps=6)),
    Case("place that rises", DONE, Queue((1, 4, 0))),
    Case("queue without logs", DONE, Queue((0,), steps=3, takes_logs=False)),
    Case("job that failed", "provider-error", Queue(error="Worker lost")),
    Case("job that was refused", "refused", Queue(error="The prompt was flagged by the safety checker")),
    Case("flagged picture", "blacked-out", Queue(nsfw=True)),
    Case("result of 422", "bad-parameters", Queue(result=Fail(422))),
    Case("file that redirects", "bad-bytes", Ok(), Raw(b"", status=302, headers={"Location": "http://10.0.0.1/x.png"})),
    Case("file that expired", "bad-bytes", Ok(), Fail(403)),
    Case("file that is gone", "bad-bytes", Ok(), Fail(404)),
    Case("address of a metadata service", "bad-bytes", At("http://169.254.169.254/latest/x.png")),
    Case("address without TLS", "bad-bytes", At("http://v3.fal.media/x.png")),
    Case("clip", DONE, Ok(), kind="video"),
]
JSONS = [
    Case("base64", DONE, Embedded("b64")),
    Case("bad base64", "bad-bytes", Embedded("bad")),
    Case("answer without data", "bad-bytes", Embedded("empty")),
    Case("address in its place", DONE, Embedded("url")),
    Case("number", "bad-bytes", Json(7)),
]
PREDICTIONS = [
    Case("prediction at once", DONE, Prediction(), kind="video"),
    Case("prediction that takes a while", DONE, Prediction(polls=5), kind="video"),
    Case("prediction that fails", "provider-error", Prediction(polls=1, error="CUDA out of memory"), kind="video"),
]
TASKS = [
    Case("task", DONE, Task(), varied=True),
    Case("flagged task", "blacked-out", Task(nsfw=True), varied=True),
    Case("task that fails", "provider-error", Task(error="the model fell over"), varied=True),
]


async def play(installation, emulator, cases, at_most=12):
    """Asks for all of them, each batch in a session of its own; the ended generations by prompt, and what was heard."""
    for case in cases:
        emulator.wish(case.prompt, case.outcome, case.file)
    batches = [cases[start : start + at_most] for start in range(0, len(cases), at_most)]
    played = await asyncio.gather(*(_play_batch(installation, batch, f"Ada{n}") for n, batch in enumerate(batches)))
    return {prompt: found for batch in played for prompt, found in batch.items()}


async def _play_batch(installation, cases, name):
    ada = await sign_up(installation, name)
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    source = await make_source(chat, cases)
    asked = {
        case.prompt: await chat.generates(
            case.prompt, **{"width": 64, "height": 64, **case.fields, **(source if case.varied else {})}
        )
        for case in cases
    }
    found = {}
    for prompt, message in asked.items():
        [generation] = (await chat.sees_ended(message, patience=PATIENCE_SECONDS))["generations"]
        heard = [each for each in chat.events if each.get("generation_id") == generation["id"]]
        found[prompt] = generation, heard
    spent = [generation for generation, _ in found.values()] + [{"status": "done", "kind": "image"}] * bool(source)
    await check_credits(ada, session, spent)
    # The connection lives, and so does whoever answers; nothing that is asked here is under way when a later test says
    # what the emulator answers next.
    await reply_to(chat, "still here")
    assert chat.close_code is None
    await chat.leaves()
    return found


async def make_source(chat, cases):
    """A finished picture to vary, where one of the cases wants one."""
    if not any(case.varied for case in cases):
        return {}
    source = await chat.generates("a source", width=64, height=64)
    [generation] = (await chat.sees_ended(source, patience=PATIENCE_SECONDS))["generations"]
    return {"source_asset_id": generation["assets"][0]["id"]}


async def check_credits(ada, session, generations):
    credits = await ada.credits(session)
    for kind in ("image", "video"):
        spent = sum(each["status"] == "done" and each["kind"] == kind for each in generations)
        assert credits[kind]["held"] == 0
        assert credits[kind]["left"] == credits[kind]["limit"] - spent


def check(case, generation):
    error = generation["error"]
    ended = error["code"] if error else generation["status"]
    assert ended == case.expected, (case.prompt, error)
    if error:
        assert error["credit_returned"] is True
        assert len(error["message"]) > 20
        assert not any(secret in error["message"] for secret in (TOKEN, "Bearer", "<", "http://"))
    else:
        assert generation["assets"][0]["width"]
        assert "huggingface · " in generation["provider"]


@pytest.mark.timeout(3 * PATIENCE_SECONDS)
@pytest.mark.parametrize(
    ("provider", "cases", "endless"),
    [
        ("hf-inference", BYTES, ENDLESS_BYTES),
        ("fal-ai", QUEUES, ENDLESS_QUEUES),
        ("auto", JSONS + PREDICTIONS + TASKS, []),
    ],
    ids=["hf-inference", "fal-ai", "auto"],
)
async def test_every_exchange_ends_as_it_should_with_the_credit_where_it_belongs(
    installations, emulator, provider, cases, endless, postgres_server
) -> None:
    plays = [play(installations[provider], emulator, cases)]
    if endless:
        plays.append(play(installations[f"{provider}, impatient"], emulator, endless))
    found = {prompt: each for played in await asyncio.gather(*plays) for prompt, each in played.items()}
    for case in cases + endless:
        check(case, found[case.prompt][0])
    stages = {case.prompt: found[case.prompt][1] for case in cases}
    if provider == "hf-inference":
        loading = [each["eta_seconds"] for each in stages["a model that loads"] if "eta_seconds" in each]
        assert loading
        assert max(loading) <= 1.5
        attempts = [
            len(calls)
            for calls in (of_prompt(emulator, "a 402"), of_prompt(emulator, "a 410"), of_prompt(emulator, "a 403"))
        ]
        attempts.append(len(of_prompt(emulator, "a stamp")))
        assert attempts == [1, 1, 1, 1], "never tried again"
        assert len(of_prompt(emulator, "a 502 page")) == 3
    if provider == "fal-ai":
        told = stages["a place in the queue"]
        assert {each["position"] for each in told if "position" in each} & {2, 3, 4}
        assert any(each.get("steps") == 6 for each in told)
        await until(lambda: any(seen.path.endswith("/cancel") for seen in emulator.calls("poll")))
    if provider == "auto":
        assert any(each.get("fraction") for each in stages["a prediction that takes a while"])
    await check_kept_calls(installations[provider], postgres_server, cases)


# Whose fault what went wrong is; everything else is the provider's.
USERS = {"refused", "blacked-out", "bad-parameters", "source-gone"}
OURS = {"invalid-token", "no-permission", "provider-credits-used-up", "model-gone", "wrong-address"}
KEPT = """
SELECT g.prompt, g.attempt AS attempts, g.status, g.error_code, array_agg(a.outcome) AS outcomes,
       array_agg(a.error_code) AS codes, array_agg(a.blame) AS blames, bool_and(a.cost IS NULL) AS unknown,
       array_agg(DISTINCT a.attempt) AS numbers
  FROM generations g JOIN generation_attempts a ON a.generation_id = g.id
 WHERE g.finished_at IS NOT NULL GROUP BY g.id"""


async def check_kept_calls(installation, postgres_server, cases) -> None:
    """What was asked of the provider is kept, each attempt with how it ended, and the right one is blamed."""
    connection = await asyncpg.connect(postgres_server.admin_url_of(installation.environment["DATABASE_URL"]))
    try:
        rows = {row["prompt"]: row for row in await connection.fetch(KEPT)}
    finally:
        await connection.close()
    for case in cases:
        row = rows[case.prompt]
        assert row["numbers"] == list(range(1, row["attempts"] + 1)), case.prompt
        assert "cancelled" not in row["outcomes"] and (row["outcomes"].count("done") == 1) == (row["status"] == "done")
        for code, blame in zip(row["codes"], row["blames"], strict=True):
            expected = "user" if code in USERS else "ours" if code in OURS else code and "provider"
            assert blame == expected, (case.prompt, code, blame)
        assert row["status"] == "done" or row["error_code"] in row["codes"], case.prompt


def of_prompt(emulator, prompt):
    return [seen for seen in emulator.calls("make") if (seen.document or {}).get("inputs") == prompt]


async def until(condition, seconds=60.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


async def test_every_failure_leaves_a_line_with_the_services_own_words(installations, emulator) -> None:
    installation = installations["hf-inference"]
    ada = await sign_up(installation, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    said = {"error": f"the octopus\r\nhas a cold, says {TOKEN} at http://ada:canary@gpu.lan/?key=canary-17"}
    emulator.wish("a secret garden", Fail(400, said))
    [generation] = (await chat.sees_ended(await chat.generates("a secret garden")))["generations"]
    assert generation["error"]["code"] == "bad-parameters"
    emulator.script("chat", [Fail(400, said)])
    reply = await reply_to(chat, "hello octopus of mine")
    assert "bad-parameters" in reply["text"]
    emulator.script("chat", [Fail(402, said)])
    with pytest.raises(Refusal):
        await chat.asks("prompt.improve", prompt="a secret garden")
    for event in ("provider.failed", "generation.fault", "reply.failed", "prompt_improvement.failed"):
        [line] = [line for line in installation.output().splitlines() if f"{event}" in line and "octopus" in line]
        told = json.loads(line)
        assert told["said"].startswith("the octopus has a cold, says •••• at http://")
        assert (told["level"], told["status"] in {400, 402}) == ("warning", True)
    assert not any(secret in installation.output() for secret in (TOKEN, "canary", "secret garden", "octopus of mine"))
    await chat.leaves()


async def test_the_model_is_not_served_or_the_hub_is_slow_or_limits_us(installations, emulator) -> None:
    ada = await sign_up(installations["hf-inference"], "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    # Clips have not been asked for here, so their mapping is not known yet.
    emulator.mappings["Wan-AI/Wan2.2-TI2V-5B"] = {
        "nobody-known": {"status": "live", "providerId": "x", "task": "text-to-video"}
    }
    emulator.script("mapping", [Slow(1.5)])
    asked = asyncio.create_task(chat.generates("a clip of nobody", kind="video"))
    pings = []
    for _ in range(10):
        began = time.perf_counter()
        await chat.asks("ping")
        pings.append(time.perf_counter() - began)
        await asyncio.sleep(0.1)
    [generation] = (await chat.sees_ended(await asked))["generations"]
    assert generation["error"]["code"] == "model-gone"
    assert generation["error"]["credit_returned"]
    assert sorted(pings)[len(pings) // 2] < 0.5, "the loop goes on while the hub thinks"
    del emulator.mappings["Wan-AI/Wan2.2-TI2V-5B"]
    await chat.leaves()


async def test_a_rate_limit_is_waited_for_with_its_time_or_said_when_it_is_too_long(
    installations, emulator, tmp_path
) -> None:
    installation = installations["auto"]
    ada = await sign_up(installation, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    emulator.script("text-to-image", [Fail(429, headers={"Retry-After": "3"})])
    first = await chat.generates("a first")
    await until(lambda: any(each.get("waits_for") == "closed" for each in chat.events) or not progress_of(chat, first))
    [generation] = (await chat.sees_ended(first))["generations"]
    assert (generation["status"], generation["stage"]["attempt"]) == ("done", 2)
    waits = [each for each in progress_of(chat, first) if each.get("waits_for") == "closed"]
    assert waits
    assert all(0 < each["eta_seconds"] <= 10 for each in waits)
    emulator.script("text-to-image", [Fail(429, headers={"Retry-After": "99999"})])
    second = await chat.generates("a second")
    [generation] = (await chat.sees_ended(second))["generations"]
    assert generation["error"]["code"] == "provider-rate-limited"
    assert "60 minutes" in generation["error"]["message"]
    assert generation["error"]["retry_at"]
    third = await chat.generates("a third")
    waiting = await chat.hears(
        lambda each: each.get("generation_id") == third["generations"][0]["id"] and "eta_seconds" in each
    )
    assert 3500 < waiting["eta_seconds"] <= 3605
    assert waiting["waits_for"] == "closed"
    await chat.asks("generation.cancel", generation_id=third["generations"][0]["id"])
    await check_credits(ada, session, [{"status": "done", "kind": "image"}])
    await chat.leaves()
    # Not closed for an hour, for the tests that use this installation later.
    await command(tmp_path, installation.environment, "providers", "resume", "huggingface")


def progress_of(chat, message):
    return [each for each in chat.events if each.get("generation_id") == message["generations"][0]["id"]]


async def test_bombs_and_endless_bodies_cost_bounded_memory(installations, emulator) -> None:
    cases = [
        Case("body of 200 MB", "bad-bytes", Endless(megabytes=200)),
        Case("body of 200 MB that says so", "bad-bytes", Endless(megabytes=200, say_length=True)),
        Case("body without an end", "bad-bytes", Endless()),
        Case("picture of 400 megapixels", "bad-bytes", Raw(pictures.pixel_bomb(), "image/png")),
        Case("packed bomb", "bad-bytes", Raw(pictures.gzip_bomb(), "image/png", headers={"Content-Encoding": "gzip"})),
    ]
    installation = installations[MEASURED]
    watching = asyncio.create_task(peak_of(installation.process.pid))
    before = memory_of(installation.process.pid)
    found = await play(installation, emulator, cases)
    watching.cancel()
    peak = await watching
    for case in cases:
        check(case, found[case.prompt][0])
    # Three of them at once keep at most their 64 MiB each, until each is given up; nothing is ever decoded.
    assert peak - before < 400 * MIB, f"{before / MIB:.0f} MiB before, {peak / MIB:.0f} at the peak"


def memory_of(pid):
    total = 0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


async def peak_of(pid):
    peak = 0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            peak = max(peak, memory_of(pid))
            await asyncio.sleep(0.03)
    return peak


# The assistant --------------------------------------------------------------------------------------------------------


async def reply_to(chat, text):
    """What the assistant made of it, ended."""
    said = await chat.says(text)
    return await chat.sees(lambda each: each.get("reply_to") == said["id"] and each["status"] != "streaming")


async def test_every_stream_of_the_assistant_ends_in_words(installations, emulator) -> None:
    ada = await sign_up(installations["auto"], "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    broken = {"error": {"message": "The model fell over", "http_status_code": 500}}
    cases = [
        (Stream(), "done", "greet"),
        (Stream(keep_alive=True, crlf=True, split=3), "done", "Ærøskøbing* 🌅"),
        (Stream(ending="no-done", usage=False), "done", "greet"),
        (Stream(whole=True), "done", "greet"),
        (Stream(ending="cut"), "failed", "`truncated`"),
        (Stream(ending="reset"), "failed", "`truncated`"),
        (Stream(ending="error", error=broken), "failed", "`provider-error`"),
        (Fail(401), "failed", "`invalid-token`"),
        (Fail(402), "failed", "`provider-credits-used-up`"),
        (Fail(429, chunked=True), "failed", "`provider-rate-limited`"),
    ]
    for outcome, status, words in cases:
        emulator.script("chat", [outcome])
        reply = await reply_to(chat, f"show me {type(outcome).__name__}")
        assert (reply["status"], words in reply["text"]) == (status, True), (outcome, reply["text"])
        if isinstance(outcome, Stream):
            assert "Here is a small" in reply["text"], "what was written is kept"
        if status == "done":
            assert '<code data-language="python">' in reply["html"]
    stats = await chat.hears(lambda each: each["type"] == "stats" and each["tokens_out"] >= 34 * 3)
    assert stats["tokens_in"] >= 21 * 3
    await chat.leaves()


async def test_stop_in_mid_stream_keeps_the_words_and_closes_the_services_stream(installations, emulator) -> None:
    installation = installations["auto"]
    ada = await sign_up(installation, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    emulator.script("chat", [Stream(text="word " * 4000, pause=0.02)])
    said = await chat.says("tell me much")
    reply = await chat.sees(lambda each: each.get("reply_to") == said["id"] and len(each["text"]) > 20)
    assert emulator.streaming == 1
    await chat.asks("message.stop", message_id=reply["id"])
    stopped = await chat.sees(lambda each: each["id"] == reply["id"] and each["status"] != "streaming")
    assert stopped["status"] == "done"
    assert 20 < len(stopped["text"]) < 4000
    await until(lambda: emulator.streaming == 0)
    stats = await chat.hears(lambda each: each["type"] == "stats" and each["tokens_out"] > 0)
    assert stats["tokens_in"] > 0, "a stopped answer is counted as estimated"
    await chat.leaves()


async def test_the_plans_model_the_window_and_a_better_prompt(installations, emulator, tmp_path) -> None:
    installation = installations["auto"]
    ada, bob = await sign_up(installation, "Ada"), await sign_up(installation, "Bob")
    environ = installation.environment
    await command(tmp_path, environ, "plans", "set", "flash", "--chat-model", "emulated/chat-large")
    session = await ada.buys("flash")
    chat = await ada.joins(session)
    for number in range(4):
        await reply_to(chat, f"{number} " + "long words " * 700)
    sent = emulator.calls("chat")[-1].document
    assert sent["model"] == "emulated/chat-large"
    told = [turn["content"][:1] for turn in sent["messages"] if turn["role"] == "user"]
    assert told[-1] == "3"
    assert "0" not in told, "the oldest no longer fits"
    assert sent["messages"][0]["role"] == "system"
    emulator.script("chat", [Stream(text="```prompt\n“A lighthouse, storm, last light”\n```")])
    better = await chat.asks("prompt.improve", prompt="lighthouse")
    assert better == {"prompt": "A lighthouse, storm, last light"}
    offered = Stream(text="How about:\n\n```prompt\na harbour in fog, oil\n```")
    emulator.script("chat", [offered])
    assert "<pre data-prompt" in (await reply_to(chat, "an idea?"))["html"]
    emulator.script("chat", [Fail(402)])
    with pytest.raises(Refusal) as refusal:
        await chat.asks("prompt.improve", prompt="lighthouse")
    assert refusal.value.code == "provider-credits-used-up"
    # In company it answers only when it is called.
    await bob.accepts(await ada.invites(session))
    quiet = await chat.says("what do you think?")
    called = await chat.says("@assistant and you?")
    await chat.sees(lambda each: each.get("reply_to") == called["id"] and each["status"] == "done")
    assert not any(each.get("reply_to") == quiet["id"] for each in chat.messages.values())
    await chat.leaves()


# Limits over several workers ------------------------------------------------------------------------------------------


async def command(folder: Path, environ, *arguments):
    """Runs one command of the operator; its output."""
    started = products.start(folder, *arguments, wait=False, shares_database=True, **{**environ, "COLUMNS": "160"})
    ended = await started
    assert await ended.process.wait() == 0, ended.output()
    return ended.output()


async def test_two_worker_processes_keep_to_one_set_of_limits(emulator, database_url, database, tmp_path) -> None:
    # Whom an earlier test left in the middle of a call does not count here.
    await until(lambda: emulator.at_once == 0, 60)
    emulator.most_at_once = 0
    settings = {
        **emulator.environment(),
        "HF_PROVIDER": "hf-inference",
        "HF_CONCURRENCY": "2",
        "HF_REQUESTS_PER_HOUR": "6",
        "WORKER_CONCURRENCY": "4",
        "DATABASE_URL": database_url,
    }
    async with (
        products.running(tmp_path, "worker", wait=False, shares_database=True, **settings),
        products.running(tmp_path, "worker", wait=False, shares_database=True, **settings),
        serving_only(tmp_path, settings) as web,
    ):
        ada = await sign_up(web, "Ada")
        session = await ada.buys("pro")
        chat = await ada.joins(session)
        before = len(emulator.calls("make"))
        asked = [await chat.generates(f"a hill {n} [slow 0.7]", width=64, height=64) for n in range(9)]
        await until(lambda: count_done(chat) == 6, 60)
        waiting = [message for message in asked if message["generations"][0]["id"] not in done_ids(chat)]
        assert len(waiting) == 3
        for message in waiting:
            told = await chat.hears(
                lambda each, wanted=message: (
                    each.get("generation_id") == wanted["generations"][0]["id"] and each.get("waits_for") == "limit"
                )
            )
            assert 3500 < told["eta_seconds"] <= 3605
        assert (emulator.most_at_once, len(emulator.calls("make")) - before) == (2, 6)
        listed = await command(tmp_path, products.environment(tmp_path, **settings), "providers")
        assert "6 of 6" in listed
        # An hour later the window has slid on.
        statement = "UPDATE provider_calls SET started_at = started_at - '1 hour'::interval"
        await database.run_system(lambda tx: tx.connection.execute(statement))
        for message in waiting:
            await chat.sees_ended(message)
        assert count_done(chat) == 9
        assert emulator.most_at_once == 2
        await chat.leaves()


@contextlib.asynccontextmanager
async def serving_only(tmp_path, settings):
    async with products.running(tmp_path, "serve", "--role", "web", shares_database=True, **settings) as web:
        yield web


def done_ids(chat):
    every = (generation for message in chat.messages.values() for generation in message["generations"])
    return {generation["id"] for generation in every if generation["status"] == "done"}


def count_done(chat):
    return len(done_ids(chat))


async def test_breaker_fall_back_and_kill_switch(emulator, postgres_server, tmp_path) -> None:
    url = await postgres_server.create_database()
    settings = {
        **emulator.environment(),
        "HF_PROVIDER": "hf-inference",
        "PROVIDER_FAILURES": "2",
        "PROVIDER_REST_SECONDS": "3",
        "DATABASE_URL": url,
    }
    async with products.running(tmp_path, **settings) as installation:
        ada = await sign_up(installation, "Ada")
        session = await ada.buys("pro")
        chat = await ada.joins(session)
        emulator.script("text-to-image", [Fail(503), Fail(503)])
        asked = [await chat.generates(f"a valley {n}", width=64, height=64) for n in range(3)]
        await chat.hears(lambda each: each.get("waits_for") == "closed")
        ended = [await chat.sees_ended(message) for message in asked]
        assert [message["generations"][0]["status"] for message in ended] == ["done"] * 3
        environ = products.environment(tmp_path, **settings)
        listed = await command(tmp_path, environ, "providers", "pause", "huggingface")
        assert "paused" in listed
        assert "provider-down" in listed
        paused = await chat.generates("a paused one", width=64, height=64)
        told = await chat.hears(lambda each: each.get("waits_for") == "paused")
        assert told["generation_id"] == paused["generations"][0]["id"]
        assert "eta_seconds" not in told
        await command(tmp_path, environ, "providers", "resume", "huggingface")
        await chat.sees_ended(paused)
        await chat.leaves()
    async with products.running(tmp_path, **settings, PROVIDERS="huggingface,sketch") as installation:
        ada.product = installation
        chat = await ada.joins(session, product=installation)
        emulator.script("text-to-image", [Fail(402)])
        fallen = (await chat.sees_ended(await chat.generates("a picture by the next", width=64, height=64)))[
            "generations"
        ][0]
        assert (fallen["status"], fallen["provider"], fallen["model"]) == ("done", "sketch", "Sketch (built in)")
        first = (await chat.sees_ended(await chat.generates("a picture by the first", width=64, height=64)))[
            "generations"
        ][0]
        assert first["provider"] == "huggingface · hf-inference"
        emulator.script("text-to-image", [Fail(400, {"error": "blocked by content policy"})])
        refused = (await chat.sees_ended(await chat.generates("a refused one", width=64, height=64)))["generations"][0]
        assert refused["error"]["code"] == "refused", "another provider is no way around a refusal"
        await chat.leaves()
    await postgres_server.drop_database(url)
