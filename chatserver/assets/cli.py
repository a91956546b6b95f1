"""`chatserver storage …`: the operator creates, audits and copies the file store."""

import itertools
import sys
from contextlib import AsyncExitStack

import click

from chatserver import audit, storage
from chatserver import config as configuration
from chatserver.assets.audit import audit_store
from chatserver.assets.keys import is_ours
from chatserver.assets.migration import MigrationReport, migrate
from chatserver.assets.models import AuditReport, SweepReport
from chatserver.assets.sweeper import sweep
from chatserver.audit import COMMAND_LINE
from chatserver.database import command_line
from chatserver.errors import Invalid
from chatserver.runtime import event_loop, logs
from chatserver.runtime.command_groups import CommandGroup
from chatserver.storage.base import Storage

group = CommandGroup()

# Keys printed of each kind of difference.
SHOWN = 20


@group.command()
def create() -> None:
    """Make the folder or the buckets of STORAGE_URL where they are missing."""
    config = configuration.load()
    logs.configure(config)
    for name in event_loop.run(storage.create_storage(config)):
        print(f"{name} is there.")


@group.command()
@click.option("--remove", is_flag=True, help="First remove what nobody can reach, as the hourly sweep does.")
@click.option(
    "--remove-all",
    is_flag=True,
    help="The same, also where bytes without a row are much of the store, as after a restore.",
)
def check(remove: bool, remove_all: bool) -> None:
    """Compare every row with its bytes and all bytes with their row; exit code 1 where they do not agree."""
    report = event_loop.run(_check(remove or remove_all, however_many=remove_all))
    print(f"Files: {report.rows}, objects: {report.objects}.")
    _show("Rows without their bytes", report.missing)
    _show("Of a wrong size", report.wrong_sizes)
    _show("Bytes without a row", report.orphans)
    _show("Not ours, left alone", report.foreign)
    print("Rows and bytes agree." if report.is_consistent else "Rows and bytes do not agree.")
    sys.exit(0 if report.is_consistent else 1)


async def _check(remove: bool, *, however_many: bool) -> AuditReport:
    async with command_line.open_config() as config, command_line.open_database(config) as database:
        store = await storage.open_storage(config)
        try:
            if remove:
                swept = await sweep(database, store, however_many=however_many)
                _show_kept(swept)
                await database.run_system(
                    audit.record,
                    COMMAND_LINE,
                    "storage.swept",
                    "storage",
                    "files",
                    rows=swept.rows,
                    objects=swept.objects,
                )
            # Of an unknown length: the store is listed once.
            with click.progressbar(itertools.count(), label="Comparing", show_pos=True) as progress:
                return await audit_store(database, store, lambda: progress.update(1))
        finally:
            await store.close()


def _show_kept(swept: SweepReport) -> None:
    if swept.kept:
        print(
            f"{swept.kept} objects have no row, which is much of the store: nothing of them was removed. If this is the "
            "right database, `chatserver storage check --remove-all` removes them."
        )


def _show(what: str, keys: list[str]) -> None:
    if keys:
        print(f"{what}: {len(keys)}")
        for key in keys[:SHOWN]:
            print(f"  {key}")
        if len(keys) > SHOWN:
            print(f"  … and {len(keys) - SHOWN} more")


@group.command("copy")
@click.argument("source", help="Where the files are, in the form of STORAGE_URL.")
@click.argument("target", help="Where they shall be too.")
def copy_store(source: str, target: str) -> None:
    """Copy every file to another store. May be stopped and started again; nothing is copied twice."""
    logs.configure(configuration.load())
    copied = event_loop.run(_copy(source, target))
    print(f"{copied.copied} copied ({copied.bytes} bytes), {copied.present} were there, {copied.foreign} are not ours.")


async def _copy(source: str, target: str) -> MigrationReport:
    async with AsyncExitStack() as stack:
        from_store = await storage.open_source(source)
        stack.push_async_callback(from_store.close)
        total = await _count(from_store)
        to_store = await storage.open_url(target)
        stack.push_async_callback(to_store.close)
        await to_store.create()
        with click.progressbar(length=total, label="Copying", show_pos=True) as progress:
            return await migrate(
                from_store,
                to_store,
                lambda each: progress.update(each.copied + each.present + each.foreign - progress.pos),
            )


async def _count(source: Storage) -> int:
    """How many files there are to copy. Invalid where no one of them is ours: it is another place that was meant."""
    total = ours = 0
    async for each in source.walk():
        total += 1
        ours += is_ours(each.key)
    if total and not ours:
        raise Invalid(
            f"Nothing was copied: none of the {total} files there is one of this product. Name the place itself that "
            "STORAGE_URL names, such as file:data/files, and not a folder above or below it."
        )
    return total
