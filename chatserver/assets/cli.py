"""`chatserver storage …`: the operator creates, audits and copies the file store."""

import itertools
import sys

import click

from chatserver import audit, storage
from chatserver import config as configuration
from chatserver.assets.audit import audit_store
from chatserver.assets.migration import MigrationReport, SourceContents, migrate, survey
from chatserver.assets.models import AuditReport, SweepReport
from chatserver.assets.sweeper import sweep
from chatserver.audit import COMMAND_LINE
from chatserver.database import command_line
from chatserver.errors import NotFound
from chatserver.net import urls
from chatserver.runtime import event_loop, logs
from chatserver.runtime.command_groups import CommandGroup

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
    # A word without a scheme would be a folder of that name in the working folder.
    source = urls.engine("SOURCE", source, ("file", "s3"))
    target = urls.engine("TARGET", target, ("file", "s3"))
    copied = event_loop.run(_copy(source, target))
    print(f"{copied.copied} copied ({copied.bytes} bytes), {copied.present} were there, {copied.foreign} are not ours.")


async def _copy(source: str, target: str) -> MigrationReport:
    from_store = await storage.open_source(source)
    try:
        found = await survey(from_store)
        _require_files(source, found)
        return await _copy_all(from_store, target, found.ours + found.foreign)
    finally:
        await from_store.close()


def _require_files(source: str, found: SourceContents) -> None:
    """Raises NotFound where a source holds no file of this product, unless it is a store that is empty yet.

    Otherwise whoever names the wrong folder would believe that the files are copied, and give away the first store.
    """
    if found.ours or (not found.foreign and storage.is_made(source)):
        return
    if found.folder:
        why = f"they are in its folder {found.folder}. Name that one"
    elif found.foreign:
        why = (
            f"the {found.foreign} objects there are of something else. Name the store of STORAGE_URL, or DATA_DIR/files"
        )
    else:
        why = "it is empty. Name the store of STORAGE_URL, or DATA_DIR/files"
    raise NotFound(f"Nothing was copied: {source} holds no files of chatserver; {why}.")


async def _copy_all(from_store: storage.Storage, target: str, total: int) -> MigrationReport:
    to_store = await storage.open_url(target)
    try:
        await to_store.create()
        with click.progressbar(length=total, label="Copying", show_pos=True) as progress:
            return await migrate(
                from_store,
                to_store,
                lambda each: progress.update(each.copied + each.present + each.foreign - progress.pos),
            )
    finally:
        await to_store.close()
