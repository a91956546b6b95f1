"""Accounts, sign-ins and API tokens for tests, made by the verbs of `users`."""

import random
import uuid
from typing import Any

from chatserver import users
from chatserver.database import Database, Transaction
from chatserver.identity.viewer import Viewer
from chatserver.users import authentication, email_addresses, passwords, request_identity, tokens
from chatserver.users.models import SignedIn, User, Visitor

PASSWORD = "correct horse battery"


def address() -> str:
    """An address that no other test uses."""
    return ".".join(["10", *(str(random.randrange(256)) for _ in range(3))])


def new_visitor(**fields: Any) -> Visitor:
    return Visitor(**{"address": address(), "user_agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0", **fields})


def email(name: str = "ada") -> str:
    return f"{name}-{uuid.uuid4().hex[:12]}@example.org"


_hashes: dict[str, str] = {}


async def member(database: Database, name: str = "Ada", password: str = PASSWORD) -> User:
    """An account, as the operator would add it."""
    if password not in _hashes:
        _hashes[password] = await passwords.hashed(password)
    address = email_addresses.check(email(name.lower()))
    return await database.run_system(authentication.add, address, name, _hashes[password])


async def signed_in_user(database: Database, user: User, password: str = PASSWORD, **fields: Any) -> SignedIn:
    """Signs in with a browser."""
    issuer = authentication.sign_in_issuer()
    return await users.sign_in(database, user.email, password, new_visitor(**fields), issuer=issuer)


async def create_api_token(database: Database, user: User, name: str = "script") -> str:
    """An API token, as the settings page makes it."""
    return (await database.run_as(user.id, users.create_token, user.id, name)).token


async def viewer_of_cookie(tx: Transaction, token: str) -> Viewer | None:
    """Who a browser with this secret in its cookie is."""
    return await _viewer_of(tx, ("cookie", tokens.digest(token)))


async def viewer_of_token(tx: Transaction, token: str) -> Viewer | None:
    """Who a program with this API token is."""
    return await _viewer_of(tx, ("token", tokens.digest(token)))


async def _viewer_of(tx: Transaction, presented: request_identity.Presented) -> Viewer | None:
    return (await request_identity.viewers_of(tx, [presented])).get(presented)
