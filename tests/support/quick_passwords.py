"""Password hashes that cost next to nothing, for tests in which hundreds are made: what a hash costs a guesser, and that a
sign-in costs the same without an account, is told by tests/users/test_passwords.py with the real ones."""

import argon2

from chatserver.users import passwords

_QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
_ATTRIBUTES = {"_HASHER": _QUICK, "DUMMY_HASH": _QUICK.hash("nobody's password")}
# The product's own, by the same names.
REAL = {name: getattr(passwords, name) for name in _ATTRIBUTES}


def use() -> None:
    """From here on, in this process and its forks, passwords are hashed quickly."""
    for name, value in _ATTRIBUTES.items():
        setattr(passwords, name, value)
