"""How a reply ended, kept as the last line of its text: `*why* (`code`)`.

The page shows it beside the reply with what can be done; the line is not rendered, and the model never reads it. What the
service itself said goes to the log.
"""

import re

from msgspec import Struct

# Codes of replies that are done, but were cut or stopped. Failures have the codes of their errors.
LENGTH = "length"
STOPPED = "stopped"
_WORDS = {
    LENGTH: "The answer reached the longest that one answer may be.",
    STOPPED: "Stopped.",
    "no-words": "The assistant had no answer to this.",
    "provider-down": "The assistant cannot be reached right now.",
    "provider-rate-limited": "The assistant is answering too many people right now.",
    "model-loading-too-long": "The assistant took too long to get ready.",
    "refused": "The assistant may not answer this.",
    "timed-out": "The assistant took too long.",
    "truncated": "The connection to the assistant broke in the middle of its answer.",
}
_OTHERWISE = "Something went wrong while the assistant was answering."
# The words of these were chosen for who reads them.
_OWN_WORDS = {"rate-limited"}
_NOTE = re.compile(r"(?:^|\n\n)\*([^\n]+)\* \(`([a-z-]+)`\)$")


class Ending(Struct, frozen=True):
    """How a reply ended: a code for programs, words for people."""

    code: str
    words: str

    @property
    def goes_on(self) -> bool:
        """Whether there may be more to say, so that one can ask for the rest."""
        return self.code in {LENGTH, STOPPED}


def noted(text: str, words: str, code: str) -> str:
    """The text of a reply with the line of its finish reason: `words` for people, `code` for programs."""
    return f"{text}\n\n*{words}* (`{code}`)".strip()


def ended(text: str, code: str) -> str:
    """The text of a reply with the line of its finish reason `code` (LENGTH, STOPPED, or an error's), in plain words."""
    return noted(text, _WORDS.get(code, _OTHERWISE), code)


def of(text: str) -> Ending | None:
    """How the reply of this text ended, in today's words; None where it came to its own end."""
    note = _NOTE.search(text) if text.endswith("`)") else None
    if note is None:
        return None
    return Ending(note[2], note[1] if note[2] in _OWN_WORDS else _WORDS.get(note[2], _OTHERWISE))


def without_note(text: str) -> str:
    """The reply as the model wrote it."""
    note = _NOTE.search(text)
    return text[: note.start()] if note else text
