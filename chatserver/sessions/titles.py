"""Titles of sessions: given by the owner, or made from the first words that the owner writes."""

import re

from chatserver.database import Transaction
from chatserver.sessions import service
from chatserver.sessions.models import Membership, Session
from chatserver.text import graphemes, marks, visibility
from chatserver.users import rate_limits
from chatserver.validation import single_line, visible

LONGEST = 120
# The title of a session that has no other.
DEFAULT = "New session"
# Characters that fit on one line of the list of sessions.
_AUTOMATIC_LENGTH = 40
# Shorter texts are greetings ("hello there"), which do not describe a session.
_SHORTEST_TEXT = 12
# Marks of Markdown before punctuation are removed without leaving a space.
_ENDS = re.compile(r"[*`~]{1,3}(?=[.,;:!?)])")
# Others only where they are marks: C#, 2*3, a > b and <b> keep their signs.
_MARKS = re.compile(
    r"@assistant\b|^[ \t|:-]{3,}$|^[ \t]*(?:#{1,6}(?=\s)|>+)|(?<!\w)\*+|\*+(?!\w)|`+|~~+|(?<!\S)\|+|\|+(?!\S)",
    re.IGNORECASE | re.MULTILINE,
)
# Of a link or a picture its words.
_LINK = re.compile(r"!?\[([^\[\]\n]{1,200})\]\([^()\s]{0,400}(?: [^()\n]{0,200})?\)")
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


async def rename(tx: Transaction, session_id: str, title: str) -> Session:
    """Sets the title. For the owner only."""
    await service.owner_membership(tx, session_id)
    await tx.execute("sessions.rename", session_id=session_id, title=single_line("title", title, LONGEST))
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return await service.announce(tx, session_id)


async def set_automatic_title(tx: Transaction, membership: Membership, text: str, *, prompt: bool) -> None:
    """Makes the title of an untitled session from its owner's text: any prompt, or a message longer than a greeting."""
    if not (membership.untitled and membership.is_owner and _is_descriptive(text, prompt=prompt)):
        return
    if (
        await tx.fetch_value("sessions.set_automatic_title", session_id=membership.session_id, title=shorten(text))
        is not None
    ):
        await service.announce(tx, membership.session_id)


async def replace_automatic_title(tx: Transaction, session_id: str, deleted_text: str) -> None:
    """Replaces a title made from a text that is now deleted: by one from the next descriptive text, or the default."""
    current = await tx.fetch_value("sessions.title", session_id=session_id)
    if not deleted_text or shorten(deleted_text) != current:
        return
    texts = await tx.fetch_all("sessions.owner_texts", session_id=session_id)
    titles = (shorten(each["text"]) for each in texts if _is_descriptive(each["text"], prompt=each["prompt"]))
    title = next(titles, None)
    untitled = title is None
    await tx.execute(
        "sessions.replace_title",
        session_id=session_id,
        title=title or DEFAULT,
        untitled=untitled,
    )
    await service.announce(tx, session_id)


def _is_descriptive(text: str, *, prompt: bool) -> bool:
    title = shorten(text)
    return visibility.is_visible(title) and (prompt or len(title) >= _SHORTEST_TEXT)


def shorten(text: str) -> str:
    """The beginning of a text as a title: without marks of Markdown, at most 40 characters, cut between words.

    >>> shorten("a **red** fox\\nin the snow")
    'A red fox in the snow'
    """
    beginning = _MARKS.sub(" ", _ENDS.sub("", _LINK.sub(r"\1", text[: 10 * _AUTOMATIC_LENGTH])))
    title = " ".join(visible(marks.without_surplus(beginning)).split())
    if len(title) > _AUTOMATIC_LENGTH:
        title = _cut(title) + "…"
    title = title.rstrip(" .,;:-")
    return title if _ADDRESS.match(title) else title[:1].upper() + title[1:]


def _cut(text: str) -> str:
    whole, _, _ = text[: _AUTOMATIC_LENGTH + 1].rpartition(" ")
    # A text without spaces, or with one long word, is cut inside the word.
    return (whole if len(whole) > _AUTOMATIC_LENGTH // 2 else graphemes.cut(text, _AUTOMATIC_LENGTH)).rstrip(" .,;:-")
