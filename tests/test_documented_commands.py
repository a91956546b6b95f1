"""Every command that the README and docs/ name, run as it stands there in a fresh copy of the checkout, after `make run`.

What would take an engine, a cluster, gigabytes or the suite itself is held as far as it can be, by the reason given.
"""

import asyncio
import importlib.metadata
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp
import pytest

from benchmarks.__main__ import TOPICS
from tests.support import bound, composition, ports
from tests.support import product as products
from tests.support.dockerfile import ROOT
from tests.support.redis import running_redis

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = ("make", "chatserver", "python", "pip", "docker", "kubectl", "pg_dump", "pg_restore", "psql", "echo", "tar")
EMAIL = "you@example.org"
SETUP_SECONDS = 1500

# Named in passing and needing more words than the page gives there: what makes them whole.
COMPLETIONS = {
    "chatserver codes make": "--plan pro --expires 90d",
    "chatserver sessions grant": f"{EMAIL} flash",
    "chatserver storage copy": "file:data/files file:data/copied",
    "chatserver users add": EMAIL,
    "chatserver users ban": "guest@example.org",
    "chatserver users tokens --revoke": EMAIL,
}
# Where the page leaves a word to the reader.
PLACEHOLDERS = {"EMAIL": EMAIL, "[--name NAME]": "--name Ada", "[--revoke]": "--revoke", "hf_…": "hf_example"}
# The operator stays; and the provider that is paused has to be one that is in use.
HUGGINGFACE = "PROVIDERS=huggingface HF_TOKEN=hf_example"
INSTEAD = {
    "chatserver users ban EMAIL": "chatserver users ban guest@example.org",
    "chatserver providers pause huggingface": f"{HUGGINGFACE} chatserver providers pause huggingface",
    "chatserver providers resume huggingface": f"{HUGGINGFACE} chatserver providers resume huggingface",
    "chatserver prices import prices.csv": "echo provider,kind,unit,amount,currency > prices.csv && "
    "echo huggingface,image,picture,0.04,USD >> prices.csv && chatserver prices import prices.csv",
    # The commands run beside each other, and it has to be there.
    "chatserver styles remove gouache": "chatserver styles add chalk --before chalk && chatserver styles remove chalk",
}


def commands():
    """Each command once, as it stands: lines of shell blocks, and code within a line that begins with a program."""
    found = {}
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL) + re.findall(r"(?m)^    \S.*$", text)
        lines = [re.split(r"\s+#\s", line)[0].strip() for block in blocks for line in block.splitlines()]
        for command in lines + re.findall(
            r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        ):
            command = " ".join(command.split())
            words = re.sub(r"^(?:[A-Z_]+=\S* )+", "", command).split()
            if len(words) > 1 and Path(words[0]).name in PROGRAMS and re.match(r"[\w.'/-]", words[1]):
                found.setdefault(command, page.name)
    return found


def kind(command):
    """What becomes of a command here."""
    words = re.sub(r"^(?:[A-Z_]+=\S* )+", "", command).split()
    if Path(words[0]).name == "chatserver":
        return "started" if words[1] in {"serve", "worker"} else "run"
    if command.startswith("echo "):
        return "run"
    return Path(words[0]).name


COMMANDS = commands()


def of_kind(*kinds):
    return [command for command in COMMANDS if kind(command) in kinds]


def test_the_pages_name_commands_of_every_kind_that_is_looked_at_here():
    kinds = {"run", "started", "make", "python", "pip", "docker", "kubectl", "pg_dump", "pg_restore", "psql"}
    assert {kind(command) for command in COMMANDS} - {"tar"} == kinds
    assert set(COMPLETIONS) | set(INSTEAD) <= set(COMMANDS)


