"""The layout: imports point one way and without cycles, at the top of files; modules say what they are."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "chatserver"

# From the ground up: a module imports from its own package and from the lines before, never from its own line or later.
LAYERS = [
    {"errors"},
    {"net"},
    {"config"},
    {"runtime", "limits", "events"},
    {"currencies", "ids", "text", "identity"},
    {"validation"},
    {"processes"},
    {"database", "markdown", "imaging"},
    {"provenance"},
    {"providers", "storage", "brokers", "jobs"},
    {"realtime", "archives"},
    {"edge", "state"},
    {"api"},
    {"web"},
    {"audit"},
    {"users", "plans", "credits", "styles"},
    {"announcements", "rollups"},
    {"costs"},
    {"statistics"},
    {"sessions"},
    {"mail"},
    {"payments"},
    {"codes"},
    {"messages"},
    {"assets"},
    {"uploads"},
    {"moderation"},
    {"generations"},
    {"albums", "gallery", "openai_api"},
    {"sharing"},
    {"reports"},
    {"privacy", "monitoring", "verification"},
    {"admin"},
    {"app", "doctor"},
    {"server"},
    {"cli"},
    {"__main__"},
]
FEATURES = (
    "audit",
    "announcements",
    "mail",
    "users",
    "plans",
    "styles",
    "credits",
    "rollups",
    "costs",
    "statistics",
    "sessions",
    "codes",
    "payments",
    "messages",
    "assets",
    "uploads",
    "moderation",
    "generations",
    "openai_api",
    "albums",
    "sharing",
    "reports",
    "gallery",
    "privacy",
    "monitoring",
    "verification",
    "admin",
)
# What the server and the operator come in by: each gathers what it needs, and only app/ gathers them.
ENTRANCES = {"routes", "commands", "pages", "cli"}

# The imports inside functions: each with the reason why it is not at the top.
LAZY_IMPORTS = {
    "chatserver.brokers:open_broker": "a single process starts sooner without the Redis library",
    "chatserver.cli:_import_group": "a command loads its own feature's service, not those of all",
    "chatserver.cli:announce": "its feature's service takes 0.4 s, which other commands do not need",
    "chatserver.cli:doctor": "its checks and the log's library are no other command's",
    "chatserver.cli:migrate": "the database's libraries take 0.3 s, which `config` and `version` do not need",
    "chatserver.cli:serve": "the server is a third of what the operator's other commands would load",
    "chatserver.cli:worker": "the server is a third of what the operator's other commands would load",
    "chatserver.doctor:run_checks": "it loads the HTTP client, which no other command of the operator needs",
    "chatserver.payments.processing:open_gateways": "the HTTP client takes 14 MB, which free sessions do not need",
    "chatserver.provenance.sealer:operators_certificate": "its library takes 0.1 s, which only C2PA_CERTIFICATE needs",
    "chatserver.providers:open_chat": "the HTTP client takes 14 MB, which the built-in guide does not need",
    "chatserver.providers:_open_huggingface": "the HTTP client takes 14 MB, which local providers do not need",
    "chatserver.server:_import_web_server": "it is imported in a thread, while the embedded Postgres starts",
    "chatserver.server:_import_worker": "it is imported in a thread, while the embedded Postgres starts",
    "chatserver.storage:open_url": "the S3 library takes half a second and 20 MB, which a folder does not need",
}
IMPORT_FUNCTIONS = {"import_module", "__import__"}
IMPORTS_BY_NAME = {"chatserver.processes.preloading": "it imports every module of a library before a child is confined"}


def modules():
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


MODULES = modules()


@functools.cache
def tree_of(module):
    return ast.parse(MODULES[module].read_text())


@functools.cache
def nodes_of(module):
    """Everything in a module, at whatever depth."""
    return tuple(ast.walk(tree_of(module)))


@functools.cache
def imports(module):
    """The modules of ours that a module imports, at whatever depth of its code."""
    found = set()
    for node in nodes_of(module):
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
    return not ENTRANCES.isdisjoint(module.split(".")[2:])


def is_models(module):
    return module.split(".")[2:] == ["models"]


def test_every_package_has_its_layer():
    packages = {top(module) for module in MODULES if top(module)}
    layers = [package for layer in LAYERS for package in layer]
    assert sorted(layers) == sorted(packages)


def test_every_package_is_in_the_tour_of_the_code():
    tour = (ROOT / "docs" / "architecture.md").read_text().partition("```\nchatserver/")[2].partition("```")[0]
    assert {top(module) for module in MODULES if top(module)} - set(re.findall(r"\w+", tour)) == set()


def test_imports_point_one_way():
    wrong = []
    for module in MODULES:
        for imported in imports(module):
            inside = top(module) == top(imported)
            upward = not inside and top(imported) and layer_of(imported) >= layer_of(module)
            if is_models(module) and is_models(imported):
                # A shape holds other shapes, whichever feature is above: a message its generations.
                upward = False
            elif is_entrance(module):
                # An entrance gathers; another one only within its own feature.
                upward = is_entrance(imported) and not inside
            elif is_entrance(imported):
                upward = top(module) not in {"app", "cli"}
            wrong += [f"{module} → {imported}"] if top(module) and upward else []
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


def functions(module):
    """(Qualified name, node) of each function of a module; an inner one has its outer one's name before it."""

    def walk(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                if not isinstance(child, ast.ClassDef):
                    yield name, child
                yield from walk(child, f"{name}.")
            else:
                yield from walk(child, prefix)

    return walk(tree_of(module), "")


def test_imports_stand_at_the_top_but_for_the_listed_ones():
    lazy = {
        f"{module}:{name}"
        for module in MODULES
        for name, node in functions(module)
        if any(isinstance(child, ast.Import | ast.ImportFrom) for child in ast.walk(node))
    }
    assert sorted(lazy) == sorted(LAZY_IMPORTS)


def test_modules_are_imported_by_statements():
    found = [
        f"{module}:{node.lineno}"
        for module in MODULES
        for node in nodes_of(module)
        if (isinstance(node, ast.Name) and node.id in IMPORT_FUNCTIONS)
        or (isinstance(node, ast.Attribute) and node.attr in IMPORT_FUNCTIONS)
        if module not in IMPORTS_BY_NAME
    ]
    assert not found


def test_realtime_knows_no_feature():
    known = [
        f"{module} → {imported}"
        for module in MODULES
        if top(module) == "realtime"
        for imported in imports(module)
        if top(imported) in FEATURES
    ]
    assert not known


def test_only_entrances_and_the_composition_know_the_whole_state():
    # Everything else is given the three to five parts that it uses.
    allowed = {"api", "web", "app", "server", "monitoring", "doctor"}
    users = [module for module in MODULES if "chatserver.state" in imports(module)]
    assert [module for module in users if not is_entrance(module) and top(module) not in allowed] == []


def test_only_the_database_package_speaks_to_the_driver():
    allowed = {"database", "doctor", "monitoring"}
    found = []
    for module in MODULES:
        for node in nodes_of(module):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            drives = any(name.split(".")[0] in {"asyncpg", "databases"} for name in names)
            found += [module] if drives and top(module) not in allowed else []
    assert not found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_says_what_it_is(module):
    tree = tree_of(module)
    assert not tree.body or ast.get_docstring(tree), f"{module} has no docstring"


def test_nothing_is_swallowed_silently():
    found = []
    for module in MODULES:
        for node in nodes_of(module):
            swallows = isinstance(node, ast.ExceptHandler) and all(isinstance(child, ast.Pass) for child in node.body)
            found += [f"{module}:{node.lineno}"] if swallows else []
    assert not found


def test_cookies_are_read_by_our_own_parser():
    """Starlette's takes seconds for some (`web/cookies.py` says which)."""
    assert [
        f"{module}:{node.lineno}"
        for module in MODULES
        for node in nodes_of(module)
        if isinstance(node, ast.Attribute) and node.attr == "cookies"
    ] == []


def test_texts_are_read_in_utf_8_whatever_the_locale():
    found = []
    for module in MODULES:
        for node in nodes_of(module):
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
