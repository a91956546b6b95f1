"""The gallery's filters as an address has them, combined; a value that does not fit is no filter."""

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from chatserver import ids
from chatserver.database import time_bounds
from chatserver.errors import NotFound
from chatserver.messages.search import QUERY_LENGTH
from chatserver.validation import LARGEST_NUMBER

UTC_ZONE = ZoneInfo("UTC")
_CHOICES = {
    "kind": {"image", "video"},
    "show": {"uploads"},
    "favorite": {"yes"},
    "shape": {"square", "landscape", "portrait"},
    "grid": {"ratio"},
}
_TEXTS = {"model": 200, "style": 100, "q": QUERY_LENGTH}


class PictureFilters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which of one's pictures are meant; empty: no filter. `since` and `until` are days (2026-11-28), both included."""

    q: str = ""
    kind: str = ""
    show: str = ""
    favorite: str = ""
    model: str = ""
    style: str = ""
    shape: str = ""
    side: str = ""
    session: str = ""
    album: str = ""
    since: str = ""
    until: str = ""
    seed: str = ""


class GalleryFilters(PictureFilters, frozen=True, kw_only=True, omit_defaults=True):
    """What of the gallery is shown, and how."""

    grid: str = ""

    @classmethod
    def read(cls, given: dict[str, str]) -> "GalleryFilters":
        """The filters of an address."""
        return cls(**{name: _fitting(name, given.get(name, "").strip()) for name in cls.__struct_fields__})

    @property
    def chosen(self) -> dict[str, str]:
        """Those that narrow what is shown, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value and name != "grid"}

    @property
    def query(self) -> str:
        """The query string that selects the same."""
        return urlencode({name: value for name, value in msgspec.structs.asdict(self).items() if value})

    def link(self, **changed: str) -> str:
        """The address of the gallery with some of it changed, from its newest picture or, with `at` and `month`, another."""
        values = {name: value for name, value in (msgspec.structs.asdict(self) | changed).items() if value}
        return f"/gallery?{urlencode(values)}" if values else "/gallery"

    def conditions(self, zone: ZoneInfo) -> dict[str, Any]:
        """As the functions of the database take them (sql/migrations/…_gallery.sql)."""
        wanted: dict[str, Any] = {
            "words": self.q,
            "kind": self.kind,
            "model": self.model,
            "style": self.style,
            "shape": self.shape,
            "side": self.side,
            "seed": self.seed,
            "session_id": self.session,
            "album_id": self.album,
            "favorite": bool(self.favorite),
            "uploads": bool(self.show),
            "from": time_bounds.first_id(_midnight(self.since, zone)) if self.since else "",
            "to": time_bounds.first_id(_midnight(self.until, zone, days=1)) if self.until else "",
        }
        return {name: value for name, value in wanted.items() if value}


def _fitting(name: str, value: str) -> str:
    if name in _CHOICES:
        return value if value in _CHOICES[name] else ""
    if name in _TEXTS:
        return value if len(value) <= _TEXTS[name] else ""
    if name in {"session", "album"}:
        return _id(value)
    if name in {"since", "until"}:
        return _day(value)
    return value if _is_number(value, LARGEST_NUMBER if name == "seed" else 100_000) else ""


def _id(value: str) -> str:
    try:
        return ids.parse(value) if value else ""
    except NotFound:
        return ""


def _day(value: str) -> str:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return ""
    return day.isoformat() if 1971 <= day.year <= 9000 else ""


def _is_number(value: str, most: int) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 19 and int(value) <= most


def _midnight(day: str, zone: ZoneInfo, days: int = 0) -> datetime:
    first = date.fromisoformat(day) + timedelta(days=days)
    return datetime(first.year, first.month, first.day, tzinfo=zone)
