"""One Postgres server in one folder, shared by the processes that use it. Blocking: call it from threads."""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import structlog

from chatserver.database.embedded.locks import LockFiles, acquire
from chatserver.database.embedded.paths import MAJOR_VERSION, ServerPaths
from chatserver.errors import ConfigurationError

# A start after a crash replays the write-ahead log (at most max_wal_size); a stop writes a checkpoint.
START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.01
# What Postgres says when it cannot start takes no more.
LOG_BYTES = 64 * 1024
# A log that is longer at a start becomes the earlier one. A start and a stop write 1 kB.
CONTINUED_LOG_BYTES = 1024 * 1024
# Every system takes socket paths of up to 103 bytes; Postgres appends "/.s.PGSQL.5432".
SOCKET_FOLDER_BYTES = 88
_SOCKET = ".s.PGSQL.5432"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "idle_in_transaction_session_timeout": "60s",
    # Errors are reported to the client; statements and row values (prompts, addresses) never reach the log.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}

# The socket is in a folder that only the server's account (and root) can enter. No line admits anybody over the network,
# even with listen_addresses set.
HOST_BASED_AUTHENTICATION = "local all all trust\n"

log = structlog.get_logger(__name__)


class Server:
    """One server, by its paths. Every process that uses it calls `open` and `close` once each."""

    def __init__(self, paths: ServerPaths, settings: Mapping[str, str]) -> None:
        self.paths = paths
        self.settings = {**SETTINGS, **settings}
        self.data = paths.folder / "data"
        self.socket = _socket_folder(paths)
        self._locks = LockFiles(paths)
        self._process: subprocess.Popen[bytes] | None = None
        self._users_lock: int | None = None
        self._log_start = 0
        self._closed = False

    def open(self) -> None:
        """Adopts the server that runs here or starts one, making its data folder the first time."""
        with self._locks.hold("starting", START_SECONDS + STOP_SECONDS):
            if self._closed:
                return  # a restart that was under way when we were closed
            if not self.alive():
                self._launch()
            self._await_ready()
            if self._users_lock is None:
                self._users_lock = self._locks.open_file("users")
                fcntl.flock(self._users_lock, fcntl.LOCK_SH)

    def close(self) -> None:
        """Stops the server, unless another process still uses it."""
        with self._locks.hold("starting", START_SECONDS + STOP_SECONDS):
            self._closed = True
            if self._users_lock is not None:
                os.close(self._users_lock)
                self._users_lock = None
            if self._has_other_users():
                # Of each of the operator's commands beside a running server it would be a line, and of each cron job a mail.
                level = log.info if self._process else log.debug
                level("embedded_postgres.left_running", reason="another process uses it")
            elif self.alive():
                self._shut_down()
                with contextlib.suppress(OSError):
                    self.socket.rmdir()

    def alive(self) -> bool:
        """Whether a server runs in this folder: it holds the lock that it inherited."""
        return not self._locks.is_free("server", fcntl.LOCK_SH)

    def _has_other_users(self) -> bool:
        return not self._locks.is_free("users", fcntl.LOCK_EX)

    def _launch(self) -> None:
        if not self.data.exists():
            self._make_data_folder()
        self.check_whole(*_NEEDED)
        self._check_version()
        self._check_access()
        self._restore_empty_folders()
        # Written at each start: older versions of this program wrote lines for the network.
        (self.data / "pg_hba.conf").write_text(HOST_BASED_AUTHENTICATION, encoding="utf-8")
        self._make_socket_folder()
        # Nobody holds the server's lock, so these files are stale: after a kill -9 the process id in them may be a zombie's,
        # or in a container that of any other process.
        for left_over in (self.data / "postmaster.pid", self.socket / _SOCKET, self.socket / f"{_SOCKET}.lock"):
            left_over.unlink(missing_ok=True)
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        lock = self._locks.open_file("server")
        try:
            acquire(lock, 1.0)
            with self._continued_log() as output:
                self._process = self._spawn(
                    "postgres", "-D", str(self.data), "-k", str(self.socket), *options, output=output, lock=lock
                )
        finally:
            os.close(lock)  # the server keeps it

    def _make_data_folder(self) -> None:
        unfinished = self.paths.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        with tempfile.TemporaryFile() as output:
            process = self._spawn("initdb", "-D", str(unfinished), *_INITDB, output=output)
            if process.wait(timeout=START_SECONDS) != 0:
                output.seek(0)
                raise self._start_error(output.read())
        unfinished.rename(self.data)
        log.info("embedded_postgres.created", folder=str(self.data))

    def _spawn(self, program: str, *arguments: str, output: object, lock: int | None = None) -> subprocess.Popen[bytes]:
        account = self.paths.account
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return] # noqa: S603
            [str(self.paths.programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            # Ctrl-C in the terminal is for this process, which stops the server itself.
            start_new_session=True,
            pass_fds=[] if lock is None else [lock],
            **({"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}),
        )

    def check_whole(self, *names: str) -> None:
        """Raises ConfigurationError where one of these is not in the data folder. Shell patterns are allowed."""
        missing = [name for name in names if not any(self.data.glob(name))]
        if missing:
            raise ConfigurationError(f"{self.data} lacks {', '.join(missing)}. {INCOMPLETE}")

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if version != str(MAJOR_VERSION):
            raise ConfigurationError(
                f"{self.data} was made by Postgres {version}, and ours is {MAJOR_VERSION}; see docs/database.md."
            )

    def _check_access(self) -> None:
        """Raises ConfigurationError for a folder that was copied without its owner or its mode: Postgres accepts neither."""
        status, account = self.data.stat(), self.paths.account
        uid, gid = (account.uid, account.gid) if account else (os.geteuid(), os.getegid())
        if status.st_uid != uid:
            raise ConfigurationError(
                f"{self.data} belongs to another account, as in a copy made without its owners. As root: "
                f"`chown -R {uid}:{gid} {self.paths.folder}`."
            )
        if status.st_mode & _FORBIDDEN_MODE:
            raise ConfigurationError(
                f"{self.data} is open to other accounts, which Postgres refuses: `chmod -R go= {self.paths.folder}`."
            )

    def _restore_empty_folders(self) -> None:
        """Makes the folders that Postgres expects and that many programs for copies leave out, since they are empty."""
        missing = [name for name in _OFTEN_EMPTY if not (self.data / name).is_dir()]
        for name in missing:
            (self.data / name).mkdir(mode=0o700)
            self.paths.give_to_account(self.data / name)
        if missing:
            log.warning("embedded_postgres.folders_restored", folders=missing)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._status() != "ready":
            if not self.alive():
                raise self._start_error(self._said_since_start())
            if time.monotonic() > deadline:
                raise ConfigurationError(f"Postgres in {self.paths.folder} is not ready after {START_SECONDS:.0f} s.")
            time.sleep(POLL_SECONDS)

    def _status(self) -> str:
        lines = self._pid_file()
        return lines[7].strip() if len(lines) > 7 else ""

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _shut_down(self) -> None:
        # SIGINT is Postgres's fast shutdown: roll back, checkpoint, end. SIGQUIT ends without the checkpoint.
        for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            lines = self._pid_file()
            if lines:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(lines[0]), number)
            if self._await_end(seconds):
                return
            log.warning("embedded_postgres.slow_to_stop", seconds=seconds)

    def _await_end(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        if self._process:
            self._process.wait()
        return True

    def _start_error(self, output: bytes) -> ConfigurationError:
        lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "FATAL" in line or "error:" in line or "PANIC" in line]
        if not errors and shutil.disk_usage(self.paths.folder).free < LOG_BYTES:
            errors = [os.strerror(errno.ENOSPC)]  # its log has had no room for that either
        reason = (errors or lines or ["it ended without a message"])[-1]
        advice = f". {INCOMPLETE}" if any(sign in reason for sign in _SIGNS_OF_A_PART) else ""
        return ConfigurationError(f"Postgres could not start in {self.paths.folder}: {reason}{advice}")

    def _make_socket_folder(self) -> None:
        self.socket.mkdir(mode=0o700, exist_ok=True)
        self.paths.give_to_account(self.socket)
        status = self.socket.lstat()
        owner = self.paths.account.uid if self.paths.account else os.geteuid()
        if self.socket.is_symlink() or status.st_uid != owner or status.st_mode & 0o077:
            raise ConfigurationError(f"{self.socket} is not a private folder of ours; remove it.")

    def _continued_log(self) -> BinaryIO:
        """The log, to be written on: what a server that died has said is looked for after the next has started."""
        path = self._log_file()
        if path.exists() and path.stat().st_size > CONTINUED_LOG_BYTES:
            path.replace(path.with_name("server.log.1"))
        output = path.open("ab")
        self._log_start = output.tell()
        return output

    def _said_since_start(self) -> bytes:
        with self._log_file().open("rb") as output:
            output.seek(max(self._log_start, output.seek(0, os.SEEK_END) - LOG_BYTES))
            return output.read()

    def _log_file(self) -> Path:
        return self.paths.folder / "server.log"


_INITDB = (
    "--username=postgres",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    "--no-instructions",
)


# What a folder has from its first moment, and what Postgres says where it has met a file that is missing, or cut off.
_NEEDED = ("PG_VERSION", "postgresql.conf", "global/pg_control", "base/1", "pg_wal/0*")
_SIGNS_OF_A_PART = ("No such file or directory", "valid checkpoint record", "could not read file", "checksum")
INCOMPLETE = (
    "Is it a copy that was not finished, or made while the server ran? Put a whole one in its place, made while it was "
    "stopped, or restore a backup (docs/operations.md)."
)
# What Postgres accepts of neither its group nor others: the group may read, if it must.
_FORBIDDEN_MODE = 0o027
_OFTEN_EMPTY = (
    "pg_commit_ts",
    "pg_dynshmem",
    "pg_logical/mappings",
    "pg_logical/snapshots",
    "pg_notify",
    "pg_replslot",
    "pg_serial",
    "pg_snapshots",
    "pg_stat",
    "pg_stat_tmp",
    "pg_tblspc",
    "pg_twophase",
    "pg_wal/archive_status",
    "pg_wal/summaries",
)


def _socket_folder(paths: ServerPaths) -> Path:
    folder = paths.folder / "socket"
    if len(os.fsencode(folder)) <= SOCKET_FOLDER_BYTES:
        return folder
    return Path("/tmp") / f"chatserver-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"  # noqa: S108
