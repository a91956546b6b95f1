"""The outcomes of polled services: fal's queue, Replicate's predictions, WaveSpeed's tasks."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.emulators.huggingface.outcomes import Call, Outcome


@dataclass
class _Plan(Outcome):
    """An outcome that continues after its first response: the route keeps it and advances it at each poll."""

    async def answer(self, call: Call) -> web.StreamResponse:
        call.plan = self
        return await call.succeed(call)


@dataclass
class Queue(_Plan):
    """fal: positions, one at each poll, then steps, then COMPLETED (with `error`, or a result that fails)."""

    positions: tuple[int, ...] = (0,)
    steps: int = 0
    error: str | None = None
    error_type: str | None = None
    stuck: bool = False
    nsfw: bool = False
    result: Outcome | None = None
    # Whether the router forwards `logs=1`, which is not documented.
    takes_logs: bool = True


@dataclass
class Prediction(_Plan):
    """Replicate: held until done (`polls` 0), or still processing for so many polls, with tqdm lines in its logs."""

    polls: int = 0
    error: str | None = None
    polling: bool = True


@dataclass
class Task(_Plan):
    """WaveSpeed: `created`, `processing`, then completed or failed, always with HTTP 200."""

    states: tuple[str, ...] = ("created", "processing")
    error: str | None = None
    nsfw: bool = False


@dataclass
class Embedded(_Plan):
    """The form of OpenAI's API: `b64`, or `bad` base64, `empty` data, a `url` instead, or the picture as a JSON string."""

    form: str = "b64"


@dataclass
class At(Outcome):
    """A success whose file is at `url`."""

    url: str

    async def answer(self, call: Call) -> web.StreamResponse:
        call.url = self.url
        return await call.succeed(call)


@dataclass
class Running:
    """One submitted job."""

    call: Call
    plan: Any
    file_url: str
    polls: int = 0
    cancelled: bool = field(default=False)
