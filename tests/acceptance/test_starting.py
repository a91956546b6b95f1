"""What happens when it cannot start: one clear line, an exit code, nothing lost; and the operator's commands beside it."""

import asyncio
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import asyncpg
import psutil
import pytest

from chatserver.runtime import file_descriptors
from tests.support import ports
from tests.support import product as products
from tests.support.disks import small_disk
from tests.support.story import Refusal, sign_up

# A command opens the database, looks at the schema and is done; a loaded machine takes its time.
COMMAND_SECONDS = 90


class Ended:
    """A command that has ended: its exit code, what it printed, its log and its complaints."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code, self.out = code, out.decode(errors="replace")
        lines = [line for line in err.decode(errors="replace").splitlines() if line.strip()]
        self.log = [line for line in lines if line.startswith("{")]
        self.complaints = [line for line in lines if not line.startswith("{")]

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.log}\n{self.complaints}"


async def run(data_dir: Path, *arguments: str, **settings: str) -> Ended:
    """Executes `chatserver …` to its end."""
    process = await asyncio.create_subprocess_exec(
        *products.COMMAND,
        *arguments,
        env={**products.environment(data_dir, **settings), "COLUMNS": "300"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
    return Ended(process.returncode or 0, out, err)


async def run_fork(data_dir: Path, *arguments: str, **settings: str) -> Ended:
    """The same as a fork, for what is not about the start of the program itself."""
    assert products.fork_server is not None
    environment = {**products.environment(data_dir, **settings), "COLUMNS": "300"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = await products.fork_server.start(arguments, environment, out, err)
        code = await asyncio.wait_for(process.wait(), COMMAND_SECONDS)
        for file in (out, err):
            file.seek(0)  # what the fork wrote moved our place too
        return Ended(code, out.read(), err.read())


def says_one_clear_line(ended: Ended, *words: str) -> None:
    assert ended.code in {1, 2}, ended
    assert len(ended.complaints) == 1, ended
    [line] = ended.complaints
    assert line.startswith("chatserver: "), ended
    assert all(word in line for word in words), line
    assert "Traceback" not in "".join(ended.log), ended


# Bad configuration ------------------------------------------------------------------------------------------------


def taken_port() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


async def test_whatever_is_wrong_is_said_in_one_line_that_names_it(database_url, tmp_path):
    taken = taken_port()
    port = str(taken.getsockname()[1])
    secret = "postgresql://ada:canarypassword"
    file = tmp_path / "a file"
    file.write_text("in the way")
    cases = {
        "port": ({"PORT": "abc"}, ("PORT", "abc")),
        "proxies": ({"TRUSTED_PROXIES": "somewhere", "DATABASE_URL": database_url}, ("TRUSTED_PROXIES",)),
        "taken": ({"PORT": port, "DATABASE_URL": database_url}, (port, "PORT")),
        "host": ({"HOST": "192.0.2.1", "DATABASE_URL": database_url}, ("192.0.2.1",)),
        "host name": ({"HOST": "no such host", "DATABASE_URL": database_url}, ("HOST",)),
        "folder": ({"DATA_DIR": str(file / "data")}, (str(file),)),
        "folder for the key": ({"DATA_DIR": str(file / "data"), "DATABASE_URL": database_url}, (str(file),)),
        "storage": ({"STORAGE_URL": "ftp://x", "DATABASE_URL": database_url}, ("STORAGE_URL",)),
        "storage folder": ({"STORAGE_URL": f"file:{file}/x", "DATABASE_URL": database_url}, (str(file),)),
        "away": ({"DATABASE_URL": f"{secret}@127.0.0.1:9/x"}, ("database", "reached")),
        "nonsense address": ({"DATABASE_URL": f"{secret}@127.0.0.1:port/x"}, ("DATABASE_URL",)),
    }
    data_dirs = [tmp_path / str(number) for number in range(len(cases))]
    for some in range(0, len(cases), 4):
        names = list(cases)[some : some + 4]
        runs = [
            run_fork(data_dirs[some + n], "serve", **{"PORT": "0", **cases[name][0]}) for n, name in enumerate(names)
        ]
        for name, ended in zip(names, await asyncio.gather(*runs), strict=True):
            says_one_clear_line(ended, *cases[name][1])
            assert "canarypassword" not in repr(ended), name
    taken.close()
    assert file.read_text() == "in the way"


async def test_a_terminal_that_is_closed_ends_the_server_as_a_stop_does(database_url, tmp_path):
    product = await products.start(tmp_path, program=products.COMMAND, DATABASE_URL=database_url)
    product.process.send_signal(signal.SIGHUP)
    assert await asyncio.wait_for(product.process.wait(), COMMAND_SECONDS) == 0, product.output()


async def test_two_web_processes_need_redis(database_url, tmp_path):
    ended = await run(tmp_path, "serve", "--port", "0", "--workers", "2", DATABASE_URL=database_url)
    says_one_clear_line(ended, "REDIS_URL")


async def test_it_allows_itself_more_sockets_than_a_shell_gives(database_url, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        product = await products.start(tmp_path, program=products.COMMAND, DATABASE_URL=database_url)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        allowed, most = psutil.Process(product.process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert allowed == min(most, file_descriptors.MAX_FILES)
    finally:
        await product.kill()


async def test_a_store_that_is_away_is_named_without_its_keys(database_url, tmp_path):
    away = "s3://bucket?endpoint=http://127.0.0.1:9&region=us-east-1"
    keys = {"AWS_ACCESS_KEY_ID": "canaryid", "AWS_SECRET_ACCESS_KEY": "canarykey"}
    ended = await run_fork(tmp_path, "storage", "check", DATABASE_URL=database_url, STORAGE_URL=away, **keys)
    says_one_clear_line(ended)
    assert "canary" not in repr(ended)


async def test_a_changed_migration_stops_the_start_and_loses_nothing(postgres_server, tmp_path):
    url = await postgres_server.create_database()
    admin = await asyncpg.connect(postgres_server.admin_url_of(url))
    await admin.execute("UPDATE schema_migrations SET checksum = 'of another file' WHERE version = 1")
    ended = await run(tmp_path, "serve", "--port", "0", DATABASE_URL=url)
    says_one_clear_line(ended, "0001_first")
    assert await admin.fetchval("SELECT count(*) FROM session_config") == 3
    await admin.close()
    await postgres_server.drop_database(url)


async def test_the_configuration_is_shown_without_its_secrets(tmp_path):
    secrets = {
        "SECRET_KEY": "canary-1",
        "HF_TOKEN": "hf_canary",
        "CHAT_API_KEY": "canary-2",
        "IMAGE_API_KEY": "canary-3",
        "DATABASE_URL": "postgresql://u:canary-4@h/x",
        "REDIS_URL": "redis://:canary-5@h",
        "STORAGE_URL": "s3://bucket?endpoint=https://canary-6:canary-7@h",
    }
    ended = await run_fork(tmp_path, "config", SITE_NAME="Pictures", **secrets)
    shown = ended.out + "".join(ended.complaints)
    assert "canary" not in shown
    if ended.code == 0:
        assert "Pictures" in ended.out


# A full disk ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_folder():
    """A folder that others may come through: run by root, the embedded Postgres is another user."""
    folder = Path(tempfile.mkdtemp(prefix="chatserver-starting-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        for process in postgres_of(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


async def test_a_disk_too_small_for_a_database_is_said_in_one_line():
    with open_folder() as folder, small_disk(folder / "disk", 8) as disk:
        ended = await run(disk, "serve", "--port", "0")
        says_one_clear_line(ended, str(disk))


async def test_a_full_disk_fails_what_writes_and_heals_without_a_restart(database_url, tmp_path):
    with small_disk(tmp_path / "disk", 3) as disk:
        log_dir = tmp_path / "data"
        async with products.running(log_dir, DATABASE_URL=database_url, STORAGE_URL=f"file:{disk}/files") as product:
            ada = await sign_up(product, "Ada")
            chat = await ada.joins(await ada.buys())
            first = await chat.sees_ended(await chat.generates("before it is full", width=64, height=64))
            filler = disk / "filler"
            with contextlib.suppress(OSError):
                filler.write_bytes(b"x" * 4_000_000)
            waiting = await chat.generates("while it is full", width=64, height=64)
            await chat.says("words go on")
            address = first["generations"][0]["assets"][0]["url"]
            assert (await ada.fetch(address))[0] == 200
            await chat.hears(lambda event: event["type"] == "progress" and event["message_id"] == waiting["id"])
            filler.unlink()
            ended = await chat.sees_ended(waiting)
            assert [each["status"] for each in ended["generations"]] == ["done"]
            await chat.leaves()


# Beside a running server ------------------------------------------------------------------------------------------


def postgres_of(data_dir: Path) -> list[int]:
    """The living processes of the Postgres server in a data folder, by their command lines."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().decode(errors="replace")
                if "postgres" in command and str(data_dir) in command:
                    found.append(int(folder.name))
    return found


