"""The HTTP client for outside services: timeouts, size limits and connection errors.

Every body is read in chunks and counted after decompression, so that neither an endless response nor a gzip bomb takes more
memory than its limit. Redirects are not followed, cookies not kept, and proxies of the environment not used.
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver

from chatserver import __version__
from chatserver.errors import BadBytes, ProviderDown, ProviderError, TimedOut, WrongAddress
from chatserver.providers import reported_numbers

# Enough for a slow handshake over a long distance; a server that takes longer is down.
CONNECT_SECONDS = 10.0
# How long a background call (asking a service to cancel) may take, also while the client closes.
BACKGROUND_SECONDS = 5.0
# Decompression yields chunks of this size, so that a bomb is noticed at its limit and not after it.
CHUNK_BYTES = 256 * 1024

MEBIBYTE = 1024 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class HttpResponse:
    """A response, read whole: status, headers (case-insensitive) and the decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON, or None where it is none, whatever the content type says.

        Accepts the numbers that services written in Python send, such as NaN and Infinity.
        """
        try:
            return reported_numbers.read_json(self.body)
        except ValueError:
            return None


class Deadline:
    """The time at which a run must have ended, `seconds` after its construction."""

    def __init__(self, seconds: float) -> None:
        self._ends = asyncio.get_running_loop().time() + seconds

    def remaining(self, at_most: float) -> float:
        """Seconds until the deadline, but not more than `at_most`. Raises TimedOut after it."""
        seconds = self._ends - asyncio.get_running_loop().time()
        if seconds <= 0:
            raise TimedOut
        return min(seconds, at_most)

    async def sleep(self, seconds: float) -> None:
        """Sleeps, but not beyond the deadline. Raises TimedOut when that is reached."""
        await asyncio.sleep(self.remaining(seconds))
        self.remaining(seconds)


class HttpClient:
    """A shared client session, opened at the first call."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | aiohttp.FormData | None = None,
        max_bytes: int,
        seconds: float,
        idle_seconds: float,
    ) -> HttpResponse:
        """Sends a request and reads the whole response: at most `max_bytes`, `seconds` in all, `idle_seconds` without data.

        Raises ProviderDown, TimedOut, BadBytes or WrongAddress. The status is not checked.
        """
        with translated_errors():
            async with asyncio.timeout(seconds), self.open(method, url, headers, body, idle_seconds) as response:
                return HttpResponse(response.status, response.headers, await read(response, max_bytes))

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | aiohttp.FormData | None,
        idle_seconds: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Sends a request whose response body the caller reads as it arrives. Leaving early closes the connection."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_seconds)
        async with self._open_session().request(
            method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False
        ) as response:
            yield response

    def run_in_background(self, work: Coroutine[Any, Any, object]) -> None:
        """Runs `work` in the background for at most BACKGROUND_SECONDS; its errors are only logged."""
        task = asyncio.get_running_loop().create_task(_run_logged(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Waits for the background calls, then closes the connections."""
        if self._background:
            await asyncio.wait(self._background, timeout=BACKGROUND_SECONDS)
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, resolver=self._resolver),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"User-Agent": f"chatserver/{__version__}", "Accept-Encoding": "gzip"},
            )
        return self._session


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Turns connection errors into errors of chatserver.errors."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise _with_detail(ProviderDown(), "no connection in time") from error
    except TimeoutError as error:
        raise TimedOut from error
    except aiohttp.ClientPayloadError as error:
        raise BadBytes("What came back was cut off before its end.") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise _with_detail(ProviderDown(_CERTIFICATE), str(error.certificate_error)) from error
    except aiohttp.ClientConnectorSSLError as error:
        raise _with_detail(WrongAddress(), "nobody there speaks https") from error
    except (aiohttp.InvalidURL, aiohttp.ClientResponseError) as error:
        # No HTTP status line: the server speaks another protocol.
        raise _with_detail(WrongAddress(), "what came from there was not HTTP") from error
    except (aiohttp.ClientError, OSError) as error:
        raise _with_detail(ProviderDown(), str(error) or type(error).__name__) from error


_CERTIFICATE = "The picture service cannot be reached: its certificate is not one that this server trusts."


def _with_detail(error: ProviderError, said: str) -> ProviderError:
    error.service_message = said
    return error


async def read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The whole body, decompressed. Raises BadBytes as soon as it is longer than `max_bytes`."""
    if (response.content_length or 0) > max_bytes:
        raise too_large(max_bytes)
    # Joined at the end: a growing buffer is copied as it grows, and takes twice the size of the body.
    body, size = [], 0
    async for chunk in chunks(response):
        body.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            # The traceback of the error keeps this frame, and with it the body, alive.
            body.clear()
            raise too_large(max_bytes)
    return b"".join(body)


async def chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The decompressed body as it arrives, in chunks of at most CHUNK_BYTES (of any size where it is not compressed)."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        async for chunk in response.content.iter_any():
            yield chunk
    elif encoding in {"gzip", "deflate"}:
        async for chunk in _inflated(response.content):
            yield chunk
    else:
        raise BadBytes("What came back was packed in a way that we did not ask for.")


async def _inflated(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        async for compressed in content.iter_any():
            while compressed:
                yield inflater.decompress(compressed, CHUNK_BYTES)
                compressed = inflater.unconsumed_tail
    except zlib.error as error:
        raise BadBytes("What came back could not be unpacked.") from error


def too_large(max_bytes: int) -> BadBytes:
    """The error for a response that is longer than `max_bytes`."""
    return BadBytes(f"What came back was larger than the {max_bytes // MEBIBYTE or 1} MiB that we take.")


async def _run_logged(work: Coroutine[Any, Any, object]) -> None:
    try:
        async with asyncio.timeout(BACKGROUND_SECONDS):
            await work
    except (ProviderError, TimeoutError) as error:
        log.info("provider.background_call_failed", error=type(error).__name__)
