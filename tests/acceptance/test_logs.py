"""What is in the log when everything goes wrong: on a terminal and as JSON, at every route, with a secret in every place."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import textwrap
import threading

import aiohttp
import pytest
from yarl import URL

from tests.acceptance.test_strangers import ROUTES
from tests.support import ports

ID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
CANARY = "canary"
COOKIES = "chatserver=canary-of-a-sign-in; visitor=canary-visitor; theme=canary-theme; notice=canary-notice"
BEARER = {
    "Authorization": "Bearer cs_canary-token",
    "Cookie": COOKIES,
    "Referer": "http://localhost/reset/canary-referer",
}
QUERY = "?token=canary-query&signature=canary-signature&code=canary-code&q=canary+search&after=1&before=2"
FORMATS = ["json", "terminal"]


class Faulty:
    """The application over a broken database (`tests.support.faulty`), and all that it has logged."""

    def __init__(self, url, token, heard):
        self.url, self.token, self._heard = url, token, heard

    def log(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(self._heard).decode(errors="replace"))

    async def logs(self, words, times=1):
        async with asyncio.timeout(20):
            while self.log().count(words) < times:
                await asyncio.sleep(0.02)
        return self.log()


def _reader(descriptor, heard, ended):
    def read():
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # a terminal's other end is closed
            data = b""
        heard.append(data)
        if not data:
            asyncio.get_running_loop().remove_reader(descriptor)
            ended.set()

    return read


@contextlib.asynccontextmanager
async def _started(form, *command, **settings):
    """A program whose stderr is a pipe, or a terminal; what it has logged is complete when the block ends."""
    ours, theirs = os.openpty() if form == "terminal" else os.pipe()
    heard, ended = [], asyncio.Event()
    environment = {**os.environ, "LOG_FORMAT": {"terminal": "auto"}.get(form, form), "ENV_FILE": "", **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    asyncio.get_running_loop().add_reader(ours, _reader(ours, heard, ended))
    try:
        yield process, heard
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await asyncio.wait_for(ended.wait(), 10)
        os.close(ours)


@pytest.fixture(scope="module", params=FORMATS)
async def faulty(request):
    port = ports.reserve()
    async with _started(request.param, "-m", "tests.support.faulty", str(port)) as (process, heard):
        token = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
        found = Faulty(f"http://127.0.0.1:{port}", token, heard)
        async with aiohttp.ClientSession() as client:
            async with asyncio.timeout(60):
                while not await _answers(client, f"{found.url}/healthz"):
                    assert process.returncode is None, found.log()
                    await asyncio.sleep(0.05)
        yield found


async def _answers(client, url):
    with contextlib.suppress(aiohttp.ClientError):
        async with client.get(url) as answer:
            return answer.status == 200
    return False


def _path(template):
    """A route's address with ids that are ids, and canaries for everything else.

    What the operator's pages name in their paths is no secret: tables, levers and providers; nor are a payment service and a
    model.
    """
    if template.startswith(("/admin/", "/webhooks/", "/api/v1/models/")):
        template = re.sub(r"\{(\w+)(?<!_id)(?::path)?\}", "word", template)
    return re.sub(r"\{(\w+?)(_id)?(?::path)?\}", lambda each: ID if each[2] else "canary-path", template)


def _body(fields):
    """The fields of a call, each text of which is a secret."""
    return {name: f"canary-{name}@example.org" if isinstance(value, str) else value for name, value in fields.items()}


async def _asks(faulty, route):
    method, _, template = route.partition(" ")
    url, fields = URL(faulty.url + _path(template) + QUERY, encoded=True), ROUTES[route].body
    body = None if fields is None else _body(fields)
    sent = {"json": body} if template.startswith("/api/") else {"data": {**(body or {}), "csrf_token": faulty.token}}
    headers = {**BEARER, **({} if template.startswith("/api/") else SAME_ORIGIN), "Accept": "text/html"}
    asked = {"headers": headers, "allow_redirects": False, **(sent if body is not None else {})}
    async with aiohttp.ClientSession() as client, client.request(method, url, **asked) as answer:
        return answer.status, (await answer.read()).decode(errors="replace")


async def test_an_error_at_every_route_leaves_its_traceback_and_no_secret(faulty):
    failed = {}
    for route in ROUTES:
        status, text = await _asks(faulty, route)
        failed[route] = status
        if status == 500:
            # A general sentence; what was asked for may be in a page's links, but nothing of the fault.
            assert "UniqueViolation" not in text
            assert "Failing row" not in text
    for path in (f"/ws/sessions/{ID}", "/ws/canary"):
        async with aiohttp.ClientSession() as client:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.ws_connect(f"{faulty.url}{path}{QUERY}", headers=BEARER)
    broken = [route for route, status in failed.items() if status == 500]
    assert len(broken) > 35, failed
    log = await faulty.logs("socket.failed", 2)
    # The export had begun already.
    assert log.count("request.failed") + log.count("request.cut") == len(broken)
    assert CANARY not in log
    # What an operator needs to find the fault is there.
    assert log.count("RuntimeError") >= len(broken)
    assert "sqlstate 23505, constraint_name users_email" in log
    assert "in run_system" in log
    assert "Failing row" not in log


# A page takes the cookie alone, so there is no token beside it.
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Authorization": "Basic canary"}
REFUSALS = {
    "400 of a body": (400, "POST", "/api/v1/invites/canary-code", {"Content-Type": "application/json"}, b"{"),
    "400 of a form": (400, "POST", "/reset/canary-code", {**SAME_ORIGIN, "Content-Type": "text/plain"}, b"canary"),
    "403": (403, "POST", "/invite/canary-code", {"Sec-Fetch-Site": "cross-site", "Authorization": "Basic canary"}, b""),
    "404": (404, "GET", "/invite/canary-code/and/more", {}, None),
    "a code": (404, "GET", "/redeem/canary-code", {}, None),
    "405": (405, "PATCH", "/reset/canary-code", SAME_ORIGIN, b""),
    "307": (307, "GET", "/reset/canary-code/", {}, None),
    "413": (413, "POST", "/reset/canary-code", SAME_ORIGIN, b"x" * 1_100_000),
    "421": (421, "GET", "/invite/canary-code", {"Host": "evil.example"}, None),
    "404 of a random word": (404, "GET", "/invit/canary9Xk3vQmT0aB7yLpR2nWdg", {}, None),
    "a key in capitals": (404, "GET", "/INVITE/canary-code", {}, None),
    "a token in the path": (404, "GET", "/nowhere/cs_canary-token", {}, None),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_what_is_refused_before_it_is_routed_leaves_no_key_either(faulty, case):
    status, method, path, headers, body = REFUSALS[case]
    url = URL(faulty.url + path + QUERY, encoded=True)
    async with aiohttp.ClientSession() as client:
        sent = client.request(method, url, headers={**BEARER, **headers}, data=body, allow_redirects=False)
        async with sent as answer:
            assert answer.status == status
            request_id = answer.headers["X-Request-Id"]
    log = await faulty.logs(request_id)
    assert CANARY not in log


async def test_who_breaks_off_is_no_error(faulty):
    cookie = f"Host: 127.0.0.1\r\nCookie: {COOKIES}\r\n"
    # It says 100 when it begins to wait for the body, of which nothing more comes.
    waits = "Expect: 100-continue\r\nContent-Length: 500\r\n"
    kind = "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    form = f"POST /sign-in{QUERY} HTTP/1.1\r\n{cookie}{waits}{kind}\r\nemail=canary"
    api = f"POST /api/v1/tokens{QUERY} HTTP/1.1\r\nHost: 127.0.0.1\r\n{waits}\r\n{{"
    page = f"GET /sign-in HTTP/1.1\r\n{cookie}\r\n" * 20
    before = len(faulty.log())
    for text in (form, api, page):
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(faulty.url).port)
        writer.write(text.encode())
        await asyncio.wait_for(reader.readline(), 20)
        writer.transport.abort()
    for text in ("GET / HT", f"GET /ws/sessions/{ID} HTTP/1.1\r\nHost: 127.0.0.1\r\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", URL(faulty.url).port)
        writer.write(text.encode())
        writer.close()
    # The bare number stands in one request id of four hundred, too.
    async with asyncio.timeout(20):
        while len(re.findall(r"status\W+499\b", faulty.log()[before:])) < 2:
            await asyncio.sleep(0.02)
    since = faulty.log()[before:]
    assert not re.search(r"\berror\b|\bcritical\b|Traceback|warning", since), since
    assert CANARY not in since


async def test_each_line_is_small_and_nobody_writes_one_of_their_own(faulty):
    forged = "/%0d%0a%7b%22event%22:%22forged%22%7d%1b%5b2J" + "x" * 5000
    async with aiohttp.ClientSession() as client, client.get(URL(faulty.url + forged, encoded=True)) as answer:
        request_id = answer.headers["X-Request-Id"]
    [line] = [line for line in (await faulty.logs(request_id)).splitlines() if request_id in line or "forged" in line]
    assert len(line) < 3000
    assert "\x1b" not in line


NOBODYS = """
    import asyncio, gc, logging, threading, warnings
    from chatserver import config
    from chatserver.runtime import logs
    logs.configure(config.load({settings}))
    password = "canary-local"

    def fail(*_):
        secret = "canary-argument"
        raise ValueError(f"canary-words {{secret}} {{password}}")

    async def forgotten():
        asyncio.get_running_loop().create_task(asyncio.sleep(0)).add_done_callback(fail)
        task = asyncio.create_task(broken())
        await asyncio.sleep(0.05)
        del task
        gc.collect()

    async def broken():
        fail()

    class Gone:
        def __del__(self):
            fail()

    asyncio.run(forgotten())
    Gone()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    warnings.warn("a warning about /invite/canary-code?token=canary-token")
    try:
        fail()
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception at /reset/canary-code\\n%s", "canary-argument")
        logging.getLogger("starlette").warning("%s of too few", "canary-argument", "canary")
    fail()
