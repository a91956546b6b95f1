"""The list of a member's sessions: what is new to whom, what is being made, what it shows, and that its cost stays flat."""

import json
from typing import Any

import asyncpg
import pytest

from chatserver import ids, messages, sessions
from chatserver.app.summary_feed import SummaryFeed
from chatserver.database import load_queries
from chatserver.events import encode
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.requests import CreateGeneration
from chatserver.messages.requests import CreateMessage
from chatserver.messages.search import MOST_BYTES
from chatserver.runtime import paths
from chatserver.sessions.summaries import LISTED
from tests.support.people import make_session, make_user, run_sql, run_sql_as

SKETCH: Any = {kind: ModelChoice("sketch", "Sketch (built in)") for kind in ("image", "video")}


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


@pytest.fixture
async def bob(database):
    return await make_user(database, "Bob")


async def listed(database, user, current=None):
    return await database.run_as(user, sessions.list_summaries, user, current or ids.new())


async def summary(database, user, session):
    return next(each for each in await listed(database, user) if each.id == session)


async def says(database, user, session, text="hello"):
    return await database.run_as(user, messages.say, session, CreateMessage(client_id=ids.new(), text=text), "")


async def asks_for(database, user, session, count=1):
    request = CreateGeneration(client_id=ids.new(), kind="image", prompt="a boat", width=64, height=64, count=count)
    return await database.run_as(user, generations.create, session, request, SKETCH)


async def sees(database, user, session, seq=1_000):
    await database.run_as(user, sessions.mark_seen, session, seq)


async def test_what_others_write_is_new_until_it_was_seen_and_ones_own_words_never_are(database, ada, bob):
    session = await make_session(database, ada, "pro", guests=(bob,))
    for _ in range(3):
        await says(database, ada, session)
    assert (await summary(database, bob, session)).unread == 3
    assert (await summary(database, ada, session)).unread == 0
    await sees(database, bob, session, 2)
    assert (await summary(database, bob, session)).unread == 1
    await sees(database, bob, session)
    await says(database, bob, session)
    assert [(await summary(database, user, session)).unread for user in (ada, bob)] == [1, 0]


async def test_what_was_seen_stays_seen_whatever_number_comes_later(database, ada, bob):
    session = await make_session(database, ada, "pro", guests=(bob,))
    await says(database, ada, session)
    for seq in (2**60, 0):
        await sees(database, bob, session, seq)
        assert (await summary(database, bob, session)).unread == 0
    await says(database, ada, session)
    assert (await summary(database, bob, session)).unread == 1


async def test_nobody_marks_a_session_in_which_they_are_not(database, ada, bob):
    session = await make_session(database, ada, "pro")
    await says(database, ada, session)
    await sees(database, bob, session)
    assert await run_sql(database, "SELECT FROM session_reads WHERE session_id = $1", session) == []


async def test_a_deleted_message_is_not_new_and_no_more_than_a_hundred_are_counted(database, ada, bob):
    session = await make_session(database, ada, "pro", guests=(bob,))
    message = await says(database, ada, session)
    await run_sql(database, "UPDATE messages SET status = 'deleted', seq = 500 WHERE id = $1", message.id)
    assert (await summary(database, bob, session)).unread == 0
    insert = """INSERT INTO messages (id, session_id, author_kind, author_name, kind, client_id, seq)
                SELECT gen_random_uuid(), $1, 'assistant', 'Assistant', 'text', 'c' || n, n
                  FROM generate_series(1001, 1250) n"""
    await run_sql(database, insert, session)
    assert (await summary(database, bob, session)).unread == 100


