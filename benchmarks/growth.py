"""How costs grow: of a delivery with the number of sockets, of a page of the stream with the number of messages, of the
gallery with the number of pictures, of a command with the sessions of one person. Each size beside the smallest, in one
interleaved run.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import asyncpg

from benchmarks import hub
from benchmarks.load import Server, running
from benchmarks.report import Measurement
from chatserver import ids
from chatserver.database import Database, load_queries
from chatserver.events import Announcement
from chatserver.runtime import paths
from chatserver.users import request_identity, tokens
from tests.support import postgres
from tests.support import product as products
from tests.support.people import make_session, make_user, run_sql

SOCKETS = (100, 1_000, 10_000)
# With the first ones the process loads what it has not needed before.
WARMING = 50
ROWS = (100, 100_000)
SESSIONS = (100, 10_000)
# Deliveries of one measurement, whatever the session's size.
DELIVERIES = 60_000
ROUNDS = 15
# "Flat" is what the noise of these machines allows to be told from it.
FLAT = 1.3

_MESSAGES = """
INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, html, client_id, seq)
SELECT uuidv7((n - $3::int) * interval '1 second'), $1, $2, 'user', 'Ada', 'text', 'line ' || n,
       '<p>line ' || n || '</p>', 'line-' || n, n
  FROM generate_series(1, $3::int) n
"""
_GENERATIONS = """
INSERT INTO generations (id, message_id, session_id, user_id, kind, number, status, prompt, seed, width, height,
                         provider, model, started_at, finished_at)
SELECT uuidv7((n - $3::int) * interval '1 second'), (SELECT id FROM messages WHERE session_id = $1 AND seq = 1),
       $1, $2, 'image', n, 'done', CASE n % 4 WHEN 0 THEN 'a harbour at night ' ELSE 'a red boat ' END || n, n,
       512, 512, 'sketch', 'Sketch', now() - interval '1 second', now()
  FROM generate_series(1, $3::int) n
"""
_ASSETS = """
INSERT INTO assets (id, session_id, user_id, generation_id, kind, status, content_type, width, height, bytes, sha256,
                    filename, storage_key, thumbnail_key, placeholder, favorite)
SELECT id, session_id, user_id, id, 'image', 'stored', 'image/png', 512, 512, 1000, repeat('0', 64),
       'boat.png', id || '.png', id || '.webp', '', number % 4 = 0
  FROM generations WHERE session_id = $1
