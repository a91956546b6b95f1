"""Password hashes that cost next to nothing, for tests in which hundreds are made: what a hash costs a guesser, and that a
sign-in costs the same without an account, is told by tests/users/test_passwords.py with the real ones."""

import argon2

_QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
# What takes the place of the attributes of `chatserver.users.passwords`.
ATTRIBUTES = {"_HASHER": _QUICK, "DUMMY_HASH": _QUICK.hash("nobody's password")}