@pytest.fixture(scope="module")
def home():
    """A data folder with the embedded Postgres in it, for the tests that share it in their order."""
    with open_folder() as folder:
        yield folder


async def test_the_operators_commands_work_beside_a_running_server_and_leave_it_running(home):
    async with products.running(home, program=products.COMMAND) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys("flash")
        email = ada.user["email"]
        told = [
            await run_fork(home, *command.split())
            for command in (
                "plans set flash --price 59 --images 9",
                f"sessions grant {email} pro",
                f"users make-admin {email}",
                "users list",
                "credits check",
            )
        ]
        assert [each.code for each in told] == [0] * len(told), told
        assert email in told[3].out
        assert "The books agree." in told[4].out
        plans = {plan["id"]: plan for plan in (await ada.call("GET", "/plans"))["plans"]}
        assert (plans["flash"]["price"]["amount"], plans["flash"]["image_credits_per_hour"]) == (59, 9)
        assert (await ada.credits(session))["image"]["limit"] == 8
        granted = [each["plan_id"] for each in (await ada.call("GET", "/sessions"))["sessions"]]
        assert sorted(granted) == ["flash", "pro"]
        # A ban from the command line reaches the sockets of the running server by its own look.
        ben = await sign_up(product, "Ben")
        chat = await ben.joins(await ben.buys("flash"))
        assert (await run_fork(home, "users", "ban", ben.user["email"])).code == 0
        assert await chat.is_closed(patience=15) == 4512
        with pytest.raises(Refusal):
            await ben.call("GET", "/sessions")
        await chat.leaves()
        refused = await run_fork(home, "users", "ban", email)
        assert (refused.code, "the only admin" in " ".join(refused.complaints)) == (1, True)
        assert await product.stop() == 0
    assert postgres_of(home) == []


