"""What the gallery shows."""

from datetime import date
from typing import Literal

from msgspec import Struct

from chatserver.assets.models import Asset
from chatserver.database import Row
from chatserver.generations.models import Generation

Shape = Literal["square", "landscape", "portrait"]


class GalleryPicture(Struct, frozen=True, kw_only=True):
    """A picture or clip of the gallery; `generation_id` is None for an upload, `prompt` then its file name.

    `is_mine`: the viewer had it made; favourites may be others'. `day` is that of the reader's time zone.
    """

    asset: Asset
    generation_id: str | None
    session_id: str
    prompt: str
    is_mine: bool
    day: date

    @property
    def id(self) -> str:
        """The id of its file."""
        return self.asset.id

    @property
    def is_favorite(self) -> bool:
        """Whether it is a favourite of the viewer."""
        return self.asset.favorite

    @classmethod
    def from_row(cls, row: Row, day: date) -> "GalleryPicture":
        return cls(
            asset=Asset.from_row(row),
            generation_id=row["generation_id"],
            session_id=row["session_id"],
            prompt=row["prompt"],
            is_mine=row["is_mine"],
            day=day,
        )


class PicturesChunk(Struct, frozen=True, kw_only=True):
    """Pictures that follow each other, the newest first; `newer` and `older`: whether others are beyond them.

    `days` has how many pictures that fit each of their days has.
    """

    pictures: list[GalleryPicture]
    newer: bool
    older: bool
    days: dict[date, int]


class OpenSession(Struct, frozen=True):
    """A session in which a picture's settings can be used again."""

    id: str
    title: str


class PictureDetails(Struct, frozen=True, kw_only=True):
    """A picture, what made it (None for an upload), and where its settings can be used again."""

    picture: GalleryPicture
    generation: Generation | None
    sessions: list[OpenSession]


class MonthCount(Struct, frozen=True):
    """A month with pictures, by its first day, and how many fit."""

    first: date
    number: int


class Choice(Struct, frozen=True):
    """A value of a filter: what the address has, how people read it, and how many pictures have it."""

    value: str
    label: str
    number: int


class Choices(Struct, frozen=True):
    """What there is to choose from, most frequent first."""

    models: list[Choice]
    styles: list[Choice]
    sides: list[Choice]
    sessions: list[Choice]
    albums: list[Choice]


class ListedPicture(Struct, frozen=True, kw_only=True):
    """A picture or clip as the API lists it; an upload has no generation, and its file name as prompt."""

    asset: Asset
    generation_id: str | None
    session_id: str
    prompt: str


class PictureList(Struct, frozen=True):
    """A page of pictures, the newest first; `next` is the `before` of the next page."""

    pictures: list[ListedPicture]
    next: str | None


class GalleryState(Struct, frozen=True):
    """The ids of the pictures from one on towards the newest, oldest first, and which of them are favourites.

    `complete`: they reach up to the newest. `days` has how many pictures that fit each of their days has, `months` the
    months with pictures that fit.
    """

    asset_ids: list[str]
    favorites: list[str]
    complete: bool
    days: dict[date, int]
    months: list[MonthCount]


class GalleryChanges(Struct, frozen=True):
    """What an open gallery is told of the pictures from one on: as `GalleryState`, `months` drawn for its rail."""

    asset_ids: list[str]
    favorites: list[str]
    complete: bool
    days: dict[date, int]
    months: str


class ChosenPictures(Struct, frozen=True):
    """The ids of files, the newest first."""

    asset_ids: list[str]


class DeletionReport(Struct, frozen=True):
    """Which files were deleted, and how many may be deleted only by others."""

    deleted: list[str]
    refused: int
