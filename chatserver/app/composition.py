"""The composition root: opens the parts in the order in which they depend on each other, and gathers all entrances.

`open_state` is what every kind of process shares, `running_worker` makes a process work on jobs, `WebApplication` is the
ASGI application of a web process.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from chatserver import brokers, providers, storage
from chatserver import config as configuration
from chatserver.admin import pages as admin_pages
from chatserver.admin.checks import Checks
from chatserver.admin.updates import AdminChannel
from chatserver.albums import pages as album_pages
from chatserver.albums import routes as album_routes
from chatserver.announcements import rendering as announcement_rendering
from chatserver.announcements.board import AnnouncementBoard
from chatserver.announcements.events import AnnouncementsChanged
from chatserver.api import documents
from chatserver.app.housekeeping import Housekeeping
from chatserver.app.process_reporter import ProcessReporter
from chatserver.app.session_reader import SessionReader
from chatserver.app.ticker import Ticker
from chatserver.assets import commands as asset_commands
from chatserver.assets import pages as asset_pages
from chatserver.assets import routes as asset_routes
from chatserver.assets.events import FavoritesChanged
from chatserver.assets.fingerprinting import Fingerprinter
from chatserver.assets.sweeper import Sweeper
from chatserver.audit.events import OperatorActed
from chatserver.config import Config
from chatserver.credits.events import CreditsChanged
from chatserver.database import Database, load_queries
from chatserver.gallery import pages as gallery_pages
from chatserver.gallery import routes as gallery_routes
from chatserver.generations import commands as generation_commands
from chatserver.generations import pages as generation_pages
from chatserver.generations import provider_limits
from chatserver.generations import routes as generation_routes
from chatserver.generations.attempt import AttemptParts
from chatserver.generations.events import Progress
from chatserver.generations.worker import Worker
from chatserver.identity.viewer import Viewer
from chatserver.imaging.processor import ImageProcessor
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.limits import Limits
from chatserver.mail import pages as mail_pages
from chatserver.mail.sender import MailSender
from chatserver.markdown.renderer import MarkdownRenderer
from chatserver.messages import commands as message_commands
from chatserver.messages import pages as message_pages
from chatserver.messages import routes as message_routes
from chatserver.messages.assistant import Assistant
from chatserver.messages.events import Delta, MessageChanged, PlainPart, ReplyPart
from chatserver.messages.rendering import Drawing
from chatserver.messages.reply_writer import WriterParts
from chatserver.monitoring import health
from chatserver.monitoring import pages as monitoring_pages
from chatserver.monitoring.alarms import AlarmWatch
from chatserver.monitoring.processes import ProcessKind
from chatserver.payments import pages as payment_pages
from chatserver.payments.processing import PaymentProcessor, PaymentReconciler, open_gateways
from chatserver.plans import routes as plan_routes
from chatserver.provenance.sealer import open_sealer
from chatserver.providers.built_in_guide import BuiltInGuide
from chatserver.realtime import endpoint, protocol
from chatserver.realtime.events import CommandReply, More, Presence, Typing, Welcome
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import SocketLimits
from chatserver.reports import routes as report_routes
from chatserver.reports.events import ReportMade
from chatserver.runtime import gc_tuning, loop_lag, paths
from chatserver.sessions import commands as session_commands
from chatserver.sessions import pages as session_pages
from chatserver.sessions import routes as session_routes
from chatserver.sessions.events import SessionChanged, SessionDeleted, StatsChanged, SummariesChanged
from chatserver.sharing import pages as sharing_pages
from chatserver.sharing import routes as sharing_routes
from chatserver.state import State
from chatserver.styles import pages as style_pages
from chatserver.text import confusables
from chatserver.uploads import pages as upload_pages
from chatserver.uploads import routes as upload_routes
from chatserver.users import pages as user_pages
from chatserver.users import request_identity
from chatserver.users import routes as user_routes
from chatserver.users.events import SignInsEnded
from chatserver.verification import pages as verification_pages
from chatserver.verification import routes as verification_routes
from chatserver.web import app_shell, errors, middleware, templating
from chatserver.web.authentication import Identify
from chatserver.web.hosts import is_own_origin
from chatserver.web.site import Site

# The events of the features that brokers carry between processes, and that the hub decodes.
BROKER_EVENTS = (
    MessageChanged,
    ReplyPart,
    Delta,
    Progress,
    CreditsChanged,
    SessionChanged,
    SessionDeleted,
    StatsChanged,
    SignInsEnded,
    FavoritesChanged,
    JobsWaiting,
    OperatorActed,
    ReportMade,
)
# The pause before a background task that failed is started again.
RESTART_SECONDS = 2.0

log = structlog.get_logger(__name__)


# Opening ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_state(config: Config, site: Site | None = None) -> AsyncIterator[State]:
    """Opens every part for the length of the block. `config.database_url` is that of a migrated database."""
    secret_key = configuration.secret_key(config)
    sealer = open_sealer(config, secret_key)
    site = site or templating.open_site(config, secret_key)
    async with AsyncExitStack() as stack:
        broker = brokers.open_broker(config)
        stack.push_async_callback(broker.close)
        drawing = announcement_rendering.drawing(site, Drawing(site).encode)
        hub = Hub(broker, BROKER_EVENTS, {protocol.HTML: drawing}, _socket_limits(config), secret_key)
        database = Database(
            config.database_url,
            load_queries(paths.SQL / "queries"),
            hub,
            pool=config.database_pool,
            pooler=config.database_pooler,
            limits=Limits.from_config(config),
            timing=config.timing,
        )
        await database.connect()
        stack.push_async_callback(database.close)
        files = await storage.open_storage(config)
        stack.push_async_callback(files.close)
        pictures = ImageProcessor()
        stack.push_async_callback(pictures.close)
        stack.push_async_callback(sealer.close)
        markdown = MarkdownRenderer()
        stack.push_async_callback(markdown.close)
        # Child processes take as long to import as all of this; nothing needs them before the first message or picture.
        await stack.enter_async_context(_concurrently(_start_children(markdown, pictures)))
        # Loaded in advance: the first name to be checked would otherwise block the event loop.
        await stack.enter_async_context(_concurrently(asyncio.to_thread(confusables.prototypes)))
        by_name = providers.open_providers(config)
        for provider in by_name.values():
            stack.push_async_callback(provider.close)
        chat = providers.open_chat(config) or BuiltInGuide()
        stack.push_async_callback(chat.close)
        await hub.start(SessionReader(database))
        stack.push_async_callback(hub.close)
        yield State(
            config=config,
            secret_key=secret_key,
            database=database,
            broker=broker,
            hub=hub,
            storage=files,
            pictures=pictures,
            sealer=sealer,
            markdown=markdown,
            providers=by_name,
            chat=chat,
        )


async def _start_children(markdown: MarkdownRenderer, pictures: ImageProcessor) -> None:
    """One after the other, since a start may have few cores; messages come before pictures."""
    await markdown.start()
    await pictures.start()


def _socket_limits(config: Config) -> SocketLimits:
    return SocketLimits(
        sockets_per_user=config.sockets_per_user,
        sockets_per_address=config.sockets_per_address,
        commands_per_10_seconds=config.commands_per_10_seconds,
        commands_per_minute=6 * config.commands_per_10_seconds,
    )


@asynccontextmanager
async def running_worker(state: State) -> AsyncIterator[None]:
    """Works on generations and replies, and cleans up, for the length of the block; then gives its jobs back."""
    worker = Worker(_attempt_parts(state), concurrency=state.config.worker_concurrency)
    assistant = Assistant(_writer_parts(state))
    unlisten = [state.hub.listen(JOBS_CHANNEL, notify) for notify in (worker.notify, assistant.notify)]
    cleanup = (Sweeper(state.database, state.storage).run, Housekeeping(state.database).run)
    fingerprinter = Fingerprinter(state.database, state.storage, state.pictures)
    jobs = (worker.run, assistant.run, fingerprinter.run, *cleanup)
    mail = (MailSender(state.database, state.config).run,) if state.config.smtp_url else ()
    if state.config.alarm_email:
        mail = (*mail, AlarmWatch(state.database, state.config, health.Health(state).check).run)
    payments = _payments(state)
    asking = (PaymentReconciler(payments, state.database).run,) if payments.gateways else ()
    try:
        async with _background_tasks(*jobs, *mail, *asking):
            yield
    finally:
        for stop in unlisten:
            stop()
        await payments.close()


@asynccontextmanager
async def reporting(state: State, kind: ProcessKind) -> AsyncIterator[None]:
    """Reports for the length of the block that this process runs, for the operator's page."""
    async with _background_tasks(ProcessReporter(state.database, state.hub, kind).run):
        yield


