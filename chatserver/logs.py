"""Structured logs: one line an event, with the request's or the job's ids, on a terminal in colour, elsewhere as JSON.

Every value is escaped by its renderer, so that nobody can write a line of his own into the log. Prompts, tokens and
cookies are never logged, at any level; a last filter blanks values under names that look like secrets.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from chatserver.config import Config

_SECRET_WORDS = ("password", "secret", "token", "cookie", "authorization", "api_key", "prompt")
# What other libraries log about ordinary work; their warnings and errors are ours too.
_QUIET = ("uvicorn.access", "botocore", "aiobotocore", "asyncio", "websockets", "databases", "aiohttp.access")


def configure(config: Config) -> None:
    """Sets up structlog and the standard library's logging, once, at the start of a process."""
    level = logging.getLevelNamesMapping()[config.log_level.upper()]
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _blank_secrets,
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
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(config)],
        )
    )
    # At `debug`, libraries write headers, frames and statements: tokens and prompts. Only we know what must not be said.
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    logging.getLogger(__package__).setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _renderers(config: Config) -> list[Any]:
    on_terminal = config.log_format == "console" or (config.log_format == "auto" and sys.stderr.isatty())
    if on_terminal:
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _blank_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in event:
        if name != "event" and any(word in name.lower() for word in _SECRET_WORDS):
            event[name] = "••••"
    return event
