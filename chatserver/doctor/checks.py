"""All checks of the doctor, each after those that it depends on."""

from chatserver.config import Config
from chatserver.doctor import certificate, database, local_model, machine, mail, payments, services, settings
from chatserver.doctor.findings import Finding


async def run_all(config: Config) -> list[Finding]:
    """The findings, in the order of the checks."""
    return [
        *settings.check(config),
        *await services.check(config),
        *local_model.check(config),
        await certificate.check(config),
        *await mail.check(config),
        *await payments.check(config),
        *await database.check(config),
        *await machine.check(config),
    ]
