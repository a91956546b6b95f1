"""How soon the others see what somebody says, over two machines."""

import asyncio
import statistics
import time
from typing import Any

from chatserver import ids
from tests.support.story import Refusal, SessionSocket

# What P11 says.
PROMISED_SECONDS = 1.5
# A reply that waits for Redis waits for at least the deadline of a publish.
REPLY_SECONDS = 1.0


async def delivery(chats: list[SessionSocket], text: str) -> tuple[float, float]:
    """Seconds until the answer, and until the other machine's tab shows what was said.

    A machine that stands still for as long as a unit of work may take answers `busy`: it is asked again, as a page does,
    and what that took counts.
    """
    began, client_id = time.monotonic(), ids.new()
    while not await _is_said(chats[0], text, client_id):
        pass
    answered = time.monotonic() - began
    await chats[1].sees_text(text)
    return answered, time.monotonic() - began


async def _is_said(chat: SessionSocket, text: str, client_id: str) -> bool:
    try:
        await chat.says(text, client_id)
    except Refusal as refusal:
        if refusal.code != "busy":
            raise
        await asyncio.sleep(refusal.error.get("retry_after") or 0)
        return False
    return True


async def check_delivery(chats: list[SessionSocket], name: str) -> None:
    """From the first to the second, three times: answers do not wait, deliveries come as promised, once, in order.

    The median counts: in one of the three the machine may have stood still.
    """
    times = [await delivery(chats, f"{name} {number}") for number in range(3)]
    answers, deliveries = zip(*times, strict=True)
    print(f"P11: {name}: delivered in {statistics.median(deliveries):.2f} s, at most {max(deliveries):.2f} s")
    assert statistics.median(answers) < REPLY_SECONDS
    assert statistics.median(deliveries) < PROMISED_SECONDS
    seqs = durable_seqs(chats[1].events)
    assert seqs == sorted(set(seqs))


def durable_seqs(events: list[dict[str, Any]]) -> list[int]:
    """The numbers of the durable changes that a tab was told, in the order of telling."""
    return [event["seq"] for event in events if event["type"] == "message"]
