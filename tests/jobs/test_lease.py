"""A lease is renewed while the work goes on, and lost at once, by the fence, or by the worker's own clock."""

import asyncio
from types import SimpleNamespace

import pytest

from chatserver.config import Timing
from chatserver.errors import Busy
from chatserver.jobs.lease import Lease, LeaseLost, backoff


async def verb(tx):
    return "written"


class FlakyDatabase:
    """A database that is away for the first `failures` units of work."""

    def __init__(self, failures=0, **timing):
        self.failures, self.timing, self.asked = failures, Timing(**timing), 0

    async def run_system(self, verb, *args, **kwargs):
        self.asked += 1
        if self.asked <= self.failures:
            raise Busy
        return await verb(SimpleNamespace(), *args, **kwargs)


@pytest.fixture
def clock(monkeypatch):
    """The worker's own clock, which a test moves: a busy machine is not late on it."""
    moved = SimpleNamespace(now=0.0, monotonic=lambda: moved.now)
    monkeypatch.setattr("chatserver.jobs.lease.time", moved)
    return moved


async def forever():
    await asyncio.Event().wait()


async def test_the_work_ends_with_its_result_and_the_renewals_with_it():
    lease, renewals = Lease(FlakyDatabase()), []

    async def work():
        while len(renewals) < 3:
            await asyncio.sleep(0)
        return "made"

    async def renew():
        renewals.append(lease.is_due)

    assert await lease.hold(work(), renew, lambda: 0.001) == "made"
    ended = len(renewals)
    await asyncio.sleep(0.01)
    assert len(renewals) == ended


async def test_a_revoked_lease_cancels_the_work_without_waiting_for_the_interval():
    lease, cancelled = Lease(FlakyDatabase()), asyncio.Event()

    async def work():
        try:
            await forever()
        finally:
            cancelled.set()

    holding = asyncio.create_task(lease.hold(work(), forever, lambda: 3600))
    await asyncio.sleep(0)
    lease.revoke()
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(holding, 5)
    assert cancelled.is_set()


async def test_a_renewal_that_finds_the_lease_taken_over_cancels_the_work():
    async def renew():
        raise LeaseLost

    with pytest.raises(LeaseLost):
        await asyncio.wait_for(Lease(FlakyDatabase()).hold(forever(), renew, lambda: 0.001), 5)


async def test_a_worker_that_cannot_renew_surrenders_before_another_takes_the_job_over(clock):
    database = FlakyDatabase(failures=10_000, lease=30)
    lease = Lease(database)

    async def renew():
        clock.now += 1
        await lease.write(verb)

    with pytest.raises(LeaseLost):
        await asyncio.wait_for(lease.hold(forever(), renew, lambda: 0.001), 5)
    assert database.asked > 1
    assert database.timing.lease_surrender <= lease.age < database.timing.lease


async def test_without_surrender_the_work_goes_on_while_the_database_is_away():
    lease = Lease(FlakyDatabase(failures=10_000, lease=0.01))
    work = asyncio.sleep(0.1, "made")
    assert await lease.hold(work, lambda: lease.write(verb), lambda: 0.005, surrender=False) == "made"


async def test_a_write_renews_and_what_insists_does_not(clock):
    lease = Lease(FlakyDatabase(lease=30))
    clock.now += 20
    assert lease.is_due
    assert await lease.insist(verb) == "written"
    assert lease.is_due
    assert await lease.write(verb) == "written"
    assert not lease.is_due


async def test_insisting_ends_when_the_lease_has_run_out(monkeypatch):
    monkeypatch.setattr("chatserver.jobs.lease.RETRY_SECONDS", 0.01)
    assert await Lease(FlakyDatabase(failures=3)).insist(verb) == "written"
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(Lease(FlakyDatabase(failures=10_000, lease=0.05)).insist(verb), 5)


@pytest.mark.parametrize(("failures", "least", "most"), [(0, 1, 2), (1, 2, 4), (2, 3, 6), (50, 3, 6)])
def test_waits_double_up_to_the_longest_with_at_most_half_taken_away(failures, least, most):
    waits = [backoff(2, failures, 6) for _ in range(200)]
    assert least <= min(waits) < max(waits) <= most
