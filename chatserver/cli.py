"""The command line: the ways to start, and the operator's tools.

Every command is thin: it opens what it needs, calls one verb and prints. An error is one clear line, and exit code 1
(2 where the configuration is wrong).
"""

import difflib
import errno
import io
import os
import sys
from typing import Any

import click

from chatserver import __version__
from chatserver import config as configuration
from chatserver.config import env_file
from chatserver.config.env_file import EnvFile
from chatserver.errors import ChatserverError, ConfigurationError, StorageError
from chatserver.runtime import gc_tuning, tables, termination
from chatserver.runtime.command_groups import CommandGroup
from chatserver.runtime.process_roles import ProcessRole
from chatserver.validation import visible

# The features' commands, as the program's help lists them.
_FEATURES = {
    "users": "Accounts: list, add, make-admin, reset, ban.",
    "sessions": "Sessions: list, grant.",
    "plans": "Plans: what sessions cost and give.",
    "codes": "Codes, each good for one session: make, list, revoke.",
    "prices": "What providers charge: list, set, import.",
    "statistics": "The operator's figures: rebuild their sums.",
    "styles": "Styles of pictures: list, add, remove.",
    "credits": "Credits: prove that the books agree.",
    "payments": "Payments: prove that orders and books agree.",
    "providers": "Picture providers: how they stand; pause, resume.",
    "storage": "Files: create the store, compare it with the rows, copy it.",
    "announcements": "Announcements: list, withdraw.",
}


class _RootGroup(CommandGroup):
    """All commands. Ctrl+C ends each of them without a word, by the exit code that a shell gives to it."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None


class _LazyGroup(click.Command):
    """Stands for the commands of a feature, which are imported when one of them is typed: `version` needs no database."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(name, help=sentence)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        group = _import_group(self.name)
        group.help = self.help
        return group.make_context(info_name, args, parent, **extra)


def _import_group(name: str | None) -> click.Group:
    group: click.Group
    match name:
        case "users":
            from chatserver.users.cli import group
        case "sessions":
            from chatserver.sessions.cli import group
        case "plans":
            from chatserver.plans.cli import group
        case "codes":
            from chatserver.codes.cli import group
        case "prices":
            from chatserver.costs.cli import group
        case "statistics":
            from chatserver.rollups.cli import group
        case "styles":
            from chatserver.styles.cli import group
        case "credits":
            from chatserver.credits.cli import group
        case "payments":
            from chatserver.payments.cli import group
        case "providers":
            from chatserver.generations.cli import group
        case "storage":
            from chatserver.assets.cli import group
        case "announcements":
            from chatserver.announcements.cli import group
    return group


def main() -> None:
    """The console script."""
    _open_closed_streams()
    _print_in_any_locale()
    termination.interrupt_on_all()
    try:
        _run()
    except ConfigurationError as error:
        _complain(error.message)
        sys.exit(2)
    except StorageError as error:
        # Its cause and what to do are for the operator, who is the one to read them here.
        _complain(" ".join(part for part in (error.message, error.cause, error.mend) if part))
        sys.exit(1)
    except ChatserverError as error:
        _complain(error.message)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever reads has had enough, as `| head` has.
        _discard_output()
        sys.exit(1)
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _discard_output()
        where = f" ({error.filename})" if error.filename else ""
        _complain(f"Writing failed: {error.strerror}{where}.")
        sys.exit(1)


# What writing to a full disk, a full quota and a device that fails raises.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


def _run() -> None:
    try:
        app()
    finally:
        # Here, since what Python itself writes at its end fails without a word that anybody understands.
        sys.stdout.flush()


