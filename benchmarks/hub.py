"""The hub beside the floor (C, one send() per delivery) and the bare `websockets` library, in one interleaved run.

What counts is CPU microseconds of the server per delivered event, and its ratio to the floor: both hold on small shared
machines, where times do not.
"""

import select
import socket
import statistics
import time
from collections.abc import Callable

from benchmarks.load import Server, running
from benchmarks.report import Measurement
from chatserver.realtime.limits import KERNEL_BYTES

ROUNDS = 3
LISTENERS = 1000
STALLED = 10
STALLED_ROUNDS = 5
# python-socketio and Node's ws are measured where they are installed.
NAMES = ("ours", "library", "floor", "socketio_rooms", "node_ws")
# The goals: so many times the cost of each at most.
FAN_OUT = {"floor": 1.25, "socketio_rooms": 0.08, "node_ws": 0.8}
BURST = {"floor": 0.05, "socketio_rooms": 0.03}
# Beside python-socketio the floor itself, the system call, is a quarter: only the floor is a measure here.
SESSIONS = {"floor": 2.0}
STREAMS = {"floor": 2.0}
CALLED = {"floor": "floor", "library": "websockets", "socketio_rooms": "python-socketio", "node_ws": "node ws"}


def run() -> list[Measurement]:
    """Every scenario, in about a minute."""
    results: list[Measurement] = []
    for scenario in (fan_out, many_sessions, token_streams, idle_sockets, slow_reader):
        for measurement in scenario():
            print(f"  {measurement.row()}", flush=True)
            results.append(measurement)
    return results


def per_delivery(server: Server, load: Callable[[Server], int]) -> float:
    """CPU microseconds of the server for each event that `load` has it deliver."""
    started = server.cpu_seconds()
    deliveries = load(server)
    return (server.cpu_seconds() - started) / deliveries * 1e6


def interleaved(servers: dict[str, Server], load: Callable[[Server], int]) -> dict[str, float]:
    """The median of some rounds, in which each server has its turn."""
    found: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, server in servers.items():
            found[name].append(per_delivery(server, load))
    return {name: statistics.median(values) for name, values in found.items()}


def judge(scenario: str, costs: dict[str, float], goals: dict[str, float]) -> Measurement:
    """A cost beside those of the others, of each of which it may be so many times as much."""
    ours, floor = costs["ours"], costs.get("floor")
    measured = [ours / costs[name] <= most for name, most in goals.items() if name in costs]
    return Measurement(
        scenario,
        f"{ours:.1f} µs, {ours / floor:.2f} × floor" if floor else f"{ours:.1f} µs, no floor",
        ", ".join(f"≤ {most} × {CALLED[name]}" for name, most in goals.items() if name in costs),
        all(measured) if measured else None,
        ", ".join(
            f"{CALLED[name]} {cost:.1f} µs ({ours / cost:.2f} × it)" for name, cost in costs.items() if name != "ours"
        ),
    )


def fan_out() -> list[Measurement]:
    """1,000 listeners in one session: one message at a time, then bursts."""

    def one_at_a_time(server: Server) -> int:
        for _ in range(60):
            server.trigger(0, durable=True)
            server.receive(LISTENERS)
        return 60 * LISTENERS

    def burst(server: Server) -> int:
        for _ in range(4):
            server.trigger(*[0] * 50, durable=True)
            server.receive(50 * LISTENERS)
        return 4 * 50 * LISTENERS

    with running(*NAMES) as servers:
        for server in servers.values():
            server.fill(1, LISTENERS)
            server.settle()
        return [
            judge("fan-out to 1,000, one at a time", interleaved(servers, one_at_a_time), FAN_OUT),
            judge("fan-out to 1,000, burst", interleaved(servers, burst), BURST),
        ]


def many_sessions() -> list[Measurement]:
    """1,000 sessions with two listeners each; a message to one after the other."""

    def visit(server: Server) -> int:
        for session in range(LISTENERS):
            server.trigger(session, durable=True)
            server.receive(2)
        return 2 * LISTENERS

    with running(*NAMES) as servers:
        for server in servers.values():
            server.fill(LISTENERS, 2)
            server.settle()
        return [judge("1,000 sessions × 2", interleaved(servers, visit), SESSIONS)]


