"""A thousand handshakes at once begin in the order in which they came, and leave the loop to others in between."""

import asyncio

from chatserver.edge.limits import UPGRADES_AT_ONCE
from chatserver.edge.upgrade_queue import UpgradeQueue


async def test_handshakes_begin_in_order_and_few_in_each_turn_of_the_loop():
    queue, begun = UpgradeQueue(), []
    for number in range(5 * UPGRADES_AT_ONCE):
        queue.enter(lambda number=number: begun.append(number))
    assert begun == []
    turns = await turns_until(begun, 5 * UPGRADES_AT_ONCE)
    assert begun == sorted(begun) and max(turns) == UPGRADES_AT_ONCE
    queue.enter(lambda: begun.append("later"))
    await asyncio.sleep(0)
    assert begun[-1] == "later"


async def test_while_more_of_them_come_one_begins_in_each_turn():
    queue, begun, loop = UpgradeQueue(), [], asyncio.get_running_loop()
    for number in range(9):
        loop.call_later(0, queue.enter, lambda number=number: begun.append(number))
        queue.enter(lambda number=number: begun.append(number))
        await asyncio.sleep(0)
        assert len(begun) <= number + 1
    await turns_until(begun, 18)


async def turns_until(begun, count):
    """How many more had begun after each turn of the loop, until so many have."""
    turns = []
    async with asyncio.timeout(10):
        while len(begun) < count:
            before = len(begun)
            await asyncio.sleep(0)
            turns.append(len(begun) - before)
    return turns


async def test_one_that_fails_holds_up_nobody():
    queue, begun, loop = UpgradeQueue(), [], asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: begun.append(type(context["exception"])))
    try:
        for _ in range(UPGRADES_AT_ONCE):
            queue.enter(lambda: begun[99])
        queue.enter(lambda: begun.append("served"))
        await turns_until(begun, UPGRADES_AT_ONCE + 1)
    finally:
        loop.set_exception_handler(None)
    assert begun == [*[IndexError] * UPGRADES_AT_ONCE, "served"]