async def test_what_is_being_made_is_counted_and_what_was_made_is_new_to_its_maker_elsewhere(database, ada):
    session = await make_session(database, ada, "pro")
    message = await asks_for(database, ada, session, count=3)
    await sees(database, ada, session)
    begin = """UPDATE generations SET status = 'rendering', lease_until = now(), worker_id = 'w' WHERE id = $1"""
    await run_sql(database, begin, message.generations[0].id)
    found = await summary(database, ada, session)
    assert (found.queued, found.rendering, found.unread) == (2, 1, 0)
    stats = (await database.run_system(sessions.stats, [session]))[session]
    assert (stats.queued, stats.rendering) == (2, 1)
    end = """UPDATE generations SET status = 'done', finished_at = now(), lease_until = NULL, worker_id = NULL
              WHERE message_id = $1"""
    await run_sql(database, end, message.id)
    await database.run_system(messages.touch, message.id)
    found = await summary(database, ada, session)
    assert (found.queued, found.rendering, found.unread) == (0, 0, 1)


async def test_those_with_time_left_come_first_and_the_current_one_is_always_there(database, ada):
    ended = [await make_session(database, ada, minutes=-60) for _ in range(LISTED + 6)]
    old = await make_session(database, ada, title="Bought long ago")
    await run_sql(
        database, "UPDATE session_members SET joined_at = now() - interval '1 year' WHERE session_id = $1", old
    )
    found = await listed(database, ada, ended[0])
    assert len(found) == LISTED
    assert [found[0].id, found[0].status] == [old, "active"]
    assert found[-1].id == ended[0]
    assert [each.id for each in found[1:-1]] == sorted((each.id for each in found[1:-1]), reverse=True)


async def test_an_old_session_with_time_left_is_listed_behind_two_hundred_newer_ones(database, ada, bob):
    own, guests = await make_session(database, ada), await make_session(database, bob, guests=(ada,))
    for _ in range(205):
        await make_session(database, ada, minutes=-60)
    found = [each.id for each in await listed(database, ada)]
    assert own in found
    # Only of sessions of others are the newest two hundred looked at.
    assert guests not in found


async def test_sessions_that_were_left_or_deleted_or_are_others_are_not_listed(database, ada, bob):
    left, deleted = [await make_session(database, bob, guests=(ada,)) for _ in range(2)]
    strange = await make_session(database, bob)
    await run_sql(
        database, "UPDATE session_members SET left_at = now() WHERE session_id = $1 AND user_id = $2", left, ada
    )
    await run_sql(database, "UPDATE user_sessions SET status = 'deleted' WHERE id = $1", deleted)
    assert await listed(database, ada, strange) == []


# The feed -------------------------------------------------------------------------------------------------------------


class Socket:
    """A socket of somebody in a session, as the feed sees it."""

    is_open, is_closed = True, False

    def __init__(self, user, session):
        self.request = type("Request", (), {"session_id": session, "viewer": type("Viewer", (), {"id": user})})
        self.heard: list[dict[str, Any]] = []

    def encoder(self, event):
        return encode(event)

    def send(self, data):
        self.heard.append(json.loads(data))

    def takes(self):
        heard, self.heard = self.heard, []
        return [({each["id"]: each for each in event["summaries"]}, event["removed"]) for event in heard]


class Sockets:
    """A hub with these sockets."""

    def __init__(self, *sockets):
        self.sockets = list(sockets)

    def open_connections(self):
        return self.sockets


async def test_a_socket_hears_of_the_users_other_sessions_once_for_each_change(database, ada, bob):
    here = await make_session(database, ada, title="Here")
    there = await make_session(database, ada, "pro", title="There", guests=(bob,))
    socket = Socket(ada, here)
    feed = SummaryFeed(database, Sockets(socket))
    await feed.send_changes()
    [(first, removed)] = socket.takes()
    # The one in which they are shows itself; and what somebody else wrote there is told as a number, without its words.
    assert (list(first), removed) == ([there], [])
    await feed.send_changes()
    assert socket.takes() == []
    await says(database, bob, there, "a secret")
    await feed.send_changes()
    [(changed, _)] = socket.takes()
    assert (changed[there]["unread"], "a secret" in json.dumps(changed)) == (1, False)
    await sees(database, ada, there)
    await feed.send_changes()
    [(changed, _)] = socket.takes()
    assert changed[there]["unread"] == 0


