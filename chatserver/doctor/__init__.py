"""The doctor: checks everything that chatserver depends on, and says how to repair what does not work."""

from chatserver.config import Config
from chatserver.doctor.findings import Finding

__all__ = ["Finding", "run_checks"]


async def run_checks(config: Config) -> list[Finding]:
    """The findings, in the order of the checks. Writes only a probe, which it removes, and the token's cached identity."""
    # Imported on demand: it needs an HTTP client, which no other of the operator's commands does.
    from chatserver.doctor import checks

    return await checks.run_all(config)
