"""Sign-ins: browsers' logins, kept on the server, each recognised by a cookie whose hash is all that is stored."""

from chatserver import ids
from chatserver.database import Transaction
from chatserver.errors import BadCredentials, NotFound
from chatserver.events import user_channel
from chatserver.identity.viewer import Viewer
from chatserver.users import tokens
from chatserver.users.events import SignInsEnded
from chatserver.users.models import Secret, SignIn, Visitor

# Unused for two weeks, or three months old: whoever holds the cookie signs in anew.
IDLE_DAYS = 14
LIFETIME_DAYS = 90
# Phones, laptops and forgotten browsers of one person; beyond it the longest unused end.
MOST_SIGN_INS = 50
# Enough to tell browsers apart.
_USER_AGENT_LENGTH = 300


async def open_sign_in(tx: Transaction, user_id: str, checked_hash: str, visitor: Visitor) -> Secret:
    """A new sign-in, where the password is still the one that was checked. Needs the worker role."""
    token, sign_in_id = tokens.new(), ids.new()
    opened = await tx.fetch_value(
        "users.open_sign_in",
        id=sign_in_id,
        user_id=user_id,
        checked=checked_hash,
        token_hash=tokens.digest(token),
        user_agent=_printable(visitor.user_agent),
        address=visitor.address,
        days=LIFETIME_DAYS,
    )
    if opened is None:
        raise BadCredentials
    surplus = await tx.fetch_all("users.end_surplus_sign_ins", user_id=user_id, kept=MOST_SIGN_INS)
    announce_end(tx, user_id, [row["id"] for row in surplus])
    return Secret(id=sign_in_id, token=token)


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:_USER_AGENT_LENGTH]


async def list_sign_ins(tx: Transaction, user_id: str) -> list[SignIn]:
    """One's own sign-ins that still stand, the last used first."""
    rows = await tx.fetch_all("users.list_sign_ins", user_id=user_id, idle_days=IDLE_DAYS)
    return [SignIn.from_row(row) for row in rows]


async def end_sign_in(tx: Transaction, user_id: str, sign_in_id: str) -> None:
    """Ends one of one's own sign-ins; NotFound where it is none."""
    if await tx.fetch_value("users.end_sign_in", id=sign_in_id, user_id=user_id) is None:
        raise NotFound
    announce_end(tx, user_id, [sign_in_id])


async def leave(tx: Transaction, viewer: Viewer) -> None:
    """Signs out, where this is a sign-in that still stands."""
    ended = await tx.fetch_value("users.end_sign_in", id=viewer.credential_id, user_id=viewer.id)
    if ended is not None:
        announce_end(tx, viewer.id, [ended])


async def end_other_sign_ins(tx: Transaction, user_id: str, kept: str | None) -> int:
    """Ends all of a person's sign-ins but one, or all of them, and returns how many."""
    rows = await tx.fetch_all("users.end_sign_ins", user_id=user_id, kept=kept)
    announce_end(tx, user_id, [row["id"] for row in rows])
    return len(rows)


async def standing(tx: Transaction, credential_ids: list[str]) -> set[str]:
    """Which of these sign-ins and API tokens are still good, in one query. Needs the worker role."""
    rows = await tx.fetch_all("users.standing", ids=credential_ids, idle_days=IDLE_DAYS)
    return {row["id"] for row in rows}


def announce_end(tx: Transaction, user_id: str, credential_ids: list[str]) -> None:
    """Tells every hub that these credentials are good no more."""
    if credential_ids:
        tx.announce(user_channel(user_id), SignInsEnded(user_id=user_id, credential_ids=tuple(credential_ids)))
