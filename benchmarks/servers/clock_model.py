"""A model that speaks OpenAI's stream and writes the time into each token: `python -m benchmarks.servers.clock_model`.

It prints its port, then serves until it is killed. Each token is the milliseconds since 1970 at which it was sent.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator

import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler

HEADERS = {"Content-Type": "text/event-stream"}


@contextlib.asynccontextmanager
async def running(name: str, *arguments: str) -> AsyncIterator[str]:
    """A model of this folder in a process of its own, and its address for CHAT_BASE_URL."""
    command = ("-m", f"benchmarks.servers.{name}", *arguments)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}/v1"
    finally:
        process.kill()
        await process.wait()


async def main(tokens_a_second: int, seconds: int) -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        began = time.monotonic()
        for number in range(tokens_a_second * seconds):
            await asyncio.sleep(max(began + number / tokens_a_second - time.monotonic(), 0))
            await response.write(event({"content": f"{time.time() * 1000:.0f} "}))
        await response.write(event({}, "stop") + b"data: [DONE]\n\n")
        return response

    await serve(complete)


async def serve(complete: Handler) -> None:
    """Answers completions with `complete` until it is killed; prints its port first."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """One event of such a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
