"""A model that speaks OpenAI's stream and writes Markdown: `python -m benchmarks.servers.prose_model`.

It prints its port, then serves until it is killed. The question is "<tokens> <milliseconds for each>".
"""

import asyncio
import contextlib
import itertools
import re
import time

import uvloop
from aiohttp import web

from benchmarks.servers.clock_model import HEADERS, event, serve

PROSE = """A lighthouse stands where the **land** ends, and its lamp turns all night. Ships see it from far away, and know
by its rhythm which one it is: *two long, one short* is ours. Nobody has lived in it since the lamp became electric.

- The tower is 32 metres high, of granite that came by sea.
- The lamp is seen for 20 miles in clear weather.
- The `fog horn` is silent now; there is [a page about it](https://example.org/horn).

```python
def period(long: int, short: int) -> float:
    return long * 2.0 + short * 0.5
```

| part | from |
|---|---|
| lens | 1871 |
| lamp | 1964 |

"""
# A token is a word or a part of one, with the blank before it.
TOKENS = re.findall(r"\s*(?:\w{1,6}|[^\w\s]+)|\s+", PROSE)


async def main() -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        question = (await request.json())["messages"][-1]["content"]
        tokens, milliseconds = (int(number) for number in question.split())
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):  # nobody waits for the rest
            for number, token in enumerate(itertools.islice(itertools.cycle(TOKENS), tokens)):
                await asyncio.sleep(max(began + number * milliseconds / 1000 - time.monotonic(), 0))
                await response.write(event({"content": token}))
            await response.write(event({}, "stop") + b"data: [DONE]\n\n")
        return response

    await serve(complete)


if __name__ == "__main__":
    uvloop.run(main())
