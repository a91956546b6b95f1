"""The operator's figures over a million calls of providers in 90 days: each table of /admin/figures, and the totals."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg

from benchmarks.report import Measurement
from chatserver.database import Database, Transaction, load_queries
from chatserver.runtime import clock, paths
from chatserver.statistics import figures
from chatserver.statistics.figures import Span
from tests.support import postgres

CALLS, ROUNDS, MOST_MS = 1_000_000, 5, 200.0
PERIODS = {"24 hours": 1, "7 days": 7, "30 days": 30, "90 days": 90}

_CALLS = """
INSERT INTO generation_attempts (id, attempt, user_id, plan_id, kind, provider, model, started_at, ended_at, waited, loading,
                                 rendering, outcome, error_code, blame, width, height, cost, currency)
SELECT gen_random_uuid(), 1, ('018f0000-0000-7000-8000-' || lpad((n % 500)::text, 12, '0'))::uuid, 'pro',
       CASE n % 20 WHEN 0 THEN 'video' ELSE 'image' END, CASE n % 3 WHEN 0 THEN 'sketch' ELSE 'huggingface' END,
       'model ' || n % 5, ended, ended, random() * 5, random() * 9, random() * 20,
       CASE WHEN n % 10 = 0 THEN 'failed' WHEN n % 33 = 0 THEN 'cancelled' ELSE 'done' END,
       CASE WHEN n % 10 = 0 THEN 'provider-down' END, CASE WHEN n % 10 = 0 THEN 'provider' END, 512, 512, 0.04, 'USD'
  FROM (SELECT n, now() - n * interval '90 days' / $1::int AS ended FROM generate_series(1, $1::int) n) AS made
"""


class Unheard:
    """A publisher for what nobody listens to."""

    def publish(self, announcements: list[Any]) -> None: ...


def run() -> list[Measurement]:
    """Each period: the slowest of the tables, and all of them together with the totals, as the page reads them."""
    return asyncio.run(_measure())


async def _measure() -> list[Measurement]:
    async with postgres.running_server() as server:
        url = await server.create_database()
        database = Database(url, load_queries(paths.SQL / "queries"), Unheard(), pool=2)
        await database.connect()
        admin = await asyncpg.connect(server.admin_url_of(url))
        try:
            await admin.execute(_CALLS, CALLS)
            await admin.execute("VACUUM ANALYZE")
            return [await _period(database, words, days) for words, days in PERIODS.items()]
        finally:
            await admin.close()
            await database.close()


async def _period(database: Database, words: str, days: int) -> Measurement:
    end = clock.now()
    span = Span(start=end - timedelta(days=days), end=end, zone="Europe/Berlin")
    costs = {name: await _median(database, figures.table, name, span) for name in figures.TABLES}
    costs["totals"] = await _median(database, figures.totals, span.start, span.end)
    whole = sum(costs.values()) + costs["totals"]
    beside = ", ".join(f"{name} {cost:.0f}" for name, cost in costs.items() if cost >= 1)
    return Measurement(f"a million calls: figures of {words}", f"{whole:.0f} ms", "≤ 200 ms", whole <= MOST_MS, beside)


async def _median(database: Database, verb: Callable[..., Awaitable[Any]], *args: Any) -> float:
    """Milliseconds inside the transaction."""

    async def timed(tx: Transaction) -> float:
        began = time.perf_counter()
        await verb(tx, *args)
        return (time.perf_counter() - began) * 1000

    return statistics.median([await database.run_system(timed) for _ in range(ROUNDS)])
