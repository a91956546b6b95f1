"""Removes from texts what no log may hold: secrets, and data that identifies people.

By pattern and not by route: a request may be refused long before its route is known. `path` is for the paths of requests,
`words` for everything else that is logged.
"""

import re

HIDDEN = "…"
# A longer text is truncated first, which bounds the log and the time that the patterns take.
LONGEST = 2000

# What follows these in a path is a secret: of an invite link, of a password reset, of the proof of an address, of a code to
# redeem, of a share link.
_KEYS_IN_PATHS = re.compile(r"(/(?:invites?|reset|verify-email|redeem|s)/+).*", re.IGNORECASE | re.DOTALL)
_KEYS_IN_TEXTS = re.compile(r"(/(?:invites?|reset|verify-email|redeem|s)/+)[^\s\"'<>?#]+", re.IGNORECASE)
# The name of a file is made of its prompt.
_FILE_NAMES = re.compile(r"(/files/+[^/\s]*/+)[^\s\"'<>?#]*?((?:\.[A-Za-z0-9]{1,5})?(?=[\s\"'<>?#]|$))")
_QUERIES = re.compile(r"\?[^\s\"'<>]+")
_NAMED = re.compile(
    r"\b((?:[a-z0-9]+[_-])?(?:code|token|signature|secret|password|passwd|key|cookie)s?)=[^\s&;,\"']+", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"\b(bearer|basic)\s+[^\s\"',]+", re.IGNORECASE)
_USER_INFO = re.compile(r"//[^/@\s]{1,200}@")
_E_MAIL = re.compile(r"[^\s@<>\"',;:/=]{1,64}@[^\s@<>\"',;:/]{1,200}\.[A-Za-z]{2,24}")
# API tokens of ours, and of the services that people know.
_TOKENS = re.compile(r"\b(?:cs_|hf_|sk-|r8_|gsk_|key-|[sr]k_(?:live|test)_|whsec_|rzp_)[A-Za-z0-9_-]{6,}")
# Names of events, ids, numbers, codes: most of what is logged.
_PLAIN = re.compile(r"[a-z0-9_.:-]{1,80}|[A-Za-z]{1,12}")
# Random strings: long, with capital and small letters and digits; or hexadecimal digits alone.
_RANDOM = re.compile(
    r"(?<![A-Za-z0-9_-])(?=[a-z0-9_-]*[A-Z])(?=[A-Z0-9_-]*[a-z])(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}"
    r"|(?<![A-Za-z0-9_-])[0-9a-f]{32,}(?![A-Za-z0-9_-])"
)
# Control characters, line separators and marks of direction; lone surrogates, which cannot be encoded.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Redacted(str):
    """A text that is redacted already."""

    __slots__ = ()


def path(text: str) -> Redacted:
    """The path of a request, without its query and the secrets in it."""
    return words(_KEYS_IN_PATHS.sub(rf"\1{HIDDEN}", cut(text)), foreign=True)


def words(text: str, *, foreign: bool = False) -> Redacted:
    """A text for the log. In another library's (`foreign`), everything that looks random is removed too."""
    if isinstance(text, Redacted):
        return text
    text = cut(text)
    if _PLAIN.fullmatch(text) and not _TOKENS.search(text) and not foreign:
        return Redacted(text)
    text = _without_addresses(text)
    if "=" in text:
        text = _NAMED.sub(rf"\1={HIDDEN}", text)
    if " " in text:
        text = _CREDENTIALS.sub(rf"\1 {HIDDEN}", text)
    text = _TOKENS.sub(HIDDEN, text)
    return Redacted(printable(_RANDOM.sub(HIDDEN, text) if foreign else text))


def _without_addresses(text: str) -> str:
    """Without the secrets in URLs, and without e-mail addresses. Most texts have neither and are not searched."""
    if "/" in text:
        text = _KEYS_IN_TEXTS.sub(rf"\1{HIDDEN}", text)
        text = _FILE_NAMES.sub(rf"\1{HIDDEN}\2", text) if "/files/" in text else text
    if "?" in text:
        text = _QUERIES.sub(f"?{HIDDEN}", text)
    return _E_MAIL.sub(HIDDEN, _USER_INFO.sub(f"//{HIDDEN}@", text)) if "@" in text else text


def cut(text: str, longest: int = LONGEST) -> str:
    """The text, truncated to `longest` characters with its length added."""
    return text if len(text) <= longest else f"{text[:longest]}{HIDDEN} ({len(text)} characters)"


def printable(text: str) -> str:
    """The text with every control character escaped, so that it stays one line on a terminal."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
