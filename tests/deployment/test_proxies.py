"""nginx's and Caddy's examples, really run before the two web processes of compose.yaml: pages, sockets, who asks, how much
may be sent, and what people notice when one of the two is killed."""

import asyncio
import contextlib
import io
import json
import random
import re
import socket
import types
import uuid

import aiohttp
import pytest
from PIL import Image

from chatserver.config import Config
from chatserver.openai_api.completion import WAIT_SECONDS
from chatserver.realtime.limits import HEARTBEAT_SECONDS
from chatserver.web.body_limits import MAX_UPLOAD_BYTES, UPLOADS
from tests.support.conversation import talking
from tests.support.proxies import DEPLOY, Front, TlsFront
from tests.support.story import sign_up

# One composition is enough for all who share it.
pytestmark = pytest.mark.xdist_group("composition")

# Everything on the loopback network is this machine; these are people who are not the proxy.
PEOPLE = {"nginx": "127.0.0.2", "caddy": "127.0.0.3"}
FORGED = "203.0.113.7"
# Connections of one address in nginx's example, and so in the product's defaults.
MOST_OF_ONE = Config().connections_per_address + Config().sockets_per_address


@pytest.fixture(params=["nginx", "caddy"], scope="module")
async def front(request, composition, tmp_path_factory):
    """The proxy, with both web processes behind it."""
    proxy = Front(request.param, tmp_path_factory.mktemp(request.param), composition.upstreams)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.kill()


@pytest.fixture
async def browser(front):
    """Requests from an address that is not the proxy's own."""
    connector = aiohttp.TCPConnector(local_addr=(PEOPLE[front.kind], 0))
    async with aiohttp.ClientSession(connector=connector) as client:
        yield client


@pytest.fixture
async def ada(composition, front):
    """Somebody who only knows the proxy's address."""
    person = await sign_up(composition.web[0], "Ada")
    person.product = front
    return person


async def test_pages_and_sockets_pass(ada, browser, front):
    async with browser.get(front.url) as page:
        assert page.status == 200
        assert "<html" in await page.text()
    # A page's own origin is where it was reached, port and all, even where PUBLIC_URL says another.
    ada.headers = {"Origin": front.url}
    chat = await ada.joins(await ada.buys())
    await chat.says("through the proxy")
    await chat.sees_text("through the proxy")
    await chat.leaves()


async def test_with_tls_what_comes_over_http_is_led_to_https(composition, tmp_path):
    front = TlsFront(tmp_path, composition.upstreams)
    await front.start()
    try:
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{front.url}/sign-in?next=/gallery", allow_redirects=False) as answer:
                assert answer.status == 301
                assert answer.headers["Location"] == f"{front.https_url}/sign-in?next=/gallery"
            async with client.get(f"{front.https_url}/sign-in", ssl=False) as page:
                assert page.status == 200 and "<html" in await page.text()
            async with client.get(f"{front.https_url}/metrics", ssl=False) as answer:
                assert answer.status == 404
    finally:
        await front.kill()


async def test_a_forged_address_is_not_believed(composition, browser, front):
    path = f"/sessions/{uuid.uuid4()}"
    forged = {"X-Forwarded-For": FORGED, "Forwarded": f"for={FORGED};proto=gopher;host=evil.example"}
    async with browser.get(front.url + path, headers=forged, allow_redirects=False) as answer:
        assert answer.status < 500
    assert await client_of(composition, path) == PEOPLE[front.kind]


async def client_of(composition, path):
    """Who asked for this path, as the web process that answered wrote it down."""
    async with asyncio.timeout(10):
        while True:
            for line in (line for web in composition.web for line in web.output().splitlines() if path in line):
                return json.loads(line)["client"]
            await asyncio.sleep(0.05)


async def test_guesses_are_counted_by_the_real_address_whatever_they_claim(browser, front):
    statuses = [await guess(browser, front, number) for number in range(21)]
    assert statuses == [401] * 20 + [429]


async def guess(browser, front, number):
    body = {"email": f"{uuid.uuid4()}@example.org", "password": "a wrong one"}
    headers = {"X-Forwarded-For": f"203.0.113.{number}"}
    async with browser.post(f"{front.url}/api/v1/tokens", json=body, headers=headers) as answer:
        return answer.status


