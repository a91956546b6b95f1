"""The browser's modules: no dead ones, and the page's own events stay apart from those of the server."""

import re
from pathlib import Path

import chatserver
from chatserver.runtime import paths

SCRIPTS = {path: path.read_text() for path in sorted(Path(paths.STATIC, "js").rglob("*.js"))}
ALL = "\n".join(SCRIPTS.values())
PACKAGE = Path(chatserver.__file__).parent
PYTHON = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
WIRE = set(re.findall(r'\((?:User)?Event, [^)]*tag="([\w.-]+)"', PYTHON))


def page_events(verb: str) -> set[str]:
    """The types of `bus.on(…)` or `bus.emit(…)`, and those that the page of the source chooser passes on to the bus."""
    [chooser] = [text for path, text in SCRIPTS.items() if path.name == "source_chooser.js"]
    passed_on = re.findall(r'\bthis\.emit\(\s*"([\w-]+)"', chooser) if verb == "emit" else []
    return {*re.findall(rf'\bbus\.{verb}\(\s*"([\w-]+)"', ALL), *passed_on}


def test_elements_listen_to_the_socket_for_events_of_the_server_only() -> None:
    listened = set(re.findall(r'\bsocket\.on\(\s*"([\w.-]+)"', ALL))
    assert {"message", "credits", "session"} <= listened <= WIRE


def test_no_page_event_has_the_name_of_an_event_of_the_server() -> None:
    assert not (page_events("on") | page_events("emit")) & WIRE


def test_every_page_event_is_emitted_and_listened_to() -> None:
    assert page_events("emit") == page_events("on") != set()


def test_every_module_is_imported_or_loaded_by_a_page() -> None:
    imported = {
        (path.parent / name).resolve()
        for path, text in SCRIPTS.items()
        for name in re.findall(r'"(\.[^"]+\.js)"', text)
    }
    entries = {path.resolve() for path in SCRIPTS if path.name == "app.js" or path.parent.name == "pages"}
    # The script of most pages is a part of those of some.
    assert {path.resolve() for path in SCRIPTS} - imported == {each for each in entries if each.name != "common.js"}


def test_every_element_stands_in_a_template() -> None:
    templates = "\n".join(path.read_text() for path in Path(paths.TEMPLATES).rglob("*.html"))
    defined = set(re.findall(r'customElements\.define\("([\w-]+)"', ALL))
    # Times are written by a filter of the templates.
    assert {name for name in defined if f"<{name}" not in templates + PYTHON} == set()
