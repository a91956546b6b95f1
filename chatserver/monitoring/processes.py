"""The running processes, as each reports itself: web processes and workers, of all machines."""

import hmac
from datetime import datetime
from typing import Literal

from chatserver import __version__
from chatserver.database import Transaction
from chatserver.database.records import Record
from chatserver.jobs import worker_ids

# How often a process reports itself, and after how long a silent one counts as gone: it may miss two reports.
REPORT_SECONDS = 5.0
GONE_SECONDS = 16.0
# A clock that was set back by less makes nobody wait for long.
LEAST_SET_BACK_SECONDS = 10.0

ProcessKind = Literal["web", "worker", "all"]


class RunningProcess(Record, frozen=True, kw_only=True):
    """A process by its last report. `kind` is `all` where it serves and works; `connections` are its websockets."""

    id: str
    kind: ProcessKind
    version: str
    started_at: datetime
    connections: int
    silent_seconds: float

    @property
    def is_alive(self) -> bool:
        """Whether it was heard of lately."""
        return self.silent_seconds < GONE_SECONDS

    @property
    def is_worker(self) -> bool:
        """Whether it works on jobs."""
        return self.kind != "web"

    @property
    def host(self) -> str:
        """The machine that it runs on."""
        return self.id.partition("/")[0]

    @property
    def number(self) -> str:
        """Its process id there."""
        return self.id.rpartition("/")[2]


async def report(tx: Transaction, kind: ProcessKind, connections: int) -> None:
    """Reports that this process runs. Needs the worker role."""
    await tx.execute(
        "processes.report", id=worker_ids.process_id(), kind=kind, version=__version__, connections=connections
    )


async def signs_otherwise(tx: Transaction, secret_key: str) -> bool:
    """Whether the process that started before this one signs by another SECRET_KEY. Needs the worker role."""
    return bool(await tx.fetch_value("processes.signs_otherwise", mark=mark_of(secret_key)))


def mark_of(secret_key: str) -> str:
    """What tells a SECRET_KEY from others, and nothing else of it."""
    return hmac.digest(secret_key.encode(), b"signing key", "sha256").hex()[:16]


async def leave(tx: Transaction) -> None:
    """This process ends."""
    await tx.execute("processes.leave", id=worker_ids.process_id())


async def list_processes(tx: Transaction) -> list[RunningProcess]:
    """The processes that were heard of within a day, the liveliest first."""
    return [RunningProcess.from_row(row) for row in await tx.fetch_all("processes.list")]


async def seconds_set_back(tx: Transaction) -> float | None:
    """By how much the database's clock was set back since it was last read, also if nothing ran meanwhile; None where it was
    not. Needs the worker role."""
    await tx.fetch_value("processes.lock_clock")
    seconds: float | None = await tx.fetch_value("processes.set_back", least=LEAST_SET_BACK_SECONDS)
    return seconds
