"""The limits of HTTP connections, each with its unit and its reason. Those of websockets are in `realtime/limits.py`."""

from dataclasses import dataclass

# Cookies, a long URL and what proxies add fit into a quarter of it.
HEADER_BYTES = 32 * 1024
# A browser sends twenty headers, proxies add a dozen; each costs far more memory than its length.
HEADER_COUNT = 100
# Of the URL in the request line; the websocket library has the same limit.
URL_BYTES = 8 * 1024
# Chunk sizes, chunk extensions and trailers together: this much, and beyond it no more than the body itself has.
CHUNK_OVERHEAD_BYTES = 16 * 1024
# Input of a request that was already answered or refused: read and discarded up to this, so that the client receives the
# response; then the connection is cut. Twice the largest file that is taken: who sends one that is somewhat too large
# reads no answer before the last byte is sent, and is to learn of the 413 instead of a broken connection.
DISCARDED_BYTES = 20 * 1024 * 1024
# Requests that are parsed while a response is under way; later ones wait unparsed.
PIPELINED = 4
# Open connections of one process, however many file descriptors it may open. An idle connection takes some 10 kB.
CONNECTIONS = 16_384
# Connections that are accepted in one iteration of the event loop, and handshakes of websockets that begin in one. A
# handshake takes a third of a millisecond, and its way into the session as much again: where a thousand sockets come at
# once, other requests are accepted ahead of their handshakes, of which one begins at a time while more of them come.
ACCEPTED_AT_ONCE = 32
UPGRADES_AT_ONCE = 3


@dataclass(frozen=True, kw_only=True)
class HttpLimits:
    """The limits of connections, in seconds, counts and bytes. A body or a response must move `*_bytes` in `*_seconds`."""

    # Of one address, its websockets included; the address of a trusted proxy has no limit.
    connections_per_address: int = 550
    connections: int = CONNECTIONS
    # A browser sends its headers at once; a phone on a bad network within a few seconds.
    header_seconds: float = 10.0
    # About a kilobyte a second, slower than any network on which a page can be used.
    body_seconds: float = 40.0
    body_bytes: int = 40 * 1024
    answer_seconds: float = 20.0
    answer_bytes: int = 20 * 1024
    # uvicorn closes an idle connection after five seconds; this is for one that has sent part of a request line since.
    idle_seconds: float = 10.0
    discard_seconds: float = 5.0
