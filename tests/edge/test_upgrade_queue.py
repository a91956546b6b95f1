"""A thousand handshakes at once begin in the order in which they came, and leave the loop to others in between."""

import asyncio

from chatserver.edge.limits import UPGRADES_AT_ONCE
from chatserver.edge.upgrade_queue import UpgradeQueue


async def test_handshakes_begin_in_order_and_few_in_each_turn_of_the_loop():
    queue, begun, turns = UpgradeQueue(), [], []
    for number in range(5 * UPGRADES_AT_ONCE):
        queue.enter(lambda number=number: begun.append(number))
    assert begun == []
    while len(begun) < 5 * UPGRADES_AT_ONCE:
        before = len(begun)
        await asyncio.sleep(0)
        turns.append(len(begun) - before)
    assert begun == sorted(begun) and max(turns) == UPGRADES_AT_ONCE
    queue.enter(lambda: begun.append("later"))
    await asyncio.sleep(0)
    assert begun[-1] == "later"


async def test_one_that_fails_holds_up_nobody():
    queue, begun, loop = UpgradeQueue(), [], asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: begun.append(type(context["exception"])))
    try:
        for _ in range(UPGRADES_AT_ONCE):
            queue.enter(lambda: begun[99])
        queue.enter(lambda: begun.append("served"))
        for _ in range(2 * UPGRADES_AT_ONCE):
            await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
    assert begun == [*[IndexError] * UPGRADES_AT_ONCE, "served"]
