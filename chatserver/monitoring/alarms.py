"""Tells the operator by e-mail (ALARM_EMAIL) what is wrong: a provider that is closed after faults, a database, broker or
file store that does not answer, work that waits too long, a refund that has not arrived. Each worker checks; of one kind
there is one e-mail an hour.

An alarm goes through the mail queue; one about the database, in which the queue is, is sent by the worker itself.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

import aiosmtplib
import structlog

from chatserver import mail
from chatserver.config import Config
from chatserver.database import Database, Transaction
from chatserver.errors import Busy
from chatserver.mail import smtp
from chatserver.mail.sender import alarm_words
from chatserver.mail.service import ALARM_PAUSE_SECONDS
from chatserver.monitoring.health import READ_ONLY
from chatserver.payments import service as payments
from chatserver.web import filters

CHECK_SECONDS = 30.0
# What a dependency is called to the operator.
_NAMES = {"database": "The database", "broker": "The broker", "storage": "The file store"}

log = structlog.get_logger(__name__)


class AlarmWatch:
    """Checks until it is cancelled. `check` gives "ok", or what is wrong, for each dependency of this process."""

    def __init__(self, database: Database, config: Config, check: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        self._database, self._config, self._check = database, config, check
        self._wrong: dict[str, str] = {}
        self._database_alarm_sent_at: float | None = None

    async def run(self) -> NoReturn:
        """Checks twice a minute. What fails is logged, and tried again."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.raise_due()
            except Busy:
                log.warning("alarms.database_busy")
            except Exception:
                log.exception("alarms.failed")

    async def raise_due(self) -> None:
        """Raises the alarms that are due. A dependency must be found wrong twice in a row: one slow answer is none."""
        found = {name: result for name, result in (await self._check()).items() if result != "ok"}
        lasting, self._wrong = {name: found[name] for name in found.keys() & self._wrong.keys()}, found
        if "database" in found:
            if "database" in lasting:
                takes_none = lasting["database"] == READ_ONLY
                await self._send_about_database("takes no changes" if takes_none else "does not answer")
            return
        alarms = {name: f"{_NAMES[name]} does not answer ({result})." for name, result in lasting.items()}
        raised = await self._database.run_system(_raise, self._config, alarms)
        for kind in raised:
            log.warning("alarm.raised", kind=kind)

    async def _send_about_database(self, what: str) -> None:
        """By this process itself: without the database processes cannot agree on who tells."""
        now = time.monotonic()
        if self._database_alarm_sent_at is not None and now - self._database_alarm_sent_at < ALARM_PAUSE_SECONDS:
            return
        subject, text = alarm_words(self._config, f"{_NAMES['database']} {what}.")
        try:
            async with asyncio.timeout(smtp.SECONDS):
                await smtp.send(self._config, smtp.message(self._config, self._config.alarm_email, subject, text))
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            log.warning("mail.failed", error=type(error).__name__)
        else:
            self._database_alarm_sent_at = now
            log.warning("alarm.raised", kind="database")


async def _raise(tx: Transaction, config: Config, alarms: Mapping[str, str]) -> list[str]:
    """Queues those of the alarms, and of what the database knows to be wrong, that are due. Returns their kinds."""
    due = {
        **alarms,
        **await _of_providers(tx),
        **await _of_queue(tx, config.alarm_queue_minutes),
        **await _of_refunds(tx),
    }
    return [kind for kind, words in sorted(due.items()) if await mail.raise_alarm(tx, kind, config.alarm_email, words)]


async def _of_providers(tx: Transaction) -> dict[str, str]:
    rows = await tx.fetch_all("monitoring.tripped_providers")
    return {
        f"provider {row['name']}": f"The provider {row['name']} is closed after faults ({row['last_error_code']})."
        for row in rows
    }


async def _of_refunds(tx: Transaction) -> dict[str, str]:
    """Those that were found since this could last be told: each is told of once."""
    found = await payments.refunds_at_large(tx, ALARM_PAUSE_SECONDS)
    return {"refunds": f"{payments.refunds_in_words(len(found))}: see /admin/orders."} if found else {}


async def _of_queue(tx: Transaction, minutes: int) -> dict[str, str]:
    row = await tx.fetch_one("monitoring.waiting_too_long", minutes=minutes)
    if row is None or not row["waiting"]:
        return {}
    what = filters.count(row["waiting"], "picture or clip has", "pictures or clips have")
    return {"queue": f"{what} waited for more than {minutes} min, the oldest for {filters.duration(row['oldest'])}."}