async def test_a_wrong_command_is_one_line_too(home):
    cases = {
        "plans set flash --images 100000": "image_credits",
        "plans set Bad/Id --name x": "id",
        "sessions grant nobody@example.org pro": "account",
        "users list --limit 99999999999999999999": "too large",
        "styles remove \udcff": "no readable text",
    }
    ended = await asyncio.gather(*(run_fork(home, *command.split()) for command in cases))
    for words, each in zip(cases.values(), ended, strict=True):
        says_one_clear_line(each)
        assert words in each.complaints[0].lower(), each


@pytest.mark.parametrize("command", ["codes list --batch", "codes revoke", "announcements withdraw"])
async def test_what_is_no_id_is_said_to_be_none(home, command):
    """A code itself, for one: "there is nothing here" would be taken for a code that was never made."""
    ended = await run_fork(home, *command.split(), "P6WZ-5WC3-JZ0Z-65QZ")
    assert (ended.code, "'P6WZ-5WC3-JZ0Z-65QZ' is not a valid UUID" in ended.complaints[-1]) == (2, True), ended


async def test_after_a_kill_it_starts_again_in_the_same_folder_with_everything(home):
    product = await products.start(home, port=ports.reserve(), program=products.COMMAND)
    ada = await sign_up(product, "Ada")
    session = await ada.buys("flash")
    chat = await ada.joins(session)
    await chat.says("still here?")
    await chat.leaves()
    await product.kill()
    assert postgres_of(home), "the embedded server goes on after a kill, and is adopted"
    for after in ("a kill of the web process", "a kill of both"):
        await product.start_again()
        stored = await ada.call("GET", f"/sessions/{session['id']}/messages")
        assert "still here?" in [message["text"] for message in stored["messages"]], after
        await product.kill()
        for process in postgres_of(home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    await product.start_again()
    assert await product.stop() == 0
    assert postgres_of(home) == []
    lines = [line for line in product.output().splitlines() if line.strip()]
    assert all(isinstance(json.loads(line), dict) for line in lines), "structured lines only"
    assert not re.search(r"Traceback|level\": \"error", product.output())
