"""What a streamed reply costs: bytes on the wire to one tab and CPU of the product, for each token, by length and speed.

The reply is Markdown with paragraphs, lists, code and tables. The bytes are those of the frames' text from the question to
the end of the reply: deltas, parts, the whole message, and whatever else the session says meanwhile.
"""

import asyncio
import contextlib
import tempfile
import uuid
from pathlib import Path

import aiohttp
import psutil
import uvloop

from benchmarks.report import Measurement
from benchmarks.servers.clock_model import running
from benchmarks.token_streams import ends
from tests.support import postgres
from tests.support import product as products
from tests.support.story import ApiUser, sign_up

# (tokens, milliseconds for each): short and long, fast and at the speed of a large model.
REPLIES = ((500, 3), (4_000, 3), (16_000, 1), (500, 20), (1_000, 50))
FORMS = ("chat.v1.html", "chat.v1.json")
GOAL_BYTES = 40
PATIENCE_SECONDS = 120.0


def run() -> list[Measurement]:
    """One product, one model, one person with one tab after another."""
    return uvloop.run(_measure())


async def _measure() -> list[Measurement]:
    async with running("prose_model") as url, postgres.running_server() as server:
        settings = {"DATABASE_URL": await server.create_database(), "CHAT_BASE_URL": url, "CHAT_MODEL": "prose"}
        with tempfile.TemporaryDirectory() as folder:
            async with products.running(Path(folder), **settings) as product:
                person = await sign_up(product, "Ada")
                session = await person.buys()
                return [
                    await _reply(person, session["id"], form, tokens, pause)
                    for form in FORMS
                    for tokens, pause in REPLIES
                ]


async def _reply(person: ApiUser, session_id: str, form: str, tokens: int, pause: int) -> Measurement:
    used = _cpu_seconds(person.product.process.pid)
    size = await _bytes(person, session_id, form, f"{tokens} {pause}")
    used = _cpu_seconds(person.product.process.pid) - used
    return Measurement(
        f"{tokens:,} tokens at {pause} ms, {form}",
        f"{size / tokens:.0f} B a token",
        f"≤ {GOAL_BYTES} B",
        size / tokens <= GOAL_BYTES,
        f"{used / tokens * 1e6:.0f} µs of CPU a token, with its child processes",
    )


def _cpu_seconds(pid: int) -> float:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(each.cpu_times()) for each in family)


async def _bytes(person: ApiUser, session_id: str, form: str, question: str) -> int:
    headers = {"Authorization": f"Bearer {person.token}", **person.headers}
    url = f"{person.product.ws_url}/ws/sessions/{session_id}"
    size = 0
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(url, headers=headers, protocols=[form], max_msg_size=0) as socket,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        await asyncio.sleep(1)  # the history, and who is here
        while True:
            with contextlib.suppress(TimeoutError):
                await socket.receive(timeout=0.2)
                continue
            break
        await socket.send_json({"type": "message.create", "ref": "1", "client_id": str(uuid.uuid4()), "text": question})
        async for frame in socket:
            size += len(frame.data.encode())
            if ends(frame.data):
                break
    return size
