"""The operator's commands for providers: their limits and state for all workers, and the kill switch."""

import click

from chatserver import config as configuration
from chatserver.admin import providers
from chatserver.audit import COMMAND_LINE
from chatserver.config import Config
from chatserver.database import command_line
from chatserver.errors import Invalid
from chatserver.generations import provider_limits
from chatserver.generations.provider_limits import LimitReport, ProviderLimits
from chatserver.runtime import tables
from chatserver.runtime.command_groups import CommandGroup

group = CommandGroup(default="list")
_name = click.argument("name", help="A provider of PROVIDERS: huggingface, sketch, …")


@group.command("list")
def list_providers() -> None:
    """Every provider in its order of fall-back: its state, how busy it is, and its limits."""
    _show()


def _show() -> None:
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


@group.command()
@_name
def pause(name: str) -> None:
    """Stop asking a provider: new work goes to the next of PROVIDERS, or waits and says so. What runs goes on."""
    _switch(name, paused=True)


@group.command()
@_name
def resume(name: str) -> None:
    """Ask it again, at once, also where its breaker was open."""
    _switch(name, paused=False)


def _switch(name: str, *, paused: bool) -> None:
    known = configuration.load().provider_order
    if name not in known:
        raise Invalid.field("NAME", f"must be one of: {', '.join(known)}")
    command_line.run(providers.pause, COMMAND_LINE, name, paused=paused)
    _show()
