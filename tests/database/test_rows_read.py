"""What a member with a few pictures reads of a database in which others have made 10,000: their own rows, and few others."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from chatserver import ids, sessions, users
from chatserver.albums import service as albums
from chatserver.database import Transaction
from chatserver.errors import TooManyWaiting
from chatserver.gallery import service as gallery
from chatserver.gallery.filters import GalleryFilters
from chatserver.generations import enqueueing, history, queue
from chatserver.messages import pages, replies, search
from chatserver.monitoring import metrics
from chatserver.privacy import erasure, session_deletion
from chatserver.sharing import service as sharing
from chatserver.uploads import service as uploads
from tests.support.people import make_session, make_user

OTHERS = 10_000
# Far from what others have made, and enough for a page with the rights to each of its rows.
MOST_ROWS = 1_000
READ = """
SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint FROM pg_stat_xact_user_tables
"""
MESSAGES = """
INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, html, client_id, seq)
SELECT uuidv7(-n * interval '1 second'), $1, $2, 'user', 'P', 'image', 'a red boat ' || n, '', n::text, n
  FROM generate_series(1, $3::int) n
"""
GENERATIONS = """
INSERT INTO generations (id, message_id, session_id, user_id, kind, number, status, prompt, seed, width, height,
                         provider, model, started_at, finished_at)
SELECT uuidv7(-seq * interval '1 second'), id, session_id, user_id, 'image', 1, 'done', text, seq, 64, 64,
       'sketch', 'Sketch', now() - seq * interval '1 minute', now() - seq * interval '1 minute'
  FROM messages WHERE session_id = $1
"""
ASSETS = """
INSERT INTO assets (id, session_id, user_id, generation_id, kind, status, content_type, width, height, bytes, sha256,
                    filename, storage_key, thumbnail_key, placeholder)
SELECT id, session_id, user_id, id, 'image', 'stored', 'image/png', 64, 64, 1000, repeat('0', 64), 'boat.png', id || '.png',
       id || '.webp', ''
  FROM generations WHERE session_id = $1
"""


async def made(admin: asyncpg.Connection, user: str, session: str, count: int) -> None:
    await admin.execute(MESSAGES, uuid.UUID(session), uuid.UUID(user), count)
    await admin.execute(GENERATIONS, uuid.UUID(session))
    await admin.execute(ASSETS, uuid.UUID(session))
    await admin.execute("UPDATE user_sessions SET seq = $2 WHERE id = $1", uuid.UUID(session), count)


@pytest.fixture(scope="module")
async def crowd(database, postgres_server, database_url):
    """Ada's id, her session and one of its messages."""
    ada, bob = await make_user(database, "Ada"), await make_user(database, "Bob")
    session, others = await make_session(database, ada, "pro"), await make_session(database, bob, "pro")
    admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    await made(admin, bob, others, OTHERS)
    await made(admin, ada, session, 12)
    await admin.execute("ANALYZE")
    message = str(
        await admin.fetchval(
            "SELECT id FROM messages WHERE session_id = $1 ORDER BY id DESC LIMIT 1", uuid.UUID(session)
        )
    )
    await admin.close()
    return ada, session, message


async def rows_read(tx: Transaction, read: Callable[[Transaction], Awaitable[Any]]) -> int:
    before = await tx.connection.fetchval(READ)
    await read(tx)
    after: int = await tx.connection.fetchval(READ)
    return after - before


async def refused(tx: Transaction) -> None:
    with pytest.raises(TooManyWaiting):
        await enqueueing.require_room(tx, 1, tx.limits.waiting_pictures_per_user)


UTC = ZoneInfo("UTC")
FEW = {
    "the chat page": lambda tx, ada, session, message: pages._read_page(tx, session, ada),
    "older messages": lambda tx, ada, session, message: pages._read_older(tx, session, message),
    "the session's pictures": lambda tx, ada, session, message: pages._read_pictures(tx, session, None, False),
    "the session's favourites": lambda tx, ada, session, message: pages._read_pictures(tx, session, None, True),
    "a refusal for too many that wait": lambda tx, ada, session, message: refused(tx),
    "the history": lambda tx, ada, session, message: history.read(tx, history.HistoryQuery()),
    "the history, what waits": lambda tx, *_: history.read(tx, history.HistoryQuery(status="queued")),
    "the history by a word": lambda tx, *_: history.read(tx, history.HistoryQuery(q="boat")),
    "the history by a word that nobody wrote": lambda tx, *_: history.read(tx, history.HistoryQuery(q="zebra")),
    "the search": lambda tx, *_: search.search(tx, "boat"),
    "the gallery": lambda tx, *_: gallery.chunk(tx, GalleryFilters(), UTC),
    "the gallery by a word": lambda tx, *_: gallery.chunk(tx, GalleryFilters(q="boat"), UTC),
    "the gallery's choices": lambda tx, *_: gallery.choices(tx, GalleryFilters()),
    "the sessions": lambda tx, *_: sessions.list_sessions(tx),
    "the sessions as cards": lambda tx, *_: sessions.list_cards(tx, None),
    "the albums": lambda tx, *_: albums.list_albums(tx),
    "the links": lambda tx, *_: sharing.list_shares(tx, "secret"),
    "the uploads": lambda tx, *_: uploads.list_own(tx, uploads.ListUploads()),
}


