"""The syntax of keys. Checked before any I/O, so that no key can name a path outside of the store."""

import re

# Parts of letters, digits, `_`, `-` and inner dots. No part begins with a dot: not `..`, nor a folder of our own.
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}){0,15}")
# A length that every file system and every S3 server takes, with room for the operator's prefix.
LONGEST_KEY = 512


def check_key(key: str) -> str:
    """Returns the key. Raises ValueError where it could leave the store or is not portable."""
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        raise ValueError("not a storage key")
    return key


def check_folder(prefix: str) -> str:
    """A prefix to walk: "" for everything, else a folder, with or without its closing slash. ValueError as above."""
    return check_key(prefix.removesuffix("/")) + "/" if prefix else ""
