"""SMTP_URL, and one e-mail to its server. Nothing here logs or raises a password or an address of anybody."""

import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import aiosmtplib

from chatserver.config import Config
from chatserver.users.email_addresses import is_read_as_another
from chatserver.validation import visible

E = TypeVar("E", bound=Exception)

# For all of one e-mail: connecting, TLS, sign-in, sending. Shorter than the pause after which another worker tries again.
SECONDS = 12.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class SmtpServer:
    """Where e-mail goes. `start_tls`: True where encryption is required, None where it is used if offered."""

    host: str
    port: int
    use_tls: bool
    start_tls: bool | None
    user: str | None
    password: str | None = field(repr=False)


def server_of(config: Config) -> SmtpServer:
    """The server of SMTP_URL. Over smtp:// a password is sent after STARTTLS only, but on this machine itself."""
    parts = urlsplit(config.smtp_url)
    host, encrypted = parts.hostname or "localhost", parts.scheme == "smtps"
    user = unquote(parts.username) if parts.username else None
    return SmtpServer(
        host=host,
        port=parts.port or (465 if encrypted else 587 if user else 25),
        use_tls=encrypted,
        start_tls=False if encrypted else True if user and host not in _LOOPBACK else None,
        user=user,
        password=unquote(parts.password or "") if user else None,
    )


def message(config: Config, to: str, subject: str, text: str) -> EmailMessage:
    """An e-mail in plain text. Raises ValueError for a header with a line end, which would make another header, and for an
    address that is read as another."""
    if is_read_as_another(to):
        raise ValueError("This address has an encoded word in it.")
    made = EmailMessage(policy=SMTP)
    made["From"] = config.mail_from
    made["To"] = to
    made["Subject"] = " ".join(visible(subject).split())
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text)
    return made


async def send(config: Config, mail: EmailMessage) -> None:
    """Hands an e-mail to the server. Raises aiosmtplib.SMTPException, OSError or TimeoutError."""
    client = _client(server_of(config))
    async with client:
        await client.send_message(mail)


async def check(config: Config) -> None:
    """Connects and signs in, and sends nothing. Raises as `send` does."""
    async with _client(server_of(config)):
        pass


def _client(server: SmtpServer) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.use_tls,
        start_tls=server.start_tls,
        username=server.user,
        password=server.password,
        timeout=SECONDS,
        tls_context=ssl.create_default_context(),
    )


def reason(error: Exception) -> str:
    """Why a server was of no use, in words that follow its name: "refuses the user or the password of SMTP_URL"."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return "refuses the user or the password of SMTP_URL"
    if refused := _in_chain(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not accepted: {refused.verify_message}"
    if _in_chain(error, ssl.SSLError):
        return "does not speak TLS there: smtps:// is for TLS from the start, smtp:// for STARTTLS"
    if "STARTTLS" in str(error):
        return "offers no STARTTLS, without which no password is sent to it"
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, OSError | aiosmtplib.SMTPConnectError | aiosmtplib.SMTPServerDisconnected):
        return "cannot be reached"
    return "refuses us"


def _in_chain(error: BaseException | None, kind: type[E]) -> E | None:
    """The error itself, or the one that it came from, of a kind."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


def is_final(error: Exception) -> bool:
    """Whether the server refuses for good (a code of 500 or more), so that another attempt is of no use."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(each.code >= 500 for each in error.recipients)
    return isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 500 and not _is_sign_in(error)


def _is_sign_in(error: Exception) -> bool:
    return isinstance(error, aiosmtplib.SMTPAuthenticationError)
