"""The layers around every request: names, proxies, headers, limits, log."""

import asyncio
import gzip
import json
import time

import brotli
import pytest
import structlog
from starlette.responses import PlainTextResponse
from starlette.types import Message
from structlog.testing import capture_logs

from chatserver.config import Config
from chatserver.errors import ConfigurationError
from chatserver.web import headers, hosts
from chatserver.web.concurrency_limits import ConcurrencyLimits
from chatserver.web.errors import ErrorResponses
from chatserver.web.proxies import TrustedProxies
from tests.support.site import ADA, BROWSER, Client, serve


async def test_every_answer_carries_the_security_headers(client: Client) -> None:
    for path in ("/who", "/nowhere", "/fail/unforeseen", "/static/x/css/app.css", "/manifest.webmanifest"):
        async with client.get(path) as answer:
            for name, value in headers.security_headers(Config(port=0)).items():
                assert name in answer.headers, (path, name)
                assert name == "Content-Security-Policy" or answer.headers[name] == value
            assert len(answer.headers["X-Request-Id"]) == 12


async def test_where_signing_out_cannot_empty_a_browser_it_keeps_no_page_of_whoever_has_signed_in(
    client: Client,
) -> None:
    """Chromium shows what it has kept to whoever goes back, and obeys `Clear-Site-Data` in secure contexts only."""

    async def kept(client: Client, host: str, **more: str) -> str:
        async with client.get("/times", headers={"Host": host, **more}) as answer:
            assert answer.status == 200
            return answer.headers["Cache-Control"]

    here = "private, no-cache", "private, no-cache"
    assert (await kept(client, "localhost"), await kept(client, "localhost", **ADA)) == here
    name = "pictures.example.org"
    async with serve(public_url=f"http://{name}") as plain, serve(public_url=f"https://{name}") as secure:
        assert (await kept(plain, name), await kept(plain, name, **ADA)) == ("private, no-cache", "private, no-store")
        assert await kept(secure, name, **ADA) == "private, no-cache"


