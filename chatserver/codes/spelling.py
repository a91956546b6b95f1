"""How codes are written: 16 characters without look-alikes, in groups of four, 80 random bits: `7K2M-Q9XW-4TBC-0HRN`."""

import re
import secrets
import unicodedata

# Crockford's base 32: no I, L, O (like 1 and 0) and no U (like V).
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 16
_GROUP = 4
_LOOK_ALIKES = str.maketrans("OILU", "011V")
_OTHERS = re.compile(f"[^{_ALPHABET}]+")
_PATH = "/redeem/"
# What is looked at of a text: a code within a pasted link, or with anything between its characters.
_LONGEST_TEXT = 500


def new() -> str:
    """A new code, as it is printed."""
    return shown("".join(secrets.choice(_ALPHABET) for _ in range(LENGTH)))


def normal(text: str) -> str:
    """The characters of a code as typed: any case, with any signs between them, look-alikes folded; also of a whole link.

    What is no code comes out as a text of another length than `LENGTH`.
    """
    code = text[-_LONGEST_TEXT:].rpartition(_PATH)[2]
    return _OTHERS.sub("", unicodedata.normalize("NFKC", code).upper().translate(_LOOK_ALIKES))


def shown(code: str) -> str:
    """A code in groups: 7K2M-Q9XW-4TBC-0HRN."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))