def _payments(state: State) -> PaymentProcessor:
    config = state.config
    return PaymentProcessor(state.database, open_gateways(config), config.payments_mode, config.origin)


def _attempt_parts(state: State) -> AttemptParts:
    return AttemptParts(
        database=state.database,
        publisher=state.hub,
        storage=state.storage,
        pictures=state.pictures,
        sealer=state.sealer,
        providers=state.providers,
        chain=_chain(state),
    )


def _writer_parts(state: State) -> WriterParts:
    return WriterParts(
        config=state.config,
        database=state.database,
        publisher=state.hub,
        markdown=state.markdown,
        chat=state.chat,
    )


@asynccontextmanager
async def _concurrently(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Runs a coroutine while the block runs, and cancels it at the end of the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _background_tasks(*jobs: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(_supervise(job)) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _supervise(job: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await job()
        except Exception:
            log.exception("background.failed", job=getattr(job, "__qualname__", "job"))
        await asyncio.sleep(RESTART_SECONDS)


# Serving ----------------------------------------------------------------------------------------------------------

API = [
    *user_routes.ROUTES,
    *plan_routes.ROUTES,
    *session_routes.ROUTES,
    *message_routes.ROUTES,
    *generation_routes.ROUTES,
    *asset_routes.ROUTES,
    *gallery_routes.ROUTES,
    *album_routes.ROUTES,
    *upload_routes.ROUTES,
    *sharing_routes.ROUTES,
    *report_routes.ROUTES,
    *verification_routes.ROUTES,
]
PAGES = [
    *health.ROUTES,
    *monitoring_pages.ROUTES,
    *app_shell.PAGES,
    *documents.ROUTES,
    *user_pages.PAGES,
    *mail_pages.PAGES,
    *session_pages.PAGES,
    *payment_pages.PAGES,
    *message_pages.PAGES,
    *generation_pages.PAGES,
    *asset_pages.ROUTES,
    *style_pages.ROUTES,
    *album_pages.PAGES,
    *sharing_pages.PAGES,
    *gallery_pages.PAGES,
    *upload_pages.PAGES,
    *verification_pages.PAGES,
    *admin_pages.PAGES,
]
COMMANDS = [
    *message_commands.COMMANDS,
    *generation_commands.COMMANDS,
    *asset_commands.COMMANDS,
    *session_commands.COMMANDS,
]


class WebApplication:
    """The ASGI application of one web process; made by `open_web_application`."""

    def __init__(self, state: State, site: Site, work: AsyncExitStack) -> None:
        self._state, self._work = state, work
        self._http = _http(state, site, self._identify)
        is_own = partial(is_own_origin, state.config)
        self._admin = AdminChannel(state.database, state.hub, self._http.state.health.check, _chain(state), is_own)
        sockets = self._admin.beside(endpoint.build(state.hub, COMMANDS, state, is_own))
        self._sockets = middleware.websocket_stack(sockets, state.config, self._identify)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Sockets bypass the HTTP middleware, which would keep their request in memory for hours.
        app = self._sockets if scope["type"] == "websocket" else self._http
        await app(scope, receive, send)

    async def _identify(self, connection: HTTPConnection) -> Viewer | None:
        return await request_identity.identify(self._state.database, self._state.config, connection)

    async def drain(self) -> None:
        """Begins the shutdown: /readyz fails, jobs go back into the queue, sockets are closed with 1012 in waves."""
        self._state.hub.draining = True
        self._admin.close_sockets()
        await asyncio.gather(self._work.aclose(), self._state.hub.drain())

    async def close(self) -> None:
        """Closes the connections to payment services."""
        await self._http.state.payments.close()

    def announce_start(self) -> None:
        """Logs the address, and a warning where sessions cost nothing."""
        config = self._state.config
        log.info("web.started", address=config.origin, port=config.port, providers=list(self._state.providers))
        if "instant" in config.checkout:
            log.warning("checkout.instant", meaning="whoever signs up gets sessions at once and for nothing")


@asynccontextmanager
async def open_web_application(config: Config, *, with_worker: bool) -> AsyncIterator[WebApplication]:
    """The application of a web process with all its parts. `with_worker`: it works on jobs too."""
    board = AnnouncementBoard()
    site = templating.open_site(config, configuration.secret_key(config), board.current)
    kind: ProcessKind = "all" if with_worker else "web"
    async with (
        open_state(config, site) as state,
        reporting(state, kind),
        _background_tasks(_ticker(state, board).run),
        AsyncExitStack() as closing,
        AsyncExitStack() as work,
    ):
        if with_worker:
            await work.enter_async_context(running_worker(state))
        product = WebApplication(state, site, work)
        closing.push_async_callback(product.close)
        state.hub.readiness.accepts_users = True
        gc_tuning.freeze()
        with loop_lag.monitored():
            yield product


def _ticker(state: State, board: AnnouncementBoard) -> Ticker:
    return Ticker(state.database, state.hub, _chain(state), board)


def _chain(state: State) -> provider_limits.FallbackChain:
    return provider_limits.fallback_chain(state.config, state.providers.values())


def _http(state: State, site: Site, identify: Identify) -> Starlette:
    http = Starlette(
        routes=[*API, *PAGES, site.statics.route()],
        middleware=middleware.http_stack(state.config, identify),
        exception_handlers=errors.EXCEPTION_HANDLERS,
    )
    http.state.site, http.state.chatserver, http.state.health = site, state, health.Health(state)
    http.state.payments = _payments(state)
    http.state.checks = Checks(state.database, state.storage)
    server_events = (
        Welcome,
        PlainPart,
        *(event for event in BROKER_EVENTS if event is not ReplyPart),
        SummariesChanged,
        AnnouncementsChanged,
        Presence,
        Typing,
        More,
        CommandReply,
    )
    http.state.documents = documents.make(API, COMMANDS, server_events, state.config)
    return http
