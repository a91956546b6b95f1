"""Messages: the stream of a session."""

from chatserver.messages.deletion import disown, end_replies_of_session, erase, remove_of_session, require_deletable
from chatserver.messages.export import export_page
from chatserver.messages.models import Author, Message
from chatserver.messages.reading import (
    PAGE,
    Page,
    beginning,
    changes,
    changes_of,
    find,
    find_sent,
    following,
    newest,
    newest_of,
    shown_before,
)
from chatserver.messages.requests import TEXT_LENGTH
from chatserver.messages.service import NewMessage, add, add_silently, announce, enter, say, stop, touch

__all__ = [
    "PAGE",
    "TEXT_LENGTH",
    "Author",
    "Message",
    "NewMessage",
    "Page",
    "add",
    "add_silently",
    "announce",
    "beginning",
    "changes",
    "changes_of",
    "disown",
    "end_replies_of_session",
    "enter",
    "erase",
    "export_page",
    "find",
    "find_sent",
    "following",
    "newest",
    "newest_of",
    "remove_of_session",
    "require_deletable",
    "say",
    "shown_before",
    "stop",
    "touch",
]
