"""What people ask of share links, as decoded at the entrances."""

from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from chatserver import validation
from chatserver.errors import Invalid
from chatserver.sharing.models import ShareKind
from chatserver.text import normalization
from chatserver.users import passwords
from chatserver.users.idempotency import ClientId
from chatserver.validation import bounds

TITLE_LENGTH = 120
DEFAULT_DAYS, MOST_DAYS = 30, 3650
# A link is secret already: its password may be short, but no single character.
SHORTEST_PASSWORD = 4

Days = Annotated[int, bounds(minimum=1, maximum=MOST_DAYS)]


class CreateShare(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a link to a picture or selection (`asset_ids`), an album or one's own pictures of a session.

    `follow`: it also shows what is added later. `days` until it ends, None: until it is revoked. `client_id` makes a
    repetition harmless.
    """

    kind: ShareKind
    asset_ids: list[str] = []
    album_id: str | None = None
    session_id: str | None = None
    follow: bool = False
    title: Annotated[str, bounds(maxLength=TITLE_LENGTH)] | None = None
    days: Days | None = DEFAULT_DAYS
    downloads: bool = True
    prompts: bool = False
    preview: bool = False
    password: str | None = None
    client_id: ClientId | None = None


class ChangeShare(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change a link; what is left out stays. `days` count from now; an empty `password` removes it."""

    title: Annotated[str, bounds(maxLength=TITLE_LENGTH)] | None = None
    days: Days | UnsetType | None = UNSET
    downloads: bool | None = None
    prompts: bool | None = None
    preview: bool | None = None
    password: str | None = None


def title(text: str | None) -> str:
    """The title of a link as it is stored; empty where there is none. Raises Invalid."""
    return validation.optional_line("title", text, TITLE_LENGTH)


def days(count: int | None) -> int | None:
    """The days until a link ends. Raises Invalid."""
    if count is not None and not 1 <= count <= MOST_DAYS:
        raise Invalid.field("days", f"must be 1 to {MOST_DAYS}")
    return count


async def password_hash(user_id: str, text: str | None) -> str | None:
    """The hash of the password of a user's link, None without one. Raises Invalid and Busy. Never within a transaction."""
    if not text:
        return None
    if why := validation.unreadable(text):
        raise Invalid.field("password", why)
    # NFC, in which it is compared, writes some letters as two characters.
    lengths = (len(text), len(normalization.password(text[: passwords.LONGEST])))
    if min(lengths) < SHORTEST_PASSWORD or max(lengths) > passwords.LONGEST:
        raise Invalid.field("password", f"must be {SHORTEST_PASSWORD} to {passwords.LONGEST} characters long")
    return await passwords.hashed_for(user_id, text)
