"""People for the tests of accounts: they join, come in, and time passes for them."""

import random
import uuid
from typing import Any

from chatserver import users
from chatserver.database import Database, Transaction
from chatserver.users import entry, passwords, profile
from chatserver.users.models import Arrival, User, Visitor

PASSWORD = "correct horse battery"


def address() -> str:
    """An address that no other test uses."""
    return ".".join(["10", *(str(random.randrange(256)) for _ in range(3))])


def someone(**fields: Any) -> Visitor:
    return Visitor(**{"address": address(), "user_agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0", **fields})


def email(name: str = "ada") -> str:
    return f"{name}-{uuid.uuid4().hex[:12]}@example.org"


_hashes: dict[str, str] = {}


async def member(database: Database, name: str = "Ada", password: str = PASSWORD) -> User:
    """An account, as the operator would add it."""
    if password not in _hashes:
        _hashes[password] = await passwords.hashed(password)
    address = profile.email(email(name.lower()))
    return await database.run_system(entry.add, address, name, _hashes[password])


async def comes_in(database: Database, user: User, password: str = PASSWORD, **fields: Any) -> Arrival:
    """Signs in with a browser."""
    opener = entry.with_a_sign_in()
    return await users.sign_in(database, user.email, password, someone(**fields), opener=opener)


async def makes_token(database: Database, user: User, name: str = "script") -> str:
    """An API token, as the settings page makes it."""
    return (await database.run_as(user.id, users.create_token, user.id, name)).token


async def sql(database: Database, text: str, *values: Any) -> list[Any]:
    """Anything at all, as the worker: how tests move the clock and look behind the curtain."""

    async def run(tx: Transaction) -> list[Any]:
        return await tx.connection.fetch(text, *values)

    return await database.run_system(run)
