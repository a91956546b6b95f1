"""How the tests are shared out among workers (tests/support/scheduling.py)."""

import os
import re
import subprocess
import sys

from tests.support import scheduling
from tests.support.dockerfile import ROOT


def test_what_is_begun_first_exists():
    named = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r'xdist_group\("(\w+)"\)', path.read_text())
    }
    assert [group for group in scheduling.LONGEST if group not in named and not (ROOT / group).is_file()] == []


def test_the_longest_begin_and_folders_take_turns():
    last, first = scheduling.LONGEST[1], scheduling.LONGEST[0]
    groups = ["a/1", "a/2", "a/3", last, "b/1", "c", first, "b/2"]
    assert scheduling.in_order(groups) == [first, last, "a/1", "b/1", "c", "a/2", "b/2", "a/3"]


CONFTEST = """
from tests.support import scheduling

def pytest_configure(config):
    config.addinivalue_line("markers", "alone")
    config.pluginmanager.register(scheduling.Groups(config))
"""
MODULE = """
import time
import pytest

def say(word):
    with open("said", "a") as said:
        said.write(word + " ")

@pytest.mark.alone
@pytest.mark.parametrize("number", range(2))
def test_alone(number):
    say("alone")

def test_together():
    time.sleep(0.5)
    say("together")
"""


def test_what_is_alone_comes_when_all_others_have_ended(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("a", "b", "c"):
        (tmp_path / f"test_{name}.py").write_text(MODULE)
    command = [sys.executable, "-m", "pytest", "-n", "3", "--rootdir", tmp_path, "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert "9 passed" in done.stdout.splitlines()[-1], done.stdout
    assert (tmp_path / "said").read_text().split() == ["together"] * 3 + ["alone"] * 6
