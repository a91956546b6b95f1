"""When two texts that people type are the same: e-mail addresses, passwords, invite codes. (Words of a search:
`database.patterns`.)

Keyboards, input methods and clipboards encode the same text in several ways. Each notion of "equal" is defined here, once:
look-up, rate limits and uniqueness use the same function.
"""

import re
import unicodedata

import idna

# RFC 5321 §4.5.3.1.3, without the angle brackets.
LONGEST_EMAIL = 254
# A letter is at most four characters in any other form of Unicode than NFC.
_LONGEST_TYPED_EMAIL = 4 * LONGEST_EMAIL
# Full-width forms of the at sign and of dots, as input methods type them (UTS 46 maps the same dots).
_SIGNS = str.maketrans({"＠": "@", "。": ".", "．": ".", "｡": "."})
# Characters that are not base64url: they were pasted along with the code.
_CODE = re.compile(r"[^A-Za-z0-9_-]+")
_INVITE_PATH = "/invite/"


# E-mail addresses -------------------------------------------------------------------------------------------------


def email(text: str) -> str:
    """An address as it is stored and shown: trimmed, in NFC, with ASCII signs, without the dot of the DNS root behind it."""
    address = _bare(text).translate(_SIGNS)
    # Marks are sorted in a time that grows with the square of their number. What is longer is no address in any form.
    return (address if len(address) > _LONGEST_TYPED_EMAIL else unicodedata.normalize("NFC", address)).rstrip(".")


def email_key(text: str) -> str:
    """One key for every spelling of an address: upper and lower case, NFC and NFD, a domain in Unicode or Punycode.

    Stored beside the address, unique; for ASCII it is the address in lower case.
    """
    address = email(text)
    if address.isascii() or len(address) > LONGEST_EMAIL:
        return address.lower()
    local, at, domain = address.rpartition("@")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local).casefold())
    return f"{folded}{at}{_domain_key(domain)}"


def _domain_key(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", domain).casefold())


def _bare(text: str) -> str:
    """The text without the blanks and invisible characters around it."""
    start, end = 0, len(text)
    while start < end and _is_blank(text[start]):
        start += 1
    while end > start and _is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


# Passwords --------------------------------------------------------------------------------------------------------


def password(text: str) -> str:
    """A password as it is hashed: NFC, every space U+0020 (RFC 8265, OpaqueString). Nothing is trimmed."""
    normal = unicodedata.normalize("NFC", text)
    if normal.isascii():
        return normal
    return "".join(" " if unicodedata.category(character) == "Zs" else character for character in normal)


def password_spellings(text: str) -> list[str]:
    """The forms in which a password may have been hashed, today's first: older hashes are of the text as typed."""
    if text.isascii():
        return [text]
    forms = (password(text), text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
    return list(dict.fromkeys(forms))


# Invite codes -----------------------------------------------------------------------------------------------------


def invite_code(text: str) -> str:
    """The invite code in a pasted text: a code with blanks or line breaks in it, or a whole link."""
    code = text.rpartition(_INVITE_PATH)[2] if _INVITE_PATH in text else text
    return _CODE.sub("", re.split(r"[?#]", code, maxsplit=1)[0])
