"""Uploads as clients see them."""

from msgspec import Struct

from chatserver.assets.models import Asset


class UploadQuota(Struct, frozen=True, kw_only=True):
    """How many uploads one person keeps in a session (`used`), and how many its plan allows (`most`)."""

    used: int
    most: int


class UploadAnswer(Struct, frozen=True, kw_only=True):
    """The upload, and the sender's quota in its session."""

    asset: Asset
    quota: UploadQuota


class UploadsPage(Struct, frozen=True, kw_only=True):
    """A page of one's own uploads, the newest first; `next` is the `before` of the next page. `quota` is that of the
    session where one is asked about."""

    uploads: tuple[Asset, ...]
    next: str | None
    quota: UploadQuota | None
