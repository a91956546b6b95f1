"""Groups of the operator's commands: the program itself, and one in each feature's `cli`, such as `chatserver plans …`."""

from typing import Any

import click


class CommandGroup(click.Group):
    """Lists its commands in the order in which they are defined, each with its whole sentence.

    `default` is the command that runs where none is named; without it the help is printed then.
    """

    def __init__(self, name: str | None = None, *, default: str | None = None, **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self._default = [] if default is None else [default]

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(context, args or [*self._default])

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help or "") for name, command in self.commands.items()])
