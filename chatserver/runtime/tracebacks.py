"""What went wrong, for the log: files, lines, functions and their source, and the kinds of the errors. No values.

Neither local variables nor, as a rule, an error's own words: these quote what somebody sent (`invalid literal for int():
'…'`, and Postgres adds whole rows). What helps and cannot hold a value is said: an errno, an SQLSTATE, a name of ours.
"""

import builtins
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType

from chatserver.runtime import redaction

# Frames at the outer and at the inner end; a recursion has a thousand alike in between.
_OUTER, _INNER = 4, 20
_LONGEST_LINE = 200
# Errors in one chain, or side by side in one group.
_MOST_ERRORS = 5
LONGEST = 12_000

# Their words are made of types and names alone, but for what stands in quotes.
_IN_WORDS = (TypeError, AttributeError, NameError, ImportError)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
# What drivers know of a failed statement, apart from its values.
_OF_A_STATEMENT = ("sqlstate", "schema_name", "table_name", "column_name", "data_type_name", "constraint_name")


def text_of(error: BaseException) -> str:
    """An error with those that led to it, the first one first, as Python prints them."""
    chain = list(_chain(error))
    lines = [line for each in reversed(chain) for line in _lines(each)]
    return redaction.cut("\n".join(lines), LONGEST)


def take_what_nobody_catches(tell: Callable[[BaseException], None]) -> None:
    """Hands over the errors that end this process, a thread or a destructor; Python itself would print their words."""

    def take(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
            sys.__excepthook__(kind, error or kind(), trace)
        else:
            tell(error)

    sys.excepthook = take
    threading.excepthook = lambda failed: take(failed.exc_type, failed.exc_value, failed.exc_traceback)
    sys.unraisablehook = lambda failed: take(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen and len(seen) < _MOST_ERRORS:
        seen.add(id(following))
        yield following
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)


def _lines(error: BaseException) -> Iterator[str]:
    yield "Traceback (most recent call last):"
    yield from _frames(error.__traceback__)
    yield _named(error)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions[:_MOST_ERRORS]:
            yield from (f"  | {line}" for line in _lines(each))


def _frames(trace: TracebackType | None) -> Iterator[str]:
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)
    between = len(frames) - _OUTER - _INNER
    for index, frame in enumerate(frames):
        if between > 0 and _OUTER <= index < _OUTER + between:
            if index == _OUTER:
                yield f"  … {between} frames …"
            continue
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
        if frame.line:
            yield f"    {redaction.cut(frame.line, _LONGEST_LINE)}"


def _named(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == builtins.__name__ else f"{kind.__module__}.{kind.__qualname__}"
    said = redaction.words(_said(error), foreign=True)
    return f"{name}: {said}" if said else name


def _said(error: BaseException) -> str:
    if isinstance(error, _IN_WORDS):
        return _QUOTED.sub("'…'", redaction.cut(str(error), _LONGEST_LINE))
    if isinstance(error, UnicodeError):
        return " ".join(str(getattr(error, name, "")) for name in ("encoding", "reason")).strip()
    if isinstance(error, OSError):
        return f"{error.errno} {error.strerror}" if error.errno is not None else ""
    told = [f"{name} {value}" for name in _OF_A_STATEMENT if (value := getattr(error, name, None))]
    # Errors of ours have a code beside their words.
    code = getattr(error, "code", None)
    return ", ".join(told) or (code if isinstance(code, str) and re.fullmatch(r"[a-z-]{1,40}", code) else "")
