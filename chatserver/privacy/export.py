"""Everything that the product keeps about one person, as one JSON document, written page by page whatever its size."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from chatserver.database import Database, Transaction
from chatserver.users import rate_limits, service

# Rows of one unit of work; a page is drawn in milliseconds.
_PAGE = 500
_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"
_SECTIONS = ("sessions", "messages", "generations", "assets", "purchases")


async def export_account(database: Database, user_id: str) -> AsyncIterator[bytes]:
    """The document in pieces: the account, its sign-ins and tokens (without secrets), then each kind of thing made.

    RateLimited before the first piece, where somebody exports without end.
    """
    head = msgspec.json.encode(await database.run_as(user_id, _head, user_id))
    return _pieces(database, user_id, head)


async def _pieces(database: Database, user_id: str, head: bytes) -> AsyncIterator[bytes]:
    yield head.removesuffix(b"}")
    for section in _SECTIONS:
        yield b',\n"%s":[' % section.encode()
        async for piece in _section(database, user_id, section):
            yield piece
        yield b"]"
    yield b"}\n"


async def _head(tx: Transaction, user_id: str) -> dict[str, Any]:
    await rate_limits.consume(tx, rate_limits.EXPORTS, user_id)
    own = await service.settings(tx, user_id)
    return {"format": "chatserver-export-1", **msgspec.structs.asdict(own)}


async def _section(database: Database, user_id: str, section: str) -> AsyncIterator[bytes]:
    after, separator = _BEFORE_ALL, b"\n"
    while rows := await database.run_system(_page, user_id, section, after):
        yield separator + b",\n".join(msgspec.json.encode(row) for row in rows)
        after, separator = rows[-1]["id"], b",\n"


async def _page(tx: Transaction, user_id: str, section: str, after: str) -> list[dict[str, Any]]:
    # As the worker: one's own messages in sessions that one has left are one's own still.
    rows = await tx.fetch_all(f"users.export_{section}", user_id=user_id, after=after, limit=_PAGE)
    return [dict(row) for row in rows]
