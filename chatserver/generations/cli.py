"""The operator's commands for providers: their limits and state for all workers, and the kill switch."""

from typing import Annotated

import typer

from chatserver import config as configuration
from chatserver.admin import providers
from chatserver.audit import COMMAND_LINE
from chatserver.config import Config
from chatserver.database import command_line
from chatserver.errors import Invalid
from chatserver.generations import provider_limits
from chatserver.generations.provider_limits import LimitReport, ProviderLimits
from chatserver.runtime import tables

app = typer.Typer(invoke_without_command=True)
Name = Annotated[str, typer.Argument(help="A provider of PROVIDERS: huggingface, sketch, …")]


@app.callback()
def group(context: typer.Context) -> None:
    """Show the providers (also `list`)."""
    if context.invoked_subcommand is None:
        list_providers()


@app.command("list")
def list_providers() -> None:
    """Every provider in its order of fall-back: its state, how busy it is, and its limits."""
    config = configuration.load()
    reports = command_line.run(provider_limits.reports)
    rows = [
        _row(config, name, provider_limits.limits_of(config, name), reports.get(name))
        for name in dict.fromkeys([*config.provider_order, *reports])
    ]
    tables.show(("provider", "state", "at once", "this hour", "last error"), rows)


def _row(config: Config, name: str, limits: ProviderLimits, report: LimitReport | None) -> tuple[str, ...]:
    shown = name if name in config.provider_order else f"{name} (not in PROVIDERS)"
    if report is None:
        return shown, "open", _of(0, limits.concurrency), _of(0, limits.per_hour), ""
    state = f"closed for {report.closed_seconds:.0f} s" if report.state == "closed" else report.state
    return (
        shown,
        state,
        _of(report.running, limits.concurrency),
        _of(report.calls, limits.per_hour),
        report.last_error_code or "",
    )


def _of(count: int, limit: int | None) -> str:
    return str(count) if limit is None else f"{count} of {limit}"


@app.command()
def pause(name: Name) -> None:
    """Stop asking a provider: new work goes to the next of PROVIDERS, or waits and says so. What runs goes on."""
    _switch(name, paused=True)


@app.command()
def resume(name: Name) -> None:
    """Ask it again, at once, also where its breaker was open."""
    _switch(name, paused=False)


def _switch(name: str, *, paused: bool) -> None:
    known = configuration.load().provider_order
    if name not in known:
        raise Invalid.field("NAME", f"must be one of: {', '.join(known)}")
    command_line.run(providers.pause, COMMAND_LINE, name, paused=paused)
    list_providers()
