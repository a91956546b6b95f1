"""The command line: the ways to start, and the operator's tools.

Every command is thin: it opens what it needs, calls one verb and prints. An error is one clear line, and exit code 1
(2 where the configuration is wrong).
"""

import difflib
import errno
import io
import os
import sys
from typing import Annotated

import typer

from chatserver import __version__
from chatserver import config as configuration
from chatserver.announcements import cli as announcements_cli
from chatserver.assets import cli as storage_cli
from chatserver.codes import cli as codes_cli
from chatserver.config import env_file
from chatserver.config.env_file import EnvFile
from chatserver.costs import cli as costs_cli
from chatserver.credits import cli as credits_cli
from chatserver.database import command_line, migrations
from chatserver.doctor import cli as doctor_cli
from chatserver.errors import ChatserverError, ConfigurationError
from chatserver.generations import cli as providers_cli
from chatserver.payments import cli as payments_cli
from chatserver.plans import cli as plans_cli
from chatserver.rollups import cli as rollups_cli
from chatserver.runtime import logs, tables, termination
from chatserver.runtime.process_roles import ProcessRole
from chatserver.sessions import cli as sessions_cli
from chatserver.styles import cli as styles_cli
from chatserver.users import cli as users_cli
from chatserver.validation import visible

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(users_cli.app, name="users", help="Accounts: list, add, make-admin, reset, ban.")
app.add_typer(sessions_cli.app, name="sessions", help="Sessions: list, grant.")
app.add_typer(plans_cli.app, name="plans", help="Plans: what sessions cost and give.")
app.add_typer(codes_cli.app, name="codes", help="Codes, each good for one session: make, list, revoke.")
app.add_typer(costs_cli.app, name="prices", help="What providers charge: list, set, import.")
app.add_typer(rollups_cli.app, name="statistics", help="The operator's figures: rebuild their sums.")
app.add_typer(styles_cli.app, name="styles", help="Styles of pictures: list, add, remove.")
app.add_typer(credits_cli.app, name="credits", help="Credits: prove that the books agree.")
app.add_typer(payments_cli.app, name="payments", help="Payments: prove that orders and books agree.")
app.add_typer(providers_cli.app, name="providers", help="Picture providers: how they stand; pause, resume.")
app.add_typer(storage_cli.app, name="storage", help="Files: create the store, compare it with the rows, copy it.")
app.add_typer(announcements_cli.app, name="announcements", help="Announcements: list, withdraw.")
app.command("announce")(announcements_cli.announce)
app.command("doctor")(doctor_cli.run)


def main() -> None:
    """The console script."""
    _print_in_any_locale()
    termination.interrupt_on_all()
    try:
        _run()
    except ConfigurationError as error:
        _complain(error.message)
        sys.exit(2)
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
        if sys.stdout is not None:
            sys.stdout.flush()


def _discard_output() -> None:
    """Lets what could not be written go nowhere: Python would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_in_any_locale() -> None:
    """Prints ? for what a terminal that is not UTF-8 cannot show; a bullet would otherwise raise UnicodeEncodeError."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


@app.callback()
def read_env_file(context: typer.Context) -> None:
    """Runs chatserver. Settings: environment variables, then the file .env of the working folder (ENV_FILE)."""
    context.obj = env_file.load()
    for word in context.obj.lines:
        _suggest(context.obj, word)


# An error may repeat what was typed, of whatever length.
_LONGEST_COMPLAINT = 1000


def _complain(message: str) -> None:
    """One line, also where it repeats an argument of several."""
    line = " ".join(visible(message).split())
    shown = line if len(line) <= _LONGEST_COMPLAINT else f"{line[:_LONGEST_COMPLAINT]}…"
    print(f"chatserver: {shown}", file=sys.stderr)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on (HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on (PORT).")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Web processes; more than one needs REDIS_URL.")] = 1,
    role: Annotated[ProcessRole, typer.Option(help="web, worker, or both in one process.")] = ProcessRole.all,
) -> None:
    """Serve the pages, the API and the websocket, and (unless --role web) work on generations too."""
    from chatserver import server

    config = configuration.load(host=host, port=port)
    logs.configure(config)
    server.serve(config, role=role, workers=workers)


@app.command()
def worker() -> None:
    """Work on generations and replies, beside `serve --role web`."""
    from chatserver import server

    config = configuration.load()
    logs.configure(config)
    server.work(config)


@app.command()
def migrate(
    status: Annotated[bool, typer.Option("--status", help="Only show what is applied and what is not.")] = False,
) -> None:
    """Bring the database to this version's schema. Safe to run twice, and from two places at once."""
    found = command_line.run_on_url(migrations.status if status else _migrate_and_list)
    rows = [(f"{each.version:04}", each.name, "applied" if each.applied_at else "pending") for each in found]
    tables.show(("version", "name", "state"), rows)


@app.command(name="config")
def show_config(context: typer.Context) -> None:
    """Print every setting with its value (secrets masked), where it came from, and what it is for."""
    file: EnvFile = context.obj
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
    """Prints one line for a name in the file that is almost the name of a setting: nothing would read it."""
    known = [name for names in configuration.variables().values() for name in names]
    near = (
        []
        if word in known or word in _COMPOSE_NAMES
        else difflib.get_close_matches(word.upper(), known, n=1, cutoff=0.85)
    )
    if near:
        print(f"{file.origin(word)}: {word} is not a setting; did you mean {near[0]}?", file=sys.stderr)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


async def _migrate_and_list(url: str) -> list[migrations.Migration]:
    await migrations.migrate(url)
    return await migrations.status(url)
