"""The unit of work: one transaction in a task of its own, as the web role for one user or as the worker role.

`run_as` makes a task, takes a connection, BEGINs as the web role with the user set for row-level security, calls
`verb(tx, …)`, COMMITs, and only then publishes what the verb announced. The caller waits under a shield: a tab that
closes in the middle never leaves a transaction open or a pool slot taken (with `databases`' own transactions 1,500
cancelled tasks emptied a pool of five for good). `run_system` does the same as the worker role, which sees every row.

Results come from `fetch_*` with RETURNING, never from `execute`.
"""

import asyncio
import contextlib
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import asyncpg
import databases
import msgspec
import structlog

from chatserver.config.timing import DEFAULT_TIMING, Timing
from chatserver.database.queries import Query
from chatserver.database.transaction import Publisher, Transaction
from chatserver.errors import Busy
from chatserver.limits import UNLIMITED, Limits
from chatserver.runtime import clock, failpoints

P = ParamSpec("P")
R = TypeVar("R")

# The server gives up on a single statement a little before the unit of work does: this share of its deadline.
COMMAND_SHARE = 0.9
# Prepared statements that one connection keeps: all of ours.
STATEMENTS = 500
# A connection that cannot roll back in this time is cut.
ROLLBACK_SECONDS = 1.0
# A transaction that says nothing for so long is ended by Postgres. By then every process that lives has ended its own;
# one that the network parted, or whose machine lost its power, would keep its locks for hours.
ABANDONED_SECONDS = Timing.unit_deadline + ROLLBACK_SECONDS
# Units of work under way and waiting at once; one more hears `busy` at once instead of after `Timing.unit_acquire`.
UNITS_AT_MOST = 2000
# Nothing was stored, so the whole verb may run again: serialization failures, deadlocks, plans older than a migration.
RETRIES = 5
RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)
# The database went away or refuses connections. Before COMMIT was sent nothing can be stored, so the verb runs again;
# after that nobody knows, and `busy` says so: the same client_id settles it.
UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    # A connection that has heard the server's last word, but not yet its end.
    asyncpg.InternalClientError,
)

log = structlog.get_logger(__name__)


