"""docs/glossary.md holds: its terms exist, each class and each verb has one meaning, and no retired word comes back."""

import ast
import gc
import importlib.util
import io
import re
import tokenize
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
PYTHON = [path for folder in ("chatserver", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
QUERIES = sorted((ROOT / "sql" / "queries").rglob("*.sql"))


def table(heading):
    """The rows of the table under a heading, without backticks."""
    section = GLOSSARY.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    assert rows, heading
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def retired(scope):
    return sorted(word for word, _, scopes in table("Retired words") if scope in scopes.split(", "))


@cache
def tree_of(path):
    # What a collection of garbage runs may parse, too, which CPython 3.11 takes for a fault of its own (SystemError).
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


@cache
def classes(folder="chatserver"):
    """(path, node) of each class."""
    trees = [(path, tree_of(path)) for path in PYTHON if path.is_relative_to(ROOT / folder)]
    return [(path, node) for path, tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


@cache
def words(name):
    """`HTTPFrame`, `http_frame` and `httpFrame` are all http, frame."""
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)]


def has_word(name, word):
    """Whether the word, of one part or several, is among the parts of a name."""
    return joined(word) in joined(name)


@cache
def joined(name):
    """`httpFrame` is `_http_frame_`."""
    return f"_{'_'.join(words(name))}_"


def python_names(path):
    """Every name in a module, apart from strings, comments and the sentences that tests are named with."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME and not token.string.startswith("test_")}


def script_names(path):
    text = re.sub(r"/\*.*?\*/", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"//.*|\"[^\"\n]*\"|'[^'\n]*'", " ", text)
    return set(re.findall(r"[A-Za-z_$][\w$]*", text))


def query_names(path):
    return set(re.findall(r"^-- name: (\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE))


@cache
def all_names():
    """Each name with the files that it is in, names of modules and folders included."""
    found = defaultdict(set)
    for paths, read in ((PYTHON, python_names), (SCRIPTS, script_names), (QUERIES, query_names)):
        for path in paths:
            for name in {*read(path), *path.relative_to(ROOT).with_suffix("").parts}:
                found[name].add(path.relative_to(ROOT).as_posix())
    return found


@cache
def functions():
    """(path, name) of each function of the package and of the tests."""
    return [
        (path.relative_to(ROOT).as_posix(), node.name)
        for path in PYTHON
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


@cache
def functions_of(node):
    return {
        child.name: [argument.arg for argument in (*child.args.posonlyargs, *child.args.args, *child.args.kwonlyargs)]
        for child in node.body
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not is_property(child)
    }


def is_property(node):
    return any(
        ast.unparse(decorator).rpartition(".")[2] in {"property", "cached_property"}
        for decorator in node.decorator_list
    )


@cache
def bases_of(node):
    return {ast.unparse(base).rpartition(".")[2] for base in node.bases}


@cache
def related(name):
    """Groups of classes that define a method: those that inherit from, or have the whole form of, one another."""
    groups = []
    for path, node in classes():
        if not any(method.lstrip("_") == name for method in functions_of(node)):
            continue
        own = [group for group in groups if any(is_kin(node, other) for _, other in group)]
        groups = [group for group in groups if group not in own] + [
            [(path, node), *(each for group in own for each in group)]
        ]
    return groups


def is_kin(one, other):
    bases, others = bases_of(one), bases_of(other)
    shared = (bases & others) & {node.name for _, node in classes()}
    return bool(one.name in others or other.name in bases or shared or implements(one, other) or implements(other, one))


def implements(node, protocol):
    wanted = functions_of(protocol)
    return "Protocol" in bases_of(protocol) and bool(wanted) and wanted.items() <= functions_of(node).items()


def test_what_a_term_names_exists():
    missing = []
    for line in GLOSSARY.splitlines():
        for name in re.findall(r"^- \*\*.* \(`([\w.]+)`\)$", line):
            module, _, attribute = name.rpartition(".")
            if attribute[:1].isupper():
                found = hasattr(importlib.import_module(f"chatserver.{module}"), attribute)
            else:
                found = importlib.util.find_spec(f"chatserver.{name}") is not None
            missing += [] if found else [name]
    assert not missing


def test_retired_words_are_listed_once():
    listed = [word for word, *_ in table("Retired words")]
    assert [word for word in listed if listed.count(word) > 1] == []


def test_terms_are_sorted_and_said_once():
    sections = [re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE) for section in GLOSSARY.split("\n## ")]
    terms = [term for section in sections for term in section]
    assert len(terms) == len(set(terms))
    for section in sections:
        assert [pair for pair in pairwise(section) if pair[0].lower() > pair[1].lower()] == []


def test_no_class_name_is_defined_twice():
    places = defaultdict(list)
    for path, node in classes():
        places[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_a_verb_of_many_classes_has_one_meaning():
    known = {name for name, _ in table("Method names with one meaning")}
    names = {
        method.lstrip("_") for _, node in classes() for method in functions_of(node) if not method.startswith("__")
    }
    many = {
        name: sorted(node.name for group in related(name) for _, node in group)
        for name in sorted(names - known)
        if len(related(name)) > 3
    }
    assert many == {}


def test_the_listed_verbs_are_those_of_many_classes():
    assert [name for name, _ in table("Method names with one meaning") if len(related(name)) <= 3] == []


@pytest.mark.parametrize("word", retired("name"))
def test_a_retired_word_is_part_of_no_name(word):
    assert {name: sorted(paths) for name, paths in all_names().items() if has_word(name, word)} == {}


def classes_called(word, *folders):
    names = [node.name for folder in folders for _, node in classes(folder)]
    for path in SCRIPTS:
        names += re.findall(r"^(?:export )?class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [name for name in names if words(name) == words(word)]


@pytest.mark.parametrize("word", retired("class"))
def test_a_retired_word_is_no_class(word):
    assert classes_called(word, "chatserver", "tests", "benchmarks") == []


@pytest.mark.parametrize("word", retired("package class"))
def test_a_retired_word_is_no_class_of_the_package(word):
    assert classes_called(word, "chatserver") == []


@pytest.mark.parametrize("word", retired("module"))
def test_a_retired_word_is_no_module(word):
    paths = [path.relative_to(ROOT) for path in [*PYTHON, *SCRIPTS]]
    assert [path.as_posix() for path in paths if word in path.with_suffix("").parts] == []


@pytest.mark.parametrize("word", retired("function"))
def test_a_retired_word_is_no_function_and_no_query(word):
    queries = [(path.relative_to(ROOT).as_posix(), name) for path in QUERIES for name in query_names(path)]
    assert [(path, name) for path, name in [*functions(), *queries] if name.lstrip("_") == word] == []


@pytest.mark.parametrize("word", retired("log event"))
def test_a_retired_log_event_is_neither_written_nor_documented(word):
    texts = [*PYTHON, *(path for path in (ROOT / "docs").glob("*.md") if path.name != "glossary.md")]
    assert [path.as_posix() for path in texts if word in path.read_text(encoding="utf-8")] == []


def test_log_events_that_the_documents_cite_are_written():
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "chatserver").rglob("*.py"))
    cited = set()
    for path in (ROOT / "docs").glob("*.md"):
        for names in re.findall(r"\blog((?:,? (?:and )?`[a-z_]+\.[a-z_]+`)+)", path.read_text(encoding="utf-8")):
            cited |= set(re.findall(r"[a-z_]+\.[a-z_]+", names))
    assert cited
    assert [event for event in sorted(cited) if f'"{event}"' not in source] == []


def test_the_part_of_every_log_event_is_documented():
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "chatserver").rglob("*.py"))
    written = re.findall(r"\b_?log\.(?:debug|info|warning|error|exception|critical)\(\s*\"([a-z_]+)\.", source)
    parts = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("| events | part |")[2]
    documented = set(re.findall(r"`([a-z_]+)`", parts.partition("\n\n")[0]))
    assert written
    assert set(written) - documented == set()
