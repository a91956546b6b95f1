"""The emulator: a real server on loopback in a separate thread, so that blocking clients cannot stop it."""

import asyncio
import email
import json
import re
import threading
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.emulators.huggingface import hub, pictures, prompt_directives, router
from tests.emulators.huggingface.chat import MARKDOWN, Stream
from tests.emulators.huggingface.jobs import Running
from tests.emulators.huggingface.outcomes import Call, Fail, Ok, Outcome

TOKEN = "hf_emulated_token_of_ada"
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    exchange: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    document: Any
    body: bytes


class Emulator:
    """`url` once started. Exchanges that can be scripted: text-to-image, image-to-image, text-to-video (the call that
    makes or submits), poll, result, cancel, file, chat, models, mapping, whoami."""

    def __init__(self, port: int = 0, pace: float = 0.0) -> None:
        self.port = port
        self.url = ""
        self.pace = pace
        self.jobs: dict[str, Running] = {}
        self.seen: list[Seen] = []
        self.mappings: dict[str, Any] = {}
        self.at_once = 0
        self.most_at_once = 0
        self.streaming = 0
        self._scripts: dict[str, deque[Outcome]] = {}
        self._outcomes_by_prompt: dict[str, tuple[Outcome, Outcome | None]] = {}
        self._files: dict[str, Call] = {}
        self._directed_outcomes: dict[tuple[str, str], Outcome] = {}
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="huggingface-emulator", daemon=True)

    def start(self) -> "Emulator":
        self._thread.start()
        assert self._ready.wait(10), "the emulator did not start"
        return self

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def script(self, exchange: str, outcomes: Iterable[Outcome]) -> None:
        """The outcomes of the next calls of an exchange, in order; afterwards the directives of the prompt decide again."""
        self._scripts.setdefault(exchange, deque()).extend(outcomes)

    async def has_given(self, exchange: str) -> None:
        """Waits until calls have got all that was scripted: what is cancelled before that leaves its outcome to others."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._scripts.get(exchange):
                await asyncio.sleep(0.01)

    def wish(self, prompt: str, outcome: Outcome, file: Outcome | None = None) -> None:
        """The outcome of every call with this prompt, and of every fetch of its file: for many errors at the same time."""
        self._outcomes_by_prompt[prompt] = outcome, file

    def reset(self) -> None:
        """Clears scripts, jobs, files and recorded requests."""
        for kept in (
            self.jobs,
            self.seen,
            self.mappings,
            self._scripts,
            self._outcomes_by_prompt,
            self._files,
            self._directed_outcomes,
        ):
            kept.clear()
        self.most_at_once = 0

    def environment(self, **more: str) -> dict[str, str]:
        """The variables that point the product here."""
        here = {"HF_ENDPOINT": self.url, "HF_ROUTER_URL": self.url, "HF_RESULT_HOSTS": self.url}
        return {**here, "HUGGINGFACE_API_KEY": TOKEN, **more}

    def calls(self, exchange: str) -> list[Seen]:
        """The recorded requests of an exchange."""
        return [seen for seen in list(self.seen) if seen.exchange == exchange]

    def keep(self, call: Call) -> str:
        """Makes a file available; returns its URL."""
        name = f"{uuid.uuid4().hex}.png"
        self._files[name] = call
        return f"{self.url}/files/{name}"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        # What hangs on purpose would otherwise outlive its loop.
        for task in (pending := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_response_prepare.append(_add_headers)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        for pattern, exchange, name in _ROUTES:
            if match := re.fullmatch(pattern, request.path):
                await self._note(request, exchange)
                if _needs_token(request.path) and not _has_token(request):
                    return await Fail(401).answer(_call(request, exchange))
                return await getattr(self, name)(request, exchange, *match.groups())
        await self._note(request, "unknown")
        return await Fail(404).answer(_call(request, "unknown"))

    async def _note(self, request: web.Request, exchange: str) -> None:
        body = await request.read()
        document = _document(request, body)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(exchange, request.method, request.path, dict(request.query), headers, document, body))

    def _scripted(self, exchange: str) -> Outcome | None:
        queue = self._scripts.get(exchange)
        while queue:
            outcome = queue[0]
            if not outcome.holds():
                queue.popleft()
                # A Loading that has ended was already answered: the next outcome applies.
                if getattr(outcome, "started", None) is not None:
                    continue
            return outcome
        return None

    def _directed(self, exchange: str, call: Call, provider: str) -> Outcome:
        """The outcome of the prompt's directives; a Loading among them keeps its clock between calls."""
        key = (exchange, call.prompt)
        outcome = self._directed_outcomes.get(key)
        if outcome is None or not outcome.holds():
            outcome = getattr(outcome, "then", None) or prompt_directives.call_outcome(
                prompt_directives.parse(call.prompt), provider
            )
            self._directed_outcomes.pop(key, None)
            if outcome.holds():
                self._directed_outcomes[key] = outcome
        return outcome

    async def _make(self, request: web.Request, _exchange: str, provider: str) -> web.StreamResponse:
        document = self.seen[-1].document or {}
        if provider == "v1":
            provider = "self-hosted"
        task, prompt, settings = _read(document, request.path)
        call = _call(request, task)
        call.prompt, call.seed = prompt, _whole(settings.get("seed"))
        call.width, call.height = _size(settings)
        # Some of the faults are about the file, whichever way it travels.
        call.file = prompt_directives.file_outcome(prompt_directives.parse(prompt))
        if task == "text-to-video":
            call.data, call.content_type = pictures.clip(prompt, call.seed), "video/webm"
        else:
            call.data = pictures.picture(prompt, call.seed, call.width, call.height)
        call.succeed = _SUCCEED.get(provider, router.images_of)(self)
        outcome = self._wished(call) or self._scripted(task) or self._directed(task, call, provider)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await outcome.answer(call)
        finally:
            self.at_once -= 1

    def _wished(self, call: Call) -> Outcome | None:
        outcome, file = self._outcomes_by_prompt.get(call.prompt, (None, None))
        call.file = file or call.file
        return outcome

    async def _chat(self, request: web.Request, exchange: str) -> web.StreamResponse:
        document = self.seen[-1].document or {}
        call = _call(request, exchange)
        call.prompt = str((document.get("messages") or [{}])[-1].get("content", ""))
        call.succeed = lambda call: Stream(pause=self.pace).answer(call)
        self.streaming += 1
        try:
            return await (self._scripted("chat") or self._directed_chat(call)).answer(call)
        finally:
            self.streaming -= 1

    def _directed_chat(self, call: Call) -> Outcome:
        said = prompt_directives.parse(call.prompt)
        if "fail" in said:
            return Fail(int(said["fail"]))
        ending = next((word for word in said if word in {"cut", "reset", "error"}), "done")
        text = MARKDOWN * 20 if "long" in said else MARKDOWN
        return Stream(text, self.pace, ending, error={"error": {"message": "The model fell over"}})

    async def _job(self, request: web.Request, exchange: str, name: str) -> web.StreamResponse:
        job = self.jobs.get(name)
        if job is None:
            return web.json_response({"detail": "Request not found"}, status=404)
        action = "cancel" if request.path.endswith("/cancel") else exchange
        scripted = self._scripted(action)
        if scripted is not None:
            return await scripted.answer(_call(request, action, job.call))
        if action == "cancel":
            job.cancelled = True
            return web.json_response({"status": "CANCELLATION_REQUESTED"}, status=202)
        if exchange == "result":
            return await router.fal_result(job)
        if "/api/v3/" in request.path:
            job.polls += 1
            return web.json_response(router.wavespeed_task(name, job))
        if "/v1/predictions/" in request.path:
            if not job.plan.polling:
                return await Fail(404).answer(_call(request, exchange))
            job.polls += 1
            return web.json_response(router.prediction(name, job))
        return router.fal_status(job, request)

    async def _file(self, request: web.Request, exchange: str, name: str) -> web.StreamResponse:
        call = _call(request, exchange, self._files.get(name))
        if not call.data:
            return await Fail(404).answer(call)

        async def succeed(call: Call) -> web.StreamResponse:
            return web.Response(body=call.data, content_type=call.content_type)

        call.succeed = succeed
        return await (self._scripted("file") or call.file or Ok()).answer(call)

    async def _model(self, request: web.Request, exchange: str, model: str) -> web.StreamResponse:
        call = _call(request, exchange)

        async def succeed(_call: Call) -> web.StreamResponse:
            mapping = self.mappings[model] if model in self.mappings else hub.mapping_of(model)
            return hub.model_answer(request, model, mapping)

        call.succeed = succeed
        return await (self._scripted("mapping") or Ok()).answer(call)

    async def _whoami(self, request: web.Request, exchange: str) -> web.StreamResponse:
        call = _call(request, exchange)

        async def succeed(_call: Call) -> web.StreamResponse:
            return web.json_response(hub.WHOAMI, headers=hub.HEADERS)

        call.succeed = succeed
        return await (self._scripted("whoami") or Ok()).answer(call)

    async def _models(self, request: web.Request, exchange: str) -> web.StreamResponse:
        call = _call(request, exchange)

        async def succeed(_call: Call) -> web.StreamResponse:
            return web.json_response({"object": "list", "data": [{"id": model} for model in hub.CHAT_MODELS]})

        call.succeed = succeed
        return await (self._scripted("models") or Ok()).answer(call)

    async def _tasks(self, _request: web.Request, _exchange: str) -> web.StreamResponse:
        return web.json_response({"text-to-image": {"widgetModels": ["emulated/model"]}})


