"""A response that is watched while it is sent: it ends with what allowed it, and not with a database that is away."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from chatserver.assets import streams
from chatserver.assets.streams import WhileOpen
from chatserver.errors import Busy


class Download:
    """A response that is being sent until it was checked `checks` times, or for as long as it may be."""

    def __init__(self, *, checks=None) -> None:
        self.answers, self.checks, self.sent, self._checked = [], checks, [], asyncio.Event()

    async def is_open(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if self.checks is not None:
            self.checks -= 1
        if self.checks == 0:
            self._checked.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _pieces(self):
        yield b"first"
        await self._checked.wait()
        yield b"last"

    async def send(self, *answers):
        """Sends it over no connection; each check gets the next of the answers, and then the last of them."""

        async def keep(message):
            self.sent.append(message.get("body"))

        async def disconnected():
            return {"type": "http.disconnect"}

        self.answers = list(answers)
        watched = WhileOpen(StreamingResponse(self._pieces()), self.is_open, check_seconds=0.001)
        await watched({"type": "http", "asgi": {"spec_version": "2.4"}}, disconnected, keep)


async def test_what_may_no_longer_be_sent_is_cut():
    download = Download()
    with pytest.raises(ClientDisconnect):
        await download.send(True, False)
    assert b"last" not in download.sent


async def test_a_database_that_does_not_answer_for_a_moment_cuts_nothing(monkeypatch):
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.001)
    download = Download(checks=4)
    await download.send(True, Busy(), Busy(), True)
    assert b"last" in download.sent


async def test_a_database_that_stays_away_ends_it_as_nobody_can_say_that_it_may_go_on(monkeypatch):
    monkeypatch.setattr(streams, "UNKNOWN_SECONDS", 0.05)
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.001)
    with pytest.raises(ClientDisconnect):
        await Download().send(Busy())
