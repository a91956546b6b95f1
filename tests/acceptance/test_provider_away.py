"""P14: the provider is away. The breaker opens for all workers at once, waits are honest, running work is tried again,
then failed and released; or the next provider of PROVIDERS makes it. The rests pass by the database's clock, put on."""

import asyncio

import pytest

from chatserver.generations import provider_limits
from tests.emulators.huggingface import Emulator, Fail, Ok
from tests.emulators.huggingface.outcomes import Outcome
from tests.support import product as products
from tests.support.cluster import Cluster
from tests.support.people import run_sql
from tests.support.story import sign_up

FAILURES, REST_SECONDS = 5, 30
# Workers look for work once a second: whoever may call has done so by then.
TWO_POLLS_SECONDS = 2.5


class Away(Outcome):
    """503, after a while in which the calls of both workers are under way."""

    async def answer(self, call):
        await asyncio.sleep(0.7)
        return await Fail(503).answer(call)


@pytest.fixture
def emulator():
    running = Emulator().start()
    yield running
    running.close()


@pytest.fixture
def settings(emulator, own_database_url):
    """The breaker as it comes, with nothing counted yet: five failures in thirty seconds, thirty seconds of rest."""
    return {
        **emulator.environment(),
        "HF_PROVIDER": "hf-inference",
        "HF_CONCURRENCY": "4",
        "WORKER_CONCURRENCY": "2",
        "DATABASE_URL": own_database_url,
    }


@pytest.fixture
async def machines(settings, tmp_path):
    """A web process, and two workers that share the provider."""
    cluster = Cluster(tmp_path, STORAGE_URL=f"file:{tmp_path}/files", **settings)
    try:
        await cluster.start(web=1, workers=2)
        yield cluster
    finally:
        await cluster.close()


async def pass_time(database, seconds):
    """Puts the clock on for the provider and for the jobs that wait before their next attempt."""
    for table, column in (
        ("provider_calls", "started_at"),
        ("provider_calls", "failed_at"),
        ("provider_gates", "closed_until"),
        ("generations", "not_before"),
    ):
        await run_sql(database, f"UPDATE {table} SET {column} = {column} - make_interval(secs => $1)", float(seconds))


async def limit_report(database):
    return (await database.run_system(provider_limits.reports))["huggingface"]


async def opens(database, emulator, asked):
    """Waits until so many calls were asked and answered, what asked waits again, and the breaker is open; for how long."""
    async with asyncio.timeout(30):
        while (
            len(emulator.calls("make")) < asked
            or emulator.at_once
            or await run_sql(database, "SELECT 1 FROM generations WHERE lease_until IS NOT NULL")
            or (await limit_report(database)).state != "closed"
        ):
            await asyncio.sleep(0.05)
    return (await limit_report(database)).closed_seconds


async def is_told_to_wait(chat, message, seconds):
    """What the person's page says of this picture's wait: it is the time until the trial, in fives rounded up."""
    told = await chat.hears(
        lambda each: (
            each.get("generation_id") == message["generations"][0]["id"]
            and each.get("waits_for") == "closed"
            and seconds - 10 <= each["eta_seconds"] <= seconds + 5
        )
    )
    assert told["status"] == "queued"


def ended(message):
    return message["generations"][0]["status"]


async def test_p14_a_breaker_opens_for_all_workers_waits_are_honest_and_work_ends_done_or_released(
    machines, emulator, own_database
):
    ada = await sign_up(machines.web[0], "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    prompts = [f"hill {number}" for number in range(FAILURES)]
    for prompt in (*prompts, "a late hill"):
        emulator.wish(prompt, Away())
    hills = [await chat.generates(prompt, width=64, height=64) for prompt in prompts]
    rest = await opens(own_database, emulator, FAILURES)
    assert rest > REST_SECONDS - 10
    # Neither could have counted five by itself.
    assert all("provider.failed" in worker.output() for worker in machines.workers)
    asked = len(emulator.calls("make"))
    late = await chat.generates("a late hill", width=64, height=64)
    await is_told_to_wait(chat, late, rest)
    await asyncio.sleep(TWO_POLLS_SECONDS)
    assert len(emulator.calls("make")) == asked, "nobody calls while the breaker is open"
    # Trials that fail: one call each, a longer rest after each; the job that was tried three times ends.
    for trial in range(1, 3):
        await pass_time(own_database, 300)
        longer = await opens(own_database, emulator, asked + trial)
        assert longer > rest * 1.5
        assert len(emulator.calls("make")) == asked + trial
        await is_told_to_wait(chat, late, longer)
        rest = longer
    failed = await chat.sees_ended(hills[0])
    [generation] = failed["generations"]
    assert (generation["error"]["code"], generation["error"]["credit_returned"]) == ("provider-down", True)
    assert generation["stage"]["attempt"] == 3
    # It is back: one trial, then all that waited.
    for prompt in (*prompts, "a late hill"):
        emulator.wish(prompt, Ok())
    await pass_time(own_database, 300)
    rest = [await chat.sees_ended(message) for message in (*hills[1:], late)]
    assert [ended(message) for message in rest] == ["done"] * FAILURES
    assert (await limit_report(own_database)).state == "open"
    credits = (await ada.credits(session))["image"]
    assert (credits["left"], credits["held"]) == (credits["limit"] - FAILURES, 0)
    await chat.leaves()
    await machines.check()


async def test_p14_with_a_next_provider_nobody_waits(settings, emulator, own_database, tmp_path):
    async with products.running(tmp_path, **settings, PROVIDERS="huggingface,sketch") as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys("pro")
        chat = await ada.joins(session)
        prompts = [f"dale {number}" for number in range(FAILURES)]
        for prompt in prompts:
            emulator.wish(prompt, Away())
        dales = [await chat.generates(prompt, width=64, height=64) for prompt in prompts]
        for message in [await chat.sees_ended(dale) for dale in dales]:
            [generation] = message["generations"]
            assert (ended(message), generation["provider"], generation["stage"]["attempt"]) == ("done", "sketch", 1)
        assert (await limit_report(own_database)).state == "closed"
        asked = len(emulator.calls("make"))
        late = await chat.sees_ended(await chat.generates("a late dale", width=64, height=64))
        assert (ended(late), late["generations"][0]["provider"]) == ("done", "sketch")
        assert len(emulator.calls("make")) == asked, "the one that is away is not even asked"
        await chat.leaves()
