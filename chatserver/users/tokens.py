"""Random secrets of sign-ins, resets and API tokens: shown once, stored as their SHA-256.

A fast hash is enough: 256 random bits cannot be guessed.
"""

import hashlib
import secrets

# Lets scanners and people recognise an API token in a file or a log.
API_PREFIX = "cs_"
_BYTES = 32
# Characters of the base64url form of that many bytes.
_LENGTH = 43


def new() -> str:
    """A sign-in's or a reset's secret: 256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(_BYTES)


def new_api_token() -> str:
    """A secret with the prefix `cs_`."""
    return API_PREFIX + new()


def digest(token: str) -> bytes:
    """The SHA-256 of a secret, as the database stores it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def is_well_formed(token: str) -> bool:
    """Whether a text has the form of a sign-in's secret; saves a query for what has not."""
    return len(token) == _LENGTH


def is_well_formed_api_token(token: str) -> bool:
    """Whether a text has the form of an API token."""
    return token.startswith(API_PREFIX) and len(token) == len(API_PREFIX) + _LENGTH
