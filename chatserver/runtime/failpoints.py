"""Failpoints: with `CRASH_AT=<step>` a process kills itself with SIGKILL at that step (docs/reliability.md names the steps).

    CRASH_AT=before-commit:chatserver.messages.sending.say_at_once   after-commit:<verb>, fan-out:<verb>
    CRASH_AT=provider-call                                        put, resume

Nothing is cleaned up, as when a machine loses power. Without CRASH_AT nothing happens.
"""

import os
import signal
from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def _crash_at() -> str | None:
    # Read once: every unit of work has three steps, and reading the environment costs a microsecond.
    return os.environ.get("CRASH_AT")


def at(step: str) -> None:
    """Ends the process where CRASH_AT names this step."""
    if _crash_at() == step:
        os.kill(os.getpid(), signal.SIGKILL)


def at_verb(step: str, verb: Callable[..., Any]) -> None:
    """Ends the process where CRASH_AT names this step of one verb's unit of work: `<step>:<module>.<verb>`."""
    if _crash_at() is not None:
        at(f"{step}:{verb.__module__}.{verb.__qualname__}")
