"""When two texts that people type are the same: e-mail addresses, passwords, invite codes.

Keyboards, input methods and pasteboards write the same thing in several ways. Each notion of "equal" stands here, once:
what looks a thing up, what counts the guesses at it and what keeps it unique use the same function.
"""

import re
import unicodedata

import idna

# RFC 5321 §4.5.3.1.3, without the angle brackets.
LONGEST_EMAIL = 254
# What input methods type for the at sign and the dots of a domain (UTS 46 takes the same dots).
_SIGNS = str.maketrans({"＠": "@", "。": ".", "．": ".", "｡": "."})
# A code is base64url; what stands around it came with the pasting.
_CODE = re.compile(r"[^A-Za-z0-9_-]+")
_INVITE_PATH = "/invite/"


# E-mail addresses -------------------------------------------------------------------------------------------------


def email(text: str) -> str:
    """An address as it is kept and shown: without what surrounds it, its signs as mail knows them."""
    return unicodedata.normalize("NFC", _bare(text).translate(_SIGNS))


def email_key(text: str) -> str:
    """The same text for every spelling of one address: upper and lower case, NFC and NFD, a domain in Unicode or not.

    Kept beside the address, unique; for ASCII it is the address in lower case.
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
    """Without the blanks and invisible signs around it, which come with what is pasted."""
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
    """A password as it is hashed: NFC, every blank the same one (RFC 8265, OpaqueString). Nothing is trimmed."""
    normal = unicodedata.normalize("NFC", text)
    if normal.isascii():
        return normal
    return "".join(" " if unicodedata.category(character) == "Zs" else character for character in normal)


def password_spellings(text: str) -> list[str]:
    """What a password may have been hashed as, the way of today first: hashes from before took it as it was typed."""
    if text.isascii():
        return [text]
    older = (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
    return list(dict.fromkeys([password(text), *older]))


# Invite codes -----------------------------------------------------------------------------------------------------


def invite_code(text: str) -> str:
    """The code in what somebody pasted: with blanks or line breaks in it, or the whole link."""
    code = text.rpartition(_INVITE_PATH)[2] if _INVITE_PATH in text else text
    return _CODE.sub("", re.split(r"[?#]", code, maxsplit=1)[0])
