"""The chat service: OpenAI's chat completions as a stream of events, with every kind of error."""

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.emulators.huggingface.outcomes import Call, Outcome, Reset

MARKDOWN = """Here is a small **Python** function:

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"
```

It takes a name – such as *Ærøskøbing* 🌅 – and returns a greeting.

| part | meaning |
|---|---|
| `name` | whom to greet |
"""


@dataclass
class Stream(Outcome):
    """A role chunk, the text word by word, a finish, the usage, `[DONE]`; each part can be left out or broken.

    `ending`: done · no-done (finish_reason only) · hangs (the same, and the line is kept) · cut (neither) · reset · error
    (an event `error` in mid-text).
    """

    text: str = MARKDOWN
    pause: float = 0.0
    ending: str = "done"
    error: Any = None
    usage: bool = True
    keep_alive: bool = False
    crlf: bool = False
    split: int = 0
    whole: bool = False
    finish: str = "stop"
    # What the model needs until it begins: nothing is sent, not even a status.
    loading: float = 0.0
    # Words before which it waits until a test has set the event; before "" as it does while it loads.
    waits: Mapping[str, threading.Event] = field(default_factory=dict)
    first: list[Any] = field(default_factory=list)

    async def answer(self, call: Call) -> web.StreamResponse:
        await asyncio.sleep(self.loading)
        await self._wait_before("")
        if self.whole:
            message = {"role": "assistant", "content": self.text}
            return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}], "usage": _USAGE})
        headers = {"Content-Type": "text/event-stream", "x-inference-provider": "emulated"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(call.request)
        for line in self._lines():
            for words in self.waits:
                if words and words in line:
                    await self._wait_before(words)
            await self._send(response, line)
            await asyncio.sleep(self.pause)
        if self.ending == "hangs":
            await asyncio.sleep(60)
        if self.ending == "reset":
            # A reset throws away what the reader has not read yet.
            await asyncio.sleep(0.1)
            return await Reset().answer(call)
        return response

    async def _wait_before(self, words: str) -> None:
        event = self.waits.get(words)
        async with asyncio.timeout(60):
            while event is not None and not event.is_set():
                await asyncio.sleep(0.01)

    def _lines(self) -> list[str]:
        words = [word + " " for word in self.text.split(" ")]
        words[-1] = words[-1][:-1]
        lines = [json.dumps(chunk) for chunk in self.first] + [_chunk({"role": "assistant", "content": ""})]
        lines += [_chunk({"content": word}) for word in words]
        if self.ending in {"cut", "reset", "error"}:
            lines = lines[: len(lines) // 2 + 1]
        if self.ending == "error":
            return [*lines, json.dumps(self.error)]
        if self.ending in {"done", "no-done", "hangs"}:
            lines.append(_chunk({}, self.finish))
            lines += [json.dumps({"choices": [], "usage": _USAGE})] if self.usage else []
        return [*lines, "[DONE]"] if self.ending == "done" else lines

    async def _send(self, response: web.StreamResponse, line: str) -> None:
        end = "\r\n" if self.crlf else "\n"
        comment = f": keep-alive{end}{end}" if self.keep_alive else ""
        data = f"{comment}data: {line}{end}{end}".encode()
        if not self.split:
            return await response.write(data)
        for start in range(0, len(data), self.split):
            await response.write(data[start : start + self.split])
            await asyncio.sleep(0)
        return None


@dataclass
class Strict(Outcome):
    """A server whose template wants user and assistant in turn (vLLM with Mistral's or Gemma's), and that takes no more
    than it knows: no `system` role where that is False, no field of `unknown`. `names` is whether it says which."""

    system: bool = True
    unknown: tuple[str, ...] = ()
    status: int = 400
    names: bool = True
    inner: Outcome = field(default_factory=lambda: Stream())

    def holds(self) -> bool:
        return True

    async def answer(self, call: Call) -> web.StreamResponse:
        document = await call.request.json()
        wrong = self._wrong(document)
        if wrong is None:
            return await self.inner.answer(call)
        words = wrong if self.names else "Bad Request"
        return web.json_response({"object": "error", "message": words, "code": self.status}, status=self.status)

    def _wrong(self, document: dict[str, Any]) -> str | None:
        roles = [message["role"] for message in document["messages"]]
        if not self.system and "system" in roles:
            return "System role not supported"
        spoken = roles[1:] if roles[:1] == ["system"] else roles
        if spoken != ["user", "assistant"] * (len(spoken) // 2) + ["user"]:
            return "Conversation roles must alternate user/assistant/user/assistant/..."
        if not all(message["content"].strip() for message in document["messages"]):
            return "Every message must have content"
        return next((f"Unknown parameter: '{name}'." for name in self.unknown if name in document), None)


_USAGE = {"prompt_tokens": 21, "completion_tokens": 34, "total_tokens": 55}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "chat-1", "object": "chat.completion.chunk", "model": "emulated", "choices": [choice], "usage": None}
    # Not ASCII, so that characters of several bytes can be cut in two on their way.
    return json.dumps(chunk, ensure_ascii=False)
