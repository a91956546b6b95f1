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
import os
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
# pytest puts what shares a parameter side by side, across the tests that are alone.
PARAMETERS = """
@pytest.fixture(scope="session", params=[1, 2])
def shared(request):
    return request.param

@pytest.mark.alone
def test_alone_with_a_parameter(shared):
    say("alone")

def test_together_with_a_parameter(shared):
    say("together")
"""
CRASH = """
def test_that_ends_its_worker():
    say("crash")
    os._exit(1)
"""
CRASH_ALONE = "@pytest.mark.alone" + CRASH


MANY = """
import pytest

@pytest.mark.parametrize("number", range(8))
def test_in_some_order(number):
    with open("said", "a") as said:
        said.write(f"{number} ")
"""


def run(folder, *modules, **settings):
    """A run of its own, with three workers and no other plugins: its output, and what its tests said."""
    (folder / "conftest.py").write_text(CONFTEST)
    for number, text in enumerate(modules):
        (folder / f"test_{number}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-p", "no:cacheprovider", "-n", "3"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
        **settings,
    }
    done = subprocess.run(
        [*command, "--rootdir", folder], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.stdout, (folder / "said").read_text().split()


def test_what_is_alone_comes_when_all_others_have_ended(tmp_path):
    output, said = run(tmp_path, MODULE, MODULE, MODULE)
    assert "9 passed" in output.splitlines()[-1], output
    assert said == ["together"] * 3 + ["alone"] * 6


def test_what_is_alone_comes_last_also_where_tests_share_parameters(tmp_path):
    output, said = run(tmp_path, MODULE + PARAMETERS, MODULE)
    assert "10 passed" in output.splitlines()[-1], output
    assert said == ["together"] * 4 + ["alone"] * 6


def test_a_word_gives_the_tests_an_order_of_its_own_which_it_gives_again(tmp_path):
    orders = []
    for number, word in enumerate(("", "apple", "apple", "pear")):
        folder = tmp_path / str(number)
        folder.mkdir()
        orders.append(run(folder, MANY, SHUFFLE=word)[1])
    in_file, apple, again, pear = orders
    assert in_file == sorted(in_file) == sorted(apple) == sorted(pear)
    assert apple == again and len({*map(tuple, orders)}) == 3


def test_what_ends_its_worker_fails_once_and_all_others_run_once(tmp_path):
    """One among the others, one in the middle of what is alone, and one at its end."""
    output, said = run(tmp_path, MODULE + CRASH, MODULE + CRASH_ALONE, MODULE + CRASH_ALONE)
    assert "3 failed, 9 passed" in output.splitlines()[-1], output
    assert sorted(said[:4]) == ["crash", "together", "together", "together"]
    assert said[4:] == ["alone"] * 4 + ["crash"] + ["alone"] * 2 + ["crash"]
