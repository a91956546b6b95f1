"""A hundred answers of the assistant at once, fifty tokens a second each, on one process: how late do the tokens arrive?

A model in a process of its own writes into each token when it was sent; a reader on the session's socket compares that
with the moment at which the token's characters arrive. Lateness is what the product adds: reading the stream, merging to
thirty deltas a second (which alone holds a token for up to 33 ms), and delivering.
"""

import asyncio
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import uvloop

from benchmarks import crowd
from benchmarks.report import Measurement
from benchmarks.servers.clock_model import running
from tests.support import postgres
from tests.support import product as products
from tests.support.story import ApiUser

STREAMS, TOKENS_A_SECOND, SECONDS = 100, 50, 8
GOAL_MS = 100.0
# Left out at the beginning: that all of them ask in the same moment is not what is measured.
WARM_SECONDS = 2.0
PATIENCE_SECONDS = 90.0


def run() -> list[Measurement]:
    """One product, one model, a hundred sessions."""
    return [uvloop.run(_measure())]


async def _measure() -> Measurement:
    rate = (str(TOKENS_A_SECOND), str(SECONDS))
    async with running("clock_model", *rate) as url, postgres.running_server() as server:
        settings = {"DATABASE_URL": await server.create_database(), "CHAT_BASE_URL": url, "CHAT_MODEL": "clock"}
        with tempfile.TemporaryDirectory() as folder:
            async with products.running(Path(folder), **settings, **crowd.SETTINGS) as product:
                return await _streams(product)


async def _streams(product: products.Product) -> Measurement:
    people = [(person, await person.buys()) for person in await crowd.gather(product, STREAMS)]
    process = psutil.Process(product.process.pid)
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    late = await asyncio.gather(*(_lateness(person, session["id"]) for person, session in people))
    used, lasted = sum(process.cpu_times()[:2]) - before, time.monotonic() - began
    every = [milliseconds for one in late for milliseconds in one]
    quantiles = statistics.quantiles(every, n=100, method="inclusive")
    return Measurement(
        f"{STREAMS} streams of {TOKENS_A_SECOND} tokens/s on one process: lateness",
        f"median {quantiles[49]:.0f} ms, p99 {quantiles[98]:.0f} ms",
        f"p99 ≤ {GOAL_MS:.0f} ms",
        quantiles[98] <= GOAL_MS,
        f"{len(every)} tokens; {used / lasted * 100:.0f} % of a core",
    )


async def _lateness(person: ApiUser, session_id: str) -> list[float]:
    """Milliseconds of each token of one answer. Frames are only kept while they come, and read afterwards."""
    headers = {"Authorization": f"Bearer {person.token}", **person.headers}
    url = f"{person.product.ws_url}/ws/sessions/{session_id}"
    frames: list[tuple[float, str]] = []
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(url, headers=headers, protocols=["chat.v1.json"], max_msg_size=0) as socket,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        command = {"type": "message.create", "ref": "1", "client_id": str(uuid.uuid4()), "text": "tell me the time"}
        await socket.send_json(command)
        async for frame in socket:
            frames.append((time.time(), frame.data))
            if ends(frame.data):
                break
    return list(_late_tokens(frames))


def ends(frame: str) -> bool:
    """Whether a frame has the assistant's whole reply, in either form."""
    told = [event for event in json.loads(frame) if event["type"] == "message"]
    return any(_is_whole_reply(event) for event in told)


def _is_whole_reply(event: dict[str, Any]) -> bool:
    if "html" in event:
        return 'data-author-kind="assistant"' in event["html"] and 'data-status="streaming"' not in event["html"]
    message = event["message"]
    return bool(message["author"]["kind"] == "assistant" and message["status"] != "streaming")


def _late_tokens(frames: list[tuple[float, str]]) -> Iterator[float]:
    rest, first = "", None
    for moment, frame in frames:
        for event in json.loads(frame):
            if event["type"] != "delta":
                continue
            *tokens, rest = (rest + event["text"]).split(" ")
            for sent in (int(token) / 1000 for token in tokens):
                first = first or sent
                if sent - first > WARM_SECONDS:
                    yield (moment - sent) * 1000
