"""The doctor: looks at everything that chatserver rests on, and says how to mend what is not well."""

import importlib
from typing import cast

from chatserver.config import Config
from chatserver.doctor.findings import Finding

__all__ = ["Finding", "examine"]


async def examine(config: Config) -> list[Finding]:
    """The findings, in order. Changes nothing but a probe that it removes, and a remembered identity."""
    # Loaded where it is asked for: it looks at other servers, whose library no other command of the operator needs.
    examination = importlib.import_module("chatserver.doctor.examination")
    return cast(list[Finding], await examination.examine(config))
