"""Properties of what has no I/O: frames, reorder buffer, throttle, outbox and rate limits."""

import json
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from chatserver.brokers.base import Envelope
from chatserver.errors import Invalid, Malformed
from chatserver.realtime import protocol
from chatserver.realtime.limits import BATCH_BYTES, FRAMES_AT_ONCE, FRAMES_PER_SECOND, OUTBOX_BYTES, SocketLimits
from chatserver.realtime.outbox import Outbox
from chatserver.realtime.rate_limit import CommandRateLimit, TokenBucket
from chatserver.realtime.reorder_buffer import ReorderBuffer
from chatserver.realtime.throttle import Throttle
from tests.support.hub_server import Level, Piece, Said, Say

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
def test_a_frame_is_what_the_library_would_send(size: int) -> None:
    payload = b"x" * size
    frame = protocol.text_frame(payload)
    assert frame == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert protocol.payload_of(frame) == payload


@given(st.lists(st.integers(0, 2 * BATCH_BYTES)))
def test_batches_hold_everything_once_and_are_small(sizes: list[int]) -> None:
    cuts = list(protocol.batches(sizes))
    assert [size for cut in cuts for size in sizes[cut]] == sizes
    for cut in cuts:
        assert sum(sizes[cut]) <= BATCH_BYTES or len(sizes[cut]) == 1


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_command_or_a_bad_frame(text: str) -> None:
    try:
        frame = protocol.decode(text)
    except protocol.BadFrame:
        return
    assert isinstance(json.loads(text), dict)
    msgspec.json.encode(frame.ref)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(["type", "ref", "client_id", "text", "amount"]) | st.text(), JSON_VALUES))
def test_any_object_is_decoded_or_refused_with_a_reason(value: dict[str, object]) -> None:
    frame = protocol.decode(json.dumps(value))
    msgspec.json.encode(frame.ref)
    if frame.fault is None:
        try:
            protocol.body(frame.fields, Say)
        except Invalid as error:
            msgspec.json.encode(error.as_dict())
    else:
        assert isinstance(frame.fault, Invalid | Malformed)
        msgspec.json.encode(frame.fault.as_dict())


def _said(seq: int) -> Envelope:
    return Envelope("c", b"", Said(seq=seq, message={}))


@given(st.permutations(range(1, 13)), st.integers(0, 5), st.sets(st.integers(1, 12)), st.randoms())
def test_the_order_is_one_whatever_overtakes_repeats_or_is_lost(
    arrivals: list[int], start: int, lost: set[int], chance: random.Random
) -> None:
    buffer, heard = ReorderBuffer(), list[int]()

    def hear(envelopes: list[Envelope]) -> None:
        heard.extend(envelope.event.seq for envelope in envelopes if isinstance(envelope.event, Said))

    begins = chance.randrange(len(arrivals))
    for index, seq in enumerate(arrivals):
        if index == begins:
            hear(buffer.start_at(start))
        if seq not in lost:
            hear(buffer.push(seq, _said(seq)))
        if chance.random() < 0.3 and seq not in lost:
            hear(buffer.push(seq, _said(seq)))
    buffer.expect(12)
    if buffer.has_gap:
        assert buffer.position is not None
        hear(buffer.fill([_said(seq) for seq in range(buffer.position + 1, 13)], buffer.expected))
    assert heard == list(range(start + 1, 13))
    assert not buffer.has_gap


def test_an_event_without_seq_waits_behind_a_gap_only() -> None:
    buffer, piece = ReorderBuffer(), Envelope("c", b"", Piece(text="x"))
    assert buffer.push(None, piece) == [piece]
    buffer.start_at(0)
    assert buffer.push(None, piece) == [piece]
    assert buffer.push(2, _said(2)) == []
    assert buffer.push(None, piece) == []
    assert [envelope.event for envelope in buffer.push(1, _said(1))] == [_said(1).event, _said(2).event, piece.event]


def test_the_newest_of_a_key_goes_when_its_turn_comes() -> None:
    throttle = Throttle()
    levels = [Envelope("c", b"", Level(name="a", value=value)) for value in range(5)]
    assert throttle.admit("a", levels[0], 10.0)
    assert not throttle.admit("a", levels[1], 10.1)
    assert not throttle.admit("a", levels[2], 10.2)
    assert throttle.admit("b", levels[3], 10.2)
    assert throttle.next_at() == 10.25
    assert throttle.due(10.24) == []
    assert throttle.due(10.25) == [levels[2]]
    assert not throttle.admit("a", levels[4], 10.3)
    assert throttle.pop_all(10.3) == [levels[4]]
    assert throttle.next_at() is None


def test_an_outbox_is_bounded_and_merges() -> None:
    outbox = Outbox()
    for _ in range(10_000):
        assert outbox.append("key", None, b"x" * 1000)
    assert len(outbox) == 1
    count = 0
    while outbox.append(None, count + 1, b"y" * 1000):
        count += 1
    assert 100 < count < OUTBOX_BYTES / 1000
    assert outbox.size <= OUTBOX_BYTES
    taken = [part for _ in range(20) for part in outbox.pop_batch(count - 1)]
    assert taken == [b"x" * 1000, b"y" * 1000], "what the reader knows is left out"
    assert (len(outbox), outbox.size) == (0, 0)


def test_a_command_rate_limit_counts_both_windows() -> None:
    rate_limit = CommandRateLimit(SocketLimits(commands_per_10_seconds=2, commands_per_minute=3))
    assert [rate_limit.acquire(now) for now in (0.0, 1.0)] == [0, 0]
    assert rate_limit.acquire(2.0) == 8.0
    assert rate_limit.acquire(10.0) == 0
    assert rate_limit.acquire(30.0) == 30.0
    assert rate_limit.acquire(60.0) == 0
    assert not rate_limit.is_idle(100.0)
    assert rate_limit.is_idle(121.0)


def test_a_token_bucket_refills() -> None:
    rate_limit = TokenBucket(0.0)
    assert rate_limit.spend(FRAMES_AT_ONCE, 0.0)
    assert rate_limit.spend(FRAMES_PER_SECOND, 1.0)
    assert not rate_limit.spend(1, 1.0)
