"""Stored files: as people see one (`Asset`), and as the server handles them."""

from typing import Literal

from msgspec import Struct, field

from chatserver.assets.keys import PREVIEW_SIDES
from chatserver.database import Row
from chatserver.database.records import Record
from chatserver.imaging.protocol import Provenance
from chatserver.imaging.size_limits import THUMBNAIL_SIDE
from chatserver.providers.digital_source import digital_source


class Asset(Struct, frozen=True, kw_only=True):
    """A stored file. Sizes in pixels and bytes; addresses are stable and checked on each request.

    `placeholder` is the base64 of a WebP of at most 24 pixels a side, drawn until the file has loaded; `hue` is that of most
    of its colour in OKLCH (0–359; None where it is grey); `origin`: whether it was made here or uploaded. `favorite` is the
    viewer's own mark: it is false in what goes to everyone in a session, whose sockets are told of their own marks.
    """

    id: str
    kind: Literal["image", "video"]
    content_type: str
    width: int
    height: int
    bytes: int
    sha256: str
    filename: str
    url: str
    download_url: str
    thumbnail_url: str
    placeholder: str
    favorite: bool = False
    duration_seconds: float | None = None
    hue: int | None = None
    origin: Literal["generation", "upload"] = "generation"

    @property
    def srcset(self) -> str:
        """The thumbnail and the previews of a picture, each with its width in pixels, as the attribute `srcset` has them."""
        longer, folder = max(self.width, self.height), self.url.rpartition("/")[0]
        sides = [
            side for side in PREVIEW_SIDES if self.kind == "image" and longer > THUMBNAIL_SIDE and side < 2 * longer
        ]
        addresses = {THUMBNAIL_SIDE: self.thumbnail_url} | {side: f"{folder}/{side}.webp" for side in sides}
        widths = {side: max(1, round(self.width * min(1.0, side / longer))) for side in addresses}
        return ", ".join(f"{address} {widths[side]}w" for side, address in addresses.items())

    @classmethod
    def from_row(cls, row: Row) -> "Asset":
        folder, filename = f"/files/{row['id']}", row["filename"]
        return cls(
            id=row["id"],
            kind=row["kind"],
            content_type=row["content_type"],
            width=row["width"],
            height=row["height"],
            bytes=row["bytes"],
            sha256=row["sha256"],
            filename=filename,
            url=f"{folder}/{filename}",
            download_url=f"{folder}/{filename}?download",
            thumbnail_url=f"{folder}/thumbnail.webp",
            placeholder=row["placeholder"],
            favorite=row.get("is_favorite", False),
            duration_seconds=row["duration_seconds"],
            hue=row["hue"],
            origin=row["origin"],
        )


class StagedFile(Struct, frozen=True):
    """A row whose bytes are about to be stored under these keys."""

    id: str
    storage_key: str
    thumbnail_key: str

    @classmethod
    def from_row(cls, row: Row) -> "StagedFile":
        return cls(row["id"], row["storage_key"], row["thumbnail_key"])


class StoredFile(Record, frozen=True, kw_only=True):
    """What is needed to serve a file. `bytes` is its size, `sha256` the hex digest of its bytes."""

    id: str
    kind: Literal["image", "video"]
    content_type: str
    bytes: int
    sha256: str
    filename: str
    storage_key: str
    thumbnail_key: str


class FileOrigin(Struct, frozen=True):
    """How a stored file was made, as copies of it say (None for what somebody uploaded), and the plan of its session."""

    provenance: Provenance | None
    plan_id: str

    @classmethod
    def from_row(cls, row: Row) -> "FileOrigin":
        if row["origin"] == "upload":
            return cls(None, row["plan_id"])
        provenance = Provenance(
            generation_id=row["generation_id"],
            source=digital_source(row["provider"], masked=row["masked"]),
            model=row["model"],
            made_at=row["made_at"],
            prompt=row["prompt"],
            seed=row["seed"],
        )
        return cls(provenance, row["plan_id"])


class SweepReport(Struct, frozen=True, kw_only=True):
    """Counts of what a sweep removed: rows with their objects, objects without a row, unfinished uploads.

    `kept` counts the objects without a row that were left alone, since they are too much of the store.
    """

    rows: int = 0
    objects: int = 0
    kept: int = 0
    unfinished: int = 0


class AuditReport(Struct, kw_only=True):
    """The result of an audit: counts, and the keys that differ. `foreign` objects are not this product's."""

    rows: int = 0
    objects: int = 0
    missing: list[str] = field(default_factory=list)
    wrong_sizes: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def is_consistent(self) -> bool:
        """Whether every row has its object in the right size, and every object a row."""
        return not (self.missing or self.wrong_sizes or self.orphans)
