"""What people ask of uploads."""

from msgspec import Struct

PAGE = 50


class CreateUpload(Struct, frozen=True, forbid_unknown_fields=True):
    """Bring a picture, which is the body. `client_id` makes a repetition harmless; `name` is what the file was called."""

    client_id: str
    name: str = ""


class ListUploads(Struct, frozen=True, forbid_unknown_fields=True):
    """Which of one's own uploads to list."""

    session_id: str | None = None
    before: str | None = None
    limit: int = PAGE
