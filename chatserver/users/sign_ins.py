"""Sign-ins: the logins of browsers. Each is a row with the hash of the secret that the browser's cookie holds."""

from chatserver import ids
from chatserver.database import Transaction
from chatserver.errors import BadCredentials, NotFound
from chatserver.events import user_channel
from chatserver.identity.viewer import Viewer
from chatserver.users import tokens
from chatserver.users.events import SignInsEnded
from chatserver.users.models import Secret, SignIn, Visitor

# A sign-in ends when it was unused for so long, or is so old.
IDLE_DAYS = 14
LIFETIME_DAYS = 90
# Of one user; beyond it the longest unused ones end.
MOST_SIGN_INS = 50
# Enough to tell browsers apart.
_USER_AGENT_LENGTH = 300


async def open_sign_in(tx: Transaction, user_id: str, checked_hash: str | None, visitor: Visitor) -> Secret:
    """Creates a sign-in; BadCredentials where the password is no longer the checked one. Needs the worker role."""
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
    """The valid sign-ins of a user, the last used first."""
    rows = await tx.fetch_all("users.list_sign_ins", user_id=user_id, idle_days=IDLE_DAYS)
    return [SignIn.from_row(row) for row in rows]


async def end_sign_in(tx: Transaction, user_id: str, sign_in_id: str) -> None:
    """Ends one sign-in of a user; NotFound where it is not theirs or has ended."""
    if await tx.fetch_value("users.end_sign_in", id=sign_in_id, user_id=user_id) is None:
        raise NotFound
    announce_end(tx, user_id, [sign_in_id])


async def sign_out(tx: Transaction, viewer: Viewer) -> None:
    """Ends the viewer's own sign-in; harmless where it has ended."""
    ended = await tx.fetch_value("users.end_sign_in", id=viewer.credential_id, user_id=viewer.id)
    if ended is not None:
        announce_end(tx, viewer.id, [ended])


async def end_other_sign_ins(tx: Transaction, user_id: str, kept: str | None) -> int:
    """Ends all sign-ins of a user but `kept` (None: all of them), and returns how many."""
    rows = await tx.fetch_all("users.end_sign_ins", user_id=user_id, kept=kept)
    announce_end(tx, user_id, [row["id"] for row in rows])
    return len(rows)


async def valid_credentials(tx: Transaction, credential_ids: list[str]) -> set[str]:
    """Those of these sign-ins and API tokens that are valid, in one query. Needs the worker role."""
    rows = await tx.fetch_all("users.valid_credentials", ids=credential_ids, idle_days=IDLE_DAYS)
    return {row["id"] for row in rows}


def announce_end(tx: Transaction, user_id: str, credential_ids: list[str]) -> None:
    """Announces that these sign-ins or API tokens have ended, so that every hub closes their sockets."""
    if credential_ids:
        tx.announce(user_channel(user_id), SignInsEnded(user_id=user_id, credential_ids=tuple(credential_ids)))
