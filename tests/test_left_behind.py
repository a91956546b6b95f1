"""A test run that is killed leaves no process and no file behind (tests/support/bound.py, guards.py)."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.support import fork_server
from tests.support.dockerfile import ROOT

MODULE = """
import asyncio, pathlib, sys
from tests.conftest import fork_server, system_folder
from tests.support import postgres, product, webdriver
from tests.support.redis import running_redis
from tests.support.swift import Swift

async def test_that_never_ends(tmp_path):
    swift, redis = Swift(tmp_path / "swift"), running_redis()
    browser, durable = webdriver.running("sleep", "1000"), postgres.durable_server()
    forked = product.start(tmp_path / "forked")
    executed = product.start(tmp_path / "executed", program=product.COMMAND)
    entered = [each.__aenter__() for each in (redis, browser, durable)]
    _, forked, executed, started, running, server = await asyncio.gather(swift.start(), forked, executed, *entered)
    processes = [running, swift._process, started._process, forked.process, executed.process]
    pids = [*(each.pid for each in processes), postgres.postmaster(server)]
    pathlib.Path("started.tmp").write_text(" ".join(map(str, pids)))
    pathlib.Path("started.tmp").rename("started")
    await asyncio.sleep(1000)
"""


def test_nothing_outlives_a_run_that_is_killed(tmp_path):
    (tmp_path / "test_endless.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto")
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_configure")
    # Beside pytest's own, which it removes in a later run: the account of a Postgres that root starts has to come through.
    with tempfile.TemporaryDirectory(prefix="chatserver-left-") as name:
        temporary = Path(name)
        temporary.chmod(0o755)
        kill_a_run(tmp_path, temporary)
        until = time.monotonic() + 60
        while left := list(temporary.iterdir()):
            assert time.monotonic() < until, left
            time.sleep(0.05)


def kill_a_run(tmp_path, temporary):
    """Kills it in the middle of its test, and waits for the end of all that it has started."""
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", "-p", "xdist.plugin", "-n", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    environment["TMPDIR"] = str(temporary)
    command = [sys.executable, "-m", "pytest", *plugins, "--basetemp", str(tmp_path / "tests")]
    with (tmp_path / "output").open("wb") as output:
        run = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    while not (tmp_path / "started").exists():
        assert run.poll() is None, (tmp_path / "output").read_text()
        time.sleep(0.05)
    *pids, database = [int(pid) for pid in (tmp_path / "started").read_text().split()]
    started = {psutil.Process(pid) for pid in (*pids, database)}
    below = {each for process in (*started, psutil.Process(run.pid)) for each in process.children(recursive=True)}
    assert sum(each.name() == "postgres" and each.ppid() in pids for each in below) == 2
    workers = [each for each in psutil.Process(run.pid).children() if each.name().startswith("python")]
    for each in (run, *workers):
        each.send_signal(signal.SIGKILL)
    run.wait()
    gone, alive = psutil.wait_procs(started | below, timeout=2 * fork_server.STOP_SECONDS)
    assert alive == []
    assert gone
