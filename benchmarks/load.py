"""A cheap load generator: raw sockets and epoll in this process, which counts events and never parses JSON."""

import contextlib
import importlib.util
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.servers.events import DURABLE, TRIGGER

SERVERS = Path(__file__).resolve().parent / "servers"
# A burst through python-socketio takes three seconds on a quiet machine, and twenty on one that does other things too.
PATIENCE_SECONDS = 90.0
# Handshakes under way at once.
AT_ONCE = 50
# Bytes of an event with the array around it.
PAYLOAD = 202
# How an event is counted in what is received: once in each, and in no frame's header.
MARK = b'"~'
# What a server says of itself before a socket counts as open.
GREETINGS = {"ours": (b'"presence"',), "socketio_rooms": (b"0{", b"40{")}
# Socket.IO's "40" (connect to the namespace) as a masked text frame.
SOCKETIO_HELLO = b"\x81\x82\0\0\0\x0040"


class Server:
    """A server process under load: its sockets, its control, and what it has used."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        listeners = [socket.create_server(("127.0.0.1", 0), backlog=4096) for _ in range(2)]
        numbers = [listener.fileno() for listener in listeners]
        self.address, control = (listener.getsockname() for listener in listeners)
        self.process = subprocess.Popen(
            [*command, *map(str, numbers)], pass_fds=numbers, cwd=SERVERS.parent.parent, preexec_fn=_take_other_core
        )
        self._control = socket.create_connection(control)
        self._control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for listener in listeners:
            listener.close()
        self.sockets: list[socket.socket] = []
        self._epoll = select.epoll()
        self._by_number: dict[int, socket.socket] = {}

    def connect(self, room: int, person: int, receive_bytes: int = 0) -> socket.socket:
        """Opens one socket, and reads past the server's opening where there is one."""
        sock = self._ask(room, person, receive_bytes)
        self._read_opening(sock)
        return sock

    def _ask(self, room: int, person: int, receive_bytes: int = 0) -> socket.socket:
        sock = socket.socket()
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.settimeout(PATIENCE_SECONDS)
        sock.connect(self.address)
        sock.sendall(
            f"GET {self._path(room)} HTTP/1.1\r\nHost: localhost\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {'A' * 22}==\r\nAuthorization: Bearer {person}\r\n\r\n".encode()
        )
        return sock

    def _path(self, room: int) -> str:
        if self.name == "socketio_rooms":
            return f"/socket.io/?EIO=4&transport=websocket&room={room}"
        return f"/ws/sessions/00000000-0000-7000-8000-{room:012d}"

    def _read_opening(self, sock: socket.socket) -> None:
        answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        if self.name == "socketio_rooms":
            sock.sendall(SOCKETIO_HELLO)
        for words in GREETINGS.get(self.name, ()):
            while words not in answer:
                answer += sock.recv(65536)

    def fill(self, rooms: int, people: int) -> None:
        """Puts so many people into each of so many rooms, some at a time."""
        self._enter([(number % rooms, number) for number in range(rooms * people)])

    def fill_room(self, room: int, people: int) -> None:
        """Puts so many people into one room."""
        self._enter([(room, number) for number in range(people)])

    def _enter(self, places: list[tuple[int, int]]) -> None:
        for start in range(0, len(places), AT_ONCE):
            for sock in [self._ask(room, person) for room, person in places[start : start + AT_ONCE]]:
                self._read_opening(sock)
                sock.setblocking(False)
                self.sockets.append(sock)
                self._by_number[sock.fileno()] = sock
                self._epoll.register(sock.fileno(), select.EPOLLIN)

    def trigger(self, *rooms: int, durable: bool = False) -> None:
        """Has one event sent into each of these rooms, now."""
        now = time.monotonic_ns()
        mark = DURABLE if durable else 0
        self._control.sendall(b"".join(TRIGGER.pack(room | mark, now) for room in rooms))

    def receive(self, events: int, late: list[int] | None = None) -> None:
        """Reads until so many events have come; `late` gets the nanoseconds that each took."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while events > 0:
            events -= self.receive_some(1.0, late)
            assert time.monotonic() < deadline, f"{self.name}: {events} events did not come"

    def receive_some(self, seconds: float, late: list[int] | None = None) -> int:
        """Reads what is there, or comes within so many seconds; returns the number of events."""
        count = 0
        for number, _ in self._epoll.poll(seconds):
            data = self._by_number[number].recv(262_144)
            count += data.count(MARK)
            if late is not None:
                now = time.monotonic_ns()
                late += [now - int(part[:19]) for part in data.split(MARK)[1:]]
        return count

    def settle(self) -> None:
        """Reads away what the opening still says."""
        while self.receive_some(0.5) or self._epoll.poll(0.2):
            pass

    def cpu_seconds(self) -> float:
        """What the process has used, user and system, by its own clock (clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def resident_bytes(self) -> int:
        """Its memory."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for sock in [*self.sockets, self._control]:
            sock.close()
        self._epoll.close()


def _take_other_core() -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[-1]})


@contextlib.contextmanager
def running(*names: str, payload: int = PAYLOAD) -> Iterator[dict[str, Server]]:
    """Starts the named servers: ours, library, floor, socketio_rooms, node_ws. What cannot run here is left out.

    `payload` is the size of the events of the floor.
    """
    servers: dict[str, Server] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in names:
                command = _command(name, Path(folder), payload)
                if command:
                    servers[name] = Server(name, command)
            yield servers
        finally:
            for server in servers.values():
                server.close()


def _command(name: str, folder: Path, payload: int) -> list[str]:
    """How to start a server; empty where what it needs is not installed."""
    if name == "floor":
        return _floor(folder, payload)
    if name == "node_ws":
        return _node()
    if name == "socketio_rooms" and importlib.util.find_spec("socketio") is None:
        return []
    return [sys.executable, "-m", f"benchmarks.servers.{name}"]


def _node() -> list[str]:
    """Node, where it finds `ws` (NODE_PATH names the folder of its packages)."""
    node = shutil.which("node")
    if node is None or subprocess.run([node, "-e", 'require("ws")'], capture_output=True, check=False).returncode:
        return []
    return [node, str(SERVERS / "node_ws.cjs")]


def _floor(folder: Path, payload: int) -> list[str]:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        print("!! No C compiler here: the floor is NOT measured, and goals that name it are not judged.", flush=True)
        return []
    program = folder / "floor"
    subprocess.run([compiler, "-O2", "-o", str(program), str(SERVERS / "floor.c")], check=True)
    return [str(program), str(payload)]
