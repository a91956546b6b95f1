"""Reading the stream: single messages, what changed after a `seq`, and pages in the order of changes or of the stream."""

from collections.abc import Sequence

from msgspec import Struct

from chatserver import sessions
from chatserver.database import Row, Transaction
from chatserver.errors import NotFound
from chatserver.messages.models import Message

# Messages of a page, and those that a socket without `after` receives at first.
PAGE = 200
# The same in bytes, as they are sent: long messages make shorter pages. One is always there, whatever it takes.
PAGE_BYTES = 1_000_000


class Page(Struct, frozen=True):
    """Messages in the order of `seq`; `seq` is the session's newest, `more` whether there are others beyond."""

    messages: tuple[Message, ...]
    seq: int
    more: bool


async def find(tx: Transaction, message_id: str) -> Message:
    """One message, whole; NotFound where it is not there or not yours."""
    row = await tx.fetch_one("messages.find", message_id=message_id)
    if row is None:
        raise NotFound
    return (await _whole(tx, [row]))[0]


async def find_sent(tx: Transaction, session_id: str, client_id: str) -> Message | None:
    """The message that the user sent with this client_id into a session; None where there is none."""
    message_id = await tx.fetch_value("messages.sent_as", session_id=session_id, client_id=client_id)
    return None if message_id is None else await find(tx, message_id)


async def changes(tx: Transaction, session_id: str, after: int, most_bytes: int = PAGE_BYTES) -> tuple[Message, ...]:
    """The messages that changed after `after`, in the order of their changes, as many as a page holds; then ask again."""
    return await _whole(tx, await _changes(tx, session_id, after, PAGE, most_bytes))


async def changes_of(
    tx: Transaction, places: Sequence[tuple[str, int]], most_bytes: int
) -> dict[tuple[str, int], list[Message]]:
    """`changes` for each of several (session id, after). Needs the worker role."""
    rows = await tx.fetch_all(
        "messages.changes_of",
        session_ids=[session_id for session_id, _ in places],
        afters=[after for _, after in places],
        limit=PAGE,
        most_bytes=most_bytes,
    )
    found: dict[tuple[str, int], list[Message]] = {place: [] for place in places}
    for row, message in zip(rows, await _whole(tx, rows), strict=True):
        found[places[row["part"] - 1]].append(message)
    return found


async def newest(
    tx: Transaction, session_id: str, before: int | None = None, limit: int = PAGE, most_bytes: int = PAGE_BYTES
) -> Page:
    """The messages that changed last (before `before`), in the order of their changes."""
    session_row = await sessions.find(tx, session_id)
    found, more = await newest_of(tx, session_id, before, limit, most_bytes)
    return Page(found, session_row.seq, more)


async def newest_of(
    tx: Transaction, session_id: str, before: int | None = None, limit: int = PAGE, most_bytes: int = PAGE_BYTES
) -> tuple[tuple[Message, ...], bool]:
    """`newest` of a session that is known to exist: the messages, and whether others precede them."""
    rows = await tx.fetch_all(
        "messages.newest", session_id=session_id, before=before, limit=limit + 1, most_bytes=most_bytes
    )
    return await _whole(tx, list(reversed(rows[:limit]))), _are_more(rows, limit)


async def shown_before(
    tx: Transaction, session_id: str, before: str | None, limit: int, most_bytes: int
) -> tuple[list[Message], bool]:
    """The last messages (before that with the id `before`) in the order of the stream, and whether others precede them."""
    rows = await tx.fetch_all(
        "messages.shown_before", session_id=session_id, before=before, limit=limit + 1, most_bytes=most_bytes
    )
    return list(await _whole(tx, list(reversed(rows[:limit])))), _are_more(rows, limit)


async def beginning(tx: Transaction, session_id: str) -> tuple[int, bool]:
    """The seq of the first of the newest messages that make a page (0: there are none), and whether others precede it."""
    row = await tx.fetch_one("messages.beginning", session_id=session_id, limit=PAGE, most_bytes=PAGE_BYTES)
    return (row["seq"], row["more"]) if row is not None and row["seq"] is not None else (0, False)


async def following(tx: Transaction, session_id: str, after: int, limit: int = PAGE, before: int | None = None) -> Page:
    """The messages that changed after `after` (and before `before`), as a page."""
    session_row = await sessions.find(tx, session_id)
    rows = await _changes(tx, session_id, after, limit + 1, PAGE_BYTES, before)
    return Page(await _whole(tx, rows[:limit]), session_row.seq, _are_more(rows, limit))


async def _changes(
    tx: Transaction, session_id: str, after: int, limit: int, most_bytes: int, before: int | None = None
) -> list[Row]:
    return await tx.fetch_all(
        "messages.changes", session_id=session_id, after=after, before=before, limit=limit, most_bytes=most_bytes
    )


def _are_more(rows: list[Row], limit: int) -> bool:
    """Whether some of those that were found, one more than `limit`, are not on the page."""
    return bool(rows) and min(len(rows), limit) < rows[0]["found"]


async def whole(tx: Transaction, row: Row) -> Message:
    """The message of a row, with all that is in it."""
    [message] = await _whole(tx, [row])
    return message


async def _whole(tx: Transaction, rows: Sequence[Row]) -> tuple[Message, ...]:
    pictured = [row["id"] for row in rows if row["kind"] != "text" and row["status"] != "deleted"]
    generations = await tx.fetch_all("messages.generations_of", message_ids=pictured) if pictured else []
    # Only what is done has files: what was just asked for, or is being made, costs no query for them.
    done = [row["id"] for row in generations if row["status"] == "done"]
    assets = await tx.fetch_all("generations.assets_of", generation_ids=done) if done else []
    return Message.from_rows(rows, generations, assets, await _owners_of(tx, rows))


async def _owners_of(tx: Transaction, rows: Sequence[Row]) -> dict[str, str]:
    """The owners of the sessions in which something was said before roles were kept; what is said today needs none."""
    session_ids = {row["session_id"] for row in rows if row["author_kind"] == "user" and row["author_role"] is None}
    if not session_ids:
        return {}
    return {row["id"]: row["user_id"] for row in await tx.fetch_all("messages.owners", session_ids=list(session_ids))}
