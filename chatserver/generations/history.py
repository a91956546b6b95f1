"""What somebody has made, in all of their sessions."""

from typing import Annotated, Any

from msgspec import Struct

from chatserver import ids
from chatserver.database import Row, Transaction
from chatserver.errors import Invalid
from chatserver.generations.models import Generation, GenerationStatus, History
from chatserver.generations.requests import PROMPT_LENGTH
from chatserver.providers.base import Kind
from chatserver.validation import bounds

PAGE, MOST = 50, 200


class HistoryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of one's own generations to show."""

    kind: Kind | None = None
    status: GenerationStatus | None = None
    session_id: str | None = None
    q: str | None = None
    favorite: bool | None = None
    before: str | None = None
    limit: Annotated[int, bounds(minimum=1, maximum=MOST)] = PAGE


async def read(tx: Transaction, query: HistoryQuery) -> History:
    """One's own generations, the newest first."""
    if not 1 <= query.limit <= MOST:
        raise Invalid.field("limit", f"must be 1 to {MOST}")
    if query.q and len(query.q) > PROMPT_LENGTH:
        raise Invalid.field("q", f"must be at most {PROMPT_LENGTH:,} characters long")
    where = {
        "kind": query.kind,
        "status": query.status,
        "session_id": None if query.session_id is None else ids.parse(query.session_id, "session_id"),
        "before": None if query.before is None else ids.parse(query.before, "before"),
        "limit": query.limit + 1,
    }
    # With one query for all, the database would read all pictures of a person for the few that are favourites.
    if query.q:
        rows = await _found_by_words(tx, query.q, query.favorite, where)
    elif query.favorite:
        rows = await tx.fetch_all("generations.favorites", **where)
    else:
        rows = await tx.fetch_all("generations.history", plain=query.favorite is False, **where)
    shown = rows[: query.limit]
    more = len(rows) > query.limit
    assets = await tx.fetch_all("generations.assets_with_marks_of", generation_ids=[row["id"] for row in shown])
    return History(Generation.from_rows(shown, assets), shown[-1]["id"] if more else None)


async def _found_by_words(tx: Transaction, words: str, favorite: bool | None, where: dict[str, Any]) -> list[Row]:
    filters = {name: where[name] for name in ("kind", "status", "session_id")} | {"favorite": favorite}
    found = await tx.fetch_all(
        "generations.ids_by_words", q=words, filters=filters, before=where["before"], limit=where["limit"]
    )
    return await tx.fetch_all("generations.own_by_ids", generation_ids=[row["id"] for row in found])
