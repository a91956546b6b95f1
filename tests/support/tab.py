"""A browser's tab as the promises see it: it stays. When its socket ends it comes back at another node with `after`, and
what was not answered it sends again under the same client_id."""

import asyncio
import contextlib
import itertools
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp

from tests.support.product import Product
from tests.support.story import ApiUser, Refusal, SessionSocket

# Between attempts to come back: the browser's own back-off begins here.
PAUSE_SECONDS = (0.05, 0.5)
# Refusals that pass, as the browser knows them.
TEMPORARY = ("busy", "rate-limited")


class Tab:
    """`messages` is what it shows, `seqs` every durable number that it applied, `closes` how its sockets ended."""

    def __init__(self, person: ApiUser, session_id: str, nodes: Callable[[], list[Product]], first: int = 0) -> None:
        self.person, self.session_id, self._nodes = person, session_id, nodes
        self.messages: dict[str, dict[str, Any]] = {}
        self.seqs: list[int] = []
        self.closes: list[int | None] = []
        self.away: list[float] = []
        self._turn = itertools.count(first)
        self._chat: SessionSocket | None = None
        self._live = asyncio.Event()
        self._task = asyncio.create_task(self._stay())

    @property
    def seq(self) -> int:
        return self.seqs[-1] if self.seqs else 0

    @property
    def where(self) -> Product | None:
        """The node that it is connected to."""
        return self._chat.product if self._chat and self._live.is_set() else None

    async def _stay(self) -> None:
        lost_at: float | None = None
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, AssertionError, TimeoutError):
                async with asyncio.timeout(20):
                    self._chat = await self._connect()
                if lost_at is not None:
                    self.away.append(time.monotonic() - lost_at)
                self._live.set()
                await self._follow(self._chat)
                lost_at = time.monotonic()
                self.closes.append(self._chat.close_code)
            self._live.clear()
            if self._chat is not None:
                await self._chat.leaves()
            await asyncio.sleep(random.uniform(*PAUSE_SECONDS))

    async def _connect(self) -> SessionSocket:
        nodes = self._nodes()
        node = nodes[next(self._turn) % len(nodes)]
        chat = SessionSocket(self.person, self.session_id, node, "chat.v1.json")
        try:
            await chat.connect(self.seq if self.seqs else None, patience=5)
        except BaseException:
            await chat.leaves()
            raise
        return chat

    async def _follow(self, chat: SessionSocket) -> None:
        """Applies what comes until the socket is closed."""
        done = 0
        while True:
            await chat.changed(lambda: len(chat.events) > done or chat.close_code is not None)  # noqa: B023
            for event in chat.events[done:]:
                done += 1
                if event["type"] == "message":
                    self.messages[event["message"]["id"]] = event["message"]
                    self.seqs.append(event["seq"])
            if chat.close_code is not None:
                return

    async def is_live(self) -> None:
        """Waits until it is connected. Raises what ended it, if something did."""
        live = asyncio.create_task(self._live.wait())
        await asyncio.wait({live, self._task}, return_when=asyncio.FIRST_COMPLETED)
        live.cancel()
        if self._task.done():
            self._task.result()

    async def tries(self, command: str, **fields: Any) -> dict[str, Any]:
        """Sends a command once and returns its reply, ok or not. Raises Gone or ConnectionError: who knows then?"""
        await self.is_live()
        assert self._chat is not None
        return await _answer(self._chat, command, fields)

    async def asks(self, command: str, **fields: Any) -> Any:
        """Sends a command until it is answered, over as many sockets as it takes. Raises Refusal."""
        while True:
            with contextlib.suppress(ConnectionError, Gone):
                reply = await self.tries(command, **fields)
                if reply["ok"]:
                    return reply["result"]
                if reply["error"]["code"] not in TEMPORARY:
                    raise Refusal(0, reply)
            await asyncio.sleep(0.2)

    async def says(self, text: str, client_id: str | None = None) -> dict[str, Any]:
        result = await self.asks("message.create", client_id=client_id or str(uuid.uuid4()), text=text)
        message: dict[str, Any] = result["message"]
        return message

    async def generates(self, prompt: str, **fields: Any) -> dict[str, Any]:
        body = {"kind": "image", "width": 64, "height": 64, **fields}
        result = await self.asks("generation.create", client_id=str(uuid.uuid4()), prompt=prompt, **body)
        message: dict[str, Any] = result["message"]
        return message

    async def shows(self, wanted: Callable[[dict[str, Any]], bool], patience: float = 30) -> dict[str, Any]:
        """The first message that is as wanted, now or soon."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for message in self.messages.values():
                if wanted(message):
                    return message
            await asyncio.sleep(0.02)
        raise AssertionError(f"never seen in {patience} s; at seq {self.seq}, sockets ended: {self.closes}")

    def texts(self, kind: str = "user") -> list[str]:
        """What people said, in the order of this tab."""
        shown = sorted(self.messages.values(), key=lambda message: message["id"])
        return [message["text"] for message in shown if message["author"]["kind"] == kind]

    async def leaves(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._chat is not None:
            await self._chat.leaves()


class Gone(Exception):
    """The socket ended before the answer came."""


async def _answer(chat: SessionSocket, command: str, fields: dict[str, Any]) -> dict[str, Any]:
    ref = await chat.send(command, **fields)
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = [event for event in chat.events if event["type"] == "reply" and event["ref"] == ref][:1]
        return bool(found) or chat.close_code is not None

    await chat.changed(look)
    if not found:
        raise Gone
    return found[0]
