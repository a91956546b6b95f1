"""Announcements as our pages get them: drawn once for everybody, by the partial that the page itself includes."""

from collections.abc import Callable

from chatserver import events
from chatserver.announcements.events import AnnouncementsChanged
from chatserver.events import Event
from chatserver.web.site import Site


class DrawnAnnouncements(Event, frozen=True, kw_only=True, tag="announcements"):
    """The announcements as `chat.v1.html` carries them: `html` is the content of `<site-announcements>`."""

    html: str

    def merge_key(self) -> str | None:
        return "announcements"


def drawing(site: Site, others: Callable[[Event], bytes]) -> Callable[[Event], bytes]:
    """An encoder that draws announcements, and leaves all other events to the encoder `others`."""
    template = site.environment.get_template("announcements/_lines.html")

    def encode(event: Event) -> bytes:
        if isinstance(event, AnnouncementsChanged):
            html = template.render(announcements=event.announcements)
            return events.encode(DrawnAnnouncements(html=html))
        return others(event)

    return encode
