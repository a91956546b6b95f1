"""Frames of clients: a message that comes whole is read without the library's parser, and all others as the library does."""

import itertools

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from chatserver.edge.websocket_protocol import TolerantServerProtocol, whole_text


def _masked(data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


SHORT, LONG = _masked(b'{"type":"ping"}'), _masked(b"x" * 300)
FRAGMENTS = _masked(b"one", fin=False) + _masked(b"two", Opcode.CONT)
# What a client may send in one write, in this order.
STREAMS = {
    "messages of both lengths": [SHORT, LONG, SHORT],
    "an empty one": [_masked(b""), SHORT],
    "fragments, with a message that is not allowed between them": [SHORT, _masked(b"one", fin=False), SHORT],
    "fragments": [SHORT, FRAGMENTS, SHORT],
    "pings": [SHORT, _masked(b"", Opcode.PING), SHORT],
    "bytes": [SHORT, _masked(b"\x00", Opcode.BINARY), SHORT],
    "too much": [SHORT, _masked(b"x" * 2000), SHORT],
    "not masked": [SHORT, Frame(Opcode.TEXT, b"one").serialize(mask=False), SHORT],
    "a reserved bit": [SHORT, bytes([SHORT[0] | 0x40]) + SHORT[1:], SHORT],
    "a close": [SHORT, _masked(b"\x03\xe8", Opcode.CLOSE), SHORT],
}


def _opened(kind: type[ServerProtocol]) -> ServerProtocol:
    protocol = kind(max_size=1000)
    protocol.receive_data(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    [request] = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    protocol.data_to_send()
    return protocol


def _told(protocol: ServerProtocol, reads: list[bytes]) -> tuple[list[object], list[bytes], State, str]:
    for read in reads:
        protocol.receive_data(read)
    return protocol.events_received(), protocol.data_to_send(), protocol.state, repr(protocol.parser_exc)


@pytest.mark.parametrize("frames", STREAMS.values(), ids=STREAMS)
def test_a_stream_is_understood_as_the_library_does_however_it_is_cut(frames: list[bytes]) -> None:
    stream = b"".join(frames)
    first = len(frames[0])
    for start, end in itertools.combinations(range(0, len(stream), 1 + len(stream) // 40), 2):
        reads = [part for part in (frames[0], stream[first:start], stream[max(start, first) : end]) if part]
        reads.append(stream[max(end, first) :])
        assert _told(_opened(TolerantServerProtocol), reads) == _told(_opened(ServerProtocol), reads)


@pytest.mark.parametrize("frames", STREAMS.values(), ids=STREAMS)
def test_frames_that_come_one_by_one_are_understood_as_the_library_does(frames: list[bytes]) -> None:
    assert _told(_opened(TolerantServerProtocol), frames) == _told(_opened(ServerProtocol), frames)


@pytest.mark.parametrize("payload", [b"", b"x" * 125, b"x" * 126, b"x" * 4000])
def test_the_payload_of_a_whole_message(payload: bytes) -> None:
    assert whole_text(_masked(payload)) == payload


@pytest.mark.parametrize(
    "data", [b"", SHORT[:-1], SHORT + b"\x81", SHORT + SHORT, FRAGMENTS, _masked(b"x" * 66_000)], ids=range(6)
)
def test_nothing_else_is_a_whole_message(data: bytes) -> None:
    assert whole_text(data) is None
