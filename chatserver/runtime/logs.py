"""Structured logs: one line an event, with the request's or the job's ids, on a terminal in colour, elsewhere as JSON.

Every value is cut, freed of what opens something (`redaction`) and of what moves a cursor, so that nobody can write a line
of his own into the log, nor fill it. Errors are logged as `tracebacks` writes them. Prompts, tokens and cookies are never
logged, at any level; a last filter blanks values under names that look like secrets. Other libraries, warnings and errors
that nobody caught go the same way.
"""

import asyncio
import enum
import logging
import sys
from collections.abc import Mapping, MutableMapping
from datetime import date
from functools import lru_cache
from pathlib import PurePath
from typing import Any

import structlog
from structlog.typing import Processor

from chatserver.config import Config
from chatserver.runtime import redaction, tracebacks

_SECRET_WORDS = ("password", "secret", "token", "cookie", "authorization", "api_key", "prompt", "signature", "referer")
# What other libraries log about ordinary work; their warnings and errors are ours too.
_QUIET = ("uvicorn", "botocore", "aiobotocore", "asyncio", "websockets", "databases", "aiohttp.access")
# Said of somebody who has gone, and of a handshake that was answered with an error: both are in our own lines.
_NO_NEWS = {"socket.send() raised exception.", "ASGI callable returned without completing handshake."}
# Items of a list, and lists within lists, that one line shows.
_MOST_ITEMS, _MOST_DEPTH = 50, 4
# Written here, of nothing that anybody sent.
_OURS = {"exception", "level", "timestamp"}
# JSON's readers take no larger number for one; infinity is none.
_LARGEST = 2**63

log = structlog.get_logger(__name__)


def configure(config: Config) -> None:
    """Sets up structlog and the standard library's logging, once, at the start of a process."""
    level = logging.getLevelNamesMapping()[config.log_level.upper()]
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*processors, structlog.stdlib.add_logger_name, _first_line],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _write_error,
                _clean,
                _renderer(config),
            ],
        )
    )
    # At `debug`, libraries write headers, frames and statements: tokens and prompts. Only we know what must not be said.
    handler.addFilter(_is_of_ours_to_tell)
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    logging.getLogger(__package__).setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    # Where even logging fails, it would print the arguments.
    logging.raiseExceptions = False
    tracebacks.take_what_nobody_catches(_log_uncaught)


def _is_of_ours_to_tell(record: logging.LogRecord) -> bool:
    """Not that somebody went away in the middle, or that a request was given up at the end: nothing is wrong then."""
    error = record.exc_info[1] if record.exc_info else None
    # (Ours come as the event's fields.)
    known = isinstance(record.msg, str) and record.msg in _NO_NEWS
    return not known and not isinstance(error, asyncio.CancelledError)


def _renderer(config: Config) -> Processor:
    on_terminal = config.log_format == "console" or (config.log_format == "auto" and sys.stderr.isatty())
    if on_terminal:
        # Its own way with errors prints the variables of every function: passwords, cookies, whole requests.
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()


def _log_uncaught(error: BaseException) -> None:
    log.critical("process.failed", error=type(error).__name__, exc_info=error)


# Processors -------------------------------------------------------------------------------------------------------


def _first_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of another library's message the first line: asyncio goes on with the task, and with the error's own words."""
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
    return {name: value if name in _OURS else _shown(name, value, _MOST_DEPTH) for name, value in event.items()}


def _shown(name: str, value: Any, depth: int) -> Any:
    return "••••" if _names_a_secret(name) else _plain(value, depth)


@lru_cache(1000)
def _names_a_secret(name: str) -> bool:
    return name != "event" and any(word in name.lower() for word in _SECRET_WORDS)


def _plain(value: Any, depth: int) -> Any:
    """A value as the log shows it; of an object, which may hold anything, its kind."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and -_LARGEST <= value <= _LARGEST:
        return value
    if isinstance(value, str | PurePath | date | enum.Enum):
        return redaction.words(str(value))
    if depth and isinstance(value, Mapping):
        items = [(redaction.words(str(name)), each) for name, each in list(value.items())[:_MOST_ITEMS]]
        return {name: _shown(name, each, depth - 1) for name, each in items}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_plain(each, depth - 1) for each in list(value)[:_MOST_ITEMS]]
    return f"<{type(value).__name__}>"
