"""Stylesheets, templates and scripts have lines that fit an editor, and stylesheets hold nothing that nobody uses."""

import re
from pathlib import Path

import pytest

from chatserver import markdown
from chatserver.runtime import paths
from chatserver.web import templating

STYLES = sorted(Path(paths.STATIC, "css").glob("*.css"))
TEMPLATES = sorted(path for path in Path(paths.TEMPLATES).rglob("*") if path.suffix in {".html", ".js"})
SCRIPTS = sorted(Path(paths.STATIC, "js").rglob("*.js"))
MOST_CHARACTERS = 120
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'"[^"\n]*"')
_SELECTOR = re.compile(r"[^{};]*(?=\{)")


def without_comments(path: Path) -> str:
    """A stylesheet's text in which every comment is replaced by its line breaks, so that lines keep their numbers."""
    return _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), path.read_text())


def all_styles() -> str:
    return "\n".join(map(without_comments, STYLES))


@pytest.mark.parametrize("path", [*STYLES, *TEMPLATES, *SCRIPTS], ids=lambda path: path.name)
def test_no_line_is_longer_than_an_editor_is_wide(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert not [f"{number}: {line}" for number, line in enumerate(lines, 1) if len(line) > MOST_CHARACTERS]


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_a_line_of_a_stylesheet_holds_one_declaration_and_no_brace_beside_it(path: Path) -> None:
    lines = enumerate(_STRING.sub("", without_comments(path)).splitlines(), 1)
    crowded = [
        f"{number}: {line}"
        for number, line in lines
        if line.count(";") > 1 or (";" in line and re.search(r"[{}]", line)) or re.search(r"\{.*\}|\}.*\{", line)
    ]
    assert not crowded


def test_every_custom_property_is_declared_and_used() -> None:
    styles, scripts = all_styles(), "\n".join(path.read_text() for path in SCRIPTS)
    set_by_scripts = set(re.findall(r'setProperty\("(--[\w-]+)"', scripts))
    declared = set(re.findall(r"(?<![\w-])(--[\w-]+)\s*:", styles)) | set(re.findall(r"@property (--[\w-]+)", styles))
    used = set(re.findall(r"var\(\s*(--[\w-]+)", styles))
    assert declared - used == set()
    assert used - declared - set_by_scripts == set()


def test_every_class_of_a_selector_is_written_by_a_template() -> None:
    # Icons are drawn by a function of the templates; formulas, tables and highlighted code by the parser (test_parser.py).
    parsers = Path(markdown.__file__).parent.glob("*.py")
    drawn = "\n".join(path.read_text() for path in [*TEMPLATES, Path(templating.__file__), *parsers])
    written = set(re.findall(r"[\w-]+", drawn))
    classes = {
        name for selector in _SELECTOR.findall(all_styles()) for name in re.findall(r"\.([a-z][\w-]*)", selector)
    }
    assert {name for name in classes - written if not name.startswith("code-")} == set()
