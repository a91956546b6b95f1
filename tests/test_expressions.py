"""Every regular expression of ours that sees what people, models or services write takes a time that grows with the text.

Those are found, not listed: a new one is held as soon as it stands in a module.
"""

import functools
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import chatserver
from chatserver import validation
from chatserver.assets import disposition, filenames
from chatserver.generations import prompt_improvement
from chatserver.messages import finish_reason
from chatserver.sessions import titles
from tests.markdown import bombs

LENGTH = 10_000
# For one text; an expression that looks again from each character on takes seconds.
MOST_SECONDS = 0.25
# What these read is our own: SQL, style sheets, scripts, templates' names, the log of our own server.
OWN_TEXTS = (
    "database",
    "web.bundle",
    "api.openapi",
    "web.templating",
    "config.env_file",
    "doctor",
    "providers.sketch.painting",
)
TEXTS = [
    unit * (LENGTH // len(unit))
    for unit in (*bombs.UNITS, "a-", "a@", "a.a", "//", "/", "x,", "=", "0 ", "``` x\n", "*\n\n")
]
CALLS: list[Callable[[str], object]] = [
    validation.trimmed,
    validation.visible,
    titles.shorten,
    filenames.transliterate,
    disposition.safe_name,
    finish_reason.code_of,
    finish_reason.without_note,
    prompt_improvement._bare,
]


def expressions() -> Iterator[tuple[str, list[Callable[[str], object]]]]:
    """Each expression's name with the ways in which its module uses it."""
    for found in pkgutil.walk_packages(chatserver.__path__, "chatserver."):
        name = found.name.removeprefix("chatserver.")
        if name.startswith(OWN_TEXTS) or name.endswith("__main__") or "diffusers.pipeline" in name:
            continue
        try:
            module = importlib.import_module(found.name)
        except ImportError:  # a library that is not installed here
            continue
        source = Path(module.__file__ or "").read_text()
        for attribute, value in vars(module).items():
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                uses = set(re.findall(rf"\b{attribute}\.(\w+)\(", source)) or {"search", "fullmatch"}
                yield f"{name}.{attribute}", [functools.partial(_use, value, use) for use in sorted(uses)]


def _use(expression: "re.Pattern[str]", use: str, text: str) -> None:
    if use in {"sub", "subn"}:
        expression.sub(" ", text)
    elif use == "finditer":
        list(expression.finditer(text))
    else:
        getattr(expression, use)(text)


EXPRESSIONS = dict(expressions())


def test_expressions_are_found() -> None:
    assert {"messages.finish_reason._NOTE", "markdown.parser._LINES", "sessions.titles._MARKS"} <= EXPRESSIONS.keys()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_takes_no_long_time_whatever_it_sees(name: str) -> None:
    for text in TEXTS:
        began = time.process_time()
        for use in EXPRESSIONS[name]:
            use(text)
        assert time.process_time() - began < MOST_SECONDS, repr(text[:20])


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_what_reads_peoples_words_takes_no_long_time(call: Callable[[str], object]) -> None:
    for text in TEXTS:
        began = time.process_time()
        call(text)
        assert time.process_time() - began < MOST_SECONDS, repr(text[:20])