@pytest.mark.parametrize("what", FEW)
async def test_a_member_with_a_few_pictures_reads_a_few_rows(limited, crowd, what):
    ada, session, message = crowd
    database = await limited(waiting_pictures_per_user=60)
    read = await database.run_as(ada, rows_read, lambda tx: FEW[what](tx, ada, session, message))
    assert read <= MOST_ROWS


EVERYBODYS = {
    "the statistics of a session": lambda tx, session: sessions.stats(tx, [session]),
    "a round of the worker for what is lost": lambda tx, session: queue.lost(tx),
    "a scrape of the metrics": lambda tx, session: metrics.read(tx),
    "a round of the worker for leases of the dead": lambda tx, session: queue.lease_holders(tx),
    "the leases of the dead": lambda tx, session: queue.drop_leases(tx, ["nobody"]),
    "a claim of a reply": lambda tx, session: replies.claim(tx, "nobody", 1_000),
    "the ends of sessions": lambda tx, session: sessions.expire(tx),
    "the places in the queue": lambda tx, session: tx.fetch_all("generations.positions", session_ids=[session]),
    "the sweep of accounts that were closed": lambda tx, session: erasure.remove_closed_account(tx),
    "the sweep of sessions that were deleted": lambda tx, session: session_deletion.purge_next_session(tx),
    "the sweep of files that were deleted": lambda tx, session: tx.fetch_all("assets.deleted", failed=[], limit=200),
    "the sweep of files that were abandoned": lambda tx, session: tx.execute("assets.abandon", older_than=3600.0),
    "the sweep of names": lambda tx, session: sessions.name_unnamed_members(tx),
    "the sweep of links": lambda tx, session: sharing.sweep(tx),
    "the sweep of free sessions": lambda tx, session: sessions.sweep_free_sessions(tx),
    "the sweep of sign-ins": lambda tx, session: users.sweep(tx),
}


@pytest.mark.parametrize("what", EVERYBODYS)
async def test_what_is_asked_again_and_again_reads_few_rows(database, crowd, what):
    _, session, _ = crowd
    assert await database.run_system(rows_read, lambda tx: EVERYBODYS[what](tx, session)) <= MOST_ROWS


SESSIONS = 3_000
MANY_SESSIONS = """
WITH made AS (
  INSERT INTO user_sessions (id, user_id, plan_id, title, untitled, expires_at)
  SELECT uuidv7(-n * interval '1 second'), $1, 'pro', 'Session ' || n, false, now() + interval '1 day'
    FROM generate_series(1, $2::int) n
  RETURNING id
)
INSERT INTO session_members (session_id, user_id, role) SELECT id, $1, 'owner' FROM made
"""


async def says(tx: Transaction, user: str, session: str) -> None:
    rows = await tx.fetch_all(
        "messages.say_at_once",
        user_id=user,
        session_id=session,
        message_id=ids.new(),
        client_id=ids.new(),
        request_hash=b"",
        text="hello",
        html="<p>hello</p>",
        reply_id=ids.new(),
        calls=False,
        most=100,
        seconds=60.0,
        most_replies=100,
        seconds_of_replies=60.0,
    )
    assert len(rows) == 2  # with a place for the reply


async def test_a_member_of_many_sessions_says_something_by_few_rows_also_after_one_of_few(
    database, postgres_server, database_url
):
    """Plans that are kept were made for whoever came first."""
    few, many = await make_user(database, "Eve"), await make_user(database, "Grace")
    of_few, of_many = await make_session(database, few, "pro"), await make_session(database, many, "pro")
    admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    await admin.execute(MANY_SESSIONS, uuid.UUID(many), SESSIONS)
    await admin.execute("UPDATE user_sessions SET untitled = false")
    await admin.execute("ANALYZE")
    await admin.close()

    async def one_after_the_other(tx: Transaction) -> int:
        await says(tx, few, of_few)
        return await rows_read(tx, lambda tx: says(tx, many, of_many))

    assert await database.run_system(one_after_the_other) <= 100
