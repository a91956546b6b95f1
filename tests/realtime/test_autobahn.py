"""Autobahn's cases, each a conversation with the real server over a raw socket; docs/websocket.md has the result."""

import json
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.realtime.autobahn import CASES, INFORMATIONAL, NON_STRICT, OFFERS, OK, POLICY, Case, Ends, Pong, Reply
from tests.realtime.raw import CLOSE, PONG, TEXT, RawClient, close_code, frames, masked, open_raw
from tests.support.hub_server import HubServer

# The server has to hang up by itself before its own deadline (five seconds) cuts the socket.
PROMPT_SECONDS = 4.0
PAGE = Path(__file__).parents[2] / "docs" / "websocket.md"

Heard = Pong | Reply | Ends


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[HubServer]:
    async with HubServer() as opened:
        yield opened


async def dial(server: HubServer, person: str, headers: str = "") -> RawClient:
    client = await open_raw(server, await server.session(person), person, headers=headers)
    # Each write is a segment of its own.
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def heard(received: bytes) -> list[Heard]:
    """Pongs, replies and the goodbye; what else a session is told is left out."""
    found: list[Heard] = []
    for opcode, payload in frames(received):
        if opcode == PONG:
            found.append(Pong(payload))
        elif opcode == CLOSE:
            found.append(Ends(close_code(received) or 0))
        else:
            assert opcode == TEXT
            found += [Reply(event["ref"]) for event in json.loads(payload) if event["type"] == "reply"]
    return found


async def hear(client: RawClient, answers: int) -> None:
    """Reads until so many came."""
    await client.read_until(lambda received: len(heard(received)) >= answers, PROMPT_SECONDS)


async def converse(client: RawClient, case: Case) -> list[Heard]:
    """Plays a case to its end; everything that came."""
    expected = 0
    for step in case.steps:
        if isinstance(step, bytes):
            await client.send(step)
        else:
            expected += 1
            await hear(client, expected)
    await client.send(masked(CLOSE, (close_code(client.received) or 0).to_bytes(2)))
    return heard(await client.read_to_end(PROMPT_SECONDS))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.number) for case in CASES])
async def test_a_case_of_autobahn_ends_as_it_should(server: HubServer, case: Case) -> None:
    client = await dial(server, f"client of {case.number}".replace(" ", "-"))
    try:
        wanted = [step for step in case.steps if not isinstance(step, bytes)]
        assert await converse(client, case) == wanted, case.sentence
    finally:
        client.close()


@pytest.mark.parametrize("offer", OFFERS)
async def test_compression_is_declined_and_a_compressed_frame_is_a_violation(server: HubServer, offer: str) -> None:
    client = await dial(server, "deflated", f"Sec-WebSocket-Extensions: {offer}\r\n")
    assert b"sec-websocket-extensions" not in client.head.lower()
    compressed = masked(TEXT, b"\xf2H\xcd\xc9\xc9\x07\x00", reserved=4)
    assert await converse(client, Case("12", "a compressed frame", (compressed, Ends(1002)))) == [Ends(1002)]
    client.close()


def test_the_page_says_how_many_cases_end_in_which_way() -> None:
    counts = Counter((case.section, case.verdict) for case in CASES)
    ours = {section: tuple(counts[section, verdict] for verdict in VERDICTS) for section, _ in counts}
    rows = "\n".join(f"| {section} | … | {' | '.join(map(str, ours[section]))} |" for section in sorted(ours))
    told = re.findall(r"^\| (\d+) [^|]*\|[^|]*\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert {int(section): tuple(map(int, numbers)) for section, *numbers in told} == ours, f"it should say:\n{rows}"


VERDICTS = (OK, NON_STRICT, INFORMATIONAL, POLICY)
