"""The supervisor of several web processes, where the machine has no more processes to give."""

import asyncio
import errno
import os

import pytest
from structlog.testing import capture_logs

from chatserver import server
from chatserver.config import Config
from chatserver.runtime import gc_tuning
from chatserver.runtime.process_roles import ProcessRole

REFUSED = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


class Child:
    """A web process, as its supervisor sees it."""

    exitcode = -9

    def __init__(self):
        self.alive = True

    def is_alive(self):
        return self.alive

    def terminate(self):
        self.alive = False

    def join(self, seconds):
        assert not self.alive


class Machine:
    """Starts processes, except where its next answer is an error."""

    def __init__(self, *answers):
        self.answers, self.children, self.stop = list(answers), [], asyncio.Event()

    def start(self, *_):
        answer = self.answers.pop(0)
        if not self.answers:
            self.stop.set()
        if answer is not None:
            raise answer
        self.children.append(Child())
        return self.children[-1]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(server, "SUPERVISE_SECONDS", 0.001)
    monkeypatch.setattr(gc_tuning, "freeze", lambda: None)


async def supervise(machine, monkeypatch):
    monkeypatch.setattr(server, "_spawn", machine.start)
    async with asyncio.timeout(20):
        await server._supervise_until(machine.stop, Config(), ProcessRole.web, 2, None)


async def test_a_process_that_cannot_be_replaced_now_is_replaced_later(monkeypatch):
    machine = Machine(None, None, REFUSED, None)
    asyncio.get_running_loop().call_later(0.01, lambda: machine.children[0].terminate())
    with capture_logs() as lines:
        await supervise(machine, monkeypatch)
    events = [line["event"] for line in lines]
    assert events == ["web.process_died", "web.process_not_started", "web.process_died"]
    assert len(machine.children) == 3
    assert not any(child.alive for child in machine.children)


async def test_where_not_all_start_none_is_left(monkeypatch):
    machine = Machine(None, REFUSED)
    with pytest.raises(OSError, match="unavailable"):
        await supervise(machine, monkeypatch)
    assert not machine.children[0].alive
