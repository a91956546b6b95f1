"""Sends what waits in the mail queue, on every worker: at least once, and again after a pause that doubles."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import aiosmtplib
import structlog

from chatserver.config import Config
from chatserver.database import Database, Row, Transaction
from chatserver.errors import Busy
from chatserver.mail import service, smtp
from chatserver.users import authentication, email_verification, password_reset

POLL_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 15.0

log = structlog.get_logger(__name__)


class MailSender:
    """Sends until it is cancelled. An e-mail that a server has accepted just before a crash is sent once more."""

    def __init__(self, database: Database, config: Config, first_pause: float = FIRST_PAUSE_SECONDS) -> None:
        self._database, self._config, self._first_pause = database, config, first_pause

    async def run(self) -> NoReturn:
        """Looks once a second."""
        while True:
            try:
                while await self.send_next():
                    pass
            except Busy:
                log.warning("mail.database_busy")
            await asyncio.sleep(POLL_SECONDS)

    async def send_next(self) -> bool:
        """Sends the next one that is due; False where there is none."""
        claimed = await self._database.run_system(_claim, self._first_pause)
        if claimed is None:
            return False
        if claimed["is_old"]:
            log.warning("mail.given_up", attempts=claimed["attempts"] - 1)
        elif not await self._try(claimed):
            return True
        await self._database.run_system(_remove, claimed["id"])
        return True

    async def _try(self, claimed: Row) -> bool:
        """Whether it is done with: sent, refused for good, or for nobody."""
        letter = await self._letter(claimed)
        if letter is None:
            return True
        try:
            async with asyncio.timeout(smtp.SECONDS):
                await smtp.send(self._config, smtp.message(self._config, *letter))
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            final = smtp.is_final(error) or isinstance(error, ValueError)
            code = getattr(error, "code", None)
            kind, reason = type(error).__name__, smtp.reason(error)
            log.warning("mail.failed", error=kind, reason=reason, code=code, final=final, attempts=claimed["attempts"])
            return final
        log.info("mail.sent", kind=claimed["kind"])
        return True

    async def _letter(self, claimed: Row) -> tuple[str, str, str] | None:
        """The address, subject and text of an e-mail; None where nobody is to have it any more."""
        if claimed["kind"] == "alarm":
            return claimed["address"], *alarm_words(self._config, claimed["words"])
        if claimed["kind"] == "payment":
            address = await self._database.run_system(_active_address, claimed["address"])
            return None if address is None else (address, *_payment_words(self._config, claimed["words"]))
        begin, words = _LINKS[claimed["kind"]]
        link = await self._database.run_system(_begin, begin, claimed["address"])
        return None if link is None else (link[0], *words(self._config, link[1]))


def _reset_words(config: Config, token: str) -> tuple[str, str]:
    site, minutes = config.site_name, password_reset.RESET_MINUTES
    text = (
        f"Somebody, probably you, has asked {site} for a new password for this address.\n\n"
        f"Choose it here, within {minutes} minutes:\n{config.origin}/reset/{token}\n\n"
        "If it was not you, do nothing: your password stays as it is.\n"
    )
    return f"A new password for {site}", text


def _verification_words(config: Config, token: str) -> tuple[str, str]:
    site, days = config.site_name, email_verification.LINK_DAYS
    text = (
        f"Somebody, probably you, has an account with this address at {site}.\n\n"
        f"Say that it is yours, within {days} days:\n{config.origin}/verify-email/{token}\n\n"
        "If it is not yours, do nothing.\n"
    )
    return f"Your address at {site}", text


def _payment_words(config: Config, words: str) -> tuple[str, str]:
    told, _, path = words.partition("\n")
    return f"Your payment at {config.site_name}", f"{told}\n\nThe order: {config.origin}{path}\n"


def alarm_words(config: Config, words: str) -> tuple[str, str]:
    """The subject and text of an alarm that says `words`."""
    text = f"{words}\n\nLook at {config.origin}/admin/work\n\nOf this you are told at most once an hour.\n"
    return f"{config.site_name}: {words}", text


async def _claim(tx: Transaction, first_pause: float) -> Row | None:
    return await tx.fetch_one(
        "mail.claim",
        first_pause=first_pause,
        longest=service.LONGEST_SECONDS,
        patient=service.LONGEST_SECONDS_OF_PAYMENTS,
    )


async def _remove(tx: Transaction, mail_id: str) -> None:
    await tx.execute("mail.remove", id=mail_id)


_BeginLink = Callable[[Transaction, str], Awaitable[str | None]]
_Words = Callable[[Config, str], tuple[str, str]]
# How the link of an e-mail is made, and what is written around it.
_LINKS: dict[str, tuple[_BeginLink, _Words]] = {
    "reset": (password_reset.begin_reset, _reset_words),
    "verification": (email_verification.begin, _verification_words),
}


async def _active_address(tx: Transaction, address: str) -> str | None:
    """The address of an account as it is stored; None where no active one has it."""
    row = await authentication.find_by_email(tx, address)
    return row["email"] if row is not None and row["status"] == "active" else None


async def _begin(tx: Transaction, begin: _BeginLink, address: str) -> tuple[str, str] | None:
    """The address of the account as it is stored, and the secret of a link; None where no active account is to have one."""
    row = await authentication.find_by_email(tx, address)
    if row is None or row["status"] != "active":
        return None
    token = await begin(tx, row["id"])
    return None if token is None else (row["email"], token)
