"""A crew claims what waits, as much as it has concurrency for, misses no wake, and gives back what it has when it stops."""

import asyncio
import contextlib

import pytest

from chatserver.errors import Busy
from chatserver.jobs.events import JobsWaiting
from chatserver.jobs.runner import JobRunner

PATIENCE_SECONDS = 10
# So long that no test passes by it.
POLL_SECONDS = 3600


class Job:
    """Work that ends when it is told to."""

    def __init__(self, name):
        self.id, self.ended, self.given_back = name, asyncio.Event(), False

    async def run(self):
        try:
            await self.ended.wait()
        except asyncio.CancelledError:
            self.given_back = True
            raise

    def stop(self):
        self.ended.set()


class Queue:
    """Jobs that wait. `shut` is a gate that lets nothing through; `looks` counts the claims."""

    def __init__(self, *jobs, shut=False):
        self.jobs, self.shut, self.looks, self.taken = list(jobs), shut, 0, []

    async def claim(self, free):
        self.looks += 1
        if self.shut:
            return [], bool(self.jobs)
        taken, self.jobs = self.jobs[:free], self.jobs[free:]
        self.taken += taken
        return taken, bool(self.jobs)


@contextlib.asynccontextmanager
async def at_work(queue, concurrency=2):
    made = JobRunner(
        "generation", queue.claim, concurrency=concurrency, poll_seconds=POLL_SECONDS, stop_seconds=PATIENCE_SECONDS
    )
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.001)


async def test_it_has_as_many_jobs_as_hands_and_each_end_makes_room_for_the_next():
    jobs = [Job(str(number)) for number in range(5)]
    queue = Queue(*jobs)
    async with at_work(queue) as made:
        for number, job in enumerate(jobs, 2):
            await until(lambda number=number: len(queue.taken) == min(number, len(jobs)))
            assert len(made) <= 2
            job.ended.set()
        await until(lambda: len(made) == 0)


async def test_an_end_looks_again_only_where_something_was_left():
    job = Job("only")
    queue = Queue(job)
    async with at_work(queue) as made:
        await until(lambda: queue.taken)
        job.ended.set()
        await until(lambda: len(made) == 0)
        await asyncio.sleep(0)
        assert queue.looks == 1


async def test_what_ends_in_the_middle_of_a_look_that_finds_the_gates_shut_makes_another_look():
    first, second = Job("first"), Job("second")
    queue = Queue(first)

    async def claim(free):
        if queue.looks == 1:
            # The gate is found shut; only then does the job end that holds its call.
            queue.looks += 1
            first.ended.set()
            await until(lambda: len(made) == 0)
            queue.jobs.append(second)
            return [], True
        return await queue.claim(free)

    made = JobRunner("generation", claim, concurrency=2, poll_seconds=POLL_SECONDS, stop_seconds=PATIENCE_SECONDS)
    running = asyncio.create_task(made.run())
    await until(lambda: queue.taken == [first])
    made.poll()
    await until(lambda: queue.taken == [first, second])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_is_queued_in_the_middle_of_a_look_is_found_at_once():
    job, queue = Job("late"), Queue()

    async def claim(free):
        found = await queue.claim(free)
        if queue.looks == 1:
            queue.jobs.append(job)
            made.notify(JobsWaiting(kind="generation"))
        return found

    made = JobRunner("generation", claim, concurrency=1, poll_seconds=POLL_SECONDS, stop_seconds=PATIENCE_SECONDS)
    running = asyncio.create_task(made.run())
    await until(lambda: queue.taken == [job])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("turns", range(6))
async def test_a_stop_that_comes_with_a_notification_ends_it(turns):
    queue = Queue()
    made = JobRunner("generation", queue.claim, concurrency=1, poll_seconds=POLL_SECONDS, stop_seconds=PATIENCE_SECONDS)
    running = asyncio.create_task(made.run())
    await until(lambda: queue.looks == 1)
    made.notify(JobsWaiting(kind="generation"))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    assert await asyncio.wait({running}, timeout=PATIENCE_SECONDS) == ({running}, set())


async def test_it_looks_for_its_own_kind_and_stops_only_the_job_that_is_named():
    ada, bob = Job("ada"), Job("bob")
    queue = Queue(ada, bob)
    async with at_work(queue, concurrency=3) as made:
        await until(lambda: len(made) == 2)
        made.notify(JobsWaiting(kind="reply"))
        await asyncio.sleep(0.01)
        assert queue.looks == 1
        made.notify(JobsWaiting(kind="generation", cancelled="ada"))
        await until(lambda: len(made) == 1)
        assert not bob.ended.is_set()
        await until(lambda: queue.looks == 2)
        made.notify(JobsWaiting())
        await until(lambda: queue.looks == 3)


async def test_a_crew_that_is_stopped_gives_its_jobs_back():
    jobs = [Job("ada"), Job("bob")]
    async with at_work(Queue(*jobs)) as made:
        await until(lambda: len(made) == 2)
    assert all(job.given_back for job in jobs)


async def test_a_busy_database_is_asked_again_at_the_next_poll():
    job = Job("ada")
    queue = Queue(job)

    async def claim(free):
        if queue.looks < 2:
            queue.looks += 1
            raise Busy
        return await queue.claim(free)

    made = JobRunner("generation", claim, concurrency=1, poll_seconds=0.01, stop_seconds=PATIENCE_SECONDS)
    running = asyncio.create_task(made.run())
    await until(lambda: queue.taken == [job])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
