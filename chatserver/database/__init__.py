"""Postgres, accessed through the unit of work (`unit_of_work`) only: one transaction in which a verb runs named queries.

    message = await database.run_as(viewer.id, messages.create, request)

SQL is called by name: `tx.fetch_one("credits.hold", session_id=…)` runs the query `hold` of `sql/queries/credits.sql`.
"""

from chatserver.database.execution import StatementUndone
from chatserver.database.queries import Query, load_queries
from chatserver.database.transaction import Publisher, Row, Transaction
from chatserver.database.unit_of_work import Database

__all__ = ["Database", "Publisher", "Query", "Row", "StatementUndone", "Transaction", "load_queries"]
