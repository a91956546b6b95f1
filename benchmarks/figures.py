"""Every page of the operator's over a million pictures made in 90 days and as many replies, as a browser asks for it.

What the sums cost is measured too. `FIGURES=100000` seeds fewer.
"""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil

from benchmarks.report import Measurement
from chatserver import ids, rollups
from chatserver.admin.pages import layout
from chatserver.audit import COMMAND_LINE
from chatserver.database import Database, load_queries
from chatserver.runtime import paths
from chatserver.users import request_identity, tokens
from tests.support import postgres
from tests.support import product as products
from tests.support.people import make_user, run_sql

CALLS = int(os.environ.get("FIGURES", "1000000"))
SESSIONS, PEOPLE, ROUNDS, MOST_MS = 20_000, 500, 7, 200.0
PERIODS = ("24h", "7d", "30d", "90d")
# A zone that differs from UTC by half an hour has the smallest buckets in each of its days.
ZONE = "Asia/Kolkata"

# Placeholders of the statements: {calls}, {sessions} and {people} are numbers, the others expressions over `n`.
_WORDS = {
    "person": "('018f0000-0000-7000-8000-' || lpad((n % {people})::text, 12, '0'))::uuid",
    "session": "('018f0000-0000-7000-9000-' || lpad((n % {sessions})::text, 12, '0'))::uuid",
    "plan": "(ARRAY['flash-lite', 'flash', 'pro'])[1 + (n % {sessions}) % 3]",
    "made": "(SELECT n, now() - n * interval '90 days' / {calls} AS at FROM generate_series(1, {calls}) n) AS made",
    "began": "(SELECT n, now() - n * interval '90 days' / {sessions} AS at FROM generate_series(1, {sessions}) n) AS began",
}
_SEED = (
    """INSERT INTO users (id, email, name)
       SELECT {person}, n || '@example.org', 'Person ' || n FROM generate_series(1, {people}) n""",
    """INSERT INTO user_sessions (id, user_id, plan_id, title, started_at, expires_at, images_generated)
       SELECT {session}, {person}, {plan}, 'Evening pictures', at, at, 50 FROM {began}""",
    """INSERT INTO purchases (id, session_id, user_id, plan_id, amount, currency, checkout, created_at)
       SELECT gen_random_uuid(), id, user_id, plan_id, 49, 'INR', 'manual', started_at FROM user_sessions""",
    """INSERT INTO revenue_entries (id, kind, purchase_id, plan_id, checkout, amount, currency, at)
       SELECT id, 'purchase', id, plan_id, checkout, amount, currency, created_at FROM purchases""",
    """INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, html, client_id, seq)
       SELECT uuidv7(at - now()), {session}, {person}, 'user', 'Ada', 'text', 'a boat', '<p>a boat</p>', n, n
         FROM {made} WHERE n % 4 = 0""",
    """INSERT INTO generations (id, message_id, session_id, user_id, kind, number, status, prompt, seed, width, height,
                                provider, model, created_at, finished_at)
       SELECT uuidv7(at - now()), gen_random_uuid(), {session}, {person}, 'image', 1,
              CASE WHEN n % 10 = 0 THEN 'cancelled' ELSE 'done' END, 'a boat', n, 512, 512, 'sketch', 'Sketch', at, at
         FROM {made}""",
    """INSERT INTO generation_attempts (id, attempt, user_id, plan_id, kind, provider, model, started_at, ended_at, waited,
                                        loading, rendering, outcome, error_code, blame, width, height, cost, currency)
       SELECT gen_random_uuid(), 1, {person}, {plan}, CASE n % 20 WHEN 0 THEN 'video' ELSE 'image' END,
              CASE n % 3 WHEN 0 THEN 'sketch' ELSE 'huggingface' END, 'model ' || n % 5, at, at, random() * 5, random() * 9,
              random() * 20, CASE WHEN n % 10 = 0 THEN 'failed' WHEN n % 33 = 0 THEN 'cancelled' ELSE 'done' END,
              CASE WHEN n % 10 = 0
                   THEN (ARRAY['provider-down', 'refused', 'timed-out', 'invalid-token'])[1 + n / 10 % 4] END,
              CASE WHEN n % 10 = 0 THEN (ARRAY['provider', 'user', 'provider', 'ours'])[1 + n / 10 % 4] END, 512, 512,
              CASE WHEN n % 7 = 0 THEN NULL ELSE 0.04 END, 'USD'
         FROM {made}""",
    """INSERT INTO reply_calls (id, ended_at, plan_id, provider, model, outcome, error_code, first_token, seconds, tokens_in,
                                tokens_out, cost, currency)
       SELECT uuidv7(at - now()), at, {plan}, 'huggingface', 'writer ' || n % 3,
              CASE WHEN n % 10 = 0 THEN 'failed' WHEN n % 33 = 0 THEN 'stopped' ELSE 'done' END,
              CASE WHEN n % 10 = 0 THEN (ARRAY['provider-down', 'timed-out'])[1 + n / 10 % 2] END,
              CASE WHEN n % 10 > 0 THEN random() * 2 END, random() * 30, n % 4000, n % 700,
              CASE WHEN n % 33 = 0 THEN NULL ELSE 0.002 END, CASE WHEN n % 33 = 0 THEN NULL ELSE 'USD' END
         FROM {made}""",
    """INSERT INTO credit_entries (session_id, kind, number, generation_id, action, created_at)
       SELECT {session}, 'image', 1, id, action, at
         FROM (SELECT n, at, gen_random_uuid() AS id FROM {made}) AS held,
              unnest(ARRAY['hold', CASE WHEN n % 10 = 0 THEN 'release' ELSE 'capture' END]) AS action""",
)


