"""Every look of the doctor, in the order in which things rest on each other."""

from chatserver.config import Config
from chatserver.doctor import database, local_model, machine, services
from chatserver.doctor.findings import Finding


async def examine(config: Config) -> list[Finding]:
    """The findings, in order. Changes nothing but a probe that it removes, and a remembered identity."""
    return [
        *await services.look(config),
        *local_model.look(config),
        *await database.look(config),
        *await machine.look(config),
    ]