def token_streams() -> list[Measurement]:
    """200 sessions, in each of which a text grows by 50 pieces a second."""
    late: dict[str, list[int]] = {name: [] for name in NAMES}
    streams, rate, seconds = 200, 50, 2.0

    def stream(server: Server) -> int:
        total, sent, received = int(streams * rate * seconds), 0, 0
        started = time.monotonic()
        while received < total:
            due = min(int((time.monotonic() - started) * streams * rate), total)
            if due > sent:
                server.trigger(*(number % streams for number in range(sent, due)))
                sent = due
            received += server.receive_some(0.0, late[server.name])
        return total

    with running(*NAMES) as servers:
        for server in servers.values():
            server.fill(streams, 1)
            server.settle()
        measured = judge("200 token streams × 50/s", interleaved(servers, stream), STREAMS)
    ours = _percentile(late["ours"], 0.99)
    beside = f"websockets {_percentile(late['library'], 0.99):.1f} ms"
    return [measured, Measurement("  p99 lateness", f"{ours:.1f} ms", "< 5 ms on a quiet machine", ours < 5, beside)]


def _percentile(nanoseconds: list[int], part: float) -> float:
    return sorted(nanoseconds)[int(len(nanoseconds) * part)] / 1e6


def idle_sockets() -> list[Measurement]:
    """What 2,000 sockets in 1,000 sessions take: to open, and to keep."""
    found: dict[str, tuple[float, float]] = {}
    with running("ours", "library") as servers:
        for name, server in servers.items():
            server.connect(0, 0).close()
            time.sleep(0.5)
            memory, cpu = server.resident_bytes(), server.cpu_seconds()
            server.fill(LISTENERS, 2)
            server.settle()
            used = (server.cpu_seconds() - cpu) / (2 * LISTENERS) * 1e3
            found[name] = ((server.resident_bytes() - memory) / (2 * LISTENERS) / 1024, used)
    kept, cpu = found["ours"]
    return [
        Measurement(
            "idle socket",
            f"{kept:.1f} kB",
            "≤ 18 kB",
            kept <= 18,
            f"websockets {found['library'][0]:.1f} kB",
        ),
        Measurement("connect", f"{cpu:.2f} ms CPU", "≤ 0.5 ms", cpu <= 0.5, f"websockets {found['library'][1]:.2f} ms"),
    ]


def slow_reader() -> list[Measurement]:
    """100 listeners, without and with one who never reads; then what ten such keep of the server, and for how long."""
    with running("ours") as servers:
        server = servers["ours"]
        server.fill(1, 100)
        server.settle()
        _talk(server)
        alone, beside = [], []
        for _ in range(STALLED_ROUNDS):
            alone.append(per_delivery(server, _talk))
            stalled = _stall(server, 1)
            beside.append(per_delivery(server, _talk))
            _hang_up(stalled)
        memory, stalled = server.resident_bytes(), _stall(server, STALLED)
        _talk(server)
        kept = (server.resident_bytes() - memory) / STALLED + 2 * KERNEL_BYTES
        gone = _seconds_until_cut(server, stalled)
        _hang_up(stalled)
    # The least of each: what is looked for is smaller than what the machine's other work adds.
    rate = min(alone) / min(beside)
    others = f"{rate:.2f} of their rate"
    return [
        Measurement("a member that never reads: the others", others, "≥ 0.95", rate >= 0.95, "by CPU a delivery"),
        Measurement("  its memory", f"{kept / 1024:.0f} kB", "≤ 512 kB", kept <= 512 * 1024, "256 of it the kernel's"),
        Measurement("  gone after", f"{gone:.1f} s", "≤ 15 s", gone <= 15),
    ]


def _stall(server: Server, count: int) -> list[socket.socket]:
    return [server.connect(0, 200 + number, receive_bytes=4096) for number in range(count)]


def _talk(server: Server) -> int:
    """600 kB to each of the hundred who read."""
    for _ in range(300):
        server.trigger(*[0] * 10, durable=True)
        server.receive(10 * 100)
    return 300 * 10 * 100


def _seconds_until_cut(server: Server, stalled: list[socket.socket]) -> float:
    started = time.monotonic()
    while not all(map(_is_cut, stalled)) and time.monotonic() - started < 20:
        server.trigger(0, durable=True)
        server.receive(100)
        time.sleep(0.05)
    return time.monotonic() - started


def _is_cut(sock: socket.socket) -> bool:
    """Whether the server has reset it: the kernel says so, though nothing is read."""
    watch = select.poll()
    watch.register(sock, 0)
    return bool(watch.poll(0))


def _hang_up(socks: list[socket.socket]) -> None:
    for sock in socks:
        sock.close()
