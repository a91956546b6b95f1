"""Credits are conserved: under races, in any order of events, and in the ledger."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chatserver import credits, ids
from chatserver.assets import service as assets
from chatserver.errors import Conflict, CreditsExhausted, ProviderDown
from chatserver.generations import queue
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.provider_limits import ProviderLimits
from chatserver.generations.requests import CreateGeneration
from chatserver.imaging.protocol import Picture
from chatserver.jobs.lease import LeaseLost
from tests.support.people import make_session, make_user, run_sql

PICTURE = Picture(
    data=b"png", content_type="image/png", width=8, height=8, sha256="0" * 64, thumbnail=b"webp", placeholder=""
)
CHAIN = (ProviderLimits("sketch", frozenset({"image", "video"})),)
CHOICES = {"image": ModelChoice("sketch", "Sketch"), "video": ModelChoice("sketch", "Sketch")}


def request(client_id="", prompt="a red boat", **fields):
    return CreateGeneration(client_id=client_id or ids.new(), kind="image", prompt=prompt, **fields)


async def create(database, user, session, **fields):
    return await database.run_as(user, generations.create, session, request(**fields), CHOICES)


async def balance(database, user, session):
    return (await database.run_as(user, credits.balances, session)).image


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


async def test_a_session_owns_its_plans_credits(database, ada):
    for plan, images in (("flash-lite", 3), ("flash", 8), ("pro", 15)):
        session = await make_session(database, ada, plan)
        assert (await balance(database, ada, session)).limit == images


async def test_a_held_credit_is_told_with_the_time_of_the_next(database, ada):
    session = await make_session(database, ada)
    await create(database, ada, session, count=2)
    now = await balance(database, ada, session)
    assert (now.limit, now.left, now.held) == (8, 6, 2)
    seconds = (now.next_at - (await run_sql(database, "SELECT now()"))[0][0]).total_seconds()
    assert 3500 < seconds <= 3601


async def test_p6_the_same_request_many_times_is_one_generation(database, ada):
    session = await make_session(database, ada, "flash-lite")
    answers = await asyncio.gather(*(create(database, ada, session, client_id="click") for _ in range(12)))
    assert len({answer.id for answer in answers}) == 1
    assert (await balance(database, ada, session)).held == 1


async def test_p6_different_requests_on_few_credits_accept_exactly_that_many(database, ada):
    session = await make_session(database, ada, "flash")
    answers = await asyncio.gather(*(create(database, ada, session) for _ in range(20)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, CreditsExhausted)]
    assert len(answers) - len(refused) == 8
    assert len(refused) == 12
    assert (await balance(database, ada, session)).left == 0


async def test_p6_a_duplicate_is_never_told_exhausted_while_its_twin_was_accepted(database, ada):
    for _ in range(15):
        session = await make_session(database, ada, "flash-lite")
        clicks = [f"click-{n % 3}" for n in range(9)]
        await asyncio.gather(*(create(database, ada, session, client_id=click) for click in clicks))
        assert (await balance(database, ada, session)).held == 3


async def test_the_same_client_id_for_something_else_is_a_conflict(database, ada):
    session = await make_session(database, ada)
    await create(database, ada, session, client_id="one", prompt="a boat")
    with pytest.raises(Conflict):
        await create(database, ada, session, client_id="one", prompt="a house")


async def test_exhausted_says_when_enough_will_be_free(database, ada):
    session = await make_session(database, ada, "flash-lite")
    for _ in range(3):
        await create(database, ada, session)
    with pytest.raises(CreditsExhausted) as refusal:
        await create(database, ada, session)
    assert 3500 < refusal.value.retry_after <= 3601
    assert refusal.value.details["left"] == 0


async def test_a_credit_that_was_taken_back_while_a_picture_was_made_with_it_does_not_return_with_its_end(
    database, ada
):
    session = await make_session(database, ada, "flash")
    message = await create(database, ada, session, count=2)
    await database.run_system(credits.take_back, session, image=1, video=0)
    now = await balance(database, ada, session)
    assert (now.limit, now.left, now.held) == (1, 0, 1)
    assert await database.run_system(credits.check) == []
    for generation in message.generations:
        await database.run_as(ada, generations.cancel, generation.id)
    now = await balance(database, ada, session)
    assert (now.limit, now.left, now.held) == (1, 1, 0)
    with pytest.raises(CreditsExhausted):
        await create(database, ada, session, count=2)
    assert await database.run_system(credits.check) == []
    await database.run_system(credits.grant, session, image=8, video=2)
    assert (await balance(database, ada, session)).left == 8
    assert await database.run_system(credits.check) == []


async def test_a_cancelled_generation_gives_its_credit_back_once(database, ada):
    session = await make_session(database, ada)
    message = await create(database, ada, session)
    for _ in range(3):
        cancelled = await database.run_as(ada, generations.cancel, message.generations[0].id)
        assert cancelled.status == "cancelled"
    assert (await balance(database, ada, session)).left == 8
    entries = await run_sql(database, "SELECT action FROM credit_entries WHERE session_id = $1 ORDER BY id", session)
    assert [entry["action"] for entry in entries] == ["hold", "release"]


async def test_an_hour_brings_a_spent_credit_back(database, ada):
    session = await make_session(database, ada)
    await create(database, ada, session)
    await run_sql(
        database,
        "UPDATE credits SET available_at = available_at - $2::interval WHERE session_id = $1",
        session,
        timedelta(hours=1),
    )
    assert (await balance(database, ada, session)).left == 8


async def test_the_reconciler_finds_what_does_not_agree(database, ada):
    session = await make_session(database, ada)
    message = await create(database, ada, session)
    assert await database.run_system(credits.check) == []
    # Somebody with the database's own rights changes a row behind our back.
    await run_sql(database, "UPDATE credits SET generation_id = NULL WHERE session_id = $1", session)
    found = await database.run_system(credits.check)
    assert [discrepancy.where["generation_id"] for discrepancy in found] == [message.generations[0].id]
    await database.run_as(ada, generations.cancel, message.generations[0].id)
    assert await database.run_system(credits.check) == []


class Machine(RuleBasedStateMachine):
    """Any order of clicks, claims, ends, losses and passing hours keeps the books."""

    database = None
    loop = None
    user = ""

    def __init__(self):
        super().__init__()
        self.session = self.go(make_session(self.database, self.user, "flash-lite"))
        self.waiting, self.jobs, self.done = 0, [], 0

    def go(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    @rule(count=st.just(1))
    def create(self, count):
        free = self.go(balance(self.database, self.user, self.session)).left
        try:
            self.go(create(self.database, self.user, self.session, count=count))
            assert free >= count
            self.waiting += count
        except CreditsExhausted:
            assert free < count

    @precondition(lambda self: self.waiting)
    @rule()
    def claim(self):
        [job], _ = self.go(self.database.run_system(queue.claim, "machine", CHAIN, 1))
        self.waiting -= 1
        self.jobs.append(job)

    @precondition(lambda self: self.jobs)
    @rule()
    def fail(self):
        self.go(self.database.run_system(queue.fail, self.jobs.pop(), ProviderDown()))

    @precondition(lambda self: self.jobs)
    @rule()
    def finish(self):
        job = self.jobs.pop()
        staged = self.go(self.database.run_system(assets.stage, job.id, job.attempt, PICTURE))
        result = queue.Result(asset_id=staged.id, made_by=CHOICES["image"], seed=1, width=8, height=8)
        self.go(self.database.run_system(queue.finish, job, result))
        with pytest.raises(LeaseLost):
            self.go(self.database.run_system(queue.finish, job, result))

    @precondition(lambda self: self.jobs)
    @rule()
    def give_back(self):
        self.go(self.database.run_system(queue.requeue, self.jobs.pop(), fault=False))
        self.waiting += 1

    @precondition(lambda self: self.jobs)
    @rule()
    def cancel(self):
        job = self.jobs.pop()
        self.go(self.database.run_as(self.user, generations.cancel, job.id))
        with pytest.raises(LeaseLost):
            self.go(self.database.run_system(queue.fail, job, ProviderDown()))

    @precondition(lambda self: self.jobs)
    @rule()
    def lose(self):
        job = self.jobs.pop()
        run = self.database.run_system
        self.go(
            run_sql(self.database, "UPDATE generations SET lease_until = now() - '1s'::interval WHERE id = $1", job.id)
        )
        for lost in self.go(run(queue.lost)):
            self.go(run(queue.reap, *lost))
        self.waiting += job.faults + 1 < queue.MAX_FAULTS

    @rule()
    def pass_an_hour(self):
        statement = "UPDATE credits SET available_at = available_at - '1 hour'::interval WHERE session_id = $1"
        self.go(run_sql(self.database, statement, self.session))
        self.hour_passed = True

    @invariant()
    def the_books_agree(self):
        found = self.go(self.database.run_system(credits.check))
        # A job that outlives its hour may lose its row to a newer one; its entries still settle exactly once.
        misplaced = "the credit and its generation do not belong together"
        allowed = {misplaced} if getattr(self, "hour_passed", False) else set()
        assert {discrepancy.what for discrepancy in found} <= allowed
        assert self.go(balance(self.database, self.user, self.session)).limit == 3

    def teardown(self):
        self.go(
            run_sql(
                self.database,
                "UPDATE generations SET lease_until = NULL, status = 'cancelled', "
                "finished_at = now() WHERE session_id = $1 AND finished_at IS NULL",
                self.session,
            )
        )
        self.go(run_sql(self.database, "DELETE FROM user_sessions WHERE id = $1", self.session))


async def test_p5_credits_are_conserved_in_any_order_of_events(database, ada):
    await run_sql(database, "DELETE FROM user_sessions")
    Machine.database, Machine.loop, Machine.user = database, asyncio.get_running_loop(), ada
    case = Machine.TestCase()
    case.settings = settings(max_examples=25, stateful_step_count=18, deadline=None)
    await asyncio.to_thread(case.runTest)