_PROVIDER = "fal-ai|hf-inference|nscale|together|replicate|wavespeed"
_ROUTES = (
    (r"/api/models/([^/]+/[^/]+)", "mapping", "_model"),
    (r"/api/whoami-v2", "whoami", "_whoami"),
    (r"/api/tasks", "tasks", "_tasks"),
    (r"/files/([\w.]+)", "file", "_file"),
    # fal and WaveSpeed with their provider's prefix and, as one way of pointing the official client here asks, without.
    (r"/.*/requests/([\w-]+)/(?:status|cancel)", "poll", "_job"),
    (r"/.*/requests/([\w-]+)", "result", "_job"),
    (r"(?:/wavespeed)?/api/v3/predictions/(\w+)/result", "poll", "_job"),
    (r"/replicate/v1/predictions/(\w+)(?:/cancel)?", "poll", "_job"),
    (r"(?:/[\w-]+)*/v1/chat/completions", "chat", "_chat"),
    (r"/v1/models", "models", "_models"),
    (rf"/({_PROVIDER})/.+", "make", "_make"),
    (r"/(v1)/images/(?:generations|edits)", "make", "_make"),
    (r"/(endpoint)", "make", "_make"),
)
_SUCCEED = {
    "hf-inference": router.bytes_of,
    "endpoint": router.bytes_of,
    "fal-ai": router.fal,
    "replicate": router.replicate,
    "wavespeed": router.wavespeed,
}


