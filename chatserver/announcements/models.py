"""An announcement as it is stored, sent and drawn."""

import re
from datetime import UTC, datetime

from msgspec import Struct

# A moment within the text, which each reader sees in their own time zone.
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2}))")


class AnnouncementOrder(Struct, frozen=True):
    """What is to be announced, as it was typed, to tell a repeated request from another one."""

    text: str
    until: str


class SiteAnnouncement(Struct, frozen=True, kw_only=True):
    """One line for everybody, shown until `until`."""

    id: str
    text: str
    until: datetime

    @property
    def parts(self) -> list[str | datetime]:
        """The text, with each moment in it (`2026-11-30T18:00Z`) as a datetime in UTC."""
        return [_moment(part) if _MOMENT.fullmatch(part) else part for part in _MOMENT.split(self.text)]


def _moment(text: str) -> str | datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return text
