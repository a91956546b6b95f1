"""One's own account: reading it, changing its name and preferences; and the sweep that forgets what is over."""

import msgspec

from chatserver.database import Row, Transaction
from chatserver.errors import NotSignedIn
from chatserver.text import normalization
from chatserver.users import api_tokens, names, rate_limits, sign_ins
from chatserver.users.models import Preferences, Settings, User

# Accounts that get the key of their address in one unit of work.
_SPELLED_AT_ONCE = 500


async def settings(tx: Transaction, user_id: str) -> Settings:
    """One's own account, preferences, sign-ins and API tokens."""
    row = await _own(tx, user_id)
    return Settings(
        user=User.from_row(row),
        preferences=msgspec.convert(row["settings"], Preferences),
        sign_ins=await sign_ins.list_sign_ins(tx, user_id),
        tokens=await api_tokens.list_tokens(tx, user_id),
    )


async def preferences(tx: Transaction, user_id: str) -> Preferences:
    """How one likes the pages."""
    return msgspec.convert((await _own(tx, user_id))["settings"], Preferences)


async def get(tx: Transaction, user_id: str) -> User:
    """One's own account."""
    return User.from_row(await _own(tx, user_id))


async def _own(tx: Transaction, user_id: str) -> Row:
    row = await tx.fetch_one("users.get", id=user_id)
    if row is None:
        raise NotSignedIn
    return row


async def rename(tx: Transaction, user_id: str, name: str) -> User:
    """Changes one's own name; messages already written keep the name under which they were written."""
    name = names.check_site(names.check(name), tx.limits.site_name)
    row = await tx.fetch_one("users.rename", id=user_id, name=name)
    if row is None:
        raise NotSignedIn
    await rate_limits.spend(tx, rate_limits.CHANGES, user_id)
    return User.from_row(row)


async def save_preferences(tx: Transaction, user_id: str, preferences: Preferences) -> None:
    """Keeps how one likes the pages."""
    settings = msgspec.to_builtins(preferences)
    if await tx.fetch_value("users.save_preferences", id=user_id, settings=settings) is None:
        raise NotSignedIn
    await rate_limits.spend(tx, rate_limits.CHANGES, user_id)


async def is_active(tx: Transaction, user_id: str) -> bool:
    """Whether the account is there and neither banned nor deleted. Needs the worker role."""
    return bool(await tx.fetch_value("users.is_active", id=user_id))


async def spell_addresses(tx: Transaction) -> None:
    """Gives keys to addresses from before there were any. Needs the worker role; cheap where there are none."""
    for row in await tx.fetch_all("users.without_key", limit=_SPELLED_AT_ONCE):
        await tx.execute("users.set_email_key", id=row["id"], key=normalization.email_key(row["email"]))


async def sweep(tx: Transaction) -> None:
    """Forgets throttles, sign-ins and resets that no longer matter. Needs the worker role; once an hour is plenty."""
    for query in ("users.sweep_throttles", "users.sweep_sign_ins", "users.sweep_resets"):
        await tx.execute(query)
    await rate_limits.sweep(tx)
