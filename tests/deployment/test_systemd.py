"""The units of systemd: valid by its own analyser, and at one with the program's settings, commands and times."""

import re
import shutil
import subprocess
import sys

import click
import pytest

from chatserver import cli
from chatserver.config import Config
from chatserver.database.embedded.server import STOP_SECONDS
from chatserver.server import SHUTDOWN_SECONDS
from tests.support.dockerfile import ROOT
from tests.support.proxies import DEPLOY

UNITS = sorted((DEPLOY / "systemd").iterdir())
INSTALLED = "/opt/chatserver/.venv/bin/chatserver"
# What a drain takes before the requests that are still under way are cut (docs/operations.md).
GOODBYES_SECONDS = 5
# Read before every setting.
OF_THE_FILE = "ENV_FILE"


def values(unit, key):
    return re.findall(rf"(?m)^{key}=(.*)$", (DEPLOY / "systemd" / unit).read_text())


def test_systemd_itself_has_nothing_to_say_about_them(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    for unit in UNITS:
        # What is installed by then: the program, and its account.
        text = unit.read_text().replace(INSTALLED, sys.executable).replace("User=chatserver", "User=daemon")
        (tmp_path / unit.name).write_text(text)
    paths = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, timeout=60)
    told = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "chatserver" in line]
    assert (done.returncode, told) == (0, [])


def test_they_start_commands_that_there_are_with_settings_that_there_are():
    for unit in ("chatserver.service", "chatserver-check.service"):
        for line in values(unit, "ExecStart"):
            program, *words = line.split()
            assert program == INSTALLED
            command = cli.app
            for word in words:
                command = (group := resolved(command)).get_command(click.Context(group), word)
                assert command is not None, line
        names = {each.partition("=")[0] for line in values(unit, "Environment") for each in line.split()}
        assert names <= {name.upper() for name in Config.__dataclass_fields__} | {OF_THE_FILE}


def resolved(command):
    return cli._import_group(command.name) if isinstance(command, cli._LazyGroup) else command


def test_a_stop_is_told_to_the_program_alone_and_waits_for_drain_and_database():
    """To the whole group, Postgres would refuse connections while the pages still drain."""
    assert values("chatserver.service", "KillMode") == ["mixed"]
    [seconds] = values("chatserver.service", "TimeoutStopSec")
    assert int(seconds) >= GOODBYES_SECONDS + SHUTDOWN_SECONDS + STOP_SECONDS


def test_the_checks_run_beside_the_product_only():
    """An embedded Postgres that they had started would end with them, under the product that has adopted it."""
    assert values("chatserver-check.service", "Requisite") == values("chatserver-check.service", "After")
    assert (ROOT / ".env.example").exists(), "which the first unit says to copy"
