"""The database's roles: made once for a whole server, before anything is migrated (docs/database.md)."""

import asyncpg
import structlog

from chatserver.errors import ConfigurationError

# The roles that do the daily work; the owner of the tables becomes them with SET ROLE, transaction by transaction.
ROLES = ("chatserver_web", "chatserver_worker")

log = structlog.get_logger(__name__)


async def ensure_working_roles(connection: "asyncpg.Connection", owner: str) -> None:
    """Makes the two working roles and lets `owner` become them. ConfigurationError with the SQL where we may not."""
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
    """Makes one role unless it is there. Roles belong to the whole server, so another process may be quicker."""
    if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        return
    try:
        await connection.execute(f"CREATE ROLE {_quoted(role)} {'LOGIN' if login else 'NOLOGIN'}")
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        log.debug("role.already_created", role=role)


async def _may_become_all(connection: "asyncpg.Connection", owner: str) -> bool:
    # From version 16 on, whoever makes a role is a member of it without being allowed to become it.
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
