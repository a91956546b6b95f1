"""All checks of the doctor, each after those that it depends on."""

import asyncio

from chatserver.config import Config
from chatserver.doctor import certificate, database, local_model, machine, mail, payments, services, settings
from chatserver.doctor.findings import Finding


async def run_all(config: Config) -> list[Finding]:
    """The findings, in this order. What answers or not is asked side by side: the silence of many takes no longer than that
    of one."""
    asked, files, mails, stored, here = await asyncio.gather(
        services.check(config),
        certificate.check(config),
        mail.check(config),
        _of_database(config),
        machine.check(config),
    )
    return [*settings.check(config), *asked, *local_model.check(config), files, *mails, *stored, *here]


async def _of_database(config: Config) -> list[Finding]:
    """One after the other, as each starts the embedded server where it does not run."""
    return [*await payments.check(config), *await database.check(config)]
