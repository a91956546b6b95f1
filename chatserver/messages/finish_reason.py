"""How a reply ended, told as its last line: `*why* (`code`)`. The page offers to go on from it; the model never reads it."""

import re

# Codes of replies that are done, yet not as one would wish. Those of failures are the errors' own.
LENGTH = "length"
STOPPED = "stopped"
_WORDS = {
    LENGTH: "The answer reached the longest that one answer may be. Continue to have the rest.",
    STOPPED: "Stopped before the first word.",
}
_NOTE = re.compile(r"(?:^|\n\n)\*[^\n]+\* \(`([a-z-]+)`\)$")


def noted(text: str, words: str, code: str) -> str:
    """The text with its last line."""
    return f"{text}\n\n*{words}* (`{code}`)".strip()


def ended(text: str, code: str) -> str:
    """The text of a reply that is done, with the line of its ending."""
    return noted(text, _WORDS[code], code)


def code_of(text: str) -> str | None:
    """The code of a reply's last line, or None."""
    note = _NOTE.search(text)
    return note[1] if note else None


def without_note(text: str) -> str:
    """The reply as the model wrote it."""
    note = _NOTE.search(text)
    return text[: note.start()] if note else text
