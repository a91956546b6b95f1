"""The list of a member's sessions: a summary of each, what of it is new to them, and the search by title."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from chatserver.database import Row, Transaction
from chatserver.sessions.models import FoundSession, SessionSummary

# Sessions in the list beside the stream; the others are on the page of all sessions.
LISTED = 24
# Sessions of one user whose changes are followed.
FOLLOWED = 200
# Sessions that a search finds at most.
FOUND = 6


async def list_summaries(tx: Transaction, user_id: str, current_id: str) -> list[SessionSummary]:
    """The newest sessions of a user, those with time left first; `current_id` is always among them."""
    rows = await _read(tx, [user_id], current_id=current_id, limit=LISTED)
    return _in_order([SessionSummary.from_row(row) for row in rows])


async def summaries_of(
    tx: Transaction, user_ids: Sequence[str], session_ids: Sequence[str]
) -> dict[str, dict[str, SessionSummary]]:
    """For each of these users the summaries of those of these sessions that are theirs, by id. Needs the worker role."""
    found: dict[str, dict[str, SessionSummary]] = defaultdict(dict)
    for row in await _read(tx, user_ids, session_ids=session_ids, limit=FOLLOWED):
        found[row["user_id"]][row["id"]] = SessionSummary.from_row(row)
    return found


async def _read(
    tx: Transaction,
    user_ids: Sequence[str],
    *,
    current_id: str | None = None,
    session_ids: Sequence[str] | None = None,
    limit: int,
) -> list[Row]:
    return await tx.fetch_all(
        "sessions.summaries",
        user_ids=list(user_ids),
        current_id=current_id,
        session_ids=None if session_ids is None else list(session_ids),
        limit=limit,
    )


def _in_order(found: Sequence[SessionSummary]) -> list[SessionSummary]:
    newest_first = sorted(found, key=lambda each: each.id, reverse=True)
    return sorted(newest_first, key=lambda each: each.status == "expired")


async def marks(tx: Transaction, user_ids: Sequence[str]) -> Mapping[str, dict[str, Row]]:
    """For each of these users a row for each session with time left: it differs where a summary does. Needs the worker role.

    A picture that is being made changes the seq of its session, and so does what is written.
    """
    found: dict[str, dict[str, Row]] = {user_id: {} for user_id in user_ids}
    for row in await tx.fetch_all("sessions.marks", user_ids=list(user_ids)):
        found[row["user_id"]][row["id"]] = row
    return found


async def mark_seen(tx: Transaction, session_id: str, seq: int) -> None:
    """This transaction's user has seen the stream up to `seq`; an older or impossible number changes nothing."""
    await tx.execute("sessions.mark_seen", session_id=session_id, seq=seq)


async def search_titles(tx: Transaction, patterns: Sequence[str]) -> list[FoundSession]:
    """This transaction's user's sessions whose titles match all of these regular expressions, the newest first."""
    rows = await tx.fetch_all("sessions.search_titles", patterns=list(patterns), limit=FOUND)
    return [FoundSession(id=row["id"], title=row["title"], status=row["state"]) for row in rows]
