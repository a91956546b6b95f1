"""Secrets that people carry: random, shown once, kept only as their SHA-256.

A plain hash is enough: with 256 random bits there is nothing to guess, so nothing that a slow hash would slow down.
"""

import hashlib
import secrets

# Names an API token in a leaked file or a log search.
API_PREFIX = "cs_"
_BYTES = 32
# Characters of the base64url form of that many bytes.
_LENGTH = 43


def new() -> str:
    """A sign-in's or a reset's secret: 256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(_BYTES)


def new_api_token() -> str:
    """The same with `cs_` before it."""
    return API_PREFIX + new()


def digest(token: str) -> bytes:
    """What the database keeps."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def looks_right(token: str) -> bool:
    """Whether a text could be a sign-in's secret at all; spares the database what cannot."""
    return len(token) == _LENGTH


def looks_right_for_api(token: str) -> bool:
    """Whether a text could be an API token at all."""
    return token.startswith(API_PREFIX) and len(token) == len(API_PREFIX) + _LENGTH
