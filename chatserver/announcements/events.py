"""What is announced to the open pages."""

from chatserver.announcements.models import SiteAnnouncement
from chatserver.events import Event


class AnnouncementsChanged(Event, frozen=True, kw_only=True, tag="announcements"):
    """The operator's announcements that are shown now, the oldest first: all of them, also when there are none any more."""

    announcements: tuple[SiteAnnouncement, ...]

    def merge_key(self) -> str | None:
        return "announcements"
