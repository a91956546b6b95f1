"""Calls to outside services: deadlines, caps and faults in one place. Only here are connections opened.

Every body is read in pieces and counted after decompression, so that neither an endless answer nor a gzip bomb takes
more memory than its cap. Redirects are never followed, cookies never kept, proxies of the environment never used.
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
from chatserver.providers import numbers

# Long enough for a slow handshake across the world; what takes longer is not there.
CONNECT_SECONDS = 10.0
# Work that outlives a run (telling a service to cancel) gets this long, also when the process closes.
AFTERWARDS_SECONDS = 5.0
# Decompression goes on in pieces of this size, so that a bomb is noticed at its cap and not after it.
PIECE = 256 * 1024

MEBIBYTE = 1024 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """One answer, read whole: status, headers (their names in any case) and the body, decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the service called it a success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON, or None where it is none, whatever the content type says.

        Read with every number that services say, such as NaN and Infinity.
        """
        try:
            return numbers.read_json(self.body)
        except ValueError:
            return None


class Deadline:
    """The moment at which a run must have ended; made where the run starts."""

    def __init__(self, seconds: float) -> None:
        self._ends = asyncio.get_running_loop().time() + seconds

    def left(self, at_most: float) -> float:
        """Seconds left, but not more than `at_most`. Raises TimedOut where there are none."""
        seconds = self._ends - asyncio.get_running_loop().time()
        if seconds <= 0:
            raise TimedOut
        return min(seconds, at_most)

    async def sleep(self, seconds: float) -> None:
        """Waits, but not beyond the deadline: then it raises TimedOut."""
        await asyncio.sleep(self.left(seconds))
        self.left(seconds)


class Http:
    """One shared client session, made on the loop that uses it first."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._afterwards: set[asyncio.Task[None]] = set()

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | aiohttp.FormData | None = None,
        cap: int,
        seconds: float,
        silence: float,
    ) -> Answer:
        """One exchange, read whole: at most `cap` bytes, `seconds` in all and `silence` seconds between two pieces.

        Raises ProviderDown, TimedOut or BadBytes; what the service says in words is the caller's to judge.
        """
        with translated():
            async with asyncio.timeout(seconds), self.open(method, url, headers, body, silence) as response:
                return Answer(response.status, response.headers, await read(response, cap))

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | aiohttp.FormData | None,
        silence: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One exchange whose body the caller reads while it comes. Leaving early closes the connection."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        async with self._open_session().request(
            method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False
        ) as response:
            yield response

    def afterwards(self, work: Coroutine[Any, Any, object]) -> None:
        """Does something after its run has ended, quietly, with its own deadline."""
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)

    async def close(self) -> None:
        """Waits for what was left to do, then gives back the connections."""
        if self._afterwards:
            await asyncio.wait(self._afterwards, timeout=AFTERWARDS_SECONDS)
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
def translated() -> Iterator[None]:
    """Turns what a connection can do wrong into the errors that people read."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise _with_words(ProviderDown(), "no connection in time") from error
    except TimeoutError as error:
        raise TimedOut from error
    except aiohttp.ClientPayloadError as error:
        raise BadBytes("What came back was cut off before its end.") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise _with_words(ProviderDown(_CERTIFICATE), str(error.certificate_error)) from error
    except aiohttp.ClientConnectorSSLError as error:
        raise _with_words(WrongAddress(), "nobody there speaks https") from error
    except (aiohttp.InvalidURL, aiohttp.ClientResponseError) as error:
        # A status line that is none: the greeting of another protocol.
        raise _with_words(WrongAddress(), "what came from there was not HTTP") from error
    except (aiohttp.ClientError, OSError) as error:
        raise _with_words(ProviderDown(), str(error) or type(error).__name__) from error


_CERTIFICATE = "The picture service cannot be reached: its certificate is not one that this server trusts."


def _with_words(error: ProviderError, said: str) -> ProviderError:
    error.said = said
    return error


async def read(response: aiohttp.ClientResponse, cap: int) -> bytes:
    """The whole body, decompressed. Raises BadBytes as soon as it is longer than `cap`."""
    if (response.content_length or 0) > cap:
        raise too_large(cap)
    # Kept apart until the end: a body that grows in one place is copied as it grows, and takes twice its size.
    body, size = [], 0
    async for piece in pieces(response):
        body.append(piece)
        size += len(piece)
        if size > cap:
            # The error's traceback keeps this frame, for as long as somebody deals with the error.
            body.clear()
            raise too_large(cap)
    return b"".join(body)


async def pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it comes, decompressed, in pieces of at most PIECE bytes (uncompressed ones as they come)."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        async for piece in response.content.iter_any():
            yield piece
    elif encoding in {"gzip", "deflate"}:
        async for piece in _inflated(response.content):
            yield piece
    else:
        raise BadBytes("What came back was packed in a way that we did not ask for.")


async def _inflated(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        async for packed in content.iter_any():
            while packed:
                yield inflater.decompress(packed, PIECE)
                packed = inflater.unconsumed_tail
    except zlib.error as error:
        raise BadBytes("What came back could not be unpacked.") from error


def too_large(cap: int) -> BadBytes:
    """The error of an answer that is longer than `cap` bytes."""
    return BadBytes(f"What came back was larger than the {cap // MEBIBYTE or 1} MiB that we take.")


async def _quietly(work: Coroutine[Any, Any, object]) -> None:
    try:
        async with asyncio.timeout(AFTERWARDS_SECONDS):
            await work
    except (ProviderError, TimeoutError) as error:
        log.info("provider.afterwards_failed", error=type(error).__name__)
