"""The mail server: whether it answers, speaks TLS and lets us in. Nothing is sent."""

import aiosmtplib

from chatserver.config import Config
from chatserver.doctor.findings import Finding, failure, ok
from chatserver.mail import smtp

NAME = "e-mail"


async def check(config: Config) -> list[Finding]:
    """Connects to the server of SMTP_URL, and signs in; nothing where there is none."""
    if not config.smtp_url:
        return []
    server = smtp.server_of(config)
    try:
        await smtp.check(config)
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        mend = "Look at the address, user and password of SMTP_URL."
        words = f"{server.host}:{server.port} {smtp.reason(error)} ({type(error).__name__})."
        return [failure(NAME, words, mend)]
    return [ok(NAME, f"{server.host}:{server.port} lets us in.")]
