"""Tracebacks for the log: files, lines, functions with their source, and the types of the errors. No values.

Neither local variables nor, as a rule, an error's own message: messages quote what somebody sent (`invalid literal for
int(): '…'`, and Postgres adds whole rows). What helps and cannot hold a value is kept: an errno, an SQLSTATE, an error code.
"""

import builtins
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType

from chatserver.runtime import redaction

# Frames kept at the outer and the inner end; a recursion has a thousand equal ones in between.
_OUTER, _INNER = 4, 20
_LONGEST_LINE = 200
# Errors of one chain, or of one group.
_MAX_ERRORS = 5
LONGEST = 12_000

# Their messages hold only types and names, apart from what stands in quotes.
_SAFE_MESSAGES = (TypeError, AttributeError, NameError, ImportError)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
# What asyncpg's errors know of a failed statement, apart from its values.
_STATEMENT_FIELDS = ("sqlstate", "schema_name", "table_name", "column_name", "data_type_name", "constraint_name")


def text_of(error: BaseException) -> str:
    """An error with its causes, the first one first, in the form in which Python prints them."""
    chain = list(_chain(error))
    lines = [line for each in reversed(chain) for line in _lines(each)]
    return redaction.cut("\n".join(lines), LONGEST)


def install_hooks(report: Callable[[BaseException], None]) -> None:
    """Calls `report` with errors that end the process, a thread or a destructor; Python would print their messages."""

    def handle(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
            sys.__excepthook__(kind, error or kind(), trace)
        else:
            report(error)

    sys.excepthook = handle
    threading.excepthook = lambda failed: handle(failed.exc_type, failed.exc_value, failed.exc_traceback)
    sys.unraisablehook = lambda failed: handle(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen and len(seen) < _MAX_ERRORS:
        seen.add(id(following))
        yield following
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)


def _lines(error: BaseException) -> Iterator[str]:
    yield "Traceback (most recent call last):"
    yield from _frames(error.__traceback__)
    yield _named(error)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions[:_MAX_ERRORS]:
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
    message = redaction.words(_safe_message(error), foreign=True)
    return f"{name}: {message}" if message else name


def _safe_message(error: BaseException) -> str:
    if isinstance(error, _SAFE_MESSAGES):
        return _QUOTED.sub("'…'", redaction.cut(str(error), _LONGEST_LINE))
    if isinstance(error, UnicodeError):
        return " ".join(str(getattr(error, name, "")) for name in ("encoding", "reason")).strip()
    if isinstance(error, OSError):
        return f"{error.errno} {error.strerror}" if error.errno is not None else ""
    known = [f"{name} {value}" for name in _STATEMENT_FIELDS if (value := getattr(error, name, None))]
    # Our own errors have a code beside their message.
    code = getattr(error, "code", None)
    return ", ".join(known) or (code if isinstance(code, str) and re.fullmatch(r"[a-z-]{1,40}", code) else "")
