"""The router's providers: the successful response of each in its own form, and the states of submitted jobs."""

import base64
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from tests.emulators.huggingface.jobs import Embedded, Prediction, Queue, Running, Task
from tests.emulators.huggingface.outcomes import Call

Succeed = Callable[[Call], Awaitable[web.StreamResponse]]


class EmulatorState(Protocol):
    """What the routes need of the emulator."""

    jobs: dict[str, Running]

    def keep(self, call: Call) -> str: ...


def bytes_of(emulator: EmulatorState) -> Succeed:
    """hf-inference: the picture's bytes, as JPEG although PNG was requested."""

    async def succeed(call: Call) -> web.StreamResponse:
        if call.file is not None:
            return await call.file.answer(call)
        headers = {"x-compute-type": "2-a10-g", "x-compute-time": "1.23"}
        if isinstance(call.plan, Embedded):
            return _embedded(emulator, call, call.plan.form)
        return web.Response(body=call.data, content_type=call.content_type, headers=headers)

    return succeed


def images_of(emulator: EmulatorState) -> Succeed:
    """nscale, together and self-hosted servers: base64 in JSON."""

    async def succeed(call: Call) -> web.StreamResponse:
        return _embedded(emulator, call, call.plan.form if isinstance(call.plan, Embedded) else "b64")

    return succeed


def _embedded(emulator: EmulatorState, call: Call, form: str) -> web.Response:
    text = base64.b64encode(call.data).decode()
    documents: dict[str, Any] = {
        "b64": {"created": 1, "data": [{"b64_json": text}]},
        "bad": {"data": [{"b64_json": "***not base64***"}]},
        "empty": {"data": []},
        "url": {"data": [{"url": call.url or emulator.keep(call)}]},
        "output": {"output": [call.url or emulator.keep(call)]},
        "string": text,
    }
    return web.json_response(documents[form])


def fal(emulator: EmulatorState) -> Succeed:
    """fal's queue, or its synchronous route where the queue was not requested (the official client's pictures)."""

    async def succeed(call: Call) -> web.StreamResponse:
        file_url = call.url or emulator.keep(call)
        if "_subdomain" not in call.request.query:
            return web.json_response(_fal_result(call, file_url, nsfw=False))
        plan = call.plan if isinstance(call.plan, Queue) else Queue()
        name = str(uuid.uuid4())
        emulator.jobs[name] = Running(call, plan, file_url)
        # The endpoint's sub-path is dropped, and the host is fal's own.
        root = "/".join(call.request.path.removeprefix("/fal-ai/").split("/")[:2])
        address = f"https://queue.fal.run/{root}/requests/{name}"
        state = {"status": "IN_QUEUE", "request_id": name, "queue_position": plan.positions[0]}
        links = {"response_url": address, "status_url": f"{address}/status", "cancel_url": f"{address}/cancel"}
        return web.json_response(state | links)

    return succeed


def fal_status(job: Running, request: web.Request) -> web.StreamResponse:
    """The state after one more poll."""
    plan: Queue = job.plan
    logs = "logs" in request.query
    if logs and not plan.takes_logs:
        return web.json_response({"detail": "unknown query parameter: logs"}, status=422)
    job.polls += 1
    if plan.stuck or job.polls < len(plan.positions):
        position = plan.positions[min(job.polls, len(plan.positions) - 1)]
        return web.json_response({"status": "IN_QUEUE", "queue_position": position}, status=202)
    step = job.polls - len(plan.positions) + 1
    if step <= plan.steps:
        lines = [{"message": f"{step * 100 // plan.steps}%| {step}/{plan.steps} [00:01<00:05]", "level": "INFO"}]
        return web.json_response({"status": "IN_PROGRESS", "logs": lines if logs else None}, status=202)
    state: dict[str, Any] = {"status": "COMPLETED", "metrics": {"inference_time": 1.5}}
    if plan.error:
        state |= {"error": plan.error, "error_type": plan.error_type or "internal_error"}
    return web.json_response(state)


async def fal_result(job: Running) -> web.StreamResponse:
    """The result of a completed job."""
    plan: Queue = job.plan
    if plan.result is not None:
        return await plan.result.answer(job.call)
    return web.json_response(_fal_result(job.call, job.file_url, plan.nsfw))


def _fal_result(call: Call, url: str, nsfw: bool) -> dict[str, Any]:
    if call.content_type.startswith("video/"):
        return {"video": {"url": url, "content_type": "video/mp4"}, "seed": call.seed}
    image = {"url": url, "width": call.width, "height": call.height, "content_type": "image/jpeg"}
    return {"images": [image], "seed": call.seed, "has_nsfw_concepts": [nsfw], "prompt": call.prompt, "timings": {}}


def replicate(emulator: EmulatorState) -> Succeed:
    """A prediction, done within the call or still processing."""

    async def succeed(call: Call) -> web.StreamResponse:
        plan = call.plan if isinstance(call.plan, Prediction) else Prediction()
        name = uuid.uuid4().hex[:26]
        emulator.jobs[name] = Running(call, plan, call.url or emulator.keep(call))
        return web.json_response(prediction(name, emulator.jobs[name]), status=201)

    return succeed


def prediction(name: str, job: Running) -> dict[str, Any]:
    """The state of a prediction; `processing` may come with its output, as recorded of the real one."""
    plan: Prediction = job.plan
    done, total = job.polls, plan.polls
    logs = "\n".join(
        f"{step * 100 // total}%|###| {step}/{total} [00:0{step % 10}<00:05]" for step in range(1, done + 1)
    )
    state: dict[str, Any] = {"id": name, "status": "processing", "output": None, "logs": logs, "error": None}
    state["urls"] = {"get": f"https://api.replicate.com/v1/predictions/{name}"}
    if plan.error and done >= total:
        return state | {"status": "failed", "error": plan.error}
    return state | {"output": [job.file_url]} if done >= total else state


def wavespeed(emulator: EmulatorState) -> Succeed:
    """A task that is polled."""

    async def succeed(call: Call) -> web.StreamResponse:
        plan = call.plan if isinstance(call.plan, Task) else Task()
        name = uuid.uuid4().hex
        emulator.jobs[name] = Running(call, plan, call.url or emulator.keep(call))
        return web.json_response(wavespeed_task(name, emulator.jobs[name]))

    return succeed


def wavespeed_task(name: str, job: Running) -> dict[str, Any]:
    """The state of a task in its envelope."""
    plan: Task = job.plan
    last = "failed" if plan.error else "completed"
    status = plan.states[job.polls] if job.polls < len(plan.states) else last
    get = f"https://api.wavespeed.ai/api/v3/predictions/{name}/result"
    outputs = [job.file_url] if status == "completed" else []
    data = {"id": name, "status": status, "outputs": outputs, "error": plan.error or "", "urls": {"get": get}}
    data["has_nsfw_contents"] = [plan.nsfw]
    return {"code": 200, "message": "success", "data": data}
