"""A child inherits three pipes and can reach nothing: not a file, not the network, not another process."""

import asyncio
import os
import re
import sys
from pathlib import Path

import msgspec
import psutil
import pytest
import structlog.testing

from chatserver import config
from chatserver.imaging.processor import ImageProcessor
from chatserver.processes import confinement, syscalls
from chatserver.processes.pool import ChildDied, Pool, ProcessLimits
from chatserver.providers.base import Finished
from chatserver.providers.sketch.provider import Sketch
from tests.imaging import samples
from tests.support.product import COMMAND, running
from tests.support.recipes import provider_request
from tests.support.story import sign_up

LIMITS = ProcessLimits(memory_bytes=1024**3, cpu_seconds=10)
# What decoding needs, and what the test of everything else must leave alone.
NEEDED = {"starts a thread", "takes memory", "is itself"}
linux = pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
# A child keeps its memory to itself, and so its list of files: only root may look.
root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root sees a locked-in child's files"
)


@pytest.fixture
async def pool():
    opened = Pool("tests.support.prisoner", size=1, limits=LIMITS)
    yield opened
    await opened.close()


async def asked(pool: Pool, task: bytes) -> dict[str, str]:
    async with pool.lease() as child:
        (answer,) = [answer async for answer in child.submit(task)]
    return msgspec.msgpack.decode(answer)


@linux
async def test_an_exploited_child_reaches_nothing(pool):
    outcome = await asked(pool, str(os.getpid()).encode())
    managed = {words for words, what in outcome.items() if what == "done"}
    assert managed == NEEDED
    assert psutil.pid_exists(os.getpid())
    assert not Path("/tmp/broken-out").exists()
    assert pool.confinement is not None
    assert pool.confinement.refused == ()


@linux
async def test_a_child_of_root_is_nobody_without_groups_or_new_privileges(pool):
    async with pool.lease() as child:
        status = Path(f"/proc/{child.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    mine = str(confinement.NOBODY if os.geteuid() == 0 else os.geteuid())
    assert set(fields["Uid"].split()) == {mine}
    if os.geteuid() == 0:
        assert set(fields["Gid"].split()) == {mine}
        assert fields["Groups"].strip() == ""
        assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


@root
async def test_a_child_of_the_server_holds_its_pipes_and_neither_the_listening_socket_nor_a_siblings(
    database_url, tmp_path
):
    settings = {"DATABASE_URL": database_url, "WORKER_CONCURRENCY": "3"}
    async with running(tmp_path, program=COMMAND, **settings) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys("pro")
        chat = await ada.joins(session)
        made = [await chat.generates(f"boat {number}", width=64, height=64) for number in range(3)]
        for message in made:
            ended = await chat.sees_ended(message)
            assert [each["status"] for each in ended["generations"]] == ["done"], product.output()
        server = psutil.Process(product.process.pid)
        children = [each for each in server.children() if "chatserver.processes.bootstrap" in each.cmdline()]
        assert len(children) >= 2, [each.cmdline() for each in server.children()]
        held = {child.pid: _held(child.pid) for child in children}
        await chat.leaves()
    for pid, files in held.items():
        # Three to the server (the answers' once more, out of reach of what prints); a pipe to a fork is its own.
        assert len({what for what in files.values() if not what.startswith("pipe:")}) == 3, files
        others = set().union(*(set(theirs.values()) for other, theirs in held.items() if other != pid))
        assert not set(files.values()) & others


def _held(pid: int) -> dict[str, str]:
    """What each open file of a process is."""
    return {each.name: os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()}


INHERIT = """
import asyncio, os, socket, sys, uvloop
from chatserver.processes.pool import ProcessLimits, Pool

async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    listener.set_inheritable(True)
    pool = Pool("tests.support.prisoner", size=1, limits=ProcessLimits(memory_bytes=1024**3, cpu_seconds=10))
    async with pool.lease() as child:
        folder = f"/proc/{child.pid}/fd"
        held = [os.readlink(f"{folder}/{each}") for each in os.listdir(folder)]
        print(held, os.readlink(f"/proc/self/fd/{listener.fileno()}"))
    await pool.close()

uvloop.run(main())
"""


@root
async def test_files_marked_inheritable_are_not_inherited():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", INHERIT, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    held, listener = re.fullmatch(r"\[(.*)\] (\S+)", output.decode().strip().splitlines()[-1]).groups()
    assert listener not in held


async def test_every_format_is_decoded_and_encoded_in_a_confined_child():
    processor = ImageProcessor(size=1)
    said = samples.provenance()
    try:
        for kind in ("PNG", "JPEG", "WEBP"):
            picture = await processor.verify_picture(samples.picture(kind), said)
        for wanted in ("png", "jpeg", "webp"):
            assert await processor.convert_picture(picture.data, wanted, said, marked=True)
        assert await processor.shrink_picture(picture.data, 24, said)
        for container, codec in (("webm", "libvpx"), ("webm", "libvpx-vp9"), ("webm", "libsvtav1"), ("mp4", "libx264")):
            assert (await processor.verify_clip(samples.clip(container, codec), said)).width == 96
    finally:
        await processor.close()


@pytest.mark.parametrize("seed", [738851892, 873769587, 165221002])
async def test_a_painting_process_may_import_modules_late(seed):
    # numpy imports parts of itself in the middle of a picture; seen in three pictures of a hundred.
    sketch = Sketch(config.load({"DATA_DIR": "/nowhere"}))
    prompt = {873769587: "a cake with candles", 165221002: "a red kite"}.get(seed, "a green lamp")
    request = provider_request(prompt=prompt, seed=seed)
    try:
        steps = [step async for step in sketch.generate(request)]
    finally:
        await sketch.close()
    assert isinstance(steps[-1], Finished)


async def test_refused_restrictions_are_logged_once_and_the_child_works():
    opened = Pool("tests.support.strange_machine", size=2, limits=LIMITS)
    with structlog.testing.capture_logs() as lines:
        async with opened.lease(), opened.lease():
            pass
    await opened.close()
    said = [line for line in lines if line["event"] == "child.confinement_incomplete"]
    assert [line["refused"] for line in said] == [("a filter of system calls",)]


async def test_the_beginning_of_a_childs_stderr_is_logged():
    opened = Pool("tests.support.chatterbox", size=1, limits=LIMITS)
    with structlog.testing.capture_logs() as lines, pytest.raises(ChildDied):
        async with opened.lease():
            pass
    await opened.close()
    told = "".join(line["text"] for line in lines if line["event"] == "child.stderr")
    assert told.startswith("one\ntwo")
    assert len(told) < 20_000


async def test_the_logged_stderr_holds_nothing_of_the_task():
    opened = Pool("tests.support.leaky", size=1, limits=LIMITS)
    with structlog.testing.capture_logs() as lines:
        async with opened.lease() as child:
            assert [answer async for answer in child.submit(b"canary")] == [b"done"]
            async with asyncio.timeout(10):
                while "ValueError" not in str(lines):
                    await asyncio.sleep(0.02)
    await opened.close()
    assert "in __del__" in str(lines)
    assert "canary" not in str(lines)


@pytest.mark.parametrize("machine", syscalls.ARCHITECTURES)
@pytest.mark.parametrize("reads_files", [True, False])
def test_the_filter_has_a_size_that_the_kernel_accepts(machine, reads_files):
    code = syscalls.program(machine, reads_files=reads_files)
    assert len(code) % 8 == 0
    assert len(code) // 8 < 4096
