"""An SMTP server that wants our password."""

from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.mail.servers import PASSWORD
from tests.support import ports


class Mailbox:
    """What a server has accepted; `answers` are given first, in their order, instead of accepting."""

    def __init__(self):
        self.mails, self.answers = [], []

    async def handle_DATA(self, server, session, envelope):
        if self.answers:
            return self.answers.pop(0)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture(scope="module")
def server():
    """An SMTP server that wants our password."""

    def is_ours(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"user", PASSWORD.encode()), handled=False)

    running = Controller(
        Mailbox(), "127.0.0.1", ports.reserve(), authenticator=is_ours, auth_required=True, auth_require_tls=False
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture
def mailbox(server):
    server.handler.mails.clear()
    server.handler.answers.clear()
    return server.handler
