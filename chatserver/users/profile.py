"""What may stand in a profile: addresses and tokens' names, cleaned, or Invalid with the field. People's names: `names`."""

import re
import unicodedata

from chatserver import validation
from chatserver.errors import Invalid
from chatserver.text import normalization
from chatserver.text.normalization import LONGEST_EMAIL

LONGEST_TOKEN_NAME = 80
# Simple on purpose: something, @, and a domain with a dot. Whether a letter arrives there only a letter can tell.
_SIGN = r"\s@\"(),:;<>\[\]\\"
_EMAIL = re.compile(rf"[^{_SIGN}]{{1,64}}@(?:localhost|[^{_SIGN}.]{{1,63}}(?:\.[^{_SIGN}.]{{1,63}})+)")


def email(text: str) -> str:
    """An address as typed, without what surrounds it. Which spellings are one address `spelling.email_key` says."""
    text = normalization.email(text)
    if not text:
        raise Invalid.field("email", "must not be empty")
    if len(text) > LONGEST_EMAIL:
        raise Invalid.field("email", f"must be at most {LONGEST_EMAIL} characters long")
    if not is_email(text):
        raise Invalid.field("email", "does not look like an e-mail address")
    return text


def is_email(text: str) -> bool:
    """Whether a text could be the address of an account."""
    return len(text) <= LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None and _is_plain(text)


def token_name(text: str) -> str:
    """What somebody calls an API token; it may have no name."""
    return validation.single_line("name", text, LONGEST_TOKEN_NAME) if text.strip() else ""


def _is_plain(text: str) -> bool:
    # Controls, invisible signs, lone surrogates and the unassigned: two addresses must not look the same.
    return not any(unicodedata.category(character)[0] == "C" for character in text)
