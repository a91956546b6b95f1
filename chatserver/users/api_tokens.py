"""API tokens, with which programs sign in: shown once, stored as a hash, valid until they are revoked."""

from chatserver import ids, validation
from chatserver.database import Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.users import rate_limits, sign_ins, tokens
from chatserver.users.models import ApiToken, Secret

# Of one user.
MOST_TOKENS = 100
LONGEST_NAME = 80


def check_name(text: str) -> str:
    """The name of a token, cleaned; it may be empty. Invalid, with field `name`, for one too long or of several lines."""
    return validation.optional_line("name", text, LONGEST_NAME)


async def create_token(tx: Transaction, user_id: str, name: str) -> Secret:
    """Creates an API token of a user; Conflict where they have MOST_TOKENS already."""
    name = check_name(name)
    if await tx.fetch_value("users.count_tokens", user_id=user_id) >= MOST_TOKENS:
        raise Conflict(f"You have {MOST_TOKENS} API tokens already. Revoke one that you no longer use.")
    token, token_id = tokens.new_api_token(), ids.new()
    await tx.execute("users.add_token", id=token_id, user_id=user_id, name=name, token_hash=tokens.digest(token))
    await rate_limits.consume(tx, rate_limits.CHANGES, user_id)
    return Secret(id=token_id, token=token)


async def list_tokens(tx: Transaction, user_id: str) -> list[ApiToken]:
    """The valid API tokens of a user, the newest first."""
    return [ApiToken.from_row(row) for row in await tx.fetch_all("users.list_tokens", user_id=user_id)]


async def revoke_token(tx: Transaction, user_id: str, token_id: str) -> None:
    """Revokes one API token of a user; NotFound where it is not theirs or not valid."""
    if await tx.fetch_value("users.revoke_token", id=token_id, user_id=user_id) is None:
        raise NotFound
    sign_ins.announce_end(tx, user_id, [token_id])


async def revoke_tokens(tx: Transaction, user_id: str) -> None:
    """Revokes every API token of a user."""
    rows = await tx.fetch_all("users.revoke_tokens", user_id=user_id)
    sign_ins.announce_end(tx, user_id, [row["id"] for row in rows])
