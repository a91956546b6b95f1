"""A drill for the fault matrix: `CRASH_AT=<step>` makes a process kill itself with SIGKILL when it comes to that step.

    CRASH_AT=before-commit:chatserver.messages.service.say     after-commit:<verb>, fan-out:<verb>
    CRASH_AT=provider-call                                        put, resume

Nothing is cleaned up, as when a machine loses power. docs/reliability.md names the steps; without CRASH_AT nothing happens.
"""

import os
import signal
from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def _chosen() -> str | None:
    # Read once: every unit of work comes to three steps, and a look into the environment costs a microsecond.
    return os.environ.get("CRASH_AT")


def at(step: str) -> None:
    """The process comes to a step."""
    if _chosen() == step:
        os.kill(os.getpid(), signal.SIGKILL)


def at_verb(step: str, verb: Callable[..., Any]) -> None:
    """The unit of work of a verb comes to a step."""
    if _chosen() is not None:
        at(f"{step}:{verb.__module__}.{verb.__qualname__}")
