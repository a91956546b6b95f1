"""E-mail addresses of accounts: cleaned and checked. Which spellings are one address, `text.normalization` says."""

import re
import unicodedata

from chatserver import ids
from chatserver.errors import Invalid
from chatserver.text import normalization
from chatserver.text.normalization import LONGEST_EMAIL

# Deliberately loose: something, @, and a domain with a dot. Only a delivered mail proves that an address exists.
_SEPARATORS = r"\s@\"(),:;<>\[\]\\"
# Reserved by RFC 2606.
_NOBODYS = "@invalid"
_EMAIL = re.compile(
    rf"[^{_SEPARATORS}]{{1,64}}@(?:localhost|[^{_SEPARATORS}.]{{1,63}}(?:\.[^{_SEPARATORS}.]{{1,63}})+)"
)


def check(text: str) -> str:
    """An address as typed, without surrounding space; Invalid, with field `email`, where it cannot be one."""
    text = normalization.email(text)
    if not text:
        raise Invalid.field("email", "must not be empty")
    if len(text) > LONGEST_EMAIL:
        raise Invalid.field("email", f"must be at most {LONGEST_EMAIL} characters long")
    if not is_valid(text) or is_read_as_another(text):
        raise Invalid.field("email", "does not look like an e-mail address")
    return text


def of_nobody() -> str:
    """A new address for the account of a name only. It is nobody's, and no sign-in accepts it: its domain has no dot."""
    return f"guest-{ids.new()}{_NOBODYS}"


def is_of_nobody(email: str) -> bool:
    """Whether an account has such an address: it has no password either."""
    return email.endswith(_NOBODYS)


def is_valid(text: str) -> bool:
    """Whether a text could be the address of an account."""
    return len(text) <= LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None and _is_visible(text)


def is_read_as_another(text: str) -> bool:
    """Whether an address has an encoded word in it (RFC 2047), for which an e-mail goes to what it stands for."""
    return "=?" in text


def _is_visible(text: str) -> bool:
    # Neither controls nor invisible, unassigned or surrogate characters: two addresses must not look the same.
    return not any(unicodedata.category(character)[0] == "C" for character in text)
