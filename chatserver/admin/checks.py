"""The checks that an operator starts from the page: the books, the file store, and the sweep of it.

They take as long as the store is large, so they run in the background of the web process that was asked; what they find is
kept in the database, where every process shows it.
"""

import asyncio
from datetime import datetime
from typing import Any, Literal

import structlog

from chatserver import audit, credits, ids
from chatserver.assets.audit import audit_store
from chatserver.assets.sweeper import sweep
from chatserver.audit import Actor
from chatserver.database import Database, Transaction
from chatserver.database.records import Record
from chatserver.errors import Busy, Conflict
from chatserver.storage.base import Storage

# A check that takes longer is given up.
LONGEST_SECONDS = 900.0
# The wait before a database that is away is asked again.
RETRY_SECONDS = 1.0
# Findings of one kind that are kept to be shown.
SHOWN = 20

CheckKind = Literal["books", "files", "sweep"]
Outcome = Literal["clean", "found", "failed"]

log = structlog.get_logger(__name__)


class Check(Record, frozen=True, kw_only=True):
    """A check with what it found: `findings` has counts, and lists of what to look at."""

    id: str
    kind: CheckKind
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    findings: dict[str, Any]
    running: bool


class Checks:
    """Runs checks in this process, one of a kind at a time in the whole installation."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage
        self._running: set[asyncio.Task[None]] = set()

    def start(self, check_id: str, kind: CheckKind) -> None:
        """Runs a check that was begun."""
        task = asyncio.create_task(self._run(check_id, kind))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, check_id: str, kind: CheckKind) -> None:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                outcome, findings = await self._findings(kind)
        except TimeoutError:
            outcome, findings = "failed", {"why": "It took too long."}
        except Busy:
            outcome, findings = "failed", {"why": "The database took too long. Run it on the command line."}
        except Exception:
            log.exception("check.failed", kind=kind)
            outcome, findings = "failed", {"why": "It failed; the log says why."}
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._store_outcome(check_id, outcome, findings)
        except Exception:
            log.exception("check.not_stored", kind=kind, outcome=outcome)

    async def _store_outcome(self, check_id: str, outcome: Outcome, findings: dict[str, Any]) -> None:
        """A database that is away is asked again: until then the check counts as running, and no other may begin."""
        while True:
            try:
                await self._database.run_system(_end, check_id, outcome, findings)
            except Busy:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _findings(self, kind: CheckKind) -> tuple[Outcome, dict[str, Any]]:
        if kind == "books":
            return _of_books(await self._database.run_system(credits.check))
        if kind == "sweep":
            swept = await sweep(self._database, self._storage)
            return "found" if swept.kept else "clean", {name: getattr(swept, name) for name in swept.__struct_fields__}
        report = await audit_store(self._database, self._storage)
        lists = {"missing": report.missing, "wrong_sizes": report.wrong_sizes, "orphans": report.orphans}
        counts = {"rows": report.rows, "objects": report.objects, **{name: len(keys) for name, keys in lists.items()}}
        shown = {f"{name}_shown": keys[:SHOWN] for name, keys in lists.items()}
        return "clean" if report.is_consistent else "found", {**counts, **shown}


def _of_books(found: list[credits.Discrepancy]) -> tuple[Outcome, dict[str, Any]]:
    lines = [{"what": each.what, "where": {name: str(value) for name, value in each.where.items()}} for each in found]
    return "found" if found else "clean", {"discrepancies": len(found), "lines": lines[:SHOWN]}


async def begin(tx: Transaction, actor: Actor, kind: CheckKind) -> str:
    """Begins a check, which `Checks.start` runs. Conflict where one of its kind is under way. Returns its id."""
    await tx.fetch_value("admin.lock_checks")
    check_id = await tx.fetch_value("admin.begin_check", id=ids.new(), kind=kind, longest_seconds=LONGEST_SECONDS)
    if check_id is None:
        raise Conflict("It is running already.")
    await audit.record(tx, actor, "check.started", "check", kind)
    return str(check_id)


async def _end(tx: Transaction, check_id: str, outcome: Outcome, findings: dict[str, Any]) -> None:
    await tx.execute("admin.end_check", id=check_id, outcome=outcome, findings=findings)


async def newest(tx: Transaction) -> dict[str, Check]:
    """The newest check of each kind."""
    rows = await tx.fetch_all("admin.newest_checks", longest_seconds=LONGEST_SECONDS)
    return {row["kind"]: Check.from_row(row) for row in rows}
