"""Messages: the stream of a session."""

from chatserver.messages.deletion import delete, remove_generations
from chatserver.messages.models import Asset, Author, Generation, Message
from chatserver.messages.requests import TEXT_LENGTH
from chatserver.messages.service import (
    PAGE,
    NewMessage,
    Page,
    add,
    add_silently,
    announce,
    beginning,
    changes,
    find,
    find_repeated,
    following,
    newest,
    say,
    stop,
    touch,
)

__all__ = [
    "PAGE",
    "TEXT_LENGTH",
    "Asset",
    "Author",
    "Generation",
    "Message",
    "NewMessage",
    "Page",
    "add",
    "add_silently",
    "announce",
    "beginning",
    "changes",
    "delete",
    "find",
    "find_repeated",
    "following",
    "newest",
    "remove_generations",
    "say",
    "stop",
    "touch",
]
