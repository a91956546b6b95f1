"""The database roles: created once for the whole server, before anything is migrated (docs/database.md)."""

import asyncpg
import structlog

from chatserver.errors import ConfigurationError

# The working roles; the owner of the tables assumes one with SET ROLE for each transaction.
ROLES = ("chatserver_web", "chatserver_worker")

# What a restore has left out, in words: the owner of the tables, the owner of a function that stands for one of the working
# roles, or a right of theirs.
_LEFT_OUT = """
WITH tables AS (SELECT relowner AS owner FROM pg_class WHERE oid = to_regclass('schema_migrations'))
SELECT words FROM (
       SELECT 1 AS place, format('the tables belong to %s', pg_get_userbyid(owner)) AS words
         FROM tables WHERE NOT pg_has_role(owner, 'USAGE')
        UNION ALL
       SELECT 2, format('the function %s belongs to %s', min(proname), pg_get_userbyid(owner))
         FROM pg_proc JOIN tables ON owner = proowner
        WHERE prosecdef AND pronamespace = current_schema()::regnamespace GROUP BY owner
        UNION ALL
       SELECT 3, format('%s may not read users', rolname)
         FROM pg_roles WHERE rolname = 'chatserver_worker' AND NOT has_table_privilege(oid, to_regclass('users'), 'SELECT')
       ) AS left_out ORDER BY place LIMIT 1
"""

log = structlog.get_logger(__name__)


async def require_owners(connection: "asyncpg.Connection") -> None:
    """Raises ConfigurationError for a database that was restored without its owners or rights: every request would fail."""
    left_out = await connection.fetchval(_LEFT_OUT)
    if left_out:
        raise ConfigurationError(
            f"The database was restored without its owners and rights: {left_out}. Restore it again as docs/database.md "
            "says, in a single transaction, and without --no-owner and --no-privileges."
        )


async def ensure_working_roles(connection: "asyncpg.Connection", owner: str) -> None:
    """Creates the two working roles and grants them to `owner`. ConfigurationError with the SQL where we may not."""
    if await _may_become_all(connection, owner):
        return
    try:
        for role in ROLES:
            await ensure_role(connection, role)
            await connection.execute(f"GRANT {role} TO {_quoted(owner)}")
    except asyncpg.InsufficientPrivilegeError as error:
        statements = " ".join(f"CREATE ROLE {role} NOLOGIN; GRANT {role} TO {_quoted(owner)};" for role in ROLES)
        raise ConfigurationError(
            f"DATABASE_URL's user may not make roles. Run once as a superuser, then start again: {statements}"
        ) from error


async def ensure_role(connection: "asyncpg.Connection", role: str, *, login: bool = False) -> None:
    """Creates a role unless it exists. Roles belong to the whole server, so another process may create it meanwhile."""
    if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        return
    try:
        await connection.execute(f"CREATE ROLE {_quoted(role)} {'LOGIN' if login else 'NOLOGIN'}")
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        log.debug("role.already_created", role=role)


async def _may_become_all(connection: "asyncpg.Connection", owner: str) -> bool:
    # From Postgres 16 on, the creator of a role is a member of it without the right to SET ROLE.
    privilege = "SET" if connection.get_server_version().major >= 16 else "MEMBER"
    known = await connection.fetchval(
        "SELECT count(*) FROM pg_roles WHERE rolname = ANY($1) AND pg_has_role($2, oid, $3)",
        list(ROLES),
        owner,
        privilege,
    )
    return bool(known == len(ROLES))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
