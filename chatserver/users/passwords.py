"""Passwords: which are accepted, and Argon2id hashes, computed in at most two threads beside the event loop.

Never hash inside a transaction: one hash takes about thirty milliseconds of a core and 19 MiB.
"""

import asyncio
import functools
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from chatserver.errors import Busy, Invalid
from chatserver.runtime.keyed_semaphores import KeyedSemaphores
from chatserver.text import normalization

Arguments = TypeVarTuple("Arguments")
R = TypeVar("R")

SHORTEST, LONGEST = 8, 256
# In decomposed Unicode a syllable of Hangul or a letter with several accents takes up to four characters.
_LONGEST_TYPED = 4 * LONGEST
# OWASP's recommendation for Argon2id: 19 MiB, two passes, one lane.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)
# A hash of a discarded random text, with the same parameters, against which a password is checked where there is no account:
# that takes the same time.
DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$jDrni0vrKS2nuHfBbiagXg$j/dwjLSiDDXqKsxpLw/A0H/XZQS7kFazH/GXvHu6Zbw"
# About two seconds of work; beyond it Busy is raised.
MOST_WAITING = 64


class _HashingThreads:
    """Two threads with a bounded queue, so that many sign-ins at once leave the other cores to the rest of the service."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")
        self._waiting = 0

    async def run(self, work: Callable[[*Arguments], R], *args: *Arguments) -> R:
        if self._waiting >= MOST_WAITING:
            raise Busy(retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1


_HASHING = _HashingThreads()
_OF_USER = KeyedSemaphores(1)


def check(password: str, *, email: str = "", name: str = "") -> str:
    """The password in the spelling that is hashed, never trimmed; Invalid, with field `password`, where it is refused."""
    if any("\ud800" <= character <= "\udfff" for character in password):
        raise Invalid.field("password", "must be valid Unicode")
    # Normalizing takes a time that grows with the square of the marks: what is too long in any form stays as it is.
    if len(password) <= _LONGEST_TYPED:
        password = normalization.password(password)
    if len(password) < SHORTEST:
        raise Invalid.field("password", f"must be at least {SHORTEST} characters long")
    if len(password) > LONGEST:
        raise Invalid.field("password", f"must be at most {LONGEST} characters long")
    if _is_easy(_folded(password), {_folded(email), _folded(email).partition("@")[0], _folded(name)}):
        raise Invalid.field("password", "is among the first that a stranger would try; please choose another")
    return password


def _is_easy(password: str, about: set[str]) -> bool:
    return password in _common_passwords() or password in about or len(set(password)) < 3


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


@functools.cache
def _common_passwords() -> frozenset[str]:
    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


async def hashed(password: str) -> str:
    """The Argon2id hash of a password, with its parameters and salt. Busy where too many wait."""
    return await _HASHING.run(_HASHER.hash, normalization.password(password))


async def hashed_for(user_id: str, password: str) -> str:
    """The hash of a password that a signed-in user has chosen. Busy where too many wait.

    Those of one user are computed one at a time, so that no flood of them keeps others from signing in.
    """
    async with _OF_USER.held(user_id):
        return await hashed(password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the hashed one, in any of its Unicode spellings."""
    return await matching(password_hash, password) is not None


async def matching(password_hash: str | None, password: str) -> str | None:
    """The Unicode spelling of the password that was hashed, or None. `password_hash` None takes as long as a wrong password.

    The number of spellings tried depends on the typed text alone; for ASCII it is one.
    """
    if len(password) > _LONGEST_TYPED or len(normalization.password(password)) > LONGEST:
        password_hash, password = None, ""
    for each in normalization.password_spellings(password):
        if await _HASHING.run(_verify, password_hash or DUMMY_HASH, each) and password_hash is not None:
            return each
    return None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password.encode("utf-8", "replace"))
    except (VerificationError, InvalidHashError):
        return False
