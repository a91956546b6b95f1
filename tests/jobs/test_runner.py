"""A runner claims what waits, up to its concurrency, misses no notification, and gives its jobs back when it stops."""

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
    """Jobs that wait; `claims` counts how often they were asked for."""

    def __init__(self, *jobs):
        self.jobs, self.claims, self.taken = list(jobs), 0, []

    async def claim(self, free):
        self.claims += 1
        taken, self.jobs = self.jobs[:free], self.jobs[free:]
        self.taken += taken
        return taken, bool(self.jobs)


@contextlib.asynccontextmanager
async def at_work(claim, concurrency=2, poll_seconds=POLL_SECONDS):
    made = JobRunner(
        "generation", claim, concurrency=concurrency, poll_seconds=poll_seconds, stop_seconds=PATIENCE_SECONDS
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


async def test_it_has_as_many_jobs_as_its_concurrency_and_each_end_makes_room_for_the_next():
    jobs = [Job(str(number)) for number in range(5)]
    queue = Queue(*jobs)
    async with at_work(queue.claim) as made:
        for number, job in enumerate(jobs, 2):
            await until(lambda number=number: len(queue.taken) == min(number, len(jobs)))
            assert len(made) <= 2
            job.ended.set()
        await until(lambda: len(made) == 0)


async def test_an_end_polls_again_only_where_something_was_left():
    job = Job("only")
    queue = Queue(job)
    async with at_work(queue.claim) as made:
        await until(lambda: queue.taken)
        job.ended.set()
        await until(lambda: len(made) == 0)
        await asyncio.sleep(0)
        assert queue.claims == 1


async def test_a_job_that_ends_in_the_middle_of_a_claim_that_finds_no_permit_causes_another_claim():
    first, second = Job("first"), Job("second")
    queue = Queue(first)

    async def claim(free):
        if queue.claims == 1:
            # No permit is found; only then does the job end that holds it.
            queue.claims += 1
            first.ended.set()
            await until(lambda: len(made) == 0)
            queue.jobs.append(second)
            return [], True
        return await queue.claim(free)

    async with at_work(claim) as made:
        await until(lambda: queue.taken == [first])
        made.poll()
        await until(lambda: queue.taken == [first, second])


async def test_what_is_queued_in_the_middle_of_a_claim_is_found_at_once():
    job, queue = Job("late"), Queue()

    async def claim(free):
        found = await queue.claim(free)
        if queue.claims == 1:
            queue.jobs.append(job)
            made.notify(JobsWaiting(kind="generation"))
        return found

    async with at_work(claim, concurrency=1) as made:
        await until(lambda: queue.taken == [job])


@pytest.mark.parametrize("turns", range(6))
async def test_a_stop_that_comes_with_a_notification_ends_it(turns):
    queue = Queue()
    made = JobRunner("generation", queue.claim, concurrency=1, poll_seconds=POLL_SECONDS, stop_seconds=PATIENCE_SECONDS)
    running = asyncio.create_task(made.run())
    await until(lambda: queue.claims == 1)
    made.notify(JobsWaiting(kind="generation"))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    assert await asyncio.wait({running}, timeout=PATIENCE_SECONDS) == ({running}, set())


async def test_it_polls_for_its_own_kind_and_stops_only_the_job_that_is_named():
    ada, bob = Job("ada"), Job("bob")
    queue = Queue(ada, bob)
    async with at_work(queue.claim, concurrency=3) as made:
        await until(lambda: len(made) == 2)
        made.notify(JobsWaiting(kind="reply"))
        await asyncio.sleep(0.01)
        assert queue.claims == 1
        made.notify(JobsWaiting(kind="generation", cancelled="ada"))
        await until(lambda: len(made) == 1)
        assert not bob.ended.is_set()
        await until(lambda: queue.claims == 2)
        made.notify(JobsWaiting())
        await until(lambda: queue.claims == 3)


async def test_a_runner_that_is_stopped_gives_its_jobs_back():
    jobs = [Job("ada"), Job("bob")]
    async with at_work(Queue(*jobs).claim) as made:
        await until(lambda: len(made) == 2)
    assert all(job.given_back for job in jobs)


@pytest.mark.parametrize("error", [Busy, ZeroDivisionError])
async def test_a_claim_that_fails_is_made_again_at_the_next_poll_and_no_job_is_given_back_for_it(error):
    ada, bob = Job("ada"), Job("bob")
    queue = Queue(ada)

    async def claim(free):
        if queue.claims == 1:
            queue.claims += 1
            queue.jobs.append(bob)
            raise error
        return await queue.claim(free)

    async with at_work(claim, poll_seconds=0.01) as made:
        await until(lambda: queue.taken == [ada, bob])
        assert len(made) == 2
        assert not ada.given_back
