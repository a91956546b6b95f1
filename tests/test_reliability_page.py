"""docs/reliability.md and the suite say the same: every promise has a test of its name, every test named there exists."""

import re
from pathlib import Path

import pytest

from tests.support.promises import PROMISES, promises_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text()
NAMES = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("number", PROMISES)
def test_every_promise_has_a_test_of_its_name(number):
    assert any(number in promises_of(name) for name in NAMES)


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(test_[a-z0-9_]+?)_?…?`", PAGE)) - {path.stem for path in (ROOT / "tests").rglob("*.py")}
    gone = {name for name in named if not any(each.startswith(name) for each in NAMES)}
    assert gone == set()


def test_every_file_that_the_page_names_exists():
    paths = re.findall(r"`(tests/[\w/]+(?:\.py)?)`", PAGE)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    files = {path.name for path in (ROOT / "tests").rglob("*.py")}
    assert set(re.findall(r"`(test_\w+\.py)`", PAGE)) - files == set()
