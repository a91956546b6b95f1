"""docs/reliability.md, docs/security.md and the suite say the same: every promise has a test of its name, and every test
that the pages name exists."""

import re
from pathlib import Path

import pytest

from tests.support.promises import PROMISES, promises_of

ROOT = Path(__file__).resolve().parent.parent
PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("reliability.md", "security.md")}
NAMES = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("number", PROMISES)
def test_every_promise_has_a_test_of_its_name(number):
    assert any(number in promises_of(name) for name in NAMES)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_test_that_a_page_names_exists(page):
    named = set(re.findall(r"`(test_[a-z0-9_]+?)_?…?`", page)) - {path.stem for path in (ROOT / "tests").rglob("*.py")}
    gone = {name for name in named if not any(each.startswith(name) for each in NAMES)}
    assert gone == set()


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_file_that_a_page_names_exists(page):
    paths = re.findall(r"`(tests/[\w/]+(?:\.py)?)`", page)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    files = {path.name for path in (ROOT / "tests").rglob("*.py")}
    assert set(re.findall(r"`(test_\w+\.py)`", page)) - files == set()


def test_the_lines_of_security_have_one_number_each_in_order():
    numbers = [int(number) for number in re.findall(r"(?m)^\| (\d+) \|", PAGES["security.md"])]
    assert numbers == sorted(set(numbers))
