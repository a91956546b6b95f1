"""What is asked at the same time is answered by one read, which never began before the question was asked."""

import asyncio
import contextvars

import pytest

from chatserver.errors import Busy
from chatserver.runtime.batching import Batcher


class Source:
    """A value that changes; each read of it waits until it is let through. `reads` has what each was asked."""

    def __init__(self):
        self.value, self.reads, self.gate, self.error = 0, [], asyncio.Semaphore(0), None

    async def read(self, questions):
        self.reads.append(list(questions))
        seen = self.value
        await self.gate.acquire()
        if self.error is not None:
            raise self.error
        return {question: seen for question in questions if question != "unknown"}


async def asked(batcher, *questions):
    tasks = [asyncio.create_task(batcher.answer(question)) for question in questions]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_an_answer_is_never_older_than_its_question():
    source = Source()
    batcher = Batcher(source.read, at_once=1)
    [early] = await asked(batcher, "seq")
    source.value = 1
    late = await asked(batcher, "seq", "seq", "other")
    source.gate.release()
    source.gate.release()
    assert await early == 0
    assert await asyncio.gather(*late) == [1, 1, 1]
    assert source.reads == [["seq"], ["seq", "other"]]


async def test_a_thousand_are_read_in_few_parts_and_those_who_leave_hold_up_nobody():
    source = Source()
    batcher = Batcher(source.read, most=100, at_once=2)
    tasks = await asked(batcher, *range(1000))
    for gone in tasks[::2]:
        gone.cancel()
    for _ in range(20):
        source.gate.release()
    assert await asyncio.gather(*tasks[1::2]) == [0] * 500
    assert max(map(len, source.reads)) == 100 and len(source.reads) <= 13


async def test_what_has_no_answer_is_none_and_an_error_reaches_all_who_wait_but_nobody_afterwards():
    source = Source()
    batcher = Batcher(source.read, most=1, at_once=1)
    source.error = Busy(retry_after=1)
    tasks = await asked(batcher, "a", "b", "c")
    source.gate.release()
    for task in tasks:
        with pytest.raises(Busy):
            await task
    assert source.reads == [["a"]]
    source.error = None
    source.gate.release()
    assert await batcher.answer("unknown") is None


@pytest.mark.parametrize("at_once", [1, 2])
async def test_who_asks_on_when_the_last_readers_have_just_ended_is_answered(at_once):
    async def read(questions):
        return {question: question for question in questions}

    # Each reader ends in the same step of the loop as the others; the answers arrive before the ends of the readers do.
    batcher = Batcher(read, most=1, at_once=at_once)

    async def ask_on(who):
        return [await batcher.answer((who, number)) for number in range(3)]

    async with asyncio.timeout(10):
        answers = await asyncio.gather(*(ask_on(who) for who in range(at_once)))
    assert answers == [[(who, number) for number in range(3)] for who in range(at_once)]


async def test_a_read_knows_nothing_of_the_one_who_asked_first():
    request = contextvars.ContextVar("request", default="nobody's")

    async def read(questions):
        return dict.fromkeys(questions, request.get())

    request.set("the first one's")
    assert await Batcher(read).answer("whose") == "nobody's"