class Database:
    """The pool and the unit of work. `publisher` receives announcements after each COMMIT.

    `pooler` says that another pool stands before Postgres, which gives each transaction any of its connections;
    `limits` are what verbs hold people to, `timing` has the deadlines, for verbs too (`tx.limits`, `tx.timing`).
    """

    def __init__(
        self,
        url: str,
        queries: Mapping[str, Query],
        publisher: Publisher,
        *,
        pool: int = 10,
        pooler: bool = False,
        limits: Limits = UNLIMITED,
        timing: Timing = DEFAULT_TIMING,
    ) -> None:
        self._queries, self._limits, self.timing = queries, limits, timing
        # A plan holds for one role only, because of row-level security: with a statement of its own neither role makes
        # Postgres plan anew what the other one has just run on the same connection.
        self._worker_queries = {name: query.marked("worker") for name, query in queries.items()}
        self._publisher = publisher
        self._slots = asyncio.Semaphore(pool)
        self._units: set[asyncio.Task[Any]] = set()
        self._database = databases.Database(
            url,
            # `databases` reads host, port, names and password; sslmode and the like asyncpg takes from here.
            dsn=url,
            # A floor would be kept up by asyncpg in the background, with a traceback a second while Postgres is away.
            min_size=0,
            max_size=pool,
            command_timeout=timing.unit_deadline * COMMAND_SHARE,
            # Behind a pooler in transaction mode the next transaction runs where nothing was prepared.
            statement_cache_size=0 if pooler else STATEMENTS,
            timeout=timing.unit_acquire,
            init=prepare_connection,
            reset=_leave_as_it_is,
            server_settings={"application_name": "chatserver", "timezone": "UTC"},
        )

    async def connect(self) -> None:
        """Opens the pool. Raises what asyncpg raises where the server cannot be reached."""
        await self._database.connect()
        async with self._database.connection():
            log.debug("database.connected")

    async def close(self) -> None:
        """Waits for the units of work under way, then closes the pool."""
        if self._units:
            await asyncio.wait(
                self._units, timeout=self.timing.unit_acquire + self.timing.unit_deadline + ROLLBACK_SECONDS
            )
        await self._database.disconnect()

    async def run_as(
        self, user_id: str, verb: Callable[Concatenate[Transaction, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Runs `verb(tx, …)` as the web role, which sees and changes only what this person may."""
        return await self._shielded(_Role(_opening_for_user(user_id), self._queries), verb, args, kwargs)

    async def run_system(
        self, verb: Callable[Concatenate[Transaction, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Runs `verb(tx, …)` as the worker role, which sees every row: sign-in, claims, sweeps, the operator."""
        return await self._shielded(_Role(_OPENING_FOR_SYSTEM, self._worker_queries), verb, args, kwargs)

    async def _shielded(self, role: "_Role", verb: Callable[..., Awaitable[R]], args: Any, kwargs: Any) -> R:
        if len(self._units) >= UNITS_AT_MOST:
            raise Busy(retry_after=self.timing.unit_acquire)
        unit = asyncio.create_task(self._unit(role, verb, args, kwargs))
        self._units.add(unit)
        unit.add_done_callback(self._finish)
        return await asyncio.shield(unit)

    def _finish(self, unit: "asyncio.Task[Any]") -> None:
        self._units.discard(unit)
        if not unit.cancelled():
            unit.exception()  # the caller may be gone; then nobody else would retrieve it

    async def _unit(self, role: "_Role", verb: Callable[..., Awaitable[R]], args: Any, kwargs: Any) -> R:
        try:
            async with asyncio.timeout(self.timing.unit_acquire):
                await self._slots.acquire()
        except TimeoutError:
            raise Busy(retry_after=1) from None
        try:
            async with asyncio.timeout(self.timing.unit_deadline):
                return await self._retried(role, verb, args, kwargs)
        except TimeoutError as error:
            log.warning("database.deadline_exceeded", verb=verb.__qualname__)
            raise Busy(retry_after=2) from error
        finally:
            self._slots.release()

    async def _retried(self, role: "_Role", verb: Callable[..., Awaitable[R]], args: Any, kwargs: Any) -> R:
        for attempt in range(1, RETRIES + 1):
            try:
                return await self._attempt(role, verb, args, kwargs)
            except (_NotCommitted, *RETRYABLE) as error:
                if attempt == RETRIES:
                    log.warning("database.retries_exhausted", verb=verb.__qualname__, error=_name(error))
                    raise Busy(retry_after=1) from error
            except _OutcomeUnknown as error:
                log.warning("database.outcome_unknown", verb=verb.__qualname__, error=_name(error))
                raise Busy(retry_after=2) from error
            await asyncio.sleep(random.uniform(0, 0.04 * 2**attempt))  # noqa: S311
        raise AssertionError("unreachable")

    async def _attempt(self, role: "_Role", verb: Callable[..., Awaitable[R]], args: Any, kwargs: Any) -> R:
        async with _connection(self._database) as connection:
            tx = Transaction(connection, role.queries, self._limits, self.timing)
            try:
                with _loss_as(_NotCommitted, connection):
                    await connection.execute(role.opening)
                    result = await verb(tx, *args, **kwargs)
                failpoints.at_verb("before-commit", verb)
                with _loss_as(_OutcomeUnknown, connection):
                    await _commit(connection)
                failpoints.at_verb("after-commit", verb)
            except (_NotCommitted, _OutcomeUnknown):
                _cut(connection)
                raise
            except BaseException:
                await _roll_back(connection)
                raise
            # Before the connection goes back, so that what was committed first is also announced first.
            self._publisher.publish(tx.announcements)
            for action in tx.after_commit:
                action()
            failpoints.at_verb("fan-out", verb)
            return result


class _Role(NamedTuple):
    """As whom a unit of work runs: what makes it so, and the statements that are prepared for that role."""

    opening: str
    queries: Mapping[str, Query]


class _NotCommitted(Exception):
    """The connection was lost before COMMIT was sent; the cause says how."""


class _OutcomeUnknown(Exception):
    """The connection was lost between COMMIT and its answer."""


@contextlib.contextmanager
def _loss_as(meaning: type[Exception], connection: "asyncpg.Connection | None" = None) -> Iterator[None]:
    try:
        yield
    except UNREACHABLE as error:
        raise meaning from error
    except asyncpg.InterfaceError as error:
        # On an open connection it is our own mistake: an argument too many or of the wrong kind.
        if connection is not None and not _is_closed(connection):
            raise
        raise meaning from error


@contextlib.asynccontextmanager
async def _connection(database: databases.Database) -> "AsyncIterator[asyncpg.Connection]":
    pooled = database.connection()
    with _loss_as(_NotCommitted):
        await pooled.__aenter__()
    try:
        yield pooled.raw_connection
    finally:
        await pooled.__aexit__()


async def _commit(connection: "asyncpg.Connection") -> None:
    # Postgres answers COMMIT of a failed transaction with ROLLBACK and no error: a verb had caught one and gone on.
    if await connection.execute("COMMIT") != "COMMIT":
        raise RuntimeError("the transaction had failed before its end, and nothing was stored")


async def _roll_back(connection: "asyncpg.Connection") -> None:
    """Ends a failed transaction; a connection that cannot even do that is cut, so that the pool replaces it."""
    try:
        async with asyncio.timeout(ROLLBACK_SECONDS):
            await connection.execute("ROLLBACK")
    except BaseException as error:
        _cut(connection)
        if not isinstance(error, Exception):
            raise


# asyncpg takes a connection that died back by itself; what we hold then refuses every call with an InterfaceError.


def _cut(connection: "asyncpg.Connection") -> None:
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()


def _is_closed(connection: "asyncpg.Connection") -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


def _name(error: BaseException) -> str:
    return type(error.__cause__ or error).__name__


_OPENING = f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '{ABANDONED_SECONDS:g}s'; SET LOCAL ROLE"
# Its statements find rows by their keys whatever the values are, so one plan serves: planning took longer than running.
_OPENING_FOR_SYSTEM = f"{_OPENING} chatserver_worker; SET LOCAL plan_cache_mode = force_generic_plan"
_UUID = re.compile(r"[0-9a-f-]{36}")


def _opening_for_user(user: str) -> str:
    # One round trip for all of it, which parameters would not allow; hence the strict check of what is spliced in.
    if not _UUID.fullmatch(user):
        raise ValueError("not a user's id")
    return f"{_OPENING} chatserver_web; SELECT set_config('app.user_id', '{user}', true)"


async def _leave_as_it_is(_: "asyncpg.Connection") -> None:
    """Saves the round trip of asyncpg's reset: a unit of work sets nothing that outlives its transaction."""


async def prepare_connection(connection: "asyncpg.Connection") -> None:
    """Makes ids plain strings and jsonb plain values on a new connection, and looks at the database's clock."""
    async with connection.transaction():
        await _prepare(connection)


async def _prepare(connection: "asyncpg.Connection") -> None:
    asked = time.monotonic()
    told = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    clock.synchronise(told + (time.monotonic() - asked) / 2)
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )
