"""The parts of the process that every page uses: settings, signing key, static files, templates; in `app.state.site`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from starlette.requests import HTTPConnection

from chatserver.config import Config
from chatserver.web.static import Statics


@dataclass(frozen=True)
class Site:
    """The pages of one process; made once, by `templating.open_site`. `announcements` are what all of them show now."""

    config: Config
    secret_key: str
    statics: Statics
    environment: Environment
    announcements: Callable[[], Sequence[Any]] = tuple


def site_of(connection: HTTPConnection) -> Site:
    """The site that serves this request."""
    site: Site = connection.app.state.site
    return site
