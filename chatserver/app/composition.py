"""The composition root: opens the parts of every kind of process, in the order in which they depend on each other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

import chatserver.database.backend  # noqa: F401
from chatserver import brokers, providers, storage
from chatserver import config as configuration
from chatserver.app.events import BROKER_EVENTS
from chatserver.app.session_reader import SessionReader
from chatserver.brokers import Broker
from chatserver.config import Config
from chatserver.database import Database, load_queries
from chatserver.errors import Busy
from chatserver.generations import provider_limits
from chatserver.imaging.processor import ImageProcessor
from chatserver.limits import Limits
from chatserver.markdown.renderer import MarkdownRenderer
from chatserver.monitoring import processes
from chatserver.payments.processing import PaymentProcessor, open_gateways
from chatserver.provenance.sealer import open_sealer
from chatserver.providers.built_in_guide import BuiltInGuide
from chatserver.realtime.connection import Encoder
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import SocketLimits
from chatserver.runtime import paths
from chatserver.state import State

PartT = TypeVar("PartT", bound="_Closable")

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_state(config: Config, forms: Mapping[str, Encoder] | None = None) -> AsyncIterator[State]:
    """Opens every part for the length of the block. `config.database_url` is that of a migrated database; `forms` are the
    hub's, which a process without pages does without."""
    secret_key = configuration.secret_key(config)
    async with AsyncExitStack() as stack:
        opened = partial(_opened, stack)
        sealer = opened(open_sealer(config, secret_key))
        broker = opened(brokers.open_broker(config))
        hub = _hub(config, broker, forms, secret_key)
        database = opened(_database(config, hub))
        await database.connect()
        await _warn_of_another_key(database, secret_key)
        files = opened(await storage.open_storage(config))
        pictures, markdown = opened(ImageProcessor()), opened(MarkdownRenderer())
        # Child processes take as long to import as all of this; nothing needs them before the first message or picture.
        await stack.enter_async_context(concurrently(_start_children(markdown, pictures)))
        by_name = {name: opened(provider) for name, provider in providers.open_providers(config).items()}
        chat = opened(providers.open_chat(config) or BuiltInGuide())
        await hub.start(SessionReader(database))
        opened(hub)
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


async def _warn_of_another_key(database: Database, secret_key: str) -> None:
    """Machines that sign by different keys take each other's links and forms for forged: some fail, and nothing says why."""
    with contextlib.suppress(Busy):  # a database that takes no changes; the next start notes it
        if await database.run_system(processes.signs_otherwise, secret_key):
            log.warning(
                "process.signing_key_changed",
                meaning="the process that started before this one had another SECRET_KEY: what it has signed ends here",
                advice="unless that was meant, give every machine the same SECRET_KEY, or copy DATA_DIR/secret-key",
            )


class _Closable(Protocol):
    async def close(self) -> None: ...


def _opened(stack: AsyncExitStack, part: PartT) -> PartT:
    """A part that is closed at the end of the stack, before the parts that were opened earlier."""
    stack.push_async_callback(part.close)
    return part


def _hub(config: Config, broker: Broker, forms: Mapping[str, Encoder] | None, secret_key: str) -> Hub:
    limits = SocketLimits(
        sockets_per_user=config.sockets_per_user,
        sockets_per_address=config.sockets_per_address,
        commands_per_10_seconds=config.commands_per_10_seconds,
        commands_per_minute=6 * config.commands_per_10_seconds,
    )
    return Hub(broker, BROKER_EVENTS, forms, limits, secret_key)


def _database(config: Config, hub: Hub) -> Database:
    return Database(
        config.database_url,
        load_queries(paths.SQL / "queries"),
        hub,
        pool=config.database_pool,
        pooler=config.database_pooler,
        limits=Limits.from_config(config),
        timing=config.timing,
    )


async def _start_children(markdown: MarkdownRenderer, pictures: ImageProcessor) -> None:
    """One after the other, since a start may have few cores; messages come before pictures."""
    await markdown.start()
    await pictures.start()


@asynccontextmanager
async def concurrently(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Runs a coroutine while the block runs, and cancels it at the end of the block. Its failure is only logged."""
    task = asyncio.create_task(work)
    task.add_done_callback(_log_failure)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _log_failure(task: "asyncio.Task[object]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background.failed", job=getattr(task.get_coro(), "__qualname__", "job"), exc_info=error)


def payment_processor(state: State) -> PaymentProcessor:
    """The orders of this process; its owner closes it."""
    config = state.config
    gateways, by_mail = open_gateways(config), bool(config.smtp_url)
    return PaymentProcessor(state.database, gateways, config.payments_mode, config.origin, by_mail=by_mail)


def fallback_chain(state: State) -> provider_limits.FallbackChain:
    """The limits of the providers that are open, in the order in which they are tried."""
    return provider_limits.fallback_chain(state.config, state.providers.values())
