"""What a process does beside serving: work on jobs, clean up, send e-mail, ask payment services, report that it runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from chatserver.app.composition import fallback_chain, payment_processor
from chatserver.app.housekeeping import Housekeeping
from chatserver.app.process_reporter import ProcessReporter
from chatserver.assets.fingerprinting import Fingerprinter
from chatserver.assets.sweeper import Sweeper
from chatserver.generations.attempt import AttemptParts
from chatserver.generations.worker import Worker
from chatserver.jobs.events import JOBS_CHANNEL
from chatserver.mail.sender import MailSender
from chatserver.messages.assistant import Assistant
from chatserver.messages.reply_writer import WriterParts
from chatserver.monitoring import health
from chatserver.monitoring.alarms import AlarmWatch
from chatserver.monitoring.processes import ProcessKind
from chatserver.payments.processing import PaymentReconciler
from chatserver.state import State

# The pause before a background task that failed is started again.
RESTART_SECONDS = 2.0

log = structlog.get_logger(__name__)


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
    payments = payment_processor(state)
    asking = (PaymentReconciler(payments, state.database).run,) if payments.gateways else ()
    try:
        async with background_tasks(*jobs, *mail, *asking):
            yield
    finally:
        for stop in unlisten:
            stop()
        await payments.close()


@asynccontextmanager
async def reporting(state: State, kind: ProcessKind) -> AsyncIterator[None]:
    """Reports for the length of the block that this process runs, for the operator's page."""
    async with background_tasks(ProcessReporter(state.database, state.hub, kind).run):
        yield


def _attempt_parts(state: State) -> AttemptParts:
    return AttemptParts(
        database=state.database,
        publisher=state.hub,
        storage=state.storage,
        pictures=state.pictures,
        sealer=state.sealer,
        providers=state.providers,
        chain=fallback_chain(state),
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
async def background_tasks(*jobs: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Runs each job for the length of the block; one that fails or ends is started again."""
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
