"""The finish reason of a reply, kept as its last line: `*why* (`code`)`.

The page offers to continue a reply that was cut; the model never reads the line.
"""

import re

# Codes of replies that are done, but were cut or stopped. Failures have the codes of their errors.
LENGTH = "length"
STOPPED = "stopped"
_WORDS = {
    LENGTH: "The answer reached the longest that one answer may be. Continue to have the rest.",
    STOPPED: "Stopped before the first word.",
}
_NOTE = re.compile(r"(?:^|\n\n)\*[^\n]+\* \(`([a-z-]+)`\)$")


def noted(text: str, words: str, code: str) -> str:
    """The text of a reply with the line of its finish reason: `words` for people, `code` for programs."""
    return f"{text}\n\n*{words}* (`{code}`)".strip()


def ended(text: str, code: str) -> str:
    """The text of a reply that is done, with the line of its finish reason `code` (LENGTH or STOPPED)."""
    return noted(text, _WORDS[code], code)


def code_of(text: str) -> str | None:
    """The code of a reply's last line, or None."""
    note = _NOTE.search(text)
    return note[1] if note else None


def without_note(text: str) -> str:
    """The reply as the model wrote it."""
    note = _NOTE.search(text)
    return text[: note.start()] if note else text
