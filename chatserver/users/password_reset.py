"""New passwords: by the current one, or by a reset link from the operator, which works once and for RESET_MINUTES."""

import structlog

from chatserver import ids
from chatserver.database import Database, Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.text import normalization
from chatserver.users import api_tokens, attempt_limits, authentication, passwords, sign_ins, tokens
from chatserver.users.authentication import PasswordCheck
from chatserver.users.models import User, Visitor

# Long enough to read the link to somebody over the telephone.
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
    """Changes a user's password, and ends every sign-in but `kept` and every reset link; with `tokens_too` also revokes all
    API tokens.

    Invalid for a wrong current or a bad new password, RateLimited, Conflict where it was changed meanwhile.
    """
    checked = await authentication.check_own_password(database, viewer_id, current, visitor)
    passwords.check(new, email=checked.user.email, name=checked.user.name)
    password_hash = await passwords.hashed_for(viewer_id, new)
    await database.run_system(_change, checked, password_hash, kept, tokens_too)


async def _change(
    tx: Transaction, checked: PasswordCheck, password_hash: str, kept: str | None, tokens_too: bool
) -> None:
    user_id = checked.user.id
    # First, as in `_reset`: no deadlock with a link that is used at this moment.
    await tx.execute("users.void_resets", user_id=user_id)
    changed = await tx.fetch_value(
        "users.set_password", id=user_id, password_hash=password_hash, checked=checked.password_hash
    )
    if changed is None:
        raise Conflict("Your password was changed elsewhere just now. Please start again.")
    await authentication.clear_attempt(tx, checked)
    await sign_ins.end_other_sign_ins(tx, user_id, kept)
    if tokens_too:
        await api_tokens.revoke_tokens(tx, user_id)
    log.info("user.password_changed", user_id=user_id)


async def begin_reset(tx: Transaction, user_id: str) -> str:
    """Creates a reset link and returns its secret; earlier links stop working. Needs the worker role."""
    token = tokens.new()
    await tx.execute(
        "users.add_reset", id=ids.new(), user_id=user_id, token_hash=tokens.digest(token), minutes=RESET_MINUTES
    )
    log.info("user.reset_link_created", user_id=user_id)
    return token


async def find_reset(tx: Transaction, token: str) -> str:
    """The e-mail address of the account of a reset link; NotFound where it is used or expired. Needs the worker role."""
    row = await tx.fetch_one("users.find_reset", token_hash=tokens.digest(token))
    if row is None:
        raise NotFound(_USED_OR_OLD)
    email: str = row["email"]
    return email


async def reset_password(database: Database, token: str, new: str) -> User:
    """Sets a password by a reset link, ends every sign-in and revokes every API token. Returns the account.

    NotFound for a used or expired link, Invalid for a bad password.
    """
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
    await attempt_limits.reset(tx, attempt_limits.ACCOUNT, normalization.email_key(user.email))
    log.info("user.password_reset", user_id=user.id)
    return user
