"""Strangers who take connections and give nothing, before the whole product: files and memory stay, others are served."""

import asyncio
import contextlib
import signal
import socket
import sys
import time

import aiohttp
import psutil
import pytest

from tests.support import bound, ports
from tests.support import product as products
from tests.support.product import Product

FILES = 300
# Everything on the loopback network is this machine.
STRANGER, SOMEBODY = "127.0.0.2", "127.0.0.3"
UNREAD = b"GET /static/x/css/app.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 40
REFUSED = "refused"
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    """The product on a machine that allows it few files."""
    folder, port = tmp_path_factory.mktemp("product"), ports.reserve()
    command = f'ulimit -n {FILES}; exec "$0" -m chatserver serve --role web --port {port}'
    with (folder / "log.txt").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", command, sys.executable),
            env=products.environment(folder, DATABASE_URL=database_url),
            stdout=output,
            stderr=output,
            preexec_fn=bound.to_this_process(signal.SIGTERM),
        )
    product = Product(process, f"http://127.0.0.1:{port}", folder / "log.txt")
    try:
        await products.wait_until_ready(product)
        yield product
    finally:
        await product.kill()


@contextlib.asynccontextmanager
async def flood(product, count, asks):
    """So many connections of one stranger, who asks and reads nothing; their writers."""
    loop = asyncio.get_running_loop()
    sockets = []
    try:
        for _ in range(count):
            sock = socket.socket()
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.bind((STRANGER, 0))
            sockets.append(sock)
            # Refused, cut, or not taken in time where the product is slow: each is a way to keep a stranger out.
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(loop.sock_connect(sock, ("127.0.0.1", int(product.url.rpartition(":")[2]))), 5)
                await loop.sock_sendall(sock, asks)
        yield sockets
    finally:
        for sock in sockets:
            sock.close()


async def is_served(product, address, seconds=20, *, may_be_refused=False):
    """Somebody at that address asks how the product is, and for a page, on connections of their own. Who may be refused, as
    all are at work until their answers are stuck, asks again; nothing else is asked twice."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0), force_close=True)
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with aiohttp.ClientSession(product.url, connector=connector, timeout=timeout) as client:
        for path in ("/healthz", "/readyz", "/sign-in"):
            async with asyncio.timeout(seconds):
                while (status := await status_of(client, path)) == REFUSED and may_be_refused:
                    await asyncio.sleep(0.1)
            assert status == 200, path


async def status_of(client, path):
    """The status of an answer, or REFUSED where the edge had no connection to give; it tells only so many at once."""
    try:
        async with client.get(path) as answer:
            return REFUSED if b"Too many connections at once" in await answer.read() else answer.status
    except aiohttp.ClientConnectorError:
        raise  # nobody listens any more
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        return REFUSED


@pytest.mark.parametrize(
    "asks", [UNREAD, UNREAD[:50], b"\r\n", b""], ids=["unread", "half a request", "a line", "nothing"]
)
async def test_who_takes_connections_and_gives_nothing_takes_no_file_from_others(product, asks):
    process = psutil.Process(product.process.pid)
    await is_served(product, SOMEBODY)
    before = process.memory_info().rss
    async with flood(product, 2 * FILES, asks):
        # What it has accepted beyond its limit, it closes in the loop's next turn.
        await holds_fewer(process, FILES - 16)
        await is_served(product, SOMEBODY, may_be_refused=asks is UNREAD)
        # A whole class has one address: others of it are served, too.
        await is_served(product, STRANGER, may_be_refused=asks is UNREAD)
        assert process.memory_info().rss < before + 96 * MEBIBYTE
    assert "Too many open files" not in product.output()
    await holds_fewer(process, 100)


async def holds_fewer(process, files):
    """Waits until it has fewer files open than so many."""
    deadline = time.monotonic() + 30
    while process.num_fds() >= files:
        assert time.monotonic() < deadline, process.num_fds()
        await asyncio.sleep(0.1)
