"""Stylesheets, templates and scripts have lines that fit an editor, and stylesheets hold nothing that nobody uses."""

import re
from pathlib import Path

import pytest

from chatserver import markdown
from chatserver.runtime import paths
from chatserver.web import filters, templating

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
    # Icons and units are drawn by functions of the templates; formulas, tables and highlighted code by the parser
    # (test_parser.py).
    parsers = Path(markdown.__file__).parent.glob("*.py")
    drawn = "\n".join(
        path.read_text() for path in [*TEMPLATES, Path(templating.__file__), Path(filters.__file__), *parsers]
    )
    written = set(re.findall(r"[\w-]+", drawn))
    classes = {
        name for selector in _SELECTOR.findall(all_styles()) for name in re.findall(r"\.([a-z][\w-]*)", selector)
    }
    assert {name for name in classes - written if not name.startswith("code-")} == set()


def test_what_moves_without_end_is_moved_by_the_compositor() -> None:
    """Anything else is computed, laid out or painted again in each frame, by the thread that has to answer."""
    keyframes = dict(re.findall(r"@keyframes ([\w-]+) \{((?:[^{}]*\{[^{}]*\})*)", all_styles()))
    endless = set(re.findall(r"animation: ([\w-]+) [^;]*\binfinite\b", all_styles()))
    assert endless >= {"breathe", "shimmer"}
    animated = {name: set(re.findall(r"([\w-]+):", keyframes[name])) for name in endless}
    assert {
        name: properties - {"opacity", "translate", "scale", "rotate"} for name, properties in animated.items()
    } == {name: set() for name in endless}


def test_what_a_has_decides_about_the_elements_below_it_names_them() -> None:
    """With `:has(…) :not(img)` whatever is inserted anywhere styles all below its ancestors anew: the whole stream."""
    vague = [
        selector
        for selectors in _SELECTOR.findall(all_styles())
        for selector in _split(selectors.strip(), ",")
        for *above, last in [_split(selector.strip(), " \n>~+")]
        if any(":has(" in each for each in above) and not re.search(r"^[a-z]|[.#\[]", re.sub(r":not\(.*\)", "", last))
    ]
    assert vague == []


def _split(text: str, separators: str) -> list[str]:
    """The parts of a selector between the separators that stand in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character in separators and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]
