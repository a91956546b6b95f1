"""The export of an account: everything stored about one user as a JSON document, produced page by page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from chatserver import messages, sessions, users
from chatserver.albums import export as albums
from chatserver.assets import export as assets
from chatserver.assets import favorites
from chatserver.audit import service as audit
from chatserver.codes import service as codes
from chatserver.database import Database, Row, Transaction
from chatserver.errors import Busy
from chatserver.generations import export as generations
from chatserver.payments import service as payments
from chatserver.reports import service as reports
from chatserver.sharing import service as sharing
from chatserver.users import email_verification, rate_limits

# Rows in one unit of work, which takes milliseconds.
_PAGE = 500
# A database that is away for longer ends the document before its end: the connection is cut, and the export has counted.
AWAY_SECONDS = 60.0
AGAIN_SECONDS = 1.0
_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"
# Each section's rows as (user id, id of the last row before, limit), in the order of their ids.
_SECTIONS: dict[str, Callable[[Transaction, str, str, int], Awaitable[list[Row]]]] = {
    "sessions": sessions.export_page,
    "messages": messages.export_page,
    "generations": generations.export_page,
    "assets": assets.export_page,
    "favorites": favorites.export_page,
    "albums": albums.export_page,
    "shares": sharing.export_page,
    "purchases": sessions.export_purchases_page,
    "codes": codes.export_page,
    "orders": payments.export_page,
    "readings": audit.export_page,
    "reports": reports.export_reports_page,
    "decisions": reports.export_decisions_page,
}


async def export_account(database: Database, user_id: str) -> AsyncIterator[bytes]:
    """The pieces of the document: the account, its sign-ins and tokens without secrets, then each of `_SECTIONS`.

    RateLimited, before the first piece, after too many exports.
    """
    own = await database.run_as(user_id, _head, user_id)
    address = await database.run_system(email_verification.status, user_id)
    head = msgspec.json.encode({**own, "email_is_verified": address.is_verified})
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
    own = await users.settings(tx, user_id)
    return {"format": "chatserver-export-1", **msgspec.structs.asdict(own)}


async def _section(database: Database, user_id: str, section: str) -> AsyncIterator[bytes]:
    after, separator = _BEFORE_ALL, b"\n"
    # As the worker role: messages in sessions that the user has left belong to the export as well.
    while rows := await _page(database, user_id, section, after):
        yield separator + b",\n".join(msgspec.json.encode(dict(row)) for row in rows)
        after, separator = rows[-1]["id"], b",\n"


async def _page(database: Database, user_id: str, section: str, after: str) -> list[Row]:
    """The rows that follow, asked for again while the database is away: half of the document is sent already."""
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    while True:
        try:
            return await database.run_system(_SECTIONS[section], user_id, after, _PAGE)
        except Busy:
            if loop.time() - asked_at > AWAY_SECONDS:
                raise
            await asyncio.sleep(AGAIN_SECONDS)
