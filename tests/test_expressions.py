"""Every regular expression of ours that sees what people, models or services write takes a time that grows with the text.

Those are found, not listed: a new one is held as soon as it stands in a module.
"""

import functools
import importlib
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

PACKAGE = Path(chatserver.__file__).parent
LENGTH = 10_000
# For one text; an expression that looks again from each character on takes seconds.
MOST_SECONDS = 0.25
# What these read is our own: SQL, style sheets, scripts, templates' names, the log of our own server, an error of torch.
OWN_TEXTS = (
    "database",
    "web.bundle",
    "api.openapi",
    "web.templating",
    "config.env_file",
    "doctor",
    "providers.sketch.painting",
    "providers.diffusers.pipeline_process",
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
    finish_reason.of,
    finish_reason.without_note,
    prompt_improvement._bare,
]


def expressions() -> Iterator[tuple[str, list[Callable[[str], object]]]]:
    """Each expression's name with the ways in which its module uses it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        source = path.read_text()
        # What names no expression is not imported: it may need a library that is absent, or seconds.
        if name.startswith(OWN_TEXTS) or not re.search(r"\bre\b|\bPattern\b", source):
            continue
        for attribute, value in vars(importlib.import_module(f"chatserver.{name}")).items():
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


def test_no_expression_takes_a_long_time_whatever_it_sees() -> None:
    found = dict(expressions())
    assert {"messages.finish_reason._NOTE", "markdown.parser._LINES", "sessions.titles._MARKS"} <= found.keys()
    slow = [
        (name, text[:20]) for name, uses in found.items() for text in TEXTS if seconds_of(uses, text) >= MOST_SECONDS
    ]
    assert slow == []


def seconds_of(uses: list[Callable[[str], object]], text: str) -> float:
    began = time.process_time()
    for use in uses:
        use(text)
    return time.process_time() - began


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_what_reads_peoples_words_takes_no_long_time(call: Callable[[str], object]) -> None:
    assert [text[:20] for text in TEXTS if seconds_of([call], text) >= MOST_SECONDS] == []
