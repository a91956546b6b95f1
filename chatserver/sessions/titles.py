"""What a session is called: as its owner says, or after the first words that the owner writes in it."""

import re

from chatserver.database import Transaction
from chatserver.sessions import service
from chatserver.sessions.models import Seat, Session
from chatserver.text import graphemes
from chatserver.users import rate_limits
from chatserver.validation import single_line, visible

LONGEST = 120
# What still fits into the list of sessions on one line.
_BRIEF = 40
# "Hi" and "hello there" say nothing about what follows.
_GREETING = 12
# The end of emphasis or of code before a full stop leaves no blank behind.
_ENDS = re.compile(r"[*`~]{1,3}(?=[.,;:!?)])")
_MARKS = re.compile(r"@assistant\b|[*`#>~|]", re.IGNORECASE)


async def rename(tx: Transaction, session_id: str, title: str) -> Session:
    """A new title, by the owner."""
    await service.owner_seat(tx, session_id)
    await tx.execute("sessions.rename", session_id=session_id, title=single_line("title", title, LONGEST))
    await rate_limits.spend(tx, rate_limits.CHANGES)
    return await service.announce(tx, session_id)


async def entitle(tx: Transaction, seat: Seat, words: str, *, prompt: bool) -> None:
    """Names a session that nobody has named after what its owner says; a greeting is not enough, any prompt is."""
    if not (seat.untitled and seat.owns):
        return
    if not _says_enough(words, prompt=prompt):
        return
    if await tx.fetch_value("sessions.entitle", session_id=seat.session_id, title=brief(words)) is not None:
        await service.announce(tx, seat.session_id)


async def forget_title(tx: Transaction, session_id: str, words: str) -> None:
    """Where a title came from words that are deleted, the next that are still there give one, or the plan's name does."""
    row = await tx.fetch_one("sessions.titled", session_id=session_id)
    if row is None or not words or brief(words) != row["title"]:
        return
    sayings = await tx.fetch_all("sessions.sayings", session_id=session_id)
    titles = (brief(saying["text"]) for saying in sayings if _says_enough(saying["text"], prompt=saying["prompt"]))
    title = next(titles, None)
    untitled = title is None
    await tx.execute(
        "sessions.retitle", session_id=session_id, title=title or plain_title(row["plan_name"]), untitled=untitled
    )
    await service.announce(tx, session_id)


def plain_title(plan_name: str) -> str:
    """What a session is called that nobody has named."""
    return f"{plan_name} session"


def _says_enough(words: str, *, prompt: bool) -> bool:
    title = brief(words)
    return bool(title) and (prompt or len(title) >= _GREETING)


def brief(words: str) -> str:
    """The beginning of a text as a title: without marks of Markdown, at most 40 characters, cut between words.

    >>> brief("a **red** fox\\nin the snow")
    'A red fox in the snow'
    """
    text = " ".join(_MARKS.sub(" ", _ENDS.sub("", visible(words[: 10 * _BRIEF]))).split())
    if len(text) > _BRIEF:
        text = _cut(text) + "…"
    text = text.rstrip(" .,;:-")
    return text[:1].upper() + text[1:]


def _cut(text: str) -> str:
    whole, _, _ = text[: _BRIEF + 1].rpartition(" ")
    # A text without spaces, or with one long word, is cut where it is.
    return (whole if len(whole) > _BRIEF // 2 else graphemes.cut(text, _BRIEF)).rstrip(" .,;:-")