"""


@pytest.mark.parametrize("form", FORMATS)
async def test_errors_that_nobody_catches_and_other_libraries_go_the_same_way(form):
    settings = {"LOG_FORMAT": "auto" if form == "terminal" else "json"}
    program = textwrap.dedent(NOBODYS).format(settings=settings)
    async with _started(form, "-W", "always", "-c", program) as (process, heard):
        assert await asyncio.wait_for(process.wait(), 60) == 1
    log = Faulty("", "", heard).log()
    # (A traceback shows the lines of the source; a program of `-c` has none.)
    assert CANARY not in log
    assert log.count("ValueError") >= 6
    assert log.count("process.failed") == 3
    if form == "json":
        log = "\n".join(json.loads(line)["event"] for line in log.splitlines())
    assert "a warning about /invite/…" in log
    assert "Exception at /reset/…" in log


FULL = """
    import logging
    import structlog
    from chatserver import config
    from chatserver.runtime import logs
    logs.configure(config.load({"LOG_FORMAT": "json"}))
    for _ in range(3):
        structlog.get_logger().warning("process.full")
        logging.getLogger("starlette").warning("full")
    print("it goes on")
"""


def test_a_log_that_cannot_be_written_stops_nothing():
    with open("/dev/full", "wb") as full:
        program = [sys.executable, "-c", textwrap.dedent(FULL)]
        ended = subprocess.run(program, stdout=subprocess.PIPE, stderr=full, env={**os.environ, "ENV_FILE": ""})
    assert ended.stdout == b"it goes on\n"


UNREAD = """
    import logging
    import structlog
    from chatserver import config
    from chatserver.runtime import logs
    logs.configure(config.load({"LOG_FORMAT": "json"}))
    for number in range(3000):
        structlog.get_logger().warning("process.unread", number=number, words="word " * number)
        logging.getLogger("starlette").warning("unread")
    print("it goes on", flush=True)
    input()
    structlog.get_logger().warning("process.read_again")