async def test_a_new_tab_hears_everything_and_one_elsewhere_of_the_first_ones_session(database, ada, bob):
    here, there = [await make_session(database, ada, "pro", guests=(bob,)) for _ in range(2)]
    first, second = Socket(ada, here), Socket(ada, there)
    hub = Sockets(first)
    feed = SummaryFeed(database, hub)
    await feed.send_changes()
    first.takes()
    hub.sockets.append(second)
    await feed.send_changes()
    [(found, _)] = second.takes()
    assert set(found) == {here, there}


async def test_who_left_and_what_has_ended_is_told(database, ada, bob):
    here = await make_session(database, ada)
    left, ending = [await make_session(database, bob, guests=(ada,)) for _ in range(2)]
    socket = Socket(ada, here)
    feed = SummaryFeed(database, Sockets(socket))
    await feed.send_changes()
    socket.takes()
    await run_sql(
        database, "UPDATE session_members SET left_at = now() WHERE session_id = $1 AND user_id = $2", left, ada
    )
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() - interval '1 hour' WHERE id = $1", ending)
    await feed.send_changes()
    [(changed, removed)] = socket.takes()
    assert removed == [left]
    assert changed[ending]["status"] == "expired"


# Growth ---------------------------------------------------------------------------------------------------------------

MANY = """
WITH made AS (
  INSERT INTO user_sessions (id, user_id, plan_id, title, expires_at)
  SELECT id, $1, 'pro', 'Harbour ' || n, now() + CASE WHEN n % 200 = 1 THEN interval '1 hour' ELSE -interval '1 hour' END
    FROM unnest($2::uuid[]) WITH ORDINALITY AS made (id, n) RETURNING id, expires_at
), joined AS (
  INSERT INTO session_members (session_id, user_id, role) SELECT id, $1, 'owner' FROM made
)
INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, client_id, seq)
SELECT gen_random_uuid(), id, $1, 'user', 'Ada', 'text', 'a quiet harbour', 'c' || n, n
  FROM made, generate_series(1, 10) AS n
"""


@pytest.fixture
async def admin(postgres_server, database_url):
    connection = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    yield connection
    await connection.close()


async def cost(database, name, user, **values):
    """The pages of memory that a query reads, which no load changes, and its milliseconds."""
    query = load_queries(paths.SQL / "queries")[name]
    statement = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query.sql}"
    [(plan,)] = await run_sql_as(database, user, statement, *query.arguments(values))
    found = json.loads(plan)[0]
    return found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"], found["Execution Time"]


async def test_with_a_thousand_sessions_the_list_and_the_search_cost_what_they_cost_with_a_few(
    database, admin, ada, bob
):
    for user, count in ((ada, 250), (bob, 1_000)):
        await admin.execute(MANY, user, [ids.new() for _ in range(count)])
    await admin.execute("ANALYZE")
    queries = {
        "sessions.summaries": {"user_ids": None, "current_id": None, "session_ids": None, "limit": LISTED},
        "sessions.marks": {"user_ids": None},
        "sessions.search_titles": {"patterns": ["harbour"], "limit": 6},
        "messages.search": {"patterns": ["quiet", "harbour"], "most_bytes": MOST_BYTES, "limit": 8},
        "messages.search for nothing": {"patterns": ["giraffe"], "most_bytes": MOST_BYTES, "limit": 8},
    }
    for name, given in queries.items():
        costs = []
        for user in (ada, bob):
            values = given | ({"user_ids": [user]} if "user_ids" in given else {})
            costs.append(await cost(database, name.split()[0], user, **values))
        (few, _), (many, milliseconds) = costs
        print(f"{name}: {many} pages and {milliseconds:.1f} ms with 1,000 sessions, {few} pages with 250")
        # A search that finds nothing looks at the newest 2,000 messages, wherever they are stored, and at no others; the
        # right to see one is three pages of an index.
        assert many <= (4 * 2_100 if name.endswith("nothing") else 1.5 * few + 50), (name, costs)
    # A user's name for a list is not a way around the rows' own policies.
    assert await run_sql_as(database, ada, "SELECT FROM session_reads WHERE user_id = $1", bob) == []
