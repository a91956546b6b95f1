"""What keeps Postgres from doing a unit of work, by what it means for the transaction: a lost connection, and refusals."""

import asyncpg

from chatserver.database.kept_connections import is_closed

# The database is gone or refuses connections. Before COMMIT was sent nothing can be stored, so the verb runs again; after
# that the outcome is unknown and Busy is raised: a retry with the same client_id resolves it.
UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    # A primary that has become a standby, or is kept from writing: after a failover the next connection leads elsewhere.
    asyncpg.ReadOnlySQLTransactionError,
    # A connection that has received the server's last message, but not yet the end of the stream.
    asyncpg.InternalClientError,
)
# The server, or its operator's own limits, did not let a statement end: a full disk, no memory left, a cancelled statement,
# a lock that was waited for too long. Nothing is stored and the connection is well; at once it would fare no better.
REFUSED = (asyncpg.InsufficientResourcesError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)


class NotCommitted(Exception):
    """The connection was lost before COMMIT was sent; the error is the cause."""


class OutcomeUnknown(Exception):
    """The connection was lost between COMMIT and its answer."""


class ConnectionLoss:
    """Raises the loss of a connection within its block as `meaning`.

    A class and no generator, because it is entered twice in each unit of work: `contextlib` takes three times as long.
    """

    __slots__ = ("_connection", "_meaning")

    def __init__(self, meaning: type[Exception], connection: "asyncpg.Connection | None" = None) -> None:
        self._meaning, self._connection = meaning, connection

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if error is not None and (
            isinstance(error, UNREACHABLE) or self._is_refused(error) or self._is_closed_by(error)
        ):
            raise self._meaning from error

    def _is_refused(self, error: BaseException) -> bool:
        """While it is opened: the password has changed, the database is being replaced, or takes nobody at present."""
        return self._connection is None and isinstance(error, asyncpg.PostgresError)

    def _is_closed_by(self, error: BaseException) -> bool:
        if not isinstance(error, asyncpg.InterfaceError):
            return False
        # On an open connection it is a mistake of ours, such as a wrong number or type of arguments.
        return self._connection is None or is_closed(self._connection)