async def test_too_much_and_what_is_for_machines_inside_is_refused(browser, front):
    # Refused before it is sent; sent all the same; and not announced, so cut off on its way.
    for body, asks_first in ((bytes(1_200_000), True), (bytes(1_200_000), False), (pieces(), False)):
        async with browser.post(f"{front.url}/api/v1/users", data=body, expect100=asks_first) as answer:
            assert answer.status == 413
    async with browser.get(f"{front.url}/metrics") as answer:
        assert answer.status == 404
    async with browser.get(f"{front.url}/readyz") as answer:
        assert answer.status == 200


async def test_a_photograph_is_uploaded_and_verified_by_every_way_and_a_larger_one_is_refused(ada, browser, front):
    session = await ada.buys()
    photograph = noise(1200, 900)
    assert 2_000_000 < len(photograph) < MAX_UPLOAD_BYTES
    uploaded = await ada.uploads(session, photograph)
    assert uploaded["asset"]["width"] == 1200
    async with browser.post(f"{front.url}/api/v1/verifications", data=photograph) as answer:
        assert answer.status == 200
    form = aiohttp.FormData({"file": io.BytesIO(photograph)})
    async with browser.post(f"{front.url}/verify", data=form, headers={"Origin": front.url}) as answer:
        # The product's own answer to a form without its page: for the proxy it is not too large.
        assert answer.status == 403
    # A form of the largest picture and the largest mask passes, and the product says what it lacks.
    headers = {"Authorization": f"Bearer {ada.token}", "Content-Type": "multipart/form-data; boundary=b"}
    edit = f"{front.url}/api/v1/images/edits"
    async with browser.post(edit, data=bytes(UPLOADS["/api/v1/images/edits"]), headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")
    async with browser.post(edit, data=bytes(16_000_000), headers=headers, expect100=True) as answer:
        assert answer.status == 413
    for path in ("/verify", f"/api/v1/sessions/{session['id']}/uploads"):
        async with browser.post(front.url + path, data=bytes(12_000_000), expect100=True) as answer:
            assert answer.status == 413


def noise(width, height):
    picture = io.BytesIO()
    Image.frombytes("RGB", (width, height), random.Random(7).randbytes(width * height * 3)).save(picture, "PNG")
    return picture.getvalue()


# Less than the time after which the proxies give the stuck ones up, and enough for a busy machine.
FELT_SECONDS = 9
# Neither those who stop in the middle of a request nor those who take nothing of what they asked for.
STUCK = {
    "in a body": b"POST /api/v1/users HTTP/1.1\r\nHost: %s\r\nContent-Length: 10\r\n\r\n",
    "before an answer": b"GET /static/x/css/app.css HTTP/1.1\r\nHost: %s\r\n\r\n" * 40,
}


@pytest.mark.parametrize("where", STUCK)
async def test_who_takes_connections_and_gives_nothing_is_not_felt_by_others(browser, composition, front, where):
    host, port = front.url.removeprefix("http://").split(":")
    # What the takers of nothing ask for is work until they are stuck, five seconds for as many as the others.
    count = MOST_OF_ONE + 30 if where == "in a body" else 60
    stuck = [await open_stranger(host, int(port)) for _ in range(count)]
    try:
        for _, writer in stuck:
            writer.write(STUCK[where].replace(b"%s", host.encode()))
        if front.kind == "nginx" and where == "in a body":
            # Caddy has no such count; there each of them waits for its deadline.
            heard = await asyncio.gather(*(first_line(reader) for reader, _ in stuck[MOST_OF_ONE:]))
            assert set(heard) == {b"HTTP/1.1 503 Service Temporarily Unavailable"}
        for url in (front.url, *(web.url for web in composition.web)):
            async with browser.get(f"{url}/sign-in", timeout=aiohttp.ClientTimeout(total=FELT_SECONDS)) as answer:
                assert answer.status == 200
    finally:
        for _, writer in stuck:
            writer.transport.abort()


async def open_stranger(host, port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.bind(("127.0.0.4", 0))
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, port))
    return await asyncio.open_connection(sock=sock, limit=1024)


