"""A user's account: reading it, changing name and preferences; and the sweep of expired rows."""

import msgspec

from chatserver.database import Row, Transaction
from chatserver.errors import NotSignedIn
from chatserver.text import normalization
from chatserver.users import api_tokens, display_names, rate_limits, sign_ins
from chatserver.users.models import Preferences, Settings, User

# Accounts in one unit of work of `set_missing_email_keys`.
_BATCH = 500


async def settings(tx: Transaction, user_id: str) -> Settings:
    """A user's account, preferences, sign-ins and API tokens."""
    row = await _own(tx, user_id)
    return Settings(
        user=User.from_row(row),
        preferences=msgspec.convert(row["settings"], Preferences),
        sign_ins=await sign_ins.list_sign_ins(tx, user_id),
        tokens=await api_tokens.list_tokens(tx, user_id),
    )


async def preferences(tx: Transaction, user_id: str) -> Preferences:
    """A user's preferences."""
    return msgspec.convert((await _own(tx, user_id))["settings"], Preferences)


async def get(tx: Transaction, user_id: str) -> User:
    """A user's account; NotSignedIn where there is none."""
    return User.from_row(await _own(tx, user_id))


async def _own(tx: Transaction, user_id: str) -> Row:
    row = await tx.fetch_one("users.get", id=user_id)
    if row is None:
        raise NotSignedIn
    return row


async def rename(tx: Transaction, user_id: str, name: str) -> User:
    """Changes a user's name; earlier messages keep the old one. Invalid for a name that is not accepted."""
    name = display_names.check_site(display_names.check(name), tx.limits.site_name)
    row = await tx.fetch_one("users.rename", id=user_id, name=name)
    if row is None:
        raise NotSignedIn
    await rate_limits.consume(tx, rate_limits.CHANGES, user_id)
    return User.from_row(row)


async def save_preferences(tx: Transaction, user_id: str, preferences: Preferences) -> None:
    """Stores a user's preferences."""
    settings = msgspec.to_builtins(preferences)
    if await tx.fetch_value("users.save_preferences", id=user_id, settings=settings) is None:
        raise NotSignedIn
    await rate_limits.consume(tx, rate_limits.CHANGES, user_id)


async def is_active(tx: Transaction, user_id: str) -> bool:
    """Whether the account exists and is neither banned nor deleted. Needs the worker role."""
    return bool(await tx.fetch_value("users.is_active", id=user_id))


async def lock_active(tx: Transaction, user_id: str) -> bool:
    """`is_active`, which stays so until COMMIT. Called after all other locks: whoever closes an account takes them first."""
    return bool(await tx.fetch_value("users.lock_active", id=user_id))


async def set_missing_email_keys(tx: Transaction) -> None:
    """Sets the key of addresses from before there were keys. Needs the worker role; cheap where there are none."""
    for row in await tx.fetch_all("users.without_email_key", limit=_BATCH):
        await tx.execute("users.set_email_key", id=row["id"], key=normalization.email_key(row["email"]))


async def sweep(tx: Transaction) -> None:
    """Deletes attempt counts, sign-ins, API tokens, links of e-mails and rate limits that no longer matter. Needs the worker
    role."""
    for query in (
        "users.sweep_throttles",
        "users.sweep_sign_ins",
        "users.sweep_tokens",
        "users.sweep_resets",
        "users.sweep_email_verifications",
    ):
        await tx.execute(query)
    await rate_limits.sweep(tx)