class Copy:
    """A fresh copy of the checkout, in which `make run` was typed. `run` types one more line."""

    def __init__(self, folder):
        self.folder, self.port = folder, ports.reserve()

    def environ(self, **more):
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        path = f"{self.folder / '.venv' / 'bin'}:{os.environ['PATH']}"
        # What is used is compiled when it is used, a tenth of what is installed.
        quick = {"PIP_NO_COMPILE": "1"}
        return {**kept, **quick, "PATH": path, "PORT": str(self.port), "LOG_FORMAT": "json", "COLUMNS": "200", **more}

    async def start(self, line, words, seconds=products.START_SECONDS, **environ):
        """Types a line whose program goes on; waits for the words that it says once it runs."""
        log = self.folder / f"log-{len(list(self.folder.glob('log-*')))}.txt"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_shell(
                f"exec {line}",
                cwd=self.folder,
                env=self.environ(**environ),
                stdout=output,
                stderr=output,
                preexec_fn=bound.to_this_process(signal.SIGTERM),
            )
        running = products.Product(process, f"http://127.0.0.1:{environ.get('PORT', self.port)}", log)
        async with asyncio.timeout(seconds):
            while words not in running.output():
                assert process.returncode is None, f"{line}:\n{running.output()}"
                await asyncio.sleep(0.1)
        return running

    async def run(self, line, seconds=120):
        """Types a line and waits for its end: the exit code, and both streams."""
        process = await asyncio.create_subprocess_shell(
            line, cwd=self.folder, env=self.environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
        return process.returncode, output.decode(errors="replace")

    async def fork(self, line, seconds=120):
        """The same of a line of `chatserver` alone, without the 0.7 s of CPU in which the program is imported."""
        words = shlex.split(line)
        assignments = list(itertools.takewhile(lambda word: re.match(r"[A-Z_]+=", word), words))
        settings = dict(assignment.split("=", 1) for assignment in assignments)
        program, *arguments = words[len(assignments) :]
        assert Path(program).name == "chatserver"
        with tempfile.TemporaryFile() as output:
            process = await products.fork_server.start(arguments, self.environ(**settings), output, folder=self.folder)
            code = await asyncio.wait_for(process.wait(), seconds)
            output.seek(0)
            return code, output.read().decode(errors="replace")


def lend_what_is_locked(folder):
    """An environment in which most of requirements/run.lock, and nothing else, is installed: copied from our own, for which
    requirements/test.lock was installed in the same way. pip looks for the hashed wheel of each among all that were ever
    published, for half a minute of a processor; here it does so for requirements/build.lock and for what differs."""
    subprocess.run(["make", f"PYTHON={sys.executable}", ".venv/bin/python"], cwd=folder, check=True)
    site = next((folder / ".venv" / "lib").glob("python3.*")) / "site-packages"
    locked = set(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", (folder / "requirements" / "run.lock").read_text()))
    for installed in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", installed.name).lower()
        if (name, installed.version) in locked:
            for path in installed.files:
                if path.parts[0] != ".." and path.locate().is_file():
                    (site / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path.locate(), site / path)


@pytest.fixture(scope="module")
async def copy(tmp_path_factory):
    """The copy, served by `make run` itself, which sets everything up first."""
    folder = tmp_path_factory.mktemp("fresh") / "chatserver"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    folder.parent.chmod(0o755)
    lend_what_is_locked(folder)
    fresh = Copy(folder)
    served = await fresh.start("make run", '"web.started"', SETUP_SECONDS)
    try:
        yield fresh
    finally:
        served.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(served.process.wait(), products.START_SECONDS)


@pytest.fixture(scope="module")
async def redis_url():
    async with running_redis() as server:
        yield server.url


def completed(command):
    line = INSTEAD.get(command, command)
    for placeholder, words in PLACEHOLDERS.items():
        line = line.replace(placeholder, words)
    return f"{line} {COMPLETIONS.get(command, '')}".strip()


@pytest.mark.timeout(SETUP_SECONDS + 180)
async def test_the_two_commands_serve_and_the_operators_commands_look_at_the_same_product(copy):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{copy.port}") as client:
        page = await client.get("/")
        body = {"email": "ada@example.org", "name": "Ada", "password": "a long enough password"}
        signed_up = await client.post("/api/v1/users", json=body)
    assert (page.status, signed_up.status) == (200, 201)
    code, listed = await copy.run(".venv/bin/chatserver users list")
    assert (code, "ada@example.org" in listed) == (0, True), listed


@pytest.mark.timeout(SETUP_SECONDS + 180)
async def test_every_command_of_the_operator_does_what_it_says(copy):
    for email in (EMAIL, "guest@example.org"):
        await copy.fork(f"chatserver users add {email}")
    lines = [command for command in of_kind("run") if not command.startswith(("chatserver users add", "echo"))]
    assert len(lines) > 15
    gate = asyncio.Semaphore(2)

    async def typed(command):
        line = completed(command)
        async with gate:
            return command, await (copy.run(line) if "&&" in line else copy.fork(line))

    for command, (code, output) in await asyncio.gather(*map(typed, lines)):
        assert code == 0, f"{command} ({COMMANDS[command]}):\n{output}"
    for command in of_kind("run"):
        if command.startswith("chatserver users add"):
            code, output = await copy.fork(completed(command).replace(EMAIL, f"{len(command)}@example.org"))
            assert code == 0, f"{command}:\n{output}"


@pytest.mark.timeout(SETUP_SECONDS + 180)
async def test_a_setting_is_added_as_the_readme_adds_it(copy):
    [command] = [each for each in of_kind("run") if each.startswith("echo")]
    adds, run = completed(command).split(" && ")
    assert run == "make run"
    try:
        assert await copy.run(adds) == (0, "")
        code, shown = await copy.run("chatserver config")
    finally:
        (copy.folder / ".env").unlink()
    assert code == 0
    assert re.search(r"HUGGINGFACE_API_KEY +│ •••• \(set\) +│ \.env:1", shown), shown


@pytest.mark.timeout(SETUP_SECONDS + 180)
async def test_every_way_to_start_starts(copy, database_url, redis_url):
    settings = {"PORT": "0", "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    for command in of_kind("started"):
        words = "worker.started" if " worker" in command else '"web.started"'
        running = await copy.start(f"env {command}", words, **settings)
        running.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.process.wait(), products.START_SECONDS) == 0, running.output()


@pytest.mark.parametrize("command", of_kind("make"))
def test_a_target_of_make_is_there(command):
    """`make run` is typed above; the others are this suite itself, or take minutes to hours."""
    [target] = [word for word in shlex.split(command) if "=" not in word][1:]
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", of_kind("python"))
def test_a_program_of_the_checkout_is_there(command):
    """Whole runs of the suite and of benchmarks are too long here: what they would run is looked up."""
    words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]
    assert words[1] == "-m"
    if words[2] == "pytest":
        paths = [word for word in words[3:] if word.startswith("tests/")]
        assert paths and all((ROOT / path).exists() for path in paths)
    elif words[2] == "benchmarks":
        assert set(words[3:]) <= set(TOPICS)
    elif words[2] == "chatserver":
        assert (ROOT / "chatserver" / "__main__.py").exists()
    else:
        source = ROOT.joinpath(*words[2].split("."))
        assert source.with_suffix(".py").exists() or (source / "__main__.py").exists()


@pytest.mark.parametrize("command", of_kind("docker", "kubectl"))
def test_what_an_engine_would_be_told_names_what_there_is(command):
    """No engine and no cluster runs here: tests/deployment starts the services of compose.yaml as processes."""
    services = set(composition.services())
    named = set(re.findall(r"\b(?:web|worker)-\d|\bpostgres(?= pg_)", command))
    assert named <= services
    for folder in re.findall(r"deploy/[\w/]+", command):
        assert (ROOT / folder).exists()


def test_backups_and_restores_are_run_by_their_own_tests():
    """tests/database/embedded and tests/deployment read the very lines from docs/database.md and run them."""
    runners = "".join(path.read_text() for path in (ROOT / "tests").glob("*/test_backup.py"))
    pages = {COMMANDS[command] for command in of_kind("pg_dump", "pg_restore", "psql", "tar")}
    assert pages == {"database.md", "operations.md"}
    assert all(f"docs/{page}" in runners for page in pages)


@pytest.mark.timeout(SETUP_SECONDS + 180)
async def test_what_is_installed_beside_is_an_extra_of_the_package(copy):
    """The packages themselves are gigabytes: `make test` installs and uses them."""
    for command in of_kind("pip"):
        if "[" in command:
            words = shlex.split(command)
            assert words[:2] == [".venv/bin/pip", "install"]
            code, output = await copy.run(shlex.join([*words[:2], "--no-deps", "--no-index", *words[2:]]))
            assert code == 0, output
