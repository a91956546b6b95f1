"""`chatserver doctor`: prints the findings, and ends with 1 where something does not work."""

import sys

import click
import msgspec

from chatserver import config as configuration
from chatserver import doctor
from chatserver.doctor.findings import Finding
from chatserver.runtime import event_loop, logs

_COLORS = {"ok": "green", "warning": "yellow", "failure": "red"}


def run(*, json: bool) -> None:
    """Prints what every check found, one a line; or all as JSON, {ok, findings}."""
    config = configuration.load()
    logs.configure(config)
    findings = event_loop.run(doctor.run_checks(config))
    well = all(finding.status != "failure" for finding in findings)
    if json:
        print(msgspec.json.encode({"ok": well, "findings": findings}).decode())
    else:
        _print(findings)
    sys.exit(0 if well else 1)


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        sign = click.style(f"{finding.status:7}", fg=_COLORS[finding.status])
        click.echo(f"{sign}  {finding.name}: {finding.message}")
        if finding.mend:
            click.echo(f"         → {finding.mend}")
