"""The search over one's own sessions: titles, and what one has written or asked to be made."""

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from chatserver import sessions
from chatserver.database import Row, Transaction
from chatserver.database.patterns import containing
from chatserver.errors import Invalid
from chatserver.messages.models import MessageKind
from chatserver.sessions.models import FoundSession

# A query in characters; more words than these are not looked for.
QUERY_LENGTH = 200
MOST_WORDS = 6
# Messages that a search finds at most, and the length of what is shown of each, in characters.
FOUND = 8
EXCERPT_LENGTH = 120
# Of it, what precedes the word that was found; and of a word, what its place is told by: a pattern of 200 letters with
# their accents takes the event loop 60 ms to prepare.
_LEAD, _TELLING = 30, 40
# Bytes of messages that a search reads: two thousand of the longest would take it a second.
MOST_BYTES = 4_000_000


class FoundMessage(Struct, frozen=True, kw_only=True):
    """One of one's own messages or prompts, with the part of its text in which the first word stands."""

    id: str
    session_id: str
    session_title: str
    kind: MessageKind
    excerpt: str
    created_at: datetime


class SearchResult(Struct, frozen=True):
    """What has all of the words: sessions by title, messages by text, each the newest first and only a few."""

    sessions: list[FoundSession]
    messages: list[FoundMessage]


async def search(tx: Transaction, query: str) -> SearchResult:
    """Searches as this transaction's user: the newest 1,000 sessions, and their own newest 2,000 messages and prompts, of
    which it reads MOST_BYTES.

    Without words it finds the newest sessions. Invalid for a query that is too long.
    """
    if len(query) > QUERY_LENGTH:
        raise Invalid.field("q", f"must be at most {QUERY_LENGTH} characters long")
    words = query.split()[:MOST_WORDS]
    patterns = [containing(word) for word in words]
    titles = await sessions.search_titles(tx, patterns)
    if not words:
        return SearchResult(titles, [])
    rows = await tx.fetch_all("messages.search", patterns=patterns, most_bytes=MOST_BYTES, limit=FOUND)
    return SearchResult(titles, [_found(row, words) for row in rows])


def _found(row: Row, words: Sequence[str]) -> FoundMessage:
    return FoundMessage(
        id=row["id"],
        session_id=row["session_id"],
        session_title=row["title"],
        kind=row["kind"],
        excerpt=excerpt(row["text"], words[0]),
        created_at=row["created_at"],
    )


def excerpt(text: str, word: str) -> str:
    """At most EXCERPT_LENGTH characters of a text on one line, with the first occurrence of a word among them.

    >>> excerpt("a quiet harbour", "harbour")
    'a quiet harbour'
    """
    line = " ".join(text.split())
    if len(line) <= EXCERPT_LENGTH:
        return line
    # Not found in the folded text, which may be longer: ß becomes ss.
    found = re.search(containing(word[:_TELLING]), line, re.IGNORECASE)
    start = max((found.start() if found else 0) - _LEAD, 0)
    start = min(start, len(line) - EXCERPT_LENGTH)
    cut = line[start : start + EXCERPT_LENGTH].strip()
    return f"{'…' if start else ''}{cut}{'…' if start + EXCERPT_LENGTH < len(line) else ''}"