"""

_SESSIONS = """
WITH made AS (
  INSERT INTO user_sessions (id, user_id, plan_id, title, untitled, expires_at)
  SELECT uuidv7((n - $2::int) * interval '1 second'), $1, 'pro', 'Session ' || n, false, now() + interval '1 day'
    FROM generate_series(2, $2::int) n
  RETURNING id
)
INSERT INTO session_members (session_id, user_id, role) SELECT id, $1, 'owner' FROM made
"""

# What is asked for, as somebody with such a past.
_PATHS = {
    "history page of 50 messages": "/api/v1/sessions/{past.talk}/messages?before={middle}&limit=50",
    "resume after the last 10 messages": "/api/v1/sessions/{past.talk}/messages?after={near}",
    "the chat page": "/sessions/{past.talk}",
    "gallery page of 24 pictures": "/api/v1/generations?kind=image&status=done&limit=24",
    "gallery page of 24 favourites": "/api/v1/generations?kind=image&favorite=true&limit=24",
    "gallery, 24 found by a word": "/api/v1/generations?kind=image&q=harbour&limit=24",
    "gallery, a word that nobody wrote": "/api/v1/generations?kind=image&q=giraffe&limit=24",
    "the list of sessions": "/sessions",
}

# The same of somebody with so many sessions; what has a body is posted, with a client_id of its own.
_COMMANDS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "a message, by the sessions of its author": ("/api/v1/sessions/{past.talk}/messages", {"text": "a few words"}),
    "an accepted generation, by the sessions of its author": (
        "/api/v1/sessions/{past.talk}/generations",
        {"kind": "image", "prompt": "a red boat", "width": 64, "height": 64},
    ),
    "history page of 50 messages, by the reader's sessions": ("/api/v1/sessions/{past.talk}/messages?limit=50", None),
    "the chat page, by the reader's sessions": ("/sessions/{past.talk}", None),
    "the list of sessions, by their number": ("/sessions", None),
}


class Unheard:
    """A publisher for rows that no client reads yet."""

    def publish(self, announcements: list[Announcement]) -> None: ...


@dataclass(frozen=True)
class Past:
    """Somebody with a session of so many messages, and another with one message and so many pictures; or with so many
    sessions."""

    rows: int
    token: str  # for the API
    sign_in: str  # for the pages
    talk: str
    pictures: str


def run() -> list[Measurement]:
    """Sockets first, then rows."""
    return [*_sockets(), *asyncio.run(_rows())]


class _SocketCosts(NamedTuple):
    """One session with so many sockets: CPU µs of a delivery, kB of memory for each that came last, CPU ms to open one."""

    delivery: float
    kilobytes: float
    opening: float


def _sockets() -> list[Measurement]:
    with running("ours") as servers:
        _measure_session(servers["ours"], WARMING)
        costs = {size: _measure_session(servers["ours"], size) for size in SOCKETS}
    return [
        row
        for size in SOCKETS
        for row in (
            _beside_the_least(
                f"a delivery to {size:,} sockets", "µs CPU", {each: costs[each].delivery for each in SOCKETS}, size
            ),
            _beside_the_least(
                f"memory of a socket, of {size:,}", "kB", {each: costs[each].kilobytes for each in SOCKETS}, size
            ),
            _beside_the_least(
                f"opening a socket, of {size:,}", "ms CPU", {each: costs[each].opening for each in SOCKETS}, size
            ),
        )
    ]


def _measure_session(server: Server, size: int) -> _SocketCosts:
    more, memory, cpu = size - len(server.sockets), server.resident_bytes(), server.cpu_seconds()
    server.fill(1, more)
    server.settle()
    kilobytes, opening = (server.resident_bytes() - memory) / more / 1024, (server.cpu_seconds() - cpu) / more * 1e3
    return _SocketCosts(statistics.median(_delivery(server, size) for _ in range(3)), kilobytes, opening)


def _beside_the_least(scenario: str, unit: str, costs: dict[int, float], size: int) -> Measurement:
    least, cost = costs[SOCKETS[0]], costs[size]
    if size == SOCKETS[0]:
        return Measurement(scenario, f"{cost:.3g} {unit}", "–", None)
    return Measurement(
        scenario, f"{cost:.3g} {unit}", "flat", cost <= FLAT * least, f"{cost / least:.2f} × that of {SOCKETS[0]}"
    )


def _delivery(server: Server, size: int) -> float:
    def one_at_a_time(server: Server) -> int:
        events = max(DELIVERIES // size, 5)
        for _ in range(events):
            server.trigger(0, durable=True)
            server.receive(size)
        return events * size

    return hub.per_delivery(server, one_at_a_time)


async def _rows() -> list[Measurement]:
    """Each question to a large installation, by somebody with much and by somebody with little in it, and to a small one."""
    async with postgres.running_server() as server, contextlib.AsyncExitStack() as closing:
        small = await closing.enter_async_context(_Installation.opened(server, ROWS[:1], SESSIONS[:1]))
        large = await closing.enter_async_context(_Installation.opened(server, ROWS, SESSIONS))
        found = [
            await _compare(_askers(small, large, "pasts"), _Question(name, path, None)) for name, path in _PATHS.items()
        ]
        for name, asked in _COMMANDS.items():
            found.append(await _compare(_askers(small, large, "members"), _Question(name, *asked)))
        return found


class _Asker(NamedTuple):
    """Somebody with a past in an installation."""

    product: products.Product
    past: Past


class _Installation(NamedTuple):
    product: products.Product
    pasts: list[Past]  # by the number of their messages and pictures
    members: list[Past]  # by the number of their sessions

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, server: postgres.TestServer, rows: tuple[int, ...], sessions: tuple[int, ...]
    ) -> AsyncIterator["_Installation"]:
        url = await server.create_database()
        database = Database(url, load_queries(paths.SQL / "queries"), Unheard(), pool=2)
        await database.connect()
        try:
            pasts = [await _past(database, server.admin_url_of(url), count) for count in rows]
            members = [await _member(database, server.admin_url_of(url), count) for count in sessions]
        finally:
            await database.close()
        with tempfile.TemporaryDirectory() as folder:
            async with products.running(Path(folder), "serve", "--role", "web", DATABASE_URL=url) as product:
                yield cls(product, pasts, members)


def _askers(small: _Installation, large: _Installation, of: str) -> list[_Asker]:
    return [_Asker(each.product, past) for each in (small, large) for past in getattr(each, of)]


class _Question(NamedTuple):
    """What is asked for; it is posted where it has a body."""

    name: str
    path: str
    body: dict[str, Any] | None


async def _somebody(database: Database) -> tuple[str, str, str]:
    """The id, the API token and the sign-in of somebody new."""
    owner, token, sign_in = await make_user(database), tokens.new_api_token(), tokens.new()
    statement = "INSERT INTO api_tokens (id, user_id, token_hash) VALUES ($1, $2, $3)"
    await run_sql(database, statement, ids.new(), owner, tokens.digest(token))
    statement = (
        "INSERT INTO sign_ins (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')"
    )
    await run_sql(database, statement, ids.new(), owner, tokens.digest(sign_in))
    return owner, token, sign_in


async def _past(database: Database, admin_url: str, rows: int) -> Past:
    owner, token, sign_in = await _somebody(database)
    talk, pictures = [await make_session(database, owner, "pro") for _ in range(2)]
    admin = await asyncpg.connect(admin_url)
    async with admin.transaction():
        await admin.execute(_MESSAGES, talk, owner, rows)
        await admin.execute(_MESSAGES, pictures, owner, 1)
        await admin.execute(_GENERATIONS, pictures, owner, rows)
        await admin.execute(_ASSETS, pictures)
        await admin.execute("UPDATE user_sessions SET seq = CASE id WHEN $1 THEN $2 ELSE 1 END", talk, rows)
    await admin.execute("ANALYZE")
    await admin.close()
    return Past(rows, token, sign_in, talk, pictures)


async def _member(database: Database, admin_url: str, count: int) -> Past:
    owner, token, sign_in = await _somebody(database)
    talk = await make_session(database, owner, "pro")
    admin = await asyncpg.connect(admin_url)
    await admin.execute(_SESSIONS, owner, count)
    await admin.execute("UPDATE user_sessions SET untitled = false WHERE id = $1", talk)
    await admin.execute("ANALYZE")
    await admin.close()
    return Past(count, token, sign_in, talk, talk)


async def _compare(askers: list[_Asker], question: _Question) -> Measurement:
    """One question, asked in turn by those of a small and of a large installation; the medians in milliseconds."""
    took: list[list[float]] = [[] for _ in askers]
    async with contextlib.AsyncExitStack() as closing:
        clients = [await closing.enter_async_context(aiohttp.ClientSession(each.product.url)) for each in askers]
        for _ in range(ROUNDS):
            for times, client, asker in zip(took, clients, askers, strict=True):
                times.append(await _ask(client, question, asker.past))
    alone, little, much = (statistics.median(times) for times in took)
    least, most = askers[0].past.rows, askers[-1].past.rows
    measured = f"{much:.1f} ms with {most:,}, {little:.1f} with {least} beside them"
    return Measurement(
        question.name,
        measured,
        "flat",
        max(little, much) <= FLAT * alone,
        f"{alone:.1f} ms with {least} alone ({much / alone:.2f} and {little / alone:.2f} × it)",
    )


async def _ask(client: aiohttp.ClientSession, question: _Question, past: Past) -> float:
    path = question.path.format(past=past, near=past.rows - 10, middle=past.rows // 2)
    headers = {"Authorization": f"Bearer {past.token}", "Cookie": f"{request_identity.COOKIE}={past.sign_in}"}
    body = None if question.body is None else {"client_id": ids.new(), **question.body}
    began = time.perf_counter()
    async with client.request("GET" if body is None else "POST", path, headers=headers, json=body) as answer:
        said = await answer.read()
        assert answer.status in {200, 201, 202}, said
    return (time.perf_counter() - began) * 1000