async def _nothing(_call: Call) -> web.StreamResponse:
    return web.Response()


def _call(request: web.Request, exchange: str, of: Call | None = None) -> Call:
    call = Call(request, exchange, "", None, 512, 512, b"", "image/jpeg", _nothing)
    if of is not None:
        call.data, call.content_type, call.file, call.prompt = of.data, of.content_type, of.file, of.prompt
    return call


def _document(request: web.Request, body: bytes) -> Any:
    if request.content_type == "multipart/form-data":
        head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
        parts = email.message_from_bytes(head + body).get_payload()
        return {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True).decode("latin-1")
            for part in parts
        }
    return json.loads(body) if request.content_type == "application/json" and body else None


def _read(document: dict[str, Any], path: str) -> tuple[str, str, dict[str, Any]]:
    """Task, prompt and settings from any provider's body."""
    inner = document.get("input") if isinstance(document.get("input"), dict) else document
    settings = {**inner, **(inner.get("parameters") or {}), **(inner.get("image_size") or {})}
    settings |= settings.get("target_size") or {}
    pictured = any(name in settings for name in ("image", "image_url", "images", "reference_images", "target_size"))
    prompt = str(settings.get("prompt") or settings.get("inputs") or "")
    if re.search(r"t2v|video|wan", path.lower()):
        return "text-to-video", prompt, settings
    return ("image-to-image" if pictured else "text-to-image"), prompt, settings


def _size(settings: dict[str, Any]) -> tuple[int, int]:
    if match := re.fullmatch(r"(\d+)x(\d+)", str(settings.get("size", ""))):
        return int(match[1]), int(match[2])
    return _whole(settings.get("width")) or 512, _whole(settings.get("height")) or 512


def _whole(value: Any) -> int | None:
    return int(value) if str(value).isdigit() else None


def _needs_token(path: str) -> bool:
    return not path.startswith(("/files/", "/api/models/", "/api/tasks", "/endpoint", "/v1/images/"))


def _has_token(request: web.Request) -> bool:
    return request.headers.get("Authorization", "").startswith("Bearer hf_")


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    trace = request.headers.get("x-amzn-trace-id", "")
    name = uuid.uuid4().hex
    response.headers.setdefault("x-request-id", f"Root=1-{name[:8]}-{name[8:32]};{trace}")
    response.headers.setdefault("x-powered-by", "huggingface-moon")
    response.headers.setdefault("access-control-allow-origin", "*")
