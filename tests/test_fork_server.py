"""A product that is forked ends, is killed and is told what it is told like one that is executed (tests/support)."""

import asyncio
import os
import re
import signal
import subprocess
import sys

import psutil
import pytest

from tests.support import fork_server
from tests.support import product as products
from tests.support.story import sign_up


@pytest.mark.parametrize("program", [None, products.COMMAND])
@pytest.mark.parametrize(
    ("arguments", "settings", "code", "words"),
    [
        (("version",), {}, 0, "0."),
        (("no-such-command",), {}, 2, "no-such-command"),
        (("config",), {"PORT": "70000"}, 2, "PORT is 70000"),
    ],
)
async def test_exit_codes_and_output(tmp_path, program, arguments, settings, code, words):
    command = await products.start(tmp_path, *arguments, wait=False, program=program, **settings)
    assert isinstance(command.process, fork_server.ForkedProcess) is (program is None)
    assert await command.process.wait() == code
    assert command.process.returncode == code
    assert words in command.output()


async def test_signals(tmp_path, database_url):
    async with products.running(tmp_path, DATABASE_URL=database_url) as product:
        assert product.process.returncode is None
        os.kill(product.process.pid, 0)
        await product.kill()
        assert product.process.returncode == -signal.SIGKILL
        product.process.send_signal(signal.SIGTERM)  # nobody is there, and nobody else gets it
    async with products.running(tmp_path, DATABASE_URL=database_url) as product:
        assert await product.stop() == 0


async def test_the_child_processes_of_a_fork_are_forks_that_are_replaced_and_end_with_it(tmp_path, database_url):
    async with products.running(tmp_path, DATABASE_URL=database_url) as product:
        ada = await sign_up(product, "Ada")
        chat = await ada.joins(await ada.buys("pro"))
        before = _forked_children()
        for _ in range(2):
            ended = await chat.sees_ended(await chat.generates("a boat", width=64, height=64))
            assert ended["generations"][0]["status"] == "done", product.output()
            painters = [each for each in _forked_children() if any("painter" in word for word in each.cmdline())]
            assert painters
            for painter in painters:
                painter.kill()
            psutil.wait_procs(painters)
        await chat.leaves()
        children = _forked_children() - before
        assert children
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, timeout=20)
    assert not alive


def _forked_children() -> set[psutil.Process]:
    """The forks of all templates of this run, for any product."""
    below = psutil.Process().children(recursive=True)
    templates = {each.pid for each in below if "tests.support.forked_children" in each.cmdline()}
    return {each for each in below if each.pid in templates and each.ppid() in templates}


async def test_what_is_read_at_the_start_of_an_interpreter_has_one(tmp_path):
    command = await products.start(tmp_path, "version", wait=False, PYTHONUTF8="1")
    assert not isinstance(command.process, fork_server.ForkedProcess)
    assert await command.process.wait() == 0


async def test_a_start_imports_nothing_of_the_product(tmp_path, database_url):
    """What the fork server has not imported, each of some hundred starts does."""
    ask = "import sys; from tests.support import fork_server; fork_server._import_product(); print(*sys.modules)"
    imported = set(
        subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    )
    async with products.running(tmp_path, DATABASE_URL=database_url, PYTHONPROFILEIMPORTTIME="1") as product:
        needed = set(re.findall(r"^import time:.*\| +(chatserver\S*)$", product.output(), re.MULTILINE))
    assert len(needed) > 100
    assert needed <= imported, needed - imported
