"""The hub and the router, called with the operator's token: headers, trace ids and limits of every call."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import structlog

from chatserver.config import Config
from chatserver.providers.error_responses import error_from
from chatserver.providers.http import MEBIBYTE, Answer, Deadline, Http
from chatserver.providers.parameter_fallbacks import ParameterFallbacks
from chatserver.providers.service_urls import ServiceUrl

HUB = ServiceUrl("HF_ENDPOINT", "the API of Hugging Face's hub", Config.hf_endpoint, own=False)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long and how much, in seconds and bytes. Tests make them small; nothing else changes them."""

    # A run in all, from its first call to its bytes: queues of minutes are usual at busy hours, clips take longer.
    image_seconds: float = 600.0
    video_seconds: float = 1200.0
    # A model that is not there after this long is not coming; the job may be tried again later.
    loading_seconds: float = 300.0
    # The pause between two tries while a model loads, at most; short enough that the countdown stays true.
    loading_pause: float = 5.0
    # A picture may be made in one silent call; two pieces of it do not lie this far apart.
    making_silence: float = 150.0
    # A question about a job, a mapping or a name is answered at once or not at all.
    asking_seconds: float = 20.0
    # The hub checks its mappings every six hours and failing ones hourly; this follows without asking for each picture.
    mapping_seconds: float = 12 * 60.0
    polling_pause: float = 0.5
    # One poll that fails is weather; this many in a row are an outage.
    polling_faults: int = 5
    # A call that has not answered by then is really being worked on, and the stage may say so.
    patience: float = 1.0
    image_bytes: int = 64 * MEBIBYTE
    video_bytes: int = 256 * MEBIBYTE
    json_bytes: int = 4 * MEBIBYTE


class Client:
    """Calls with our headers. `base` is the router, or a self-hosted server with its own token."""

    def __init__(self, config: Config, http: Http, limits: Limits) -> None:
        self.http = http
        self.limits = limits
        self.fallbacks = ParameterFallbacks()
        # The base of a self-hosted server that answers, by the address that was set.
        self.settled: dict[str, str] = {}
        self._token = config.huggingface_api_key
        self._bill_to = config.hf_bill_to

    async def ask(self, url: str, deadline: Deadline | None = None) -> Answer:
        """A small GET with our token: a mapping, an identity, the state of a job."""
        seconds = self.limits.asking_seconds
        return await self.http.call(
            "GET",
            url,
            headers=self.headers(),
            cap=self.limits.json_bytes,
            seconds=deadline.left(seconds) if deadline else seconds,
            silence=seconds,
        )

    async def tell(self, method: str, url: str) -> Answer:
        """A call without a body whose answer hardly matters: a cancel."""
        seconds = self.limits.asking_seconds
        return await self.http.call(
            method, url, headers=self.headers(), cap=self.limits.json_bytes, seconds=seconds, silence=seconds
        )

    async def make(
        self,
        url: str,
        body: Mapping[str, Any] | aiohttp.FormData,
        *,
        headers: Mapping[str, str],
        cap: int,
        deadline: Deadline,
    ) -> Answer:
        """The POST that starts or does the work; `cap` bytes of answer, held open until the deadline."""
        data = body if isinstance(body, aiohttp.FormData) else msgspec.json.encode(body)
        # Some servers compare this literally, so no charset.
        content_type = {} if isinstance(body, aiohttp.FormData) else {"Content-Type": "application/json"}
        answer = await self.http.call(
            "POST",
            url,
            headers={**headers, **content_type},
            body=data,
            cap=cap,
            seconds=deadline.left(self.limits.video_seconds),
            silence=self.limits.making_silence,
        )
        _note(answer, url)
        return answer

    def headers(self, token: str | None = None) -> dict[str, str]:
        """Our token (or another one, or none for an empty one), who pays, and a trace id that comes back."""
        headers = {"X-Amzn-Trace-Id": str(uuid.uuid4())}
        token = self._token if token is None else token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if self._bill_to and token == self._token:
            headers["X-HF-Bill-To"] = self._bill_to
        return headers


def of_the_hub(url: str, answer: Answer) -> Answer:
    """The successful answer of the hub, a JSON document. Raises WrongAddress where a web page or anything else answered."""
    page = answer.status in {404, 405} and answer.json() is None
    if page or 300 <= answer.status < 400 or (answer.ok and not isinstance(answer.json(), dict | list)):
        raise HUB.protocol_error(url, answer) or HUB.wrong_address(url, "it answered with something else")
    return successful(answer)


def successful(answer: Answer) -> Answer:
    """The answer itself, or the error that it means."""
    if not answer.ok:
        raise error_from(answer)
    return answer


def _note(answer: Answer, url: str) -> None:
    trace = answer.headers.get("x-request-id") or answer.headers.get("x-amz-cf-id") or ""
    if warning := answer.headers.get("X-HF-Warning"):
        log.warning("huggingface.warned", warning=warning[:200], trace=trace)
    if not answer.ok:
        log.info("huggingface.refused", status=answer.status, url=url.split("?")[0], trace=trace)
