"""Sessions with much in them, put into the database at once; and a reply in the middle of it."""

from chatserver.database import Database
from chatserver.messages.replies import Draft, Growth
from tests.support.people import make_session, run_sql


async def long_session(database: Database, ada: str, count: int = 30, size: int = 80_000) -> str:
    """A session with messages that draw large; each of them is as large as it may be."""
    session = await make_session(database, ada)
    await run_sql(
        database,
        """
        INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, html, client_id, seq)
        SELECT gen_random_uuid(), $1, $2, 'user', 'Ada', 'text', repeat('a', $4 / 10), repeat('b', $4), 'c' || n, n
          FROM generate_series(1, $3::integer) n
        """,
        session, ada, count, size,
    )  # fmt: skip
    await run_sql(database, "UPDATE user_sessions SET seq = $2 WHERE id = $1", session, count)
    return session


def draft(text: str) -> Draft:
    """A draft of a reply, of which nothing is rendered."""
    return Draft(text, "", 0, "", 0, Growth(0, text, 0, "", False, text, False))
