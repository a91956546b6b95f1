"""Structured logs: one line an event, with the request's or the job's ids, in colour on a terminal, elsewhere as JSON.

Every value is truncated, and secrets (`redaction`) and control characters are removed, so that nobody can forge a line of
the log or fill it. Errors are logged as `tracebacks` formats them. Prompts, tokens and cookies are never logged, at any
level; a last filter blanks values under names that look like secrets. Records of other libraries, warnings and uncaught
errors go through the same processors. Our own events are written without the standard library's logging, which took half of
what a line costs.
"""

import asyncio
import contextlib
import enum
import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from datetime import date
from functools import lru_cache
from pathlib import PurePath
from typing import Any

import structlog
from structlog.typing import Processor

from chatserver.config import Config
from chatserver.runtime import log_output, redaction, tracebacks

_SECRET_WORDS = ("password", "secret", "token", "cookie", "authorization", "api_key", "prompt", "signature", "referer")
# Libraries that log ordinary work: only their warnings and errors are kept.
_QUIET = ("uvicorn", "botocore", "aiobotocore", "asyncio", "websockets", "databases", "aiohttp.access")
# A disconnected client, and a handshake that was answered with an error: we log both ourselves.
_DUPLICATES = {"socket.send() raised exception.", "ASGI callable returned without completing handshake."}
# Items of a list, and levels of nesting, that one line shows.
_MAX_ITEMS, _MAX_DEPTH = 50, 4
# Fields that we write ourselves, of nothing that anybody sent.
_TRUSTED_FIELDS = {"exception", "level", "timestamp"}
# Many readers of JSON take no larger integer, and none takes infinity.
_MAX_NUMBER = 2**63

log = structlog.get_logger(__name__)


def configure(config: Config) -> None:
    """Sets up structlog and the standard library's logging, once, at the start of a process."""
    level = logging.getLevelNamesMapping()[config.log_level.upper()]
    collecting: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    output = log_output.of(sys.stderr)
    writing: list[Processor] = [_write_error, _clean, _renderer(config)]
    structlog.configure(
        processors=[*collecting, *writing],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_names: _StandardError(output),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*collecting, structlog.stdlib.add_logger_name, _first_line],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *writing],
        )
    )
    # Not at `debug` for libraries: they log headers, frames and statements, with tokens and prompts in them.
    handler.addFilter(_is_worth_logging)
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    # Otherwise a failure to log prints the record's arguments.
    logging.raiseExceptions = False
    tracebacks.install_hooks(_log_uncaught)


class _StandardError(structlog.WriteLogger):
    """Writes our own lines. What cannot be written, as to a stream that was closed, is lost, and nothing else fails."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """False for clients that disconnect and requests that are cancelled at shutdown: nothing is wrong then."""
    error = record.exc_info[1] if record.exc_info else None
    known = isinstance(record.msg, str) and record.msg in _DUPLICATES
    return not known and not isinstance(error, asyncio.CancelledError)


def _renderer(config: Config) -> Processor:
    on_terminal = config.log_format == "console" or (config.log_format == "auto" and sys.stderr.isatty())
    if on_terminal:
        # Its default formatter prints the local variables of every frame: passwords, cookies, whole requests.
        return structlog.dev.ConsoleRenderer(
            # A journal or a file would keep the codes of the colours.
            colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
            exception_formatter=structlog.dev.plain_traceback,
        )
    return structlog.processors.JSONRenderer()


def _log_uncaught(error: BaseException) -> None:
    log.critical("process.failed", error=type(error).__name__, exc_info=error)


# Processors -------------------------------------------------------------------------------------------------------


def _first_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keeps the first line of another library's message: asyncio appends the task and the error's own text."""
    event["event"] = redaction.words(str(event["event"]).strip().partition("\n")[0], foreign=True)
    return event


def _write_error(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    shown = event.pop("exc_info", None)
    if shown is True:
        shown = sys.exc_info()
    error = shown[1] if isinstance(shown, tuple) else shown
    event.pop("stack_info", None)
    if isinstance(error, BaseException):
        event["exception"] = tracebacks.text_of(error)
    return event


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {
        name: value if name in _TRUSTED_FIELDS else _shown(name, value, _MAX_DEPTH) for name, value in event.items()
    }


def _shown(name: str, value: Any, depth: int) -> Any:
    return "••••" if _names_a_secret(name) else _plain(value, depth)


@lru_cache(1000)
def _names_a_secret(name: str) -> bool:
    return name != "event" and any(word in name.lower() for word in _SECRET_WORDS)


def _plain(value: Any, depth: int) -> Any:
    """A value as it is logged; of any other object, which may hold anything, only its type."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and -_MAX_NUMBER <= value <= _MAX_NUMBER:
        return value
    if isinstance(value, str | PurePath | date | enum.Enum):
        return redaction.words(str(value))
    if depth and isinstance(value, Mapping):
        items = [(redaction.words(str(name)), each) for name, each in list(value.items())[:_MAX_ITEMS]]
        return {name: _shown(name, each, depth - 1) for name, each in items}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_plain(each, depth - 1) for each in list(value)[:_MAX_ITEMS]]
    return f"<{type(value).__name__}>"
