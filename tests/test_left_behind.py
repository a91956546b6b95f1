"""A test run that is killed leaves no process behind (tests/support/bound.py, guards.py)."""

import os
import signal
import subprocess
import sys
import time

import psutil

from tests.support.dockerfile import ROOT

MODULE = """
import asyncio, pathlib, sys
from tests.conftest import fork_server
from tests.support import product, webdriver
from tests.support.redis import RedisServer
from tests.support.swift import Swift

async def test_that_never_ends(tmp_path):
    swift, redis = Swift(tmp_path / "swift"), RedisServer()
    servers = [swift.start(), redis.start()]
    forked = product.start(tmp_path / "forked")
    executed = product.start(tmp_path / "executed", program=product.COMMAND)
    *_, forked, executed = await asyncio.gather(*servers, forked, executed)
    running = webdriver.running("sleep", "1000")
    browser = await running.__aenter__()
    pids = [browser.pid, swift._process.pid, redis._process.pid, forked.process.pid, executed.process.pid]
    pathlib.Path("started.tmp").write_text(" ".join(map(str, pids)))
    pathlib.Path("started.tmp").rename("started")
    await asyncio.sleep(1000)
"""


def test_nothing_outlives_a_run_that_is_killed(tmp_path):
    (tmp_path / "test_endless.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto")
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", "-p", "xdist.plugin", "-n", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", *plugins, "--basetemp", str(tmp_path / "tests")]
    with (tmp_path / "output").open("wb") as output:
        run = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    while not (tmp_path / "started").exists():
        assert run.poll() is None, (tmp_path / "output").read_text()
        time.sleep(0.05)
    pids = [int(pid) for pid in (tmp_path / "started").read_text().split()]
    started = {psutil.Process(pid) for pid in pids}
    below = {each for process in (*started, psutil.Process(run.pid)) for each in process.children(recursive=True)}
    assert sum(each.name() == "postgres" and each.ppid() in pids for each in below) == 2
    run.send_signal(signal.SIGKILL)
    run.wait()
    gone, alive = psutil.wait_procs(started | below, timeout=60)
    assert alive == []
    assert gone
