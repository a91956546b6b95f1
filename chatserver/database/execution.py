"""Executes one unit of work on one connection: begins as a database role, runs the verb, commits.

Afterwards the connection is in no transaction; one that does not get there is cut, so that the pool replaces it.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg
import structlog

from chatserver.config.timing import Timing
from chatserver.database.connection_loss import ConnectionLoss, NotCommitted, OutcomeUnknown
from chatserver.database.queries import Query
from chatserver.database.transaction import Transaction
from chatserver.errors import ChatserverError, Superseded
from chatserver.runtime import failpoints

# A connection that cannot roll back in this time is cut.
ROLLBACK_SECONDS = 1.0
# Postgres ends a transaction that is idle for so long. Every running process has ended its own by then; without this, one
# whose network or power failed would keep its locks for hours.
ABANDONED_SECONDS = Timing.unit_deadline + ROLLBACK_SECONDS
# What a function of ours raises to undo what it has begun.
UNDONE = "CS001"

_BEGIN = f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '{ABANDONED_SECONDS:g}s'; SET LOCAL ROLE"
# The statements that begin a transaction as the worker role. Its own statements find rows by key whatever the values, so
# one generic plan serves: planning took longer than running.
BEGIN_AS_SYSTEM = f"{_BEGIN} chatserver_worker; SET LOCAL plan_cache_mode = force_generic_plan"
_UUID = re.compile(r"[0-9a-f-]{36}")

log = structlog.get_logger(__name__)


class StatementUndone(Exception):
    """The function that a single statement calls has begun, and undone it all (SQLSTATE CS001): nothing is stored."""


def begin_as_user(user: str) -> str:
    """The statements that begin a transaction as the web role for this user."""
    # One round trip for all statements, which excludes parameters; hence the strict check of what is interpolated.
    if not _UUID.fullmatch(user):
        raise ValueError("not a user's id")
    return (
        f"{_BEGIN} chatserver_web; SET LOCAL plan_cache_mode = auto; SELECT set_config('app.user_id', '{user}', true)"
    )


class Role(NamedTuple):
    """The database role of a unit of work: the statements that begin it (None: each of its own is a transaction by
    itself), its queries, and the user for whom it runs as the web role."""

    begin: str | None
    queries: Mapping[str, Query]
    user_id: str | None = None


@dataclass(frozen=True, eq=False)
class Unit:
    """One unit of work: the role and the verb that it runs, and the future for which its caller waits."""

    role: Role
    verb: Callable[..., Awaitable[Any]]
    args: Any
    kwargs: Any
    answer: "asyncio.Future[Any]"

    def succeed(self, result: Any) -> None:
        if not self.answer.done():
            self.answer.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Is at most logged after `succeed`, and where the caller has gone."""
        if self.answer.done():
            if not isinstance(error, ChatserverError | Superseded | asyncio.CancelledError):
                log.error("database.unit_failed", verb=self.verb.__qualname__, exc_info=error)
        elif isinstance(error, asyncio.CancelledError):
            self.answer.cancel()
        else:
            self.answer.set_exception(error)


async def execute(unit: Unit, tx: Transaction) -> Any:
    """What the verb returned, once it is stored.

    Raises what the verb raises, StatementUndone, NotCommitted and OutcomeUnknown.
    """
    begin = unit.role.begin
    try:
        if begin is None:
            return await _run_statement(unit, tx)
        return await _run_transaction(begin, unit, tx)
    except (NotCommitted, OutcomeUnknown):
        _cut(tx.connection)
        raise
    except BaseException as error:
        # Cancelled in the middle of a single statement, the connection has to answer again or is cut.
        if begin is not None or isinstance(error, asyncio.CancelledError):
            await _roll_back(tx.connection)
        raise


async def _run_transaction(begin: str, unit: Unit, tx: Transaction) -> Any:
    with ConnectionLoss(NotCommitted, tx.connection):
        await tx.connection.execute(begin)
        result = await unit.verb(tx, *unit.args, **unit.kwargs)
    failpoints.at_verb("before-commit", unit.verb)
    with ConnectionLoss(OutcomeUnknown, tx.connection):
        await _commit(tx.connection)
    failpoints.at_verb("after-commit", unit.verb)
    return result


async def _commit(connection: "asyncpg.Connection") -> None:
    # Postgres answers COMMIT of a failed transaction with ROLLBACK and no error: the verb has swallowed an error.
    if await connection.execute("COMMIT") != "COMMIT":
        raise RuntimeError("the transaction had failed before its end, and nothing was stored")


async def _run_statement(unit: Unit, tx: Transaction) -> Any:
    failpoints.at_verb("before-commit", unit.verb)
    try:
        with ConnectionLoss(NotCommitted, tx.connection):
            result = await unit.verb(tx, *unit.args, **unit.kwargs)
    except asyncpg.PostgresError as error:
        if error.sqlstate == UNDONE:
            raise StatementUndone from error
        raise
    failpoints.at_verb("after-commit", unit.verb)
    return result


async def _roll_back(connection: "asyncpg.Connection") -> None:
    """Rolls back; a connection that fails to is cut, so that the pool replaces it."""
    try:
        async with asyncio.timeout(ROLLBACK_SECONDS):
            await connection.execute("ROLLBACK")
    except BaseException as error:
        _cut(connection)
        if not isinstance(error, Exception):
            raise


def _cut(connection: "asyncpg.Connection") -> None:
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()
