"""The row of a deleted account. `privacy.erasure` deletes what belongs to other features. Needs the worker role."""

from chatserver.database import Transaction
from chatserver.errors import NotSignedIn
from chatserver.events import user_channel
from chatserver.users import api_tokens, sign_ins
from chatserver.users.events import SignInsEnded


async def close(tx: Transaction, user_id: str, name: str) -> None:
    """Takes address, password and name (`name` is shown instead) from an account and ends its sign-ins and API tokens.

    NotSignedIn where there is no such account.
    """
    # Before the account's row, as when a link is used.
    await tx.execute("users.void_email_verifications", user_id=user_id)
    if await tx.fetch_value("users.close", id=user_id, name=name) is None:
        raise NotSignedIn
    # Announced before the ended sign-ins: a socket closes with the first reason that it gets.
    tx.announce(user_channel(user_id), SignInsEnded(user_id=user_id, account_closed=True))
    await sign_ins.end_other_sign_ins(tx, user_id, None)
    await api_tokens.revoke_tokens(tx, user_id)


async def remove(tx: Transaction, user_id: str) -> None:
    """Removes the row of a closed account, with those that reference it."""
    await tx.execute("users.remove", id=user_id)
