"""One worker process, which works on generations and replies. `server` imports it while the database starts."""

import asyncio

import structlog

from chatserver.app.background import reporting, running_worker
from chatserver.app.composition import open_state
from chatserver.config import Config
from chatserver.runtime import gc_tuning, loop_lag

log = structlog.get_logger(__name__)


async def work(config: Config, stop: asyncio.Event) -> None:
    """Works until `stop` is set. `config.database_url` is that of a migrated database."""
    async with open_state(config) as state, reporting(state, "worker"), running_worker(state):
        gc_tuning.freeze()
        log.info("worker.started", concurrency=config.worker_concurrency)
        with loop_lag.monitored():
            await stop.wait()
