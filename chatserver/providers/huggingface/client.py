"""Calls of the hub and the router with the operator's token: headers, trace ids and limits."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import structlog

from chatserver.config import Config
from chatserver.providers.error_responses import error_from
from chatserver.providers.http import MEBIBYTE, Deadline, HttpClient, HttpResponse
from chatserver.providers.parameter_fallbacks import ParameterFallbacks
from chatserver.providers.service_urls import ServiceUrl

HUB = ServiceUrl("HF_ENDPOINT", "the API of Hugging Face's hub", Config.hf_endpoint, own=False)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class HuggingFaceLimits:
    """Limits of a run, in seconds and bytes."""

    # A whole run, from its first call to the file: queues of minutes are usual at busy hours, and clips take longer.
    image_seconds: float = 600.0
    video_seconds: float = 1200.0
    # A model that is not loaded after this long fails the run; the job may be tried again later.
    loading_seconds: float = 300.0
    # The longest pause between two tries while a model loads; short, so that the shown countdown stays true.
    loading_poll_seconds: float = 5.0
    # How long a call may send no data while the picture is made.
    generation_idle_seconds: float = 150.0
    # Queries of a job's state, a mapping or an identity are answered at once or not at all.
    query_seconds: float = 20.0
    # How long a mapping is cached: the hub checks mappings every six hours, and failing ones hourly.
    mapping_ttl_seconds: float = 12 * 60.0
    # How long an older one is used where the hub did not answer: no picture waits for it meanwhile.
    mapping_retry_seconds: float = 60.0
    poll_seconds: float = 0.5
    # So many failed polls in a row end the run.
    max_poll_errors: int = 5
    # A call that is held for longer than this is being worked on: the stage becomes rendering.
    held_call_seconds: float = 1.0
    image_bytes: int = 64 * MEBIBYTE
    video_bytes: int = 256 * MEBIBYTE
    json_bytes: int = 4 * MEBIBYTE


class ApiClient:
    """Calls with the operator's token and a trace id."""

    def __init__(self, config: Config, http: HttpClient, limits: HuggingFaceLimits) -> None:
        self.http = http
        self.limits = limits
        self.fallbacks = ParameterFallbacks()
        # The base URL of a self-hosted server that answered, by the configured one.
        self.working_bases: dict[str, str] = {}
        self._token = config.huggingface_api_key
        self._bill_to = config.hf_bill_to

    async def get(self, url: str, deadline: Deadline | None = None) -> HttpResponse:
        """A GET of a small JSON document: a mapping, an identity, the state of a job."""
        seconds = self.limits.query_seconds
        return await self.http.call(
            "GET",
            url,
            headers=self.headers(),
            max_bytes=self.limits.json_bytes,
            seconds=deadline.remaining(seconds) if deadline else seconds,
            idle_seconds=seconds,
        )

    async def send(self, method: str, url: str) -> HttpResponse:
        """A request without a body whose response is ignored: a cancel."""
        seconds = self.limits.query_seconds
        return await self.http.call(
            method, url, headers=self.headers(), max_bytes=self.limits.json_bytes, seconds=seconds, idle_seconds=seconds
        )

    async def post(
        self,
        url: str,
        body: Mapping[str, Any] | aiohttp.FormData,
        *,
        headers: Mapping[str, str],
        max_bytes: int,
        deadline: Deadline,
    ) -> HttpResponse:
        """The POST that starts or does the work; its response has at most `max_bytes` and may take until the deadline."""
        data = body if isinstance(body, aiohttp.FormData) else msgspec.json.encode(body)
        # Without a charset: some servers compare the header literally.
        content_type = {} if isinstance(body, aiohttp.FormData) else {"Content-Type": "application/json"}
        answer = await self.http.call(
            "POST",
            url,
            headers={**headers, **content_type},
            body=data,
            max_bytes=max_bytes,
            seconds=deadline.remaining(self.limits.video_seconds),
            idle_seconds=self.limits.generation_idle_seconds,
        )
        _log_response(answer, url)
        return answer

    def headers(self, token: str | None = None) -> dict[str, str]:
        """Authorization with the given token (None: the operator's; empty: none), the account to bill, and a trace id."""
        headers = {"X-Amzn-Trace-Id": str(uuid.uuid4())}
        token = self._token if token is None else token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if self._bill_to and token == self._token:
            headers["X-HF-Bill-To"] = self._bill_to
        return headers


def checked_hub_response(url: str, answer: HttpResponse) -> HttpResponse:
    """A successful JSON response of the hub. Raises WrongAddress where a web page or anything else answered."""
    page = answer.status in {404, 405} and answer.json() is None
    if page or 300 <= answer.status < 400 or (answer.ok and not isinstance(answer.json(), dict | list)):
        raise HUB.protocol_error(url, answer) or HUB.wrong_address(url, "it answered with something else")
    return successful(answer)


def successful(answer: HttpResponse) -> HttpResponse:
    """The response itself. Raises the error that an unsuccessful one means."""
    if not answer.ok:
        raise error_from(answer)
    return answer


def _log_response(answer: HttpResponse, url: str) -> None:
    trace = answer.headers.get("x-request-id") or answer.headers.get("x-amz-cf-id") or ""
    if warning := answer.headers.get("X-HF-Warning"):
        log.warning("huggingface.warned", warning=warning[:200], trace=trace)
    if not answer.ok:
        log.info("huggingface.request_failed", status=answer.status, url=url.split("?")[0], trace=trace)
