"""Postgres, and the only way to it: one unit of work.

    message = await database.run_as(viewer.id, messages.create, request)

`run_as` makes a task, takes a connection, BEGINs as the web role with the user set for row-level security, calls
`verb(tx, …)`, COMMITs, and only then publishes what the verb announced. The caller waits under a shield: a tab that
closes in the middle never leaves a transaction open or a pool slot taken (with `databases`' own transactions 1,500
cancelled tasks emptied a pool of five for good). `run_system` does the same as the worker role, which sees every row.

SQL is called by name: `tx.fetch_one("credits.hold", session_id=…)` runs the query `hold` of `sql/queries/credits.sql`.
Results come from `fetch_*` with RETURNING, never from `execute`.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import asyncpg
import databases
import msgspec
import structlog

from chatserver.errors import Busy
from chatserver.events import Announcement, Event

P = ParamSpec("P")
R = TypeVar("R")
Row = Mapping[str, Any]

# A unit of work that takes longer is cancelled and rolled back: nobody waits for it any more.
DEADLINE_SECONDS = 5.0
# How long a unit of work waits for a free connection before the caller hears `busy`.
ACQUIRE_SECONDS = 2.0
# The server gives up on a single statement a little before the unit of work does.
COMMAND_SECONDS = 4.5
# Serialization failures and deadlocks: nothing was stored, so the whole verb may run again.
RETRIES = 5
RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
# The database went away or refuses connections. Whether a COMMIT got through is then unknown, and `busy` says so:
# the same client_id settles it.
UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)

log = structlog.get_logger(__name__)


class Publisher(Protocol):
    """Takes what was announced, after COMMIT. Never waits and never fails: delivery heals itself by `seq`."""

    def publish(self, announcements: list[Announcement]) -> None: ...


@dataclass(eq=False)
class Transaction:
    """An open transaction: runs queries by name and collects announcements. Belongs to one task; never gather on it."""

    connection: asyncpg.Connection
    queries: Mapping[str, "Query"]
    announcements: list[Announcement] = field(default_factory=list)
    after_commit: list[Callable[[], None]] = field(default_factory=list)

    async def fetch_all(self, name: str, /, **values: Any) -> list[Row]:
        """Every row of a named query."""
        query = self.queries[name]
        rows: list[Row] = await self.connection.fetch(query.sql, *query.arguments(values))
        return rows

    async def fetch_one(self, name: str, /, **values: Any) -> Row | None:
        """The first row of a named query, or None."""
        query = self.queries[name]
        row: Row | None = await self.connection.fetchrow(query.sql, *query.arguments(values))
        return row

    async def fetch_value(self, name: str, /, **values: Any) -> Any:
        """The first column of the first row of a named query, or None."""
        query = self.queries[name]
        return await self.connection.fetchval(query.sql, *query.arguments(values))

    async def execute(self, name: str, /, **values: Any) -> None:
        """Runs a named query for its effect alone."""
        query = self.queries[name]
        await self.connection.execute(query.sql, *query.arguments(values))

    async def execute_many(self, name: str, /, rows: list[dict[str, Any]]) -> None:
        """Runs a named query once for each row, in one round trip."""
        query = self.queries[name]
        await self.connection.executemany(query.sql, [query.arguments(row) for row in rows])

    def announce(self, channel: str, event: Event) -> None:
        """Publishes `event` on `channel` after COMMIT, and not at all after a rollback."""
        self.announcements.append(Announcement(channel, event))

    def then(self, action: Callable[[], None]) -> None:
        """Calls `action` after COMMIT. It must not wait or raise."""
        self.after_commit.append(action)


class Database:
    """The pool and the unit of work. `publisher` receives announcements after each COMMIT."""

    def __init__(self, url: str, queries: Mapping[str, "Query"], publisher: Publisher, *, pool: int = 10) -> None:
        self._queries = queries
        self._publisher = publisher
        self._slots = asyncio.Semaphore(pool)
        self._units: set[asyncio.Task[Any]] = set()
        self._database = databases.Database(
            url,
            min_size=1,
            max_size=pool,
            command_timeout=COMMAND_SECONDS,
            timeout=ACQUIRE_SECONDS,
            init=prepare_connection,
            server_settings={"application_name": "chatserver", "timezone": "UTC"},
        )

    async def connect(self) -> None:
        """Opens the pool. Raises what asyncpg raises where the server cannot be reached."""
        await self._database.connect()

    async def close(self) -> None:
        """Waits for the units of work under way, then closes the pool."""
        if self._units:
            await asyncio.wait(self._units, timeout=DEADLINE_SECONDS)
        await self._database.disconnect()

    async def run_as(
        self, user_id: str, verb: Callable[Concatenate[Transaction, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Runs `verb(tx, …)` as the web role, which sees and changes only what this person may."""
        return await self._shielded(_opening_for_user(user_id), verb, args, kwargs)

    async def run_system(
        self, verb: Callable[Concatenate[Transaction, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Runs `verb(tx, …)` as the worker role, which sees every row: sign-in, claims, sweeps, the operator."""
        return await self._shielded(_OPENING_FOR_SYSTEM, verb, args, kwargs)

    async def _shielded(self, opening: str, verb: Callable[..., Awaitable[R]], args: Any, kwargs: Any) -> R:
        unit = asyncio.create_task(self._unit(opening, verb, args, kwargs))
        self._units.add(unit)
        unit.add_done_callback(self._finish)
        return await asyncio.shield(unit)

    def _finish(self, unit: "asyncio.Task[Any]") -> None:
        self._units.discard(unit)
        if not unit.cancelled():
            unit.exception()  # the caller may be gone; then nobody else would retrieve it

    async def _unit(self, opening: str, verb: Callable[..., Awaitable[R]], args: Any, kwargs: Any) -> R:
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise Busy(retry_after=1) from None
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await self._retried(opening, verb, args, kwargs)
        except (TimeoutError, *UNREACHABLE) as error:
            log.warning("database.unreachable", error=type(error).__name__)
            raise Busy(retry_after=2) from error
        finally:
            self._slots.release()

    async def _retried(self, opening: str, verb: Callable[..., Awaitable[R]], args: Any, kwargs: Any) -> R:
        for attempt in range(1, RETRIES + 1):
            try:
                return await self._attempt(opening, verb, args, kwargs)
            except RETRYABLE:
                if attempt == RETRIES:
                    raise Busy(retry_after=1) from None
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311
        raise AssertionError("unreachable")

    async def _attempt(self, opening: str, verb: Callable[..., Awaitable[R]], args: Any, kwargs: Any) -> R:
        async with self._database.connection() as pooled:
            connection: asyncpg.Connection = pooled.raw_connection
            tx = Transaction(connection, self._queries)
            try:
                await connection.execute(opening)
                result = await verb(tx, *args, **kwargs)
                await connection.execute("COMMIT")
            except BaseException:
                await _roll_back(connection)
                raise
        self._publisher.publish(tx.announcements)
        for action in tx.after_commit:
            action()
        return result


async def _roll_back(connection: "asyncpg.Connection") -> None:
    """Ends a failed transaction; a connection that cannot even do that is cut, so that the pool replaces it."""
    try:
        async with asyncio.timeout(1):
            await connection.execute("ROLLBACK")
    except Exception:  # noqa: BLE001 - whatever it was, the cut below is the answer
        connection.terminate()


_OPENING_FOR_SYSTEM = "BEGIN; SET LOCAL ROLE chatserver_worker"
_UUID = re.compile(r"[0-9a-f-]{36}")


def _opening_for_user(user: str) -> str:
    # One round trip for all three, which parameters would not allow; hence the strict check of what is spliced in.
    if not _UUID.fullmatch(user):
        raise ValueError("not a user's id")
    return f"BEGIN; SET LOCAL ROLE chatserver_web; SELECT set_config('app.user_id', '{user}', true)"


async def prepare_connection(connection: "asyncpg.Connection") -> None:
    """Makes ids plain strings and jsonb plain values on a new connection."""
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )


# Named queries ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Query:
    """One named statement, with its parameters in the order of $1, $2, …"""

    sql: str
    parameters: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the parameters; a missing or surplus one is a TypeError."""
        if values.keys() != set(self.parameters):
            raise TypeError(f"the query takes {sorted(set(self.parameters))}, not {sorted(values)}")
        return [values[name] for name in self.parameters]


_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
# A parameter is :word, but neither ::cast nor the inside of a quoted text.
_PARAMETER = re.compile(r"'[^']*'|(?<!:):([a-z_][a-z0-9_]*)")


def load_queries(folder: Path) -> dict[str, Query]:
    """Every query of `folder`/*.sql as `<file>.<name>`."""
    queries = {}
    for path in sorted(folder.glob("*.sql")):
        _, *parts = _NAME.split(path.read_text())
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            queries[f"{path.stem}.{name}"] = compile_query(body)
    return queries


def compile_query(text: str) -> Query:
    """Turns `:name` parameters into the server's `$1`, once."""
    order: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0]
        if name not in order:
            order.append(name)
        return f"${order.index(name) + 1}"

    sql = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return Query(_PARAMETER.sub(number, sql).strip().rstrip(";"), tuple(order))
