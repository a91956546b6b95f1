"""What people ask of albums, as decoded at the entrances."""

from typing import Annotated

from msgspec import Struct

from chatserver import ids, validation
from chatserver.errors import Invalid
from chatserver.users.idempotency import ClientId
from chatserver.validation import bounds

NAME_LENGTH, DESCRIPTION_LENGTH = 120, 2_000
# Files in one request: about what a body of the API has room for.
MOST_AT_ONCE = 5_000

AlbumName = Annotated[str, bounds(minLength=1, maxLength=NAME_LENGTH)]
Description = Annotated[str, bounds(maxLength=DESCRIPTION_LENGTH)]
FileIds = Annotated[list[str], bounds(maxItems=MOST_AT_ONCE)]


class CreateAlbum(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make an album, with files of one's own in it if wanted. `client_id` makes a repetition harmless."""

    name: AlbumName
    description: Description = ""
    asset_ids: FileIds = []
    client_id: ClientId | None = None


class ChangeAlbum(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rename or describe an album, or choose one of its files as its cover; what is left out stays."""

    name: AlbumName | None = None
    description: Description | None = None
    cover_id: str | None = None


class AlbumFiles(Struct, frozen=True, forbid_unknown_fields=True):
    """Add these files to an album, in this order, or take them out of it."""

    asset_ids: FileIds


class MovePicture(Struct, frozen=True, forbid_unknown_fields=True):
    """Put one file of an album before another one of it; behind all others where `before` is left out."""

    asset_id: str
    before: str | None = None


def name(text: str) -> str:
    """The name of an album as it is stored. Raises Invalid."""
    return validation.single_line("name", text, NAME_LENGTH)


def description(text: str) -> str:
    """The description of an album as it is stored; may be empty. Raises Invalid."""
    return validation.optional_paragraphs("description", text, DESCRIPTION_LENGTH) or ""


def file_ids(texts: list[str], *, most: int = MOST_AT_ONCE) -> list[str]:
    """Ids of files in their order, each once. Raises Invalid for too many, and NotFound for what is no id."""
    if len(texts) > most:
        raise Invalid.field("asset_ids", f"must be at most {most:,} ids")
    return list(dict.fromkeys(ids.parse(each, "asset_ids") for each in texts))