async def first_line(reader):
    async with asyncio.timeout(5):
        return (await reader.readline()).strip()


async def pieces():
    """A little more than the product takes, without saying beforehand how much it is."""
    for _ in range(12):
        yield bytes(100_000)


async def test_nothing_is_noticed_when_one_of_two_web_processes_is_killed(composition, ada, front):
    through_front = types.SimpleNamespace(web=[front])
    talk = talking(through_front, ["Ada", "Bob", "Cyd", "Dan"])
    async with asking_all_the_while(ada) as statuses, talk as (tabs, said):
        await asyncio.gather(*(tab.is_live() for tab in tabs))
        before = [len(own) for own in said]
        killed = composition.web[0]
        await killed.kill()
        async with asyncio.timeout(20):
            while any(len(own) < count + 3 for own, count in zip(said, before, strict=True)):
                await asyncio.sleep(0.05)
        await is_taken_back(front, await composition.restart(killed))
        away = sorted(seconds for tab in tabs for seconds in tab.away)
    assert set(statuses) == {200}
    # The proxy had spread them over both.
    assert away
    assert away[-1] < 5
    print(f"{front.kind}: {len(away)} sockets came back at the same address, the slowest after {away[-1]:.2f} s; "
          f"{len(statuses)} requests meanwhile, none failed")  # fmt: skip


@contextlib.asynccontextmanager
async def asking_all_the_while(person):
    """One request after the other for the length of the block; gives the list of what was answered."""
    statuses = []

    async def ask():
        while True:
            statuses.append((await person.fetch("/api/v1/sessions"))[0])
            await asyncio.sleep(0.05)

    asking = asyncio.create_task(ask())
    try:
        yield statuses
        # A request that failed altogether ended the asking.
        assert not asking.done(), asking.exception()
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def is_taken_back(front, process):
    """Waits until the proxy asks a process again that it had given up; nobody sits there, so it has the least to do."""
    path = f"/sessions/{uuid.uuid4()}"
    async with aiohttp.ClientSession() as client, asyncio.timeout(20):
        while path not in process.output():
            async with client.get(front.url + path, allow_redirects=False):
                await asyncio.sleep(0.1)


def test_a_silent_socket_outlives_the_proxies_patience():
    """The server speaks every HEARTBEAT_SECONDS: a proxy that waits for three beats never ends a living socket."""
    socket_part = (DEPLOY / "nginx.conf").read_text().split("location /ws/")[1].split("location")[0]
    ingress = (DEPLOY / "kubernetes" / "web.yaml").read_text()
    patience = [
        *re.findall(r"proxy_(?:read|send)_timeout (\d+)s", socket_part),
        *re.findall(r'proxy-(?:read|send)-timeout: "(\d+)"', ingress),
    ]
    assert len(patience) == 5
    assert min(int(seconds) for seconds in patience) > 3 * HEARTBEAT_SECONDS
    # Caddy's deadline for an answer is lifted where a socket begins; it ends no stream for its silence but by this setting.
    assert "stream_timeout" not in (DEPLOY / "Caddyfile").read_text()


def test_the_examples_give_an_address_as_much_as_the_product_would():
    nginx, ingress = ((DEPLOY / name).read_text() for name in ("nginx.conf", "kubernetes/web.yaml"))
    told = [*re.findall(r"limit_conn addresses (\d+);", nginx), *re.findall(r'limit-connections: "(\d+)"', ingress)]
    assert [int(each) for each in told] == [MOST_OF_ONE] * 3


def test_an_answer_with_pictures_outlives_the_proxies_patience():
    texts = [(DEPLOY / name).read_text() for name in ("nginx.conf", "Caddyfile", "kubernetes/web.yaml")]
    told = [text.split("OpenAI's images API")[1] for text in texts]
    patience = [
        re.search(r"(?:read_timeout|response_header_timeout|read-timeout:) \"?(\d+)(m?)", each) for each in told
    ]
    assert [int(each[1]) * (60 if each[2] else 1) > WAIT_SECONDS for each in patience] == [True] * 3
