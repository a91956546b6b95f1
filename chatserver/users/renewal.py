"""A new password: by the old one, or by a link from the operator, which works once and for a quarter of an hour."""

import structlog

from chatserver import ids
from chatserver.database import Database, Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.text import normalization
from chatserver.users import api_tokens, entry, passwords, sign_ins, throttling, tokens
from chatserver.users.entry import Proof
from chatserver.users.models import User, Visitor

# Long enough to pass a link on by telephone.
RESET_MINUTES = 15
_USED_OR_OLD = "This link has been used already, or is too old. Ask the operator for a new one."

log = structlog.get_logger(__name__)


async def change_password(
    database: Database,
    viewer_id: str,
    current: str,
    new: str,
    visitor: Visitor,
    *,
    kept: str | None,
    tokens_too: bool = False,
) -> None:
    """Changes one's own password, and ends every sign-in but `kept`; with `tokens_too` also revokes the API tokens."""
    proof = await entry.prove_again(database, viewer_id, current, visitor)
    passwords.check(new, email=proof.user.email, name=proof.user.name)
    password_hash = await passwords.hashed(new)
    await database.run_system(_change, proof, password_hash, kept, tokens_too)


async def _change(tx: Transaction, proof: Proof, password_hash: str, kept: str | None, tokens_too: bool) -> None:
    user_id = proof.user.id
    changed = await tx.fetch_value(
        "users.set_password", id=user_id, password_hash=password_hash, checked=proof.password_hash
    )
    if changed is None:
        raise Conflict("Your password was changed elsewhere just now. Please start again.")
    await entry.settle(tx, proof)
    await sign_ins.end_other_sign_ins(tx, user_id, kept)
    if tokens_too:
        await api_tokens.revoke_tokens(tx, user_id)
    log.info("user.password_changed", user_id=user_id)


async def begin_reset(tx: Transaction, user_id: str) -> str:
    """The secret of a new reset link; links before it are void. Needs the worker role."""
    token = tokens.new()
    await tx.execute(
        "users.add_reset", id=ids.new(), user_id=user_id, token_hash=tokens.digest(token), minutes=RESET_MINUTES
    )
    log.info("user.reset_begun", user_id=user_id)
    return token


async def find_reset(tx: Transaction, token: str) -> str:
    """Whose address a reset link is for; NotFound where it is used or too old. Needs the worker role."""
    row = await tx.fetch_one("users.find_reset", token_hash=tokens.digest(token))
    if row is None:
        raise NotFound(_USED_OR_OLD)
    email: str = row["email"]
    return email


async def reset_password(database: Database, token: str, new: str) -> User:
    """Sets a password by a reset link, once, and ends every sign-in and API token. Returns whose it is."""
    email = await database.run_system(find_reset, token)
    passwords.check(new, email=email)
    return await database.run_system(_reset, token, await passwords.hashed(new))


async def _reset(tx: Transaction, token: str, password_hash: str) -> User:
    row = await tx.fetch_one("users.use_reset", token_hash=tokens.digest(token))
    if row is None:
        raise NotFound(_USED_OR_OLD)
    user = User.from_row(row)
    await tx.execute("users.replace_password", id=user.id, password_hash=password_hash)
    await sign_ins.end_other_sign_ins(tx, user.id, None)
    await api_tokens.revoke_tokens(tx, user.id)
    await throttling.forget(tx, throttling.ACCOUNT, normalization.email_key(user.email))
    log.info("user.password_reset", user_id=user.id)
    return user
