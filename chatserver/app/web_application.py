"""The ASGI application of a web process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from chatserver import config as configuration
from chatserver import plans
from chatserver.admin.checks import Checks
from chatserver.admin.updates import AdminChannel
from chatserver.announcements import rendering as announcement_rendering
from chatserver.announcements.board import AnnouncementBoard
from chatserver.api import documents
from chatserver.app.background import background_tasks, reporting, running_worker
from chatserver.app.composition import concurrently, fallback_chain, open_state, payment_processor
from chatserver.app.entrances import API, COMMANDS, PAGES
from chatserver.app.events import SERVER_EVENTS
from chatserver.app.ticker import Ticker
from chatserver.config import Config
from chatserver.gallery.updates import GalleryChannel
from chatserver.messages import rendering
from chatserver.monitoring import health
from chatserver.monitoring.processes import ProcessKind
from chatserver.realtime import endpoint, protocol
from chatserver.realtime.connection import Encoder
from chatserver.runtime import gc_tuning, loop_lag
from chatserver.state import State
from chatserver.text import confusables
from chatserver.users import request_identity
from chatserver.web import errors, middleware, templating
from chatserver.web.authentication import Identify
from chatserver.web.hosts import is_own_origin
from chatserver.web.site import Site

# Whoever has waited for the start is answered first.
WARM_UP_AFTER_SECONDS = 0.2

log = structlog.get_logger(__name__)


class WebApplication:
    """The ASGI application of one web process; made by `open_web_application`."""

    def __init__(self, state: State, site: Site, work: AsyncExitStack, misnamed_plans: Sequence[str]) -> None:
        self._state, self._work, self._misnamed_plans = state, work, misnamed_plans
        identify = request_identity.ViewerFinder(state.database, state.config).identify
        self._http = http_application(state, site, identify)
        is_own = partial(is_own_origin, state.config)
        self._admin = AdminChannel(
            state.database, state.hub, self._http.state.health.check, fallback_chain(state), is_own
        )
        self._gallery = GalleryChannel(state.database, state.hub, is_own)
        sessions = endpoint.build(state.hub, COMMANDS, state, is_own)
        sockets = self._admin.beside(self._gallery.beside(sessions))
        self._sockets = middleware.websocket_stack(sockets, state.config, identify)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Sockets bypass the HTTP middleware, which would keep their request in memory for hours.
        app = self._sockets if scope["type"] == "websocket" else self._http
        await app(scope, receive, send)

    @property
    def number(self) -> int | None:
        """Its own among the processes that share its port, by which /metrics tells them apart; None where it is alone."""
        number: int | None = self._http.state.process_number
        return number

    @number.setter
    def number(self, number: int | None) -> None:
        self._http.state.process_number = number

    async def drain(self) -> None:
        """Begins the shutdown: /readyz fails, jobs go back into the queue, sockets are closed with 1012 in waves."""
        self._state.hub.draining = True
        self._admin.close_sockets()
        self._gallery.close_sockets()
        await asyncio.gather(self._work.aclose(), self._state.hub.drain())

    async def close(self) -> None:
        """Closes the connections to payment services."""
        await self._http.state.payments.close()

    def announce_start(self) -> None:
        """Logs the address, and warnings where sessions cost nothing or a setting names no plan."""
        config = self._state.config
        log.info("web.started", address=config.origin, port=config.port, providers=list(self._state.providers))
        if "instant" in config.checkout:
            log.warning("checkout.instant", meaning="whoever signs up gets sessions at once and for nothing")
        for setting in self._misnamed_plans:
            log.warning("plans.misnamed", meaning=setting, advice="chatserver plans list")


@asynccontextmanager
async def open_web_application(config: Config, *, with_worker: bool) -> AsyncIterator[WebApplication]:
    """The application of a web process with all its parts. `with_worker`: it works on jobs too."""
    board = AnnouncementBoard()
    site = templating.open_site(config, configuration.secret_key(config), board.current)
    kind: ProcessKind = "all" if with_worker else "web"
    async with (
        open_state(config, {protocol.HTML: _drawing(site)}) as state,
        reporting(state, kind),
        background_tasks(_ticker(state, board).run),
        AsyncExitStack() as closing,
        AsyncExitStack() as work,
        concurrently(_warm_up(site)),
    ):
        if with_worker:
            await work.enter_async_context(running_worker(state))
        product = WebApplication(state, site, work, await state.database.run_system(plans.misnamed_in, config))
        closing.push_async_callback(product.close)
        state.hub.readiness.accepts_users = True
        gc_tuning.freeze()
        with loop_lag.monitored():
            yield product


def _drawing(site: Site) -> Encoder:
    return announcement_rendering.drawing(site, rendering.Drawing(site).encode)


async def _warm_up(site: Site) -> None:
    """Loads in threads what the first message and the first name to be checked would otherwise block the event loop for."""
    await asyncio.sleep(WARM_UP_AFTER_SECONDS)
    await asyncio.to_thread(rendering.Drawing(site).load_templates)
    await asyncio.to_thread(confusables.prototypes)


def _ticker(state: State, board: AnnouncementBoard) -> Ticker:
    return Ticker(state.database, state.hub, fallback_chain(state), board)


def http_application(state: State, site: Site, identify: Identify) -> Starlette:
    """The routes of API and pages behind the HTTP middleware; `identify` finds out whose request it is."""
    http = Starlette(
        routes=[*API, *PAGES, site.statics.route()],
        middleware=middleware.http_stack(state.config, identify),
        exception_handlers=errors.EXCEPTION_HANDLERS,
    )
    http.state.site, http.state.chatserver, http.state.health = site, state, health.Health(state)
    http.state.payments = payment_processor(state)
    http.state.process_number = None
    http.state.checks = Checks(state.database, state.storage)
    http.state.documents = documents.Documents(API, [*COMMANDS, *endpoint.HUB_COMMANDS], SERVER_EVENTS, state.config)
    return http
