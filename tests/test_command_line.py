"""What every command of the operator has in common: an error is one line, whatever was typed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def typed(folder, *arguments, output=subprocess.PIPE):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "chatserver", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT)},
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=90,
    )


@pytest.mark.parametrize("arguments", [("version",), ("--help",), ("config",)])
def test_output_that_a_full_disk_does_not_take_is_one_line_and_a_failure(tmp_path, arguments):
    with open("/dev/full", "w") as full:
        ended = typed(tmp_path, *arguments, output=full)
    assert ended.returncode == 1
    assert ended.stderr == "chatserver: Writing failed: No space left on device.\n"


def test_a_reader_that_goes_away_ends_a_command_without_a_word(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    ended = typed(tmp_path, "config", output=writing)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.parametrize("arguments", [("version",), ("config",), ("migrate",)])
def test_a_command_whose_streams_are_closed_does_its_work_and_ends_well(tmp_path, arguments):
    """A supervisor that gives a program no output; the database's files and sockets are none either."""
    command = 'exec "$0" -m chatserver "$@" <&- >&- 2>&-'
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ended = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, *arguments],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(ROOT), "DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        timeout=90,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_an_error_that_repeats_what_was_typed_is_one_line_of_bounded_length(tmp_path):
    for name in ("no such\nfile\r\x1b[31m", "x" * 9000):
        ended = typed(tmp_path, "prices", "import", name)
        assert (ended.returncode, ended.stderr.count("\n"), len(ended.stderr) < 1100) == (1, 1, True)
        assert "\x1b" not in ended.stderr


@pytest.mark.parametrize(
    "command",
    ["credits check", "payments check", "storage check", "statistics rebuild", "users list", "migrate --status"],
)
def test_a_command_in_the_wrong_folder_says_so_instead_of_checking_an_empty_database(tmp_path, command):
    ended = typed(tmp_path, *command.split())
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"chatserver: There is no database in {tmp_path}/data. Look at DATA_DIR")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
