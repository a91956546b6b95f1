"""The unit of work: one transaction in a task of its own, as the web role for one user or as the worker role.

`run_as` makes a task, takes a connection, BEGINs as the web role with the user set for row-level security, calls
`verb(tx, …)`, COMMITs, and only then publishes what the verb announced. The caller waits for the answer and not for the
task: its cancellation never leaves a transaction open or a pool slot taken (with `databases`' own transactions 1,500
cancelled tasks emptied a pool of five permanently). `run_system` does the same as the worker role, which sees every row.

Results come from `fetch_*` with RETURNING, never from `execute`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg
import databases
import structlog

from chatserver.config.timing import DEFAULT_TIMING, Timing
from chatserver.database import execution
from chatserver.database.connection_loss import REFUSED, ConnectionLoss, NotCommitted, OutcomeUnknown
from chatserver.database.connection_setup import prepare_as_system, prepare_connection, skip_reset, synchronise_clock
from chatserver.database.execution import BEGIN_AS_SYSTEM, ROLLBACK_SECONDS, Role, Unit, begin_as_user
from chatserver.database.kept_connections import KeptConnections
from chatserver.database.queries import Query
from chatserver.database.transaction import Publisher, Transaction
from chatserver.errors import Busy
from chatserver.identity.viewer import acting_user
from chatserver.limits import UNLIMITED, Limits
from chatserver.runtime import failpoints
from chatserver.runtime.keyed_semaphores import KeyedSemaphores

P = ParamSpec("P")
R = TypeVar("R")

# The timeout of a single statement, as a share of the deadline.
COMMAND_SHARE = 0.9
# Prepared statements that one connection caches: enough for all of ours.
STATEMENT_CACHE = 500
# Units of work running or waiting at once; one more raises Busy at once instead of after `Timing.unit_acquire`.
MAX_UNITS = 2000
# Nothing was stored, so the whole verb may run again: serialization failures, deadlocks, plans older than a migration.
RETRIES = 5
RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)
# What a statement that takes a row of a composite type apart raises after a migration has changed the type; asyncpg prepares
# it again only after an InvalidCachedStatementError.
OUTDATED = (asyncpg.UndefinedColumnError, asyncpg.DatatypeMismatchError)
# What a verb raises that has found what it writes about, and its right to it, where another has deleted the one or ended the
# other before it wrote.
OVERTAKEN = (asyncpg.ForeignKeyViolationError, asyncpg.InsufficientPrivilegeError)

log = structlog.get_logger(__name__)


class Database:
    """The pool and the unit of work. `publisher` receives announcements after each COMMIT.

    `pooler`: a pooler in transaction mode is between us and Postgres. `limits` (of users) and `timing` (deadlines) go
    with every transaction (`tx.limits`, `tx.timing`).
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
        # A plan depends on the role, because of row-level security: with separate statements neither role makes Postgres
        # plan again what the other one has just run on the same connection.
        self._worker_queries = {name: query.commented("worker") for name, query in queries.items()}
        self._single = Role(None, self._queries)
        # Reading needs no BEGIN where the connection is the worker's already. Behind a pooler it may not be.
        self._reading = Role(BEGIN_AS_SYSTEM if pooler else None, self._worker_queries)
        self._publisher = publisher
        self._slots = asyncio.Semaphore(pool)
        # What one user reads may take long (a search of all messages), and what they change waits for itself (a message that
        # is deleted by fifty requests): a flood of it, in whichever role, leaves connections to the others.
        self._shares = KeyedSemaphores(max(2, pool // 2))
        self._units: set[asyncio.Task[None]] = set()
        self._database = databases.Database(
            url,
            # `databases` reads host, port, names and password; asyncpg reads sslmode and other options from here.
            dsn=url,
            # asyncpg would keep a minimum up in the background, with a traceback a second while Postgres is down.
            min_size=0,
            max_size=pool,
            command_timeout=timing.unit_deadline * COMMAND_SHARE,
            # Behind a pooler the next transaction may run on a backend where nothing was prepared.
            statement_cache_size=0 if pooler else STATEMENT_CACHE,
            timeout=timing.unit_acquire,
            init=prepare_connection if pooler else prepare_as_system,
            setup=synchronise_clock,
            reset=skip_reset,
            server_settings={"application_name": "chatserver", "timezone": "UTC"},
        )
        self._connections = KeptConnections(self._database)

    async def connect(self) -> None:
        """Opens the pool. Raises asyncpg's errors and OSError where the server cannot be reached."""
        await self._database.connect()
        async with self._database.connection():
            log.debug("database.connected")

    async def close(self, *, at_once: bool = False) -> None:
        """Waits for the units of work under way, or rolls them back `at_once`, then closes the pool."""
        if at_once:
            for unit in self._units:
                unit.cancel()
        if self._units:
            await asyncio.wait(
                self._units, timeout=self.timing.unit_acquire + self.timing.unit_deadline + ROLLBACK_SECONDS
            )
        await self._connections.close()
        await self._database.disconnect()

    async def run_as(
        self, user_id: str, verb: Callable[Concatenate[Transaction, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Runs `verb(tx, …)` as the web role, which sees and changes only what this user may. Raises Busy."""
        return await self._shielded(Role(begin_as_user(user_id), self._queries, user_id), verb, args, kwargs)

    async def run_single(
        self, verb: Callable[Concatenate[Transaction, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Runs a verb of one statement at most, which is a transaction of its own: one round trip instead of three.

        The statement calls a function of Postgres that belongs to a role, and takes the user with it. Where the connection
        is lost it runs again, so a second time must do no harm. Raises Busy, and StatementUndone.
        """
        return await self._shielded(self._single, verb, args, kwargs)

    async def run_system(
        self, verb: Callable[Concatenate[Transaction, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Runs `verb(tx, …)` as the worker role, which sees every row (sign-in, claims, sweeps). Raises Busy."""
        return await self._shielded(Role(BEGIN_AS_SYSTEM, self._worker_queries), verb, args, kwargs)

    async def run_reading(
        self, verb: Callable[Concatenate[Transaction, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Runs a verb that only reads, as the worker role and without BEGIN and COMMIT: a round trip for each statement.

        Each statement sees what is committed when it begins, as in the transactions of the others. Raises Busy.
        """
        return await self._shielded(self._reading, verb, args, kwargs)

    async def _shielded(self, role: Role, verb: Callable[..., Awaitable[R]], args: Any, kwargs: Any) -> R:
        if len(self._units) >= MAX_UNITS:
            raise Busy(retry_after=self.timing.unit_acquire)
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run_to_end(Unit(role, verb, args, kwargs, answer)))
        self._units.add(task)
        task.add_done_callback(self._units.discard)
        # The cancellation of the caller ends with this future and does not reach the task.
        return await answer

    async def _run_to_end(self, unit: Unit) -> None:
        """Runs a unit of work to its end. The answer is given once it is known: what follows a COMMIT changes nothing."""
        try:
            await self._within_share(unit)
        except BaseException as error:
            unit.fail(error)
            if not isinstance(error, Exception):
                raise

    async def _within_share(self, unit: Unit) -> None:
        """Runs a unit as one of those that its user may have under way at once."""
        user_id = unit.role.user_id or acting_user.get()
        if user_id is None:
            await self._within_deadline(unit)
        elif not self._shares.is_full(user_id):
            async with self._shares.held(user_id):  # at once, without a timer
                await self._within_deadline(unit)
        else:
            await self._wait_for_share(unit, user_id)

    async def _wait_for_share(self, unit: Unit, user_id: str) -> None:
        try:
            async with asyncio.timeout(self.timing.unit_acquire) as wait, self._shares.held(user_id):
                wait.reschedule(None)
                await self._within_deadline(unit)
        except TimeoutError:
            raise Busy(retry_after=1) from None

    async def _within_deadline(self, unit: Unit) -> None:
        await self._acquire_slot()
        try:
            async with asyncio.timeout(self.timing.unit_deadline):
                await self._retried(unit)
        except TimeoutError as error:
            log.warning("database.deadline_exceeded", verb=unit.verb.__qualname__)
            raise Busy(retry_after=2) from error
        finally:
            self._slots.release()

    async def _acquire_slot(self) -> None:
        if not self._slots.locked():
            await self._slots.acquire()  # at once, without a timer
            return
        try:
            async with asyncio.timeout(self.timing.unit_acquire):
                await self._slots.acquire()
        except TimeoutError:
            raise Busy(retry_after=1) from None

    async def _retried(self, unit: Unit) -> None:
        for attempt in range(1, RETRIES + 1):
            try:
                await self._attempt(unit)
            except (NotCommitted, *RETRYABLE) as error:
                if attempt == RETRIES:
                    log.warning("database.retries_exhausted", verb=unit.verb.__qualname__, error=_name(error))
                    raise Busy(retry_after=1) from error
            except OutcomeUnknown as error:
                log.warning("database.outcome_unknown", verb=unit.verb.__qualname__, error=_name(error))
                raise Busy(retry_after=2) from error
            except REFUSED as error:
                log.warning("database.refused", verb=unit.verb.__qualname__, error=_name(error))
                raise Busy(retry_after=2) from error
            else:
                return
            await asyncio.sleep(random.uniform(0, 0.04 * 2**attempt))  # noqa: S311

    async def _attempt(self, unit: Unit) -> None:
        with ConnectionLoss(NotCommitted):
            kept = await self._connections.acquire()
        try:
            await self._run_as_prepared(kept.connection, unit)
        finally:
            await self._connections.release(kept)

    async def _run_as_prepared(self, connection: "asyncpg.Connection", unit: Unit) -> None:
        """Runs a unit, and once more with statements prepared again where those of the connection may be outdated, or where
        it was overtaken: it finds now what has changed, and says so."""
        try:
            await self._run_on(connection, unit)
        except OUTDATED:
            await connection.reload_schema_state()
            await self._run_on(connection, unit)
        except OVERTAKEN:
            await self._run_on(connection, unit)

    async def _run_on(self, connection: "asyncpg.Connection", unit: Unit) -> None:
        tx = Transaction(connection, unit.role.queries, self._limits, self.timing)
        result = await execution.execute(unit, tx)
        # The caller goes on in the loop's next iteration, in which what is published here is sent: together with its
        # own reply. Published before the connection goes back, so that what was committed first is announced first.
        unit.succeed(result)
        self._publisher.publish(tx.announcements)
        failpoints.at_verb("fan-out", unit.verb)


def _name(error: BaseException) -> str:
    return type(error.__cause__ or error).__name__
