"""What a session is called: as its owner says, or after the first words that the owner writes in it."""

import re

from chatserver.database import Transaction
from chatserver.sessions import service
from chatserver.sessions.models import Seat, Session
from chatserver.validation import single_line, visible

LONGEST = 120
# What still fits into the list of sessions on one line.
_BRIEF = 40
# "Hi" and "hello there" say nothing about what follows.
_GREETING = 12
_MARKS = re.compile(r"@assistant\b|[*`#>~|]", re.IGNORECASE)


async def rename(tx: Transaction, session_id: str, title: str) -> Session:
    """A new title, by the owner."""
    await service.owner_seat(tx, session_id)
    await tx.execute("sessions.rename", session_id=session_id, title=single_line("title", title, LONGEST))
    return await service.announce(tx, session_id)


async def entitle(tx: Transaction, seat: Seat, words: str, *, prompt: bool) -> None:
    """Names a session that nobody has named after what its owner says; a greeting is not enough, any prompt is."""
    if not (seat.untitled and seat.owns):
        return
    title = brief(words)
    if not title or (len(title) < _GREETING and not prompt):
        return
    if await tx.fetch_value("sessions.entitle", session_id=seat.session_id, title=title) is not None:
        await service.announce(tx, seat.session_id)


def brief(words: str) -> str:
    """The beginning of a text as a title: without marks of Markdown, at most 40 characters, cut between words.

    >>> brief("a **red** fox\\nin the snow")
    'A red fox in the snow'
    """
    text = " ".join(_MARKS.sub(" ", visible(words[: 10 * _BRIEF])).split())
    if len(text) > _BRIEF:
        text = _cut(text) + "…"
    text = text.rstrip(" .,;:-")
    return text[:1].upper() + text[1:]


def _cut(text: str) -> str:
    whole, _, _ = text[: _BRIEF + 1].rpartition(" ")
    # A text without spaces, or with one long word, is cut where it is.
    return (whole if len(whole) > _BRIEF // 2 else text[:_BRIEF]).rstrip(" .,;:-")