"""


def test_a_log_that_nobody_reads_any_more_stops_nothing_and_says_how_much_was_lost():
    program = [sys.executable, "-c", textwrap.dedent(UNREAD)]
    pipe, environment = subprocess.PIPE, {**os.environ, "ENV_FILE": ""}
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:
        too_long = threading.Timer(60, process.kill)
        too_long.start()
        try:
            assert process.stdout.readline() == b"it goes on\n"
            read = os.read(process.stderr.fileno(), 1024 * 1024)
            lines = (read + process.communicate(b"\n")[1]).decode().splitlines()
        finally:
            too_long.cancel()
            process.kill()
    told = [json.loads(line) for line in lines if line.endswith("}")]
    *written, lost, last = told
    assert last["event"] == "process.read_again"
    assert (lost["event"], lost["lines"] + len(written)) == ("log.lines_lost", 6000)


FILLED = """
    import resource
    import structlog
    from chatserver import config
    from chatserver.runtime import logs
    logs.configure(config.load({"LOG_FORMAT": "json"}))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, most))
    for number in range(100):
        structlog.get_logger().warning("process.written", number=number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    structlog.get_logger().warning("process.written_again")
"""


def test_a_log_whose_disk_was_full_goes_on_with_whole_lines_and_says_how_much_was_lost(tmp_path):
    with (tmp_path / "log").open("wb") as log:
        program = [sys.executable, "-c", textwrap.dedent(FILLED)]
        assert subprocess.run(program, stderr=log, env={**os.environ, "ENV_FILE": ""}).returncode == 0
    *written, lost, last = (tmp_path / "log").read_text().splitlines()
    assert json.loads(last)["event"] == "process.written_again"
    whole = [line for line in written if line.endswith("}")]
    assert len(written) - len(whole) <= 1, "the one in which the disk became full"
    assert (json.loads(lost)["event"], json.loads(lost)["lines"] + len(whole)) == ("log.lines_lost", 100)


PLAIN = """
    import structlog
    from chatserver import config
    from chatserver.runtime import logs
    logs.configure(config.load({"LOG_FORMAT": "console"}))
    structlog.get_logger().warning("provider.closed", provider="sketch")
"""


def test_lines_for_people_have_colours_on_a_terminal_alone():
    program = [sys.executable, "-c", textwrap.dedent(PLAIN)]
    ended = subprocess.run(program, stderr=subprocess.PIPE, env={**os.environ, "ENV_FILE": ""}, text=True)
    assert "provider.closed" in ended.stderr
    assert "provider=sketch" in ended.stderr
    assert "\x1b" not in ended.stderr
