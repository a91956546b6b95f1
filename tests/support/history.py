"""What clients did and what came of it, operation by operation; and the judge who compares it with what is stored."""

import asyncio
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.tab import TEMPORARY, Gone, Tab

Outcome = Literal["invoked", "ok", "failed", "unknown"]
# Below the twenty commands in ten seconds that a user may send.
PAUSE_SECONDS = (0.3, 0.9)


@dataclass
class Operation:
    """One command of one client; `text` is its own, so that its effects can be counted."""

    client: str
    kind: Literal["text", "image"]
    text: str
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    outcome: Outcome = "invoked"
    seq: int | None = None


class History:
    """Every operation, in the order of asking."""

    def __init__(self, seed: int) -> None:
        self.operations: list[Operation] = []
        self._random = random.Random(seed)

    async def run_client(self, tab: Tab, stopped: asyncio.Event) -> None:
        """Says something, or asks for a picture, until it is stopped; what is unknown it sometimes sends again."""
        number = 0
        while not stopped.is_set():
            kind: Literal["text", "image"] = "image" if self._random.random() < 0.15 else "text"
            operation = Operation(tab.person.name, kind, f"{tab.person.name} {number}")
            self.operations.append(operation)
            await self._perform(tab, operation)
            while operation.outcome == "unknown" and self._random.random() < 0.7:
                await self._perform(tab, operation)
            number += 1
            await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))

    async def _perform(self, tab: Tab, operation: Operation) -> None:
        try:
            reply = await asyncio.wait_for(tab.tries(*_command(operation)[:1], **_command(operation)[1]), 15)
        except (Gone, ConnectionError, TimeoutError):
            operation.outcome = "unknown"
            return
        if reply["ok"]:
            operation.outcome, operation.seq = "ok", reply["result"]["message"]["seq"]
        elif reply["error"]["code"] in TEMPORARY:
            # `busy` may follow a COMMIT whose answer was lost.
            operation.outcome = "unknown"
        else:
            operation.outcome = "failed"

    def judge(self, stored: list[dict[str, Any]]) -> Counter[str]:
        """Each ok once, each failed never, each unknown at most once, and nothing else. Returns the outcomes' counts."""
        effects = Counter(message["text"] for message in stored if message["author"]["kind"] == "user")
        for operation in self.operations:
            allowed = {"ok": {1}, "failed": {0}}.get(operation.outcome, {0, 1})
            assert effects.pop(operation.text, 0) in allowed, operation
        assert not effects
        self._judge_order(stored)
        return Counter(operation.outcome for operation in self.operations)

    def _judge_order(self, stored: list[dict[str, Any]]) -> None:
        """What one client was told in turn stands in that order."""
        place = {message["text"]: index for index, message in enumerate(sorted(stored, key=lambda each: each["id"]))}
        for client in {operation.client for operation in self.operations}:
            told = [each for each in self.operations if each.client == client and each.outcome == "ok"]
            assert [place[each.text] for each in told] == sorted(place[each.text] for each in told)


def _command(operation: Operation) -> tuple[str, dict[str, Any]]:
    if operation.kind == "text":
        return "message.create", {"client_id": operation.client_id, "text": operation.text}
    picture = {"kind": "image", "width": 64, "height": 64}
    return "generation.create", {"client_id": operation.client_id, "prompt": operation.text, **picture}