class Unheard:
    """A publisher for what nobody listens to."""

    def publish(self, announcements: list[Any]) -> None: ...


def run() -> list[Measurement]:
    """The sums first, then each page: the median of some requests, of which the first is not counted."""
    return asyncio.run(_measure())


async def _measure() -> list[Measurement]:
    async with postgres.running_server() as server:
        url = await server.create_database()
        await _seed(server.admin_url_of(url))
        database = Database(url, load_queries(paths.SQL / "queries"), Unheard(), pool=2)
        await database.connect()
        try:
            sums = await _sum_up(database)
            token = await _sign_in(database)
        finally:
            await database.close()
        await _analyze(server.admin_url_of(url))
        with tempfile.TemporaryDirectory() as folder:
            async with products.running(Path(folder), "serve", "--role", "web", DATABASE_URL=url) as product:
                processes = [psutil.Process(pid) for pid in (product.process.pid, postgres.postmaster(server.postgres))]
                return [sums, *[await _page(product, token, path, processes) for path in _paths()]]


async def _seed(admin_url: str) -> None:
    numbers = {"calls": CALLS, "sessions": SESSIONS, "people": PEOPLE}
    words = {**numbers, **{name: words.format(**numbers) for name, words in _WORDS.items()}}
    admin = await asyncpg.connect(admin_url)
    try:
        # Without triggers: words of prompts are no part of these pages, and the sums are made below.
        await admin.execute("SET session_replication_role = replica")
        for statement in _SEED:
            await admin.execute(statement.format(**words))
    finally:
        await admin.close()
    await _analyze(admin_url)


async def _analyze(admin_url: str) -> None:
    admin = await asyncpg.connect(admin_url)
    await admin.execute("VACUUM ANALYZE")
    await admin.close()


async def _sum_up(database: Database) -> Measurement:
    await database.run_system(rollups.rebuild, COMMAND_LINE)
    steps: list[float] = []
    while True:
        began = time.perf_counter()
        if not await database.run_system(rollups.roll_up_next):
            break
        steps.append(time.perf_counter() - began)
    measured = f"{sum(steps):.0f} s in {len(steps)} transactions"
    slowest = max(steps) * 1000
    return Measurement(
        "summing up 90 days", measured, "each ≤ 1 s", slowest <= 1000, f"median {statistics.median(steps) * 1000:.0f} ms,"
        f" slowest {slowest:.0f} ms",
    )  # fmt: skip


async def _sign_in(database: Database) -> str:
    admin, token = await make_user(database, "Grace", role="admin"), tokens.new()
    statement = (
        "INSERT INTO sign_ins (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')"
    )
    await run_sql(database, statement, ids.new(), admin, tokens.digest(token))
    return token


def _paths() -> list[str]:
    person = "018f0000-0000-7000-8000-000000000007"
    simple = [section.path for section in layout.SECTIONS if section.path not in {"/admin/figures", "/admin/money"}]
    periods = [f"/admin/{page}?period={key}&zone={ZONE}" for page in ("figures", "money") for key in PERIODS]
    calls = f"/admin/attempts?period=90d&zone={ZONE}&error=refused"
    return [*simple, f"/admin/people/{person}", "/admin/plans/pro", calls, *periods]


async def _page(product: products.Product, token: str, path: str, processes: list[psutil.Process]) -> Measurement:
    """The median of the requests, and the CPU time of each, which does not depend on what else the machine does."""
    headers = {"Cookie": f"{request_identity.COOKIE}={token}"}
    took, used = [], []
    async with aiohttp.ClientSession() as client:
        for _ in range(ROUNDS + 1):
            used.append([_cpu_seconds(process) for process in processes])
            began = time.perf_counter()
            async with client.get(product.url + path, headers=headers) as answer:
                body = await answer.read()
                assert answer.status == 200, body
            took.append((time.perf_counter() - began) * 1000)
    used.append([_cpu_seconds(process) for process in processes])
    first, *others = took
    median = statistics.median(others)
    web, database = ((last - second) / ROUNDS * 1000 for second, last in zip(used[1], used[-1], strict=True))
    name = f"{CALLS:,} pictures and as many replies: {path}"
    beside = f"CPU: web {web:.0f} ms, Postgres {database:.0f} ms; first {first:.0f} ms"
    return Measurement(name, f"{median:.0f} ms", "≤ 200 ms", median <= MOST_MS, beside)


def _cpu_seconds(process: psutil.Process) -> float:
    """That of a process and its children, also of those that have ended."""
    children = sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True))
    return float(sum(process.cpu_times()[:4]) + children)
