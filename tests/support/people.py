"""People and sessions, put into the database by plain SQL, for tests that are about something else."""

from typing import Any

from chatserver import ids
from chatserver.audit import service as audit
from chatserver.audit.models import AuditEntry, AuditFilter
from chatserver.database import Database, Transaction


async def make_user(database: Database, name: str = "Ada", *, role: str = "member", email: str = "") -> str:
    """An active user without a password. Returns the id; the e-mail address holds it unless given."""
    user_id = ids.new()
    email = email or f"{user_id}@example.org"
    await run_sql(
        database, "INSERT INTO users (id, email, name, role) VALUES ($1, $2, $3, $4)", user_id, email, name, role
    )
    return user_id


async def make_session(
    database: Database,
    owner: str,
    plan: str = "flash",
    *,
    title: str = "Evening pictures",
    guests: tuple[str, ...] = (),
    guests_may_generate: bool = False,
    minutes: float | None = None,
) -> str:
    """A session with its owner, guests and the plan's credits; `minutes` to go, or the plan's. Returns its id."""
    return await database.run_system(_make_session, owner, plan, title, guests, guests_may_generate, minutes)


async def add_member(database: Database, session_id: str, user_id: str, role: str = "guest") -> None:
    """Adds one member."""
    await run_sql(
        database,
        "INSERT INTO session_members (session_id, user_id, role) VALUES ($1, $2, $3)",
        session_id,
        user_id,
        role,
    )


async def newest_act(database: Database) -> AuditEntry:
    """The last line of the operators' audit log."""
    [entry] = await database.run_system(audit.page, AuditFilter(), None, 1)
    return entry


async def run_sql(database: Database, statement: str, *values: Any) -> list[Any]:
    """Any statement as the worker role; its rows."""
    return await database.run_system(_fetch, statement, values)


async def run_sql_as(database: Database, user_id: str, statement: str, *values: Any) -> list[Any]:
    """Any statement as the web role for this user, under row-level security; its rows."""
    return await database.run_as(user_id, _fetch, statement, values)


async def _fetch(tx: Transaction, statement: str, values: tuple[Any, ...]) -> list[Any]:
    return await tx.connection.fetch(statement, *values)


async def _make_session(
    tx: Transaction,
    owner: str,
    plan: str,
    title: str,
    guests: tuple[str, ...],
    guests_may_generate: bool,
    minutes: float | None,
) -> str:
    session_id = ids.new()
    await tx.connection.execute(
        """
        INSERT INTO user_sessions (id, user_id, plan_id, title, guests_may_generate, expires_at)
        SELECT $1, $2, id, $4, $5, now() + make_interval(secs => coalesce($6, minutes) * 60)
          FROM session_config WHERE id = $3
        """,
        session_id,
        owner,
        plan,
        title,
        guests_may_generate,
        minutes,
    )
    visitors = [(session_id, owner, "owner"), *((session_id, guest, "guest") for guest in guests)]
    await tx.connection.executemany(
        "INSERT INTO session_members (session_id, user_id, role) VALUES ($1, $2, $3)", visitors
    )
    await tx.connection.execute(
        """
        INSERT INTO credits (session_id, kind, number)
        SELECT $1, kind, number
          FROM session_config,
               LATERAL (VALUES ('image', image_credits_per_hour), ('video', video_credits_per_hour)) rights (kind, n),
               LATERAL generate_series(1, n) AS number
         WHERE id = $2
        """,
        session_id,
        plan,
    )
    return session_id
