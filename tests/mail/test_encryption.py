"""STARTTLS and TLS from the start against real servers: certificates that are accepted, and those that are not."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatserver.config import Config
from chatserver.doctor import mail as doctor
from chatserver.mail import smtp
from tests.mail.conftest import Mailbox
from tests.mail.servers import FROM
from tests.support import ports


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate of 127.0.0.1 with its key: what a server shows, and what a client may trust."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture(scope="module")
def servers(certificate):
    """One with STARTTLS, which accepts nothing before it, and one without any encryption."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    running = {
        "starttls": Controller(Mailbox(), "127.0.0.1", ports.reserve(), tls_context=context, require_starttls=True),
        "plain": Controller(Mailbox(), "127.0.0.1", ports.reserve()),
    }
    for each in running.values():
        each.start()
    yield running
    for each in running.values():
        each.stop()


def settings(server, scheme="smtp"):
    return Config(smtp_url=f"{scheme}://127.0.0.1:{server.port}", mail_from=FROM)


async def test_an_e_mail_goes_over_starttls_where_its_certificate_is_trusted(servers, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = servers["starttls"]
    config = settings(server)
    await smtp.send(config, smtp.message(config, "ada@example.org", "Hello", "Over TLS"))
    assert [sent["Subject"] for sent in server.handler.mails] == ["Hello"]
    assert [each.status for each in await doctor.check(config)] == ["ok"]


async def test_a_certificate_that_nobody_trusts_is_refused_in_words_and_nothing_is_sent(servers):
    server = servers["starttls"]
    server.handler.mails.clear()
    config = settings(server)
    with pytest.raises((smtp.aiosmtplib.SMTPException, OSError)) as refused:
        await smtp.send(config, smtp.message(config, "ada@example.org", "Hello", "In the open"))
    assert "a certificate that is not accepted: self-signed" in smtp.reason(refused.value)
    assert not server.handler.mails
    [found] = await doctor.check(config)
    assert (found.status, "not accepted: self-signed" in found.message) == ("failure", True)


async def test_a_server_that_speaks_otherwise_than_smtp_url_says_is_told_apart(servers, monkeypatch):
    [tls] = await doctor.check(settings(servers["plain"], "smtps"))
    assert "does not speak TLS there" in tls.message
    # Any other machine than this one: no password goes there without encryption.
    monkeypatch.setattr(smtp, "_LOOPBACK", set())
    [open_] = await doctor.check(
        Config(smtp_url=f"smtp://user:secret@127.0.0.1:{servers['plain'].port}", mail_from=FROM)
    )
    assert "offers no STARTTLS" in open_.message
    assert "secret" not in open_.message
