"""Accepted generations a second: hold, message, row and event in one commit, with Postgres on the same machine.

First the verb alone over many sessions at once, then the same through the web process over HTTP. Afterwards the books
are read: never one too many.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import uvloop

from benchmarks.report import Measurement
from chatserver import credits, ids
from chatserver.database import Database, embedded, load_queries, migrations
from chatserver.events import Announcement
from chatserver.generations import creation
from chatserver.generations.models import ModelChoice
from chatserver.generations.requests import CreateGeneration
from chatserver.runtime import paths
from chatserver.users import tokens
from tests.support import product as products
from tests.support.people import make_session, make_user, run_sql

SESSIONS, CREDITS, AT_ONCE = 200, 15, 8
GOAL = 500
CHOICES = {"image": ModelChoice("sketch", "Sketch")}


class Unheard:
    """A publisher whose announcements nobody hears: what is measured is the commit."""

    def publish(self, announcements: list[Announcement]) -> None: ...


def run() -> list[Measurement]:
    """The verb, then the way over HTTP."""
    return uvloop.run(_measure())


async def _measure() -> list[Measurement]:
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root the server runs as another user
        postgres = await embedded.open_in(folder)
        try:
            await migrations.migrate(postgres.url)
            database = Database(postgres.url, load_queries(paths.SQL / "queries"), Unheard(), pool=AT_ONCE)
            await database.connect()
            try:
                return [await _of_the_verb(database), await _over_http(database, postgres.url, folder)]
            finally:
                await database.close()
        finally:
            await postgres.stop()


async def _of_the_verb(database: Database) -> Measurement:
    owners = {}
    for _ in range(SESSIONS):
        user = await make_user(database)
        owners[await make_session(database, user, "pro")] = user

    async def accept(session_id: str) -> None:
        await creation.create(database, owners[session_id], session_id, _request(), CHOICES)

    return await _rate("accepted a second, the verb on 200 sessions", database, list(owners), accept)


async def _over_http(database: Database, url: str, folder: Path) -> Measurement:
    people = [await _person(database) for _ in range(SESSIONS // 4)]
    async with (
        products.running(folder / "web", "serve", "--role", "web", DATABASE_URL=url) as web,
        aiohttp.ClientSession(web.url) as client,
    ):

        async def accept(session_id: str) -> None:
            body = {"client_id": ids.new(), "kind": "image", "prompt": "a red boat", "width": 64, "height": 64}
            headers = {"Authorization": f"Bearer {tokens_of[session_id]}"}
            path = f"/api/v1/sessions/{session_id}/generations"
            async with client.post(path, json=body, headers=headers) as answer:
                assert answer.status == 202, await answer.text()

        tokens_of = dict(people)
        return await _rate("accepted a second, over HTTP on one web process", database, list(tokens_of), accept, None)


async def _person(database: Database) -> tuple[str, str]:
    """A session of its own for somebody new: its id and the API token of its owner."""
    user, token = await make_user(database), tokens.new_api_token()
    statement = "INSERT INTO api_tokens (id, user_id, token_hash) VALUES ($1, $2, $3)"
    await run_sql(database, statement, ids.new(), user, tokens.digest(token))
    return await make_session(database, user, "pro"), token


def _request() -> CreateGeneration:
    return CreateGeneration(client_id=ids.new(), kind="image", prompt="a red boat", width=64, height=64)


async def _rate(
    scenario: str,
    database: Database,
    sessions: Sequence[str],
    accept: Callable[[str], Awaitable[None]],
    goal: int | None = GOAL,
) -> Measurement:
    """All credits of these sessions spent, a session after the other, by eight at once."""
    work = itertools.chain.from_iterable(itertools.repeat(sessions, CREDITS))

    async def spend() -> None:
        for session_id in work:
            await accept(session_id)

    started = time.monotonic()
    await asyncio.gather(*(spend() for _ in range(AT_ONCE)))
    rate = len(sessions) * CREDITS / (time.monotonic() - started)
    statement = "SELECT count(*) FROM credit_entries WHERE session_id = ANY($1::uuid[])"
    [held] = await run_sql(database, statement, list(sessions))
    wrong = await database.run_system(credits.check)
    holds = held[0] == len(sessions) * CREDITS and not wrong
    beside = f"{held[0]} holds for {len(sessions) * CREDITS} credits, books {'agree' if not wrong else 'WRONG'}"
    verdict = holds and (goal is None or rate >= goal)
    return Measurement(scenario, f"{rate:.0f}/s", f"≥ {goal}/s" if goal else "none of its own", verdict, beside)
