"""API tokens: programs' logins. Shown once, stored as a hash, good until they are revoked."""

from chatserver import ids
from chatserver.database import Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.users import profile, rate_limits, sign_ins, tokens
from chatserver.users.models import ApiToken, Secret

# One for each program of a busy person.
MOST_TOKENS = 100


async def create_token(tx: Transaction, user_id: str, name: str) -> Secret:
    """A new API token of one's own; Conflict where there are too many."""
    name = profile.token_name(name)
    if await tx.fetch_value("users.count_tokens", user_id=user_id) >= MOST_TOKENS:
        raise Conflict(f"You have {MOST_TOKENS} API tokens already. Revoke one that you no longer use.")
    token, token_id = tokens.new_api_token(), ids.new()
    await tx.execute("users.add_token", id=token_id, user_id=user_id, name=name, token_hash=tokens.digest(token))
    await rate_limits.spend(tx, rate_limits.CHANGES, user_id)
    return Secret(id=token_id, token=token)


async def list_tokens(tx: Transaction, user_id: str) -> list[ApiToken]:
    """One's own API tokens, the newest first."""
    return [ApiToken.from_row(row) for row in await tx.fetch_all("users.list_tokens", user_id=user_id)]


async def revoke_token(tx: Transaction, user_id: str, token_id: str) -> None:
    """Revokes one of one's own API tokens; NotFound where it is none."""
    if await tx.fetch_value("users.revoke_token", id=token_id, user_id=user_id) is None:
        raise NotFound
    sign_ins.announce_end(tx, user_id, [token_id])


async def revoke_tokens(tx: Transaction, user_id: str) -> None:
    """Revokes every API token of a person."""
    rows = await tx.fetch_all("users.revoke_tokens", user_id=user_id)
    sign_ins.announce_end(tx, user_id, [row["id"] for row in rows])
