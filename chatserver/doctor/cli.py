"""`chatserver doctor`: prints the findings, and ends with 1 where something does not work."""

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from chatserver import config as configuration
from chatserver import doctor
from chatserver.doctor.findings import Finding
from chatserver.runtime import logs

_SIGNS = {"ok": "[green]ok     [/]", "warning": "[yellow]warning[/]", "failure": "[red]failure[/]"}


def run(json: Annotated[bool, typer.Option("--json", help="For programs: {ok, findings}.")] = False) -> None:
    """Check everything that chatserver depends on: token, models, database, storage, Redis, disk, clock, port."""
    config = configuration.load()
    logs.configure(config)
    findings = asyncio.run(doctor.run_checks(config))
    well = all(finding.status != "failure" for finding in findings)
    if json:
        print(msgspec.json.encode({"ok": well, "findings": findings}).decode())
    else:
        _print(findings)
    raise typer.Exit(0 if well else 1)


def _print(findings: list[Finding]) -> None:
    out = Console(soft_wrap=True)
    for finding in findings:
        out.print(f"{_SIGNS[finding.status]}  {finding.name}: {escape(finding.message)}", highlight=False)
        if finding.mend:
            out.print(f"         → {escape(finding.mend)}", highlight=False)
