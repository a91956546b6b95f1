"""What a worker does beside its attempts."""

import asyncio
import contextlib
import dataclasses
from types import SimpleNamespace

from structlog.testing import capture_logs

from chatserver.config.timing import DEFAULT_TIMING
from chatserver.generations import queue
from chatserver.generations.worker import Worker


class Database:
    """Has nothing to do; the first looks for lost generations fail."""

    timing = dataclasses.replace(DEFAULT_TIMING, reap=0.001)

    def __init__(self, failures):
        self.failures, self.looked = failures, asyncio.Event()

    async def run_system(self, verb, *_):
        if verb is queue.claim:
            return [], False
        if verb is queue.lost and self.failures:
            raise self.failures.pop()
        if verb is queue.lost:
            self.looked.set()
        return []


async def work_until_it_has_looked(database):
    working = asyncio.create_task(Worker(SimpleNamespace(database=database, chain=()), concurrency=1).run())
    async with asyncio.timeout(20):
        await database.looked.wait()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def test_generations_of_dead_workers_are_looked_for_after_an_error_too():
    database = Database([LookupError(), OverflowError()])
    with capture_logs() as lines:
        await work_until_it_has_looked(database)
    assert [line["event"] for line in lines] == ["worker.reaper_failed"] * 2


class SharedDatabase(Database):
    """Has a lost generation, which another worker takes up at the same moment."""

    def __init__(self, answers):
        super().__init__([])
        self.answers = answers  # of taking it up: whether we were first

    async def run_system(self, verb, *_):
        if verb is queue.lost and self.answers:
            return [("a generation", "a session", "image")]
        if verb is queue.reap:
            return self.answers.pop()
        return await super().run_system(verb)


async def test_a_lost_generation_is_told_by_the_worker_alone_that_took_it_up():
    database = SharedDatabase([False, True, False])
    with capture_logs() as lines:
        await work_until_it_has_looked(database)
    assert [(line["event"], line["generation_id"]) for line in lines] == [("generation.recovered", "a generation")]
