"""The doctor: looks at everything that chatserver rests on, and says how to mend what is not well."""

from chatserver.config import Config
from chatserver.doctor.findings import Finding

__all__ = ["Finding", "examine"]


async def examine(config: Config) -> list[Finding]:
    """The findings, in order. Changes nothing but a probe that it removes, and a remembered identity."""
    # It calls other servers: no other command of the operator needs the HTTP client's library.
    from chatserver.doctor import examination

    return await examination.examine(config)
