"""An open transaction, the first parameter of every verb: runs named queries and collects events to announce."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import msgspec

from chatserver.config.timing import DEFAULT_TIMING, Timing
from chatserver.database.queries import Query, joined
from chatserver.events import Announcement, Event
from chatserver.limits import UNLIMITED, Limits

Row = Mapping[str, Any]


class Publisher(Protocol):
    """Receives the announcements after COMMIT. Never waits and never fails: lost ones are found by `seq`."""

    def publish(self, announcements: list[Announcement]) -> None: ...


@dataclass(eq=False)
class Transaction:
    """An open transaction: runs queries by name and collects announcements. Belongs to one task; never gather on it."""

    connection: asyncpg.Connection
    queries: Mapping[str, Query]
    limits: Limits = UNLIMITED
    timing: Timing = DEFAULT_TIMING
    announcements: list[Announcement] = field(default_factory=list)

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

    async def fetch_together(self, parts: Mapping[str, str], /, **values: Any) -> dict[str, list[Row]]:
        """The rows of several named queries, by a name for each, in one round trip; equal parameters have one name.

        The values are those of JSON: a moment is a text (ISO 8601).
        """
        query = joined(tuple((part, self.queries[name]) for part, name in parts.items()))
        row = await self.connection.fetchrow(query.sql, *query.arguments(values))
        return {part: msgspec.json.decode(rows) for part, rows in row.items()}

    async def execute(self, name: str, /, **values: Any) -> None:
        """Runs a named query without reading rows."""
        query = self.queries[name]
        await self.connection.execute(query.sql, *query.arguments(values))

    async def execute_many(self, name: str, /, rows: list[dict[str, Any]]) -> None:
        """Runs a named query once for each row, in one round trip."""
        query = self.queries[name]
        await self.connection.executemany(query.sql, [query.arguments(row) for row in rows])

    def announce(self, channel: str, event: Event) -> None:
        """Publishes `event` on `channel` after COMMIT, and not at all after a rollback."""
        self.announcements.append(Announcement(channel, event))
