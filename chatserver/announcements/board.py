"""The announcements as every page of a web process shows them, without a question to the database."""

from chatserver.announcements.models import SiteAnnouncement
from chatserver.runtime import clock


class AnnouncementBoard:
    """Filled by the ticker once a second."""

    def __init__(self) -> None:
        self._shown: tuple[SiteAnnouncement, ...] = ()

    def show(self, announcements: tuple[SiteAnnouncement, ...]) -> None:
        """From now on pages show these."""
        self._shown = announcements

    def current(self) -> list[SiteAnnouncement]:
        """Those that have not expired."""
        return [each for each in self._shown if each.until > clock.now()]
