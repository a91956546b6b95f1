"""API tokens, with which programs sign in: shown once, stored as a hash, valid until they are revoked."""

from msgspec import Struct

from chatserver import ids, validation
from chatserver.database import Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.users import idempotency, rate_limits, sign_ins, tokens
from chatserver.users.models import ApiToken, Secret

# Of one user.
MOST_TOKENS = 100
LONGEST_NAME = 80
_MADE_ALREADY = (
    "This token was made already, and a token is shown once. If you do not have it, make another and revoke it."
)


def check_name(text: str) -> str:
    """The name of a token, cleaned; it may be empty. Invalid, with field `name`, for one too long or of several lines."""
    return validation.optional_line("name", text, LONGEST_NAME)


class TokenOrder(Struct, frozen=True):
    """What a token is made for, to tell a repeated request from another one."""

    name: str


async def create_token(tx: Transaction, user_id: str, name: str, *, client_id: str | None = None) -> Secret:
    """Creates an API token of a user, once for each client_id; Conflict where they have MOST_TOKENS already.

    A token is shown once and stored as a hash: a client_id that has made its token is a Conflict, with the `token_id`.
    """
    name = check_name(name)
    token_id = ids.new()
    made = await idempotency.claim(tx, "token", client_id, TokenOrder(name), token_id, user_id=user_id)
    if made is not None:
        raise Conflict(_MADE_ALREADY, details={"token_id": made})
    if await tx.fetch_value("users.count_tokens", user_id=user_id) >= MOST_TOKENS:
        raise Conflict(f"You have {MOST_TOKENS} API tokens already. Revoke one that you no longer use.")
    token = tokens.new_api_token()
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
