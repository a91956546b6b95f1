"""The parts of the running process, opened by `app.composition` and handed to the entrances. Nothing is global."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from chatserver.brokers.base import Broker
from chatserver.config import Config
from chatserver.database import Database
from chatserver.imaging.processor import ImageProcessor
from chatserver.markdown.renderer import MarkdownRenderer
from chatserver.provenance.sealer import Sealer
from chatserver.providers.base import ChatProvider, Provider
from chatserver.realtime.hub import Hub
from chatserver.storage.base import Storage


@dataclass(frozen=True)
class State:
    """The parts of one process; `providers` by name in the order of fall-back."""

    config: Config
    secret_key: str
    database: Database
    broker: Broker
    hub: Hub
    storage: Storage
    pictures: ImageProcessor
    sealer: Sealer
    markdown: MarkdownRenderer
    providers: dict[str, Provider]
    chat: ChatProvider


def state_of(connection: HTTPConnection) -> State:
    """The parts of the process that serves this request."""
    state: State = connection.app.state.chatserver
    return state