@pytest.mark.parametrize("path", ["/notice", "/fail/sign-in"])
async def test_where_a_redirect_led_before_somebody_signed_in_or_out_is_not_kept(client: Client, path: str) -> None:
    """Otherwise Chromium follows it when somebody goes back: from the page to its sign-in, and from there to the page."""
    async with client.get(path, headers=BROWSER, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (303, "no-store")


async def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(client: Client) -> None:
    async with client.get("/who") as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


def test_a_bucket_that_serves_readers_may_show_pictures() -> None:
    url = "s3://pictures/prefix?endpoint=https://s3.example.org:9000&region=x&path_style=no"
    policy = headers.content_security_policy(Config(storage_url=url, storage_presign=True))
    assert "img-src 'self' blob: https://s3.example.org:9000 https://pictures.s3.example.org:9000;" in policy
    assert "example.org" not in headers.content_security_policy(Config(storage_url=url))


async def test_over_tls_browsers_are_told_to_stay_there() -> None:
    assert "Strict-Transport-Security" not in headers.security_headers(Config())
    secure = headers.security_headers(Config(public_url="https://pictures.example.org"))
    assert secure["Strict-Transport-Security"] == "max-age=63072000"
    assert "connect-src 'self' wss://pictures.example.org;" in secure["Content-Security-Policy"]


async def test_cookies_of_any_kind_are_read_in_no_time(client: Client) -> None:
    async def seconds_of_page(cookie: str) -> float:
        began = time.thread_time()
        async with client.get("/form", headers={"Cookie": cookie}) as answer:
            assert "Harbour" in await answer.text()
        return time.thread_time() - began

    await seconds_of_page("who=ada")
    for cookie in ('"' + "\\" * 30_000 + '"', '"' + '\\"' * 15_000 + '"', ";" * 30_000, "=;" * 15_000):
        assert await seconds_of_page(f"theme={cookie}") < 0.25, cookie[:4]


async def test_cookies_may_come_in_several_headers(client: Client) -> None:
    async with client.get("/form", headers=[("Cookie", "who=ada"), ("Cookie", "theme=dark")]) as answer:
        assert 'data-theme="dark"' in await answer.text()


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.0.9", "", "[::1", "a@localhost:x"])
async def test_a_foreign_name_is_refused(client: Client, host: str) -> None:
    async with client.get("/who", headers={"Host": host}) as answer:
        assert answer.status in {400, 421}
        assert "viewer" not in await answer.text()


@pytest.mark.parametrize("host", ["localhost", "localhost:1234", "127.0.0.1:8000", "[::1]:8000"])
async def test_loopback_names_are_our_own(client: Client, host: str) -> None:
    async with client.get("/who", headers={"Host": host}) as answer:
        assert answer.status == 200


def test_on_every_interface_numbers_are_our_own_but_names_are_not() -> None:
    everywhere = Config(host="0.0.0.0")
    assert hosts.is_own_host(everywhere, "192.168.0.9:8000")
    assert not hosts.is_own_host(everywhere, "evil.example")
    named = Config(host="0.0.0.0", public_url="https://pictures.example.org")
    assert hosts.is_own_host(named, "pictures.example.org")
    assert not hosts.is_own_host(named, "192.168.0.9")


@pytest.mark.parametrize(
    ("settings", "scheme", "host", "origin"),
    [
        ({}, "http", "127.0.0.1:9000", "http://127.0.0.1:9000"),
        ({}, "https", "localhost", "https://localhost"),
        ({}, "http", "evil.example", "http://localhost:8000"),
        ({}, "http", "192.168.0.9:8000", "http://localhost:8000"),
        ({"host": "0.0.0.0"}, "http", "192.168.0.9:8000", "http://192.168.0.9:8000"),
        ({"host": "0.0.0.0"}, "http", "evil.example", "http://localhost:8000"),
        ({"host": "pictures.lan"}, "wss", "pictures.lan:8000", "https://pictures.lan:8000"),
        ({"public_url": "https://p.example.org/"}, "http", "127.0.0.1:9000", "https://p.example.org"),
        ({"public_url": "https://p.example.org"}, "http", "evil.example", "https://p.example.org"),
    ],
)
def test_links_lead_to_where_the_asker_is_but_to_no_foreign_name(settings, scheme, host, origin) -> None:
    scope = {"type": "http", "scheme": scheme, "headers": [(b"host", host.encode())]}
    assert hosts.link_origin(Config(**settings), scope) == origin


@pytest.mark.parametrize(
    ("origin", "here"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1", True),
        ("http://127.9.9.9:1", True),
        ("http://[::1]:8000", True),
        ("http://192.168.0.9:8000", False),
        ("https://localhost.example.org", False),
    ],
)
def test_an_address_of_this_machine_is_known_as_such(origin, here) -> None:
    assert hosts.is_loopback_origin(origin) is here


async def test_a_proxy_is_believed_only_where_it_is_listed() -> None:
    forwarded = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7", "X-Forwarded-Proto": "https"}
    async with serve() as stranger, stranger.get("/who", headers=forwarded) as answer:
        assert await answer.json() == {"viewer": None, "client": "127.0.0.1", "scheme": "http"}
    async with serve(trusted_proxies=("127.0.0.0/8", "::1")) as behind, behind.get("/who", headers=forwarded) as answer:
        # What stands left of the nearest address that is no proxy of ours the caller may have made up.
        assert await answer.json() == {"viewer": None, "client": "203.0.113.7", "scheme": "https"}


async def test_a_chain_of_our_own_proxies_leads_to_the_caller() -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7, 127.0.0.2", "X-Forwarded-Proto": "gopher"}
    async with serve(trusted_proxies=("127.0.0.0/8",)) as behind, behind.get("/who", headers=forwarded) as answer:
        assert await answer.json() == {"viewer": None, "client": "203.0.113.7", "scheme": "http"}
        async with behind.get("/who", headers={"X-Forwarded-For": "nonsense"}) as answer:
            assert (await answer.json())["client"] == "127.0.0.1"


def test_a_wrong_proxy_stops_the_start_with_one_line() -> None:
    with pytest.raises(ConfigurationError, match="TRUSTED_PROXIES names 'proxy'"):
        TrustedProxies(None, Config(trusted_proxies=("proxy",)))  # type: ignore[arg-type]


async def test_a_body_that_is_announced_too_large_is_refused_unread(client: Client) -> None:
    async with client.post("/body", data=b"x" * (1024 * 1024 + 1)) as answer:
        assert answer.status == 413
        assert (await answer.json())["error"]["code"] == "too-large"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x-gzip", "identity, gzip", "GZIP"])
async def test_a_body_that_is_compressed_is_refused_in_words(client: Client, encoding: str) -> None:
    async with client.post("/body", data=b"x", headers={"Content-Encoding": encoding}, compress=None) as answer:
        assert answer.status == 400
        assert "send it as it is" in (await answer.json())["error"]["message"]
    for plain in ("identity", "Identity", ""):
        async with client.post("/body", data=b"x", headers={"Content-Encoding": plain}, compress=None) as answer:
            assert await answer.json() == {"bytes": 1}


async def test_a_body_that_grows_too_large_is_refused(client: Client) -> None:
    async def drip():
        for _ in range(20):
            yield b"x" * 64 * 1024

    async with client.post("/body", data=drip()) as answer:
        assert answer.status == 413
    async with client.post("/body", data=b"x" * 1024 * 1024) as answer:
        assert await answer.json() == {"bytes": 1024 * 1024}


async def test_a_body_that_drips_too_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.web.body_limits.BodyLimits.__init__.__defaults__", (1024, 0.2))
    async with serve() as slow:
        arrived = asyncio.Event()

        async def drip():
            yield b"x"
            await arrived.wait()

        async with slow.post("/body", data=drip()) as answer:
            arrived.set()
            assert answer.status == 408
            assert answer.headers["Connection"] == "close", "what is left of the body is no request"
            assert (await answer.json())["error"]["code"] == "too-slow"


async def test_a_long_body_over_a_slow_line_has_the_time_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.web.body_limits.BodyLimits.__init__.__defaults__", (1024 * 1024, 0.5))
    async with serve() as slow:

        async def pieces():
            for _ in range(10):
                yield b"x" * 8192
                await asyncio.sleep(0.1)

        async with slow.post("/body", data=pieces()) as answer:
            assert await answer.json() == {"bytes": 10 * 8192}


async def test_long_texts_are_compressed_and_pictures_are_not(client: Client) -> None:
    asked = {"Accept-Encoding": "gzip"}
    async with client.get("/long", headers=asked) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < 500
        assert (await answer.text()).startswith("calm and fast")
    for refused in ("gzip;q=0", "identity", "br, gzip; q=0.0"):
        async with client.get("/long", headers={"Accept-Encoding": refused}) as answer:
            assert "Content-Encoding" not in answer.headers and answer.headers["Vary"] == "Accept-Encoding", refused
            assert (await answer.text()).startswith("calm and fast")
    async with client.get("/picture", headers=asked) as answer:
        assert "Content-Encoding" not in answer.headers
        assert len(await answer.read()) == int(answer.headers["Content-Length"]) == 8 * 4096


async def test_the_log_has_neither_queries_nor_invite_codes(client: Client) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        async with client.get("/invite/s3cret-code?token=s3cret", headers=ADA) as answer:
            request_id = answer.headers["X-Request-Id"]
    [line] = [line for line in lines if line["event"] == "request.finished"]
    assert line["path"] == "/invite/…"
    assert line["request_id"] == request_id
    assert line["status"] == 200
    assert "s3cret" not in json.dumps(lines, default=str)


async def test_a_violation_of_the_policy_is_logged_within_bounds(client: Client) -> None:
    addresses = {
        "document-uri": "http://localhost/x?secret",
        "blocked-uri": "https://evil.example/reset/Ws3cretW/more",
        "source-file": "http://localhost/invite/Ws3cretW#Ws3cretW",
    }
    report = {"csp-report": addresses}
    with capture_logs() as lines:
        for _ in range(50):
            sent = client.post("/csp-reports", json=report, headers={"Sec-Fetch-Site": "cross-site"})
            async with sent as answer:
                assert answer.status == 204
        async with client.post("/csp-reports", data=b"x" * 9000) as answer:
            assert answer.status == 413
        async with client.post("/csp-reports", data=b'{"csp-report": 3}') as answer:
            assert answer.status in {204, 400}
    logged = [line for line in lines if line["event"] == "csp.violated"]
    assert 1 <= len(logged) <= 2 * 20  # a minute may have turned in between
    assert logged[0]["document_uri"] == "http://localhost/x"
    assert logged[0]["blocked_uri"] == "https://evil.example/reset/…"
    assert logged[0]["source_file"] == "http://localhost/invite/…"


class Held:
    """An application that answers when `release` is set, and counts the requests that it works on."""

    def __init__(self) -> None:
        self.release, self.at_work = asyncio.Event(), 0

    async def __call__(self, scope, receive, send) -> None:
        self.at_work += 1
        await self.release.wait()
        await PlainTextResponse("done")(scope, receive, send)


async def test_requests_at_work_are_bounded_by_the_clients_address_behind_a_proxy_too() -> None:
    held = Held()
    limited = ErrorResponses(ConcurrencyLimits(held, most=3))
    app = TrustedProxies(limited, Config(trusted_proxies=("10.0.0.9",)))

    async def asked(client: str) -> tuple[int, dict[bytes, bytes]]:
        headers = [(b"x-forwarded-for", client.encode()), (b"accept", b"application/json")]
        peer = ("10.0.0.9", 5)
        scope = {"type": "http", "method": "GET", "path": "/api/v1/x", "raw_path": b"/api/v1/x", "query_string": b""}
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        await app(
            {**scope, "scheme": "http", "headers": headers, "client": peer, "server": ("localhost", 80)}, receive, send
        )
        return sent[0]["status"], dict(sent[0]["headers"])

    crowd = [asyncio.create_task(asked(f"2001:db8::{number}")) for number in range(1, 4)]
    while held.at_work < 3:
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        status, headers = await asked("2001:db8::77")
    assert (status, headers[b"retry-after"]) == (429, b"1")
    other = asyncio.create_task(asked("2001:db8:0:1::1"))
    while held.at_work < 4:
        await asyncio.sleep(0)
    held.release.set()
    assert [(await task)[0] for task in (*crowd, other)] == [200] * 4
    assert (await asked("2001:db8::77"))[0] == 200


async def _stylesheet(client: Client) -> str:
    async with client.get("/offline") as page:
        text = await page.text()
    start = text.index("/static/")
    return text[start : text.index('"', start)]


async def test_static_files_are_kept_for_ever_under_their_hash(client: Client) -> None:
    url = await _stylesheet(client)
    async with client.get(url, headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
        plain, tag = await answer.read(), answer.headers["ETag"]
    async with client.get(url, headers=[("If-None-Match", '"other"'), ("If-None-Match", tag)]) as answer:
        assert answer.status == 304
    other = url.replace(url.split("/")[2], "000000000000")
    async with client.get(other) as answer:
        assert answer.headers["Cache-Control"] == "no-cache"
    async with client.get(url, headers={"Accept-Encoding": "gzip"}, auto_decompress=False) as answer:
        assert gzip.decompress(await answer.read()) == plain


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br", "br"),
        ("gzip, br;q=0", "gzip"),
        ("brotli, zstd", None),
        ("gzip;q=0.5 , BR;q=0.2", "br"),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0.000, br ; q=0", None),
        (", ;q=1,,", None),
    ],
)
async def test_static_files_come_in_the_smallest_encoding_that_is_accepted(
    client: Client, accepted: str, encoding: str | None
) -> None:
    url = await _stylesheet(client)
    async with client.get(url, headers={"Accept-Encoding": "identity"}) as answer:
        plain = await answer.read()
    async with client.get(url, headers={"Accept-Encoding": accepted}, auto_decompress=False) as answer:
        assert answer.headers.get("Content-Encoding") == encoding
        assert "Accept-Encoding" in answer.headers["Vary"]
        body = await answer.read()
    decompress = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
    assert decompress(body) == plain


async def test_browsers_that_ask_for_a_file_at_once_and_go_away_leave_it_to_the_others(client: Client) -> None:
    url = await _stylesheet(client)

    async def asked() -> bytes:
        async with client.get(url, headers={"Accept-Encoding": "br"}) as answer:
            return await answer.read()

    leaving = asyncio.create_task(asked())
    others = [asyncio.create_task(asked()) for _ in range(5)]
    await asyncio.sleep(0)
    leaving.cancel()
    assert len(set(await asyncio.gather(*others))) == 1


@pytest.mark.parametrize(
    "path", ["/static/x/../../pyproject.toml", "/static/x/%2e%2e/%2e%2e/pyproject.toml", "/static/x/"]
)
async def test_nothing_outside_of_the_folder_is_served(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        assert answer.status == 404
