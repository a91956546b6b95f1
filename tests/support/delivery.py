"""How soon the others see what somebody says, over two machines."""

import statistics
import time
from typing import Any

from tests.support.story import SessionSocket

# What P11 says, and what a machine that does nine other things may add to the slowest of several.
PROMISED_SECONDS, LOADED_SECONDS = 1.5, 3.0
# A reply that waits for Redis waits for at least the deadline of a publish.
REPLY_SECONDS = 1.0


async def delivery(chats: list[SessionSocket], text: str) -> tuple[float, float]:
    """Seconds until the answer, and until the other machine's tab shows what was said."""
    began = time.monotonic()
    await chats[0].says(text)
    answered = time.monotonic() - began
    await chats[1].sees_text(text)
    return answered, time.monotonic() - began


async def check_delivery(chats: list[SessionSocket], name: str) -> None:
    """From the first to the second, three times: answers do not wait, deliveries come as promised, once, in order."""
    times = [await delivery(chats, f"{name} {number}") for number in range(3)]
    answers, deliveries = zip(*times, strict=True)
    print(f"P11: {name}: delivered in {statistics.median(deliveries):.2f} s, at most {max(deliveries):.2f} s")
    assert statistics.median(answers) < REPLY_SECONDS
    assert statistics.median(deliveries) < PROMISED_SECONDS
    assert max(deliveries) < LOADED_SECONDS
    seqs = durable_seqs(chats[1].events)
    assert seqs == sorted(set(seqs))


def durable_seqs(events: list[dict[str, Any]]) -> list[int]:
    """The numbers of the durable changes that a tab was told, in the order of telling."""
    return [event["seq"] for event in events if event["type"] == "message"]
