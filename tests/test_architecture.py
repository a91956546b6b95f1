"""Holds the house to its plan: imports point one way, at the top of files, without cycles; rooms stay what they are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "chatserver"

# From the ground up. A module may import from its own layer's package and from layers below, never from above.
LAYERS = [
    {"errors"},
    {"clock", "crash", "networks", "urls", "redaction", "tracebacks"},
    {"ids", "config", "resources", "validation", "colours", "events", "logs", "meters", "standstill", "collector"},
    {"limits", "env_file", "spelling", "lookalikes", "graphemes", "descriptors"},
    {
        *("queries", "transaction", "database", "embedded", "migrations", "poolers", "roles"),
        *("processes", "markdown", "imaging", "painting", "crew"),
    },
    {"providers", "storage", "brokers"},
    {"web"},
    {"realtime"},
    {"budgets"},
    {"users", "plans", "credits"},
    {"sessions"},
    {"messages"},
    {"assets"},
    {"generations"},
    {"monitoring"},
]
# The kit of the API's entrances hands the process's State to the handlers; it needs its type, and nothing of its parts.
ALLOWED = {("chatserver.api.endpoint", "chatserver.state")}
FEATURES = ("users", "plans", "credits", "sessions", "messages", "assets", "generations", "monitoring")
# The ways in: they may import anything below, and each other only through the composition root.
ENTRANCES = {
    "app",
    "cli",
    "server",
    "console",
    "rooms",
    "pulse",
    "health",
    "documents",
    "doctor",
    "housekeeping",
    "state",
    "__main__",
}
ENTRANCE_ROOMS = {
    "routes",
    "commands",
    "pages",
    "cli",
    "worker",
    "attempt",
    "assistant",
    "makers",
    "improving",
    "settings_pages",
}


def modules():
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


MODULES = modules()


def imports(module):
    """The modules of ours that a module imports, at whatever depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "chatserver"}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "chatserver":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
    return found - {module}


def top(module):
    return module.split(".")[1] if "." in module else ""


def layer_of(module):
    return next((index for index, layer in enumerate(LAYERS) if top(module) in layer), None)


def is_entrance(module):
    return top(module) in ENTRANCES or module.rsplit(".", 1)[-1] in ENTRANCE_ROOMS


def test_every_module_has_its_place():
    unknown = [module for module in MODULES if top(module) and layer_of(module) is None and not is_entrance(module)]
    assert not unknown, f"add these to a layer of the plan: {unknown}"


def test_imports_point_one_way():
    wrong = []
    for module in MODULES:
        if not top(module) or is_entrance(module):
            continue
        for imported in imports(module):
            if (module, imported) in ALLOWED:
                continue
            if is_entrance(imported) or (layer_of(imported) or 0) > layer_of(module):
                wrong.append(f"{module} → {imported}")
    assert not wrong


def test_no_cycles_between_modules():
    graph = {module: imports(module) for module in MODULES}
    done, path = set(), []

    def visit(module):
        if module in path:
            raise AssertionError(" → ".join([*path[path.index(module) :], module]))
        if module in done:
            return
        path.append(module)
        for imported in graph[module]:
            visit(imported)
        path.pop()
        done.add(module)

    for module in graph:
        visit(module)


def test_imports_stand_at_the_top():
    hidden = []
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = [child for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom)]
                hidden += [f"{module}:{child.lineno}" for child in inner]
    assert not hidden


def test_realtime_knows_no_feature():
    known = [
        f"{module} → {imported}"
        for module in MODULES
        if top(module) == "realtime"
        for imported in imports(module)
        if top(imported) in FEATURES
    ]
    assert not known


def test_only_the_database_room_speaks_to_the_driver():
    allowed = {
        "database",
        "transaction",
        "queries",
        "migrations",
        "poolers",
        "roles",
        "embedded",
        "doctor",
        "monitoring",
    }
    found = []
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            drives = any(name.split(".")[0] in {"asyncpg", "databases"} for name in names)
            found += [module] if drives and top(module) not in allowed else []
    assert not found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_says_what_it_is(module):
    tree = ast.parse(MODULES[module].read_text())
    assert not tree.body or ast.get_docstring(tree), f"{module} has no docstring"


def test_nothing_is_swallowed_silently():
    found = []
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            swallows = isinstance(node, ast.ExceptHandler) and all(isinstance(child, ast.Pass) for child in node.body)
            found += [f"{module}:{node.lineno}"] if swallows else []
    assert not found


def test_texts_are_read_in_utf_8_whatever_the_locale():
    found = []
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = any(keyword.arg == "encoding" for keyword in node.keywords)
                texts = node.func.attr in {"read_text", "write_text", "fdopen"} and "b" not in ast.unparse(
                    node.args[-1:]
                )
                found += [f"{module}:{node.lineno}"] if texts and not named else []
    assert not found


def test_every_named_query_is_used_and_every_used_query_is_named():
    named = {
        f"{path.stem}.{name}"
        for path in (ROOT / "sql" / "queries").glob("*.sql")
        for name in re.findall(r"^-- name: (\w+)$", path.read_text(), re.MULTILINE)
    }
    text = "\n".join(path.read_text() for path in MODULES.values())
    # The one family whose name is put together from a part: privacy/export.py.
    text += "".join(f'"{name}"' for name in named if name.startswith("users.export_"))
    called = set(re.findall(r'(?:fetch_\w+|execute\w*)\(\s*"([a-z_]+\.\w+)"', text))
    assert called - named == set()
    assert {name for name in named if f'"{name}"' not in text} == set()


def test_every_query_says_what_it_does():
    silent = [
        f"{path.stem}.{name}"
        for path in (ROOT / "sql" / "queries").glob("*.sql")
        for name, following in re.findall(r"^-- name: (\w+)\n(.*)$", path.read_text(), re.MULTILINE)
        if not following.startswith("-- ")
    ]
    assert not silent


def test_templates_and_scripts_hold_nothing_inline():
    inline = []
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        if re.search(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=", text):
            inline.append(path.name)
    assert not inline