def _discard_output() -> None:
    """Lets what could not be written go nowhere: Python would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed_streams() -> None:
    """Leads to nowhere what the caller has closed, as `>&-` and some supervisors do: the next file or socket to be opened
    would otherwise be standard output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _print_in_any_locale() -> None:
    """Prints ? for what a terminal that is not UTF-8 cannot show; a bullet would otherwise raise UnicodeEncodeError."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


@click.group(cls=_RootGroup)
@click.pass_context
def app(context: click.Context) -> None:
    """Runs chatserver. Settings: environment variables, then the file .env of the working folder (ENV_FILE)."""
    if os.environ.get("NO_COLOR"):
        context.color = False
    context.obj = env_file.load()
    for word in sorted(os.environ, key=lambda name: context.obj.lines.get(name, 0)):
        _suggest(context.obj, word)


# An error may repeat what was typed, of whatever length.
_LONGEST_COMPLAINT = 1000


def _complain(message: str) -> None:
    """One line, also where it repeats an argument of several."""
    line = " ".join(visible(message).split())
    shown = line if len(line) <= _LONGEST_COMPLAINT else f"{line[:_LONGEST_COMPLAINT]}…"
    print(f"chatserver: {shown}", file=sys.stderr)


@app.command()
@click.option("--host", help="The address to listen on (HOST).")
@click.option("--port", type=int, help="The port to listen on (PORT).")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Web processes; more than one needs REDIS_URL.",
)
@click.option(
    "--role",
    type=click.Choice(ProcessRole),
    default=ProcessRole.all,
    show_default=True,
    help="web, worker, or both in one process.",
)
def serve(host: str | None, port: int | None, workers: int, role: ProcessRole) -> None:
    """Serve the pages, the API and the websocket, and (unless --role web) work on generations too."""
    gc_tuning.pause()
    from chatserver import server
    from chatserver.runtime import logs

    config = configuration.load(host=host, port=port)
    logs.configure(config)
    server.serve(config, role=role, workers=workers)


@app.command()
def worker() -> None:
    """Work on generations and replies, beside `serve --role web`."""
    gc_tuning.pause()
    from chatserver import server
    from chatserver.runtime import logs

    config = configuration.load()
    logs.configure(config)
    server.work(config)


@app.command()
@click.option("--status", is_flag=True, help="Only show what is applied and what is not.")
def migrate(status: bool) -> None:
    """Bring the database to this version's schema. Safe to run twice, and from two places at once."""
    from chatserver.database import command_line, migrations

    async def bring(url: str) -> list[migrations.Migration]:
        if not status:
            await migrations.migrate(url)
        return await migrations.status(url)

    found = command_line.run_on_url(bring, make=not status)
    rows = [(f"{each.version:04}", each.name, "applied" if each.applied_at else "pending") for each in found]
    tables.show(("version", "name", "state"), rows)


@app.command()
@click.argument("text", help="One line of at most 300 characters.")
@click.option(
    "--until", default="1d", show_default=True, help="90m, 6h, 2d, or an ISO 8601 time (UTC without an offset)."
)
def announce(text: str, until: str) -> None:
    """Show a line on all open pages. A time such as 2026-11-30T18:00Z in it is shown in each reader's own zone."""
    from chatserver.announcements import cli

    cli.announce(text, until)


@app.command()
@click.option("--json", is_flag=True, help="For programs: {ok, findings}.")
def doctor(json: bool) -> None:
    """Check everything that chatserver depends on: token, models, database, storage, Redis, disk, clock, port."""
    from chatserver.doctor import cli

    cli.run(json=json)


@app.command("config")
@click.pass_obj
def show_config(file: EnvFile) -> None:
    """Print every setting with its value (secrets masked), where it came from, and what it is for."""
    names = configuration.variables()
    rows = [
        (name, value or "–", _origin(file, names[name]), sentence)
        for name, value, sentence in configuration.settings(configuration.load())
    ]
    tables.show(("setting", "value", "from", "what it is"), rows)


def _origin(file: EnvFile, names: tuple[str, ...]) -> str:
    used = next((name for name in names if os.environ.get(name, "").strip()), None)
    return "default" if used is None else file.origin(used) or f"environment ({used})"


# Variables that compose.yaml reads from the same file for its own services.
_COMPOSE_NAMES = {"POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"}


def _suggest(file: EnvFile, word: str) -> None:
    """Prints one line for a variable whose name is almost that of a setting: nothing would read it."""
    known = [name for names in configuration.variables().values() for name in names]
    near = (
        []
        if word in known or word in _COMPOSE_NAMES
        else difflib.get_close_matches(word.upper(), known, n=1, cutoff=0.85)
    )
    if near:
        where = file.origin(word) or "environment"
        print(visible(f"{where}: {word} is not a setting; did you mean {near[0]}?"), file=sys.stderr)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


for _name, _sentence in _FEATURES.items():
    app.add_command(_LazyGroup(_name, _sentence))
