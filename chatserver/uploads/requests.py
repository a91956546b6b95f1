"""What people ask of uploads."""

from typing import Annotated

from msgspec import Struct

from chatserver.users.idempotency import ClientId
from chatserver.validation import bounds

PAGE, MOST_LISTED = 50, 200


class CreateUpload(Struct, frozen=True, forbid_unknown_fields=True):
    """Bring a picture, which is the body. `client_id` makes a repetition harmless; `name` is what the file was called."""

    client_id: ClientId
    name: str = ""


class ListUploads(Struct, frozen=True, forbid_unknown_fields=True):
    """Which of one's own uploads to list."""

    session_id: str | None = None
    before: str | None = None
    limit: Annotated[int, bounds(minimum=1, maximum=MOST_LISTED)] = PAGE
