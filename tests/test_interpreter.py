"""Which Python `make` builds .venv with (.ci/interpreter.py)."""

import os
import runpy
import subprocess
import sys

import pytest

from tests.support.dockerfile import ROOT

SCRIPT = ROOT / ".ci" / "interpreter.py"


@pytest.mark.parametrize(
    ("is_optimised", "of_system", "expected"),
    [
        (True, (3, 11), "python3"),
        (False, (3, 11), "the system's"),
        (False, (3, 12), "the system's"),
        (False, (3, 10), "python3"),
        (False, None, "python3"),
    ],
)
def test_the_systems_python_is_taken_for_one_without_optimisations(is_optimised, of_system, expected):
    script = runpy.run_path(str(SCRIPT))
    chosen = script["choice"](is_optimised, (3, 11), of_system)
    assert chosen == {"the system's": script["SYSTEM"]}.get(expected, expected)


@pytest.mark.parametrize("answer", ["exit 1", "no such file"])
def test_a_system_without_a_python_of_use_leaves_that_of_the_path(tmp_path, answer):
    system = tmp_path / "python3"
    if answer != "no such file":
        system.write_text(f"#!/bin/sh\n{answer}\n")
        system.chmod(0o755)
    assert run_script(system) == "python3"


def test_what_is_chosen_makes_environments():
    chosen = run_script("/usr/bin/python3")
    subprocess.run([chosen, "-c", "import ensurepip, venv"], check=True)


def run_script(system):
    environment = {**os.environ, "SYSTEM_PYTHON": str(system)}
    return subprocess.check_output([sys.executable, str(SCRIPT)], env=environment, text=True).strip()
