"""Each call of a provider is kept with its times, its end and its cost, whatever becomes of who had asked."""

from decimal import Decimal

import pytest

from chatserver.audit import COMMAND_LINE
from chatserver.costs import service as costs
from chatserver.costs.models import NewPrice
from chatserver.errors import ProviderDown, ProviderError, StorageError
from chatserver.generations import queue
from chatserver.privacy import session_deletion
from chatserver.statistics import service as statistics
from chatserver.statistics.blame import blame_of
from chatserver.statistics.timing import CallTimer
from tests.generations.test_queue import ada as ada
from tests.generations.test_queue import ask, lose, reap, take
from tests.support.people import make_session, run_sql

KEPT = "SELECT * FROM generation_attempts WHERE generation_id = $1 ORDER BY attempt, started_at"


async def claimed(database, user):
    await ask(database, user, await make_session(database, user))
    job = await take(database)
    assert job is not None
    return job


async def kept(database, job):
    return [dict(row) for row in await run_sql(database, KEPT, job.id)]


def call(provider="huggingface", outcome="done", code=None, **ended):
    timer = CallTimer(provider, "a model", 64, 64)
    for stage in ("queued", "loading", "rendering"):
        timer.enter(stage)
    return timer.complete(outcome, code, **ended)


async def test_a_call_is_kept_once_however_often_it_is_told_with_its_cost_at_the_time(database, ada):
    job = await claimed(database, ada)
    price = NewPrice(
        provider="huggingface", model="a model", kind="image", unit="megapixel", amount=Decimal("0.5"), currency="USD"
    )
    await database.run_system(costs.set_price, COMMAND_LINE, price)
    calls = [call(outcome="failed", code="provider-down"), call("sketch", width=1000, height=500)]
    await database.run_system(queue.requeue, job, calls[:1], fault=True)
    await database.run_system(statistics.record, job.id, job.attempt, job.kind, calls)
    await database.run_system(statistics.record, job.id, job.attempt, job.kind, calls)
    one, two = await kept(database, job)
    assert (one["outcome"], one["error_code"], one["blame"]) == ("failed", "provider-down", "provider")
    # A failed call is charged for the picture that was asked for: 64 x 64.
    assert (one["cost"], one["currency"]) == (Decimal("0.002048000000"), "USD")
    assert (two["outcome"], two["cost"], two["currency"], two["price_id"]) == ("done", 0, None, None)
    assert (two["width"], two["height"]) == (1000, 500)
    assert one["waited"] >= two["waited"] >= 0 and one["plan_id"]
    # A later price changes nothing of it.
    dearer = NewPrice(
        provider="huggingface", model="a model", kind="image", unit="picture", amount=Decimal(9), currency="EUR"
    )
    await database.run_system(costs.set_price, COMMAND_LINE, dearer)
    await database.run_system(statistics.record, job.id, job.attempt, job.kind, calls)
    assert [each["cost"] for each in await kept(database, job)] == [one["cost"], two["cost"]]


async def test_what_a_call_costs_without_a_price_is_unknown_and_not_nothing(database, ada):
    job = await claimed(database, ada)
    await database.run_system(queue.fail, job, ProviderDown(), [call("another", "failed", "provider-down")])
    [row] = await kept(database, job)
    assert row["cost"] is None and row["currency"] is None


async def test_a_call_that_nobody_waited_for_is_cancelled_or_lost(database, ada):
    cancelled, lost = await claimed(database, ada), await claimed(database, ada)
    await run_sql(
        database,
        "UPDATE generations SET status = 'cancelled', finished_at = now(), lease_until = NULL WHERE id = $1",
        cancelled.id,
    )
    for job in (cancelled, lost):
        await database.run_system(statistics.record, job.id, job.attempt, job.kind, [call(outcome="cancelled")])
    assert [(await kept(database, job))[0]["outcome"] for job in (cancelled, lost)] == ["cancelled", "lost"]


@pytest.mark.parametrize(("provider", "cost"), [("sketch", 0), ("huggingface", None)])
async def test_the_call_of_a_dead_worker_is_kept_once_and_costs_nothing_where_nothing_does(
    database, ada, provider, cost
):
    job = await claimed(database, ada)
    await run_sql(database, "UPDATE generations SET calling = $2 WHERE id = $1", job.id, provider)
    await lose(database, job)
    await reap(database)
    [row] = await kept(database, job)
    assert (row["outcome"], row["blame"], row["provider"], row["cost"]) == ("lost", "ours", provider, cost)


async def test_a_deleted_session_and_person_are_taken_out_of_what_is_kept(database, ada):
    job, other = await claimed(database, ada), await claimed(database, ada)
    done = [call(), call()]
    for each, made in zip((job, other), done, strict=True):
        await database.run_system(queue.fail, each, ProviderDown(), [made])
    await database.run_system(session_deletion.delete_session, ada, job.session_id)
    await database.run_system(session_deletion.purge_session, job.session_id)
    await database.run_system(statistics.forget_user, ada)
    rows = await run_sql(
        database,
        "SELECT generation_id, session_id, user_id, plan_id FROM generation_attempts WHERE id = ANY($1)",
        [each.id for each in done],
    )
    assert len(rows) == 2
    assert {tuple(row.values())[:3] for row in rows} == {(None, None, None)}
    assert all(row["plan_id"] for row in rows)
    # What ends after everything is gone is kept all the same.
    late = call()
    await run_sql(database, "DELETE FROM generations WHERE id = $1", other.id)
    await database.run_system(statistics.record, other.id, 1, "image", [late])
    [row] = await run_sql(database, "SELECT * FROM generation_attempts WHERE id = $1", late.id)
    assert (row["generation_id"], row["user_id"], row["outcome"]) == (None, None, "done")


@pytest.mark.parametrize(
    ("code", "blame"),
    [
        ("refused", "user"),
        ("blacked-out", "user"),
        ("bad-parameters", "user"),
        ("source-gone", "user"),
        ("invalid-token", "ours"),
        ("provider-credits-used-up", "ours"),
        (StorageError.code, "ours"),
        ("internal", "ours"),
        (statistics.LOST, "ours"),
        (ProviderError.code, "provider"),
        ("provider-rate-limited", "provider"),
        ("timed-out", "provider"),
    ],
)
def test_the_right_one_is_blamed(code, blame):
    assert blame_of(code) == blame


def test_every_error_of_a_provider_has_somebody_to_blame():
    def all_of(parent):
        return {parent, *(each for child in parent.__subclasses__() for each in all_of(child))}

    named = {each.code for each in all_of(ProviderError)}
    ours = {"invalid-token", "no-permission", "provider-credits-used-up", "model-gone", "wrong-address", "drill"}
    assert {code for code in named if blame_of(code) == "ours"} == ours
