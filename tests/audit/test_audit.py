"""The audit log: it only grows, and nobody who uses the product can read or write it."""

import asyncpg
import pytest

from chatserver import audit
from chatserver.audit import COMMAND_LINE, Actor
from chatserver.errors import Invalid
from tests.support.people import make_user, run_sql, run_sql_as

OPERATOR = Actor(id="018f0000-0000-7000-8000-000000000001", name="Grace", address="192.0.2.7")


async def test_an_entry_has_who_what_whom_when_where_and_why(database):
    await database.run_system(
        audit.record, OPERATOR, "user.banned", "user", "u-1", "spam  in\nthree sessions", tokens=2, until=None
    )
    [entry] = await run_sql(database, "SELECT * FROM audit_entries WHERE target_id = 'u-1'")
    assert (entry["actor_id"], entry["actor"], entry["address"]) == (OPERATOR.id, "Grace", "192.0.2.7")
    assert (entry["action"], entry["target_kind"], entry["reason"]) == ("user.banned", "user", "spam in three sessions")
    assert entry["details"] == {"tokens": 2, "until": None}
    assert entry["at"] is not None


async def test_the_command_line_is_an_actor_without_an_account(database):
    await database.run_system(audit.record, COMMAND_LINE, "plan.saved", "plan", "pro")
    [entry] = await run_sql(database, "SELECT actor_id, actor FROM audit_entries WHERE target_id = 'pro'")
    assert tuple(entry.values()) == (None, "command line")


async def test_nobody_changes_or_empties_the_log(database, database_url):
    await database.run_system(audit.record, COMMAND_LINE, "plan.saved", "plan", "kept")
    for statement in (
        "UPDATE audit_entries SET actor = 'somebody else'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await run_sql(database, statement)
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await _as_owner(database_url, statement)
    assert len(await run_sql(database, "SELECT 1 FROM audit_entries WHERE target_id = 'kept'")) == 1


async def _as_owner(url, statement):
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            # Row-level security is forced on the owner too: it is lifted, as the owner could, to reach the triggers.
            await connection.execute("ALTER TABLE audit_entries NO FORCE ROW LEVEL SECURITY")
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_web_role_neither_reads_nor_writes_it(database):
    ada = await make_user(database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run_sql_as(database, ada, "SELECT * FROM audit_entries")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run_sql_as(
            database,
            ada,
            "INSERT INTO audit_entries (id, actor, action, target_kind, target_id)"
            " VALUES (gen_random_uuid(), 'me', 'user.banned', 'user', '1')",
        )


@pytest.mark.parametrize("reason", ["\x00", "\ud800", "x" * 501])
async def test_a_reason_that_cannot_be_kept_is_refused(database, reason):
    with pytest.raises(Invalid):
        await database.run_system(audit.record, COMMAND_LINE, "plan.saved", "plan", "pro", reason)
