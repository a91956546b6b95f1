"""What is installed is locked by hash, and the audit of it never takes silence for a clean bill (security line 43)."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_requirement_is_pinned_with_its_hashes_and_tells_no_address(lock):
    text = lock.read_text()
    requirements = [each for each in re.split(r"\n(?=\S)", text) if each and not each.startswith("#")]
    loose = [
        each for each in requirements if not re.match(r"[a-z0-9.\[\]-]+==\S+", each) or "--hash=sha256:" not in each
    ]
    assert requirements
    assert loose == []
    assert "://" not in text


def hashes_of(name):
    """By requirement (`aiohttp==3.14.5`)."""
    text = (ROOT / "requirements" / name).read_text()
    requirements = re.findall(r"(?m)^(\S+==\S+) \\\n((?: +--hash=\S+(?: \\)?\n)+)", text)
    return {requirement: set(hashes.replace("\\", "").split()) for requirement, hashes in requirements}


def test_what_runs_is_locked_to_the_bytes_that_the_tests_have_installed():
    # `make test` has installed these; the fresh environment of test_documented_commands.py copies them.
    tested, runs = hashes_of("test.lock"), hashes_of("run.lock")
    common = runs.keys() & tested.keys()
    assert len(common) > 0.8 * len(runs) > 20
    assert {each for each in common if runs[each] != tested[each]} == set()


def test_everything_that_the_makefile_installs_is_held_to_its_hashes():
    installs = re.findall(r"pip install .*", (ROOT / "Makefile").read_text())
    # The checkout itself has no hash; nothing is fetched for it.
    [checkout] = [line for line in installs if "--require-hashes" not in line]
    assert {"--no-deps", "--no-index", "--no-build-isolation", "--editable ."} <= set(
        re.findall(r"--editable \.|--\S+", checkout)
    )
    assert len(installs) >= 3


@pytest.mark.timeout(600)
def test_an_audit_that_cannot_look_something_up_fails(tmp_path):
    unknown = tmp_path / "unknown.lock"
    unknown.write_text(f"chatserver-is-nowhere-published==1.0 --hash=sha256:{'0' * 64}\n")
    command = ["make", "--silent", "audit", f"AUDITED={unknown}"]
    audit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=590)
    assert audit.returncode != 0
    assert "No known vulnerabilities" not in audit.stdout + audit.stderr
