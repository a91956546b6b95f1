"""Values that nobody can mean, in every place of every route: each is a clear refusal, none is a fault of ours."""

import asyncio
import json
import re

import aiohttp
import pytest
from yarl import URL

from chatserver.api.endpoint import Endpoint
from chatserver.app import entrances
from chatserver.runtime import paths
from tests.acceptance.test_strangers import ROUTES, Asker
from tests.support import keep_alive
from tests.support.people import run_sql
from tests.support.story import sign_up

ID = "00000000-0000-7000-8000-000000000000"
# As they stand in an address: what decodes to no text, and texts that nothing can hold.
UNREADABLE = {
    "NUL": "%00",
    "NUL within": "a%00b",
    "half a character": "%ED%A0%80",
    "no UTF-8": "%FF",
    "a cut character": "%C3",
    "overlong UTF-8": "%C0%AF",
    "a lone percent": "%",
    "half an escape": "%2",
    "no escape": "%zz",
}
ODD = {
    "2^63": str(2**63),
    "-2^63-1": str(-(2**63) - 1),
    "10^400": "1" + "0" * 400,
    "five thousand digits": "9" * 5000,
    "negative": "-1",
    "exponent": "1e400",
    "NaN": "NaN",
    "infinity": "Infinity",
    "blank": "%20",
    "nothing": "",
    "a date that is none": "9999-99-99T99:99:99Z",
    "year 0": "0000-00-00",
    "Arabic digits": "%D9%A3",
    "line breaks": "%0D%0A%0D%0A",
    "up": "%2E%2E%2F%2E%2E%2Fetc",
    "quotes": "%27%22%3B--%3Cscript%3E",
    "right to left": "%E2%80%AE",
    "astral": "%F0%9F%92%A9",
    "long": "x" * 9000,
    "braces": "%7B0%7D",
    "an id in other clothes": f"urn:uuid:{ID}",
    "list": "1,2",
}
VALUES = UNREADABLE | ODD
# What pages read besides the API's own declarations; the test below finds names that are missing here.
FILTERS = {
    "album",
    "favorite",
    "grid",
    "kind",
    "model",
    "q",
    "seed",
    "session",
    "shape",
    "show",
    "side",
    "since",
    "style",
    "until",
}
PERIOD = {"period", "zone"}
REPLY_FILTERS = {*PERIOD, "day", "provider", "model", "outcome", "error", "plan"}
ATTEMPT_FILTERS = {*PERIOD, "day", "kind", "provider", "model", "outcome", "error", "blame", "plan"}
QUERIES = {
    "GET /admin": PERIOD,
    "GET /admin/work": PERIOD,
    "GET /admin/money": PERIOD,
    "GET /admin/money/tables/{table}.csv": PERIOD,
    "GET /admin/people": {"q", "before"},
    "GET /admin/people.csv": {"q"},
    "GET /admin/people/{user_id}": {"session"},
    "GET /admin/orders": {"before"},
    "GET /orders": {"before"},
    "GET /orders/{order_id}": {"returned"},
    "GET /admin/plans/preview": {"id", "name", "amount", "currency", "minutes", "chat_model"},
    "GET /admin/codes": PERIOD | {"before"},
    "GET /admin/attempts": {*ATTEMPT_FILTERS, "before"},
    "GET /admin/attempts.csv": ATTEMPT_FILTERS,
    "GET /admin/replies": {*REPLY_FILTERS, "before"},
    "GET /admin/replies.csv": REPLY_FILTERS,
    "GET /admin/audit": {"action", "actor", "target", "before"},
    "GET /admin/audit.csv": {"action", "actor", "target"},
    "GET /settings/readings": {"before"},
    "GET /settings/decisions": {"before"},
    "GET /admin/reports": {"state", "after"},
    "GET /gallery": FILTERS | {"at", "before", "month", "newer"},
    "GET /gallery/pictures": FILTERS | {"at", "before", "month", "newer"},
    "GET /gallery/filters": FILTERS,
    "GET /gallery/ids": FILTERS,
    "GET /gallery/state": FILTERS | {"from", "year"},
    "GET /gallery/compare": {"first", "second"},
    "GET /sign-up": {"next"},
    "GET /sign-in": {"next"},
    "GET /plans": {"session"},
    "GET /start": {"plan"},
    "GET /history": {"before", "kind", "status", "q"},
    "GET /sessions/{session_id}/messages": {"before"},
    "GET /albums": {"before"},
    "GET /albums/{album_id}": {"after"},
    "GET /shares": {"before"},
    "GET /s/{token}": {"after"},
    "GET /s/{token}/{asset_id}/{filename}": {"download"},
    "GET /sessions/{session_id}/sources": {"asset_id"},
    "GET /files/{asset_id}/{filename}": {"download", "expires", "signature", "by"},
}
HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "same-origin", "x-frame-options": "DENY"}


@pytest.fixture(scope="module")
async def asker(product, database):
    """Ada at her browser and with her token; the log of all of it has no fault in it. She is an admin: the operator's pages
    would refuse a member before they read a value."""
    ada = await sign_up(product, "Ada")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", ada.id)
    asker = await Asker(product, ada).signs_in()
    asker.session = await ada.buys("pro")
    # Without a jar: what an answer sets is not sent with the next question.
    jar, connector = aiohttp.DummyCookieJar(), keep_alive.connector()
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as asker.plain_client:
        yield asker
    await asker.client.close()
    lines = [json.loads(line) for line in product.output().splitlines()]
    assert [line for line in lines if line["level"] in {"error", "critical"} or "exception" in line] == []


async def _asks(asker, method, address, **sent):
    """Status, headers and error of an answer; pages are asked as a browser does, the API as a program does."""
    is_api = address.startswith("/api/")
    headers = {"Sec-Fetch-Site": "same-origin", **sent.pop("headers", {})}
    if is_api:
        headers |= {"Authorization": f"Bearer {asker.person.token}"}
    else:
        cookies = asker.client.cookie_jar.filter_cookies(URL(asker.product.url))
        headers |= {"Cookie": "; ".join(f"{each.key}={each.value}" for each in cookies.values())}
    url = URL(asker.product.url + address, encoded=True)
    async with asker.plain_client.request(method, url, headers=headers, allow_redirects=False, **sent) as answer:
        body = await answer.read()
        for name, value in HEADERS.items():
            assert answer.headers.get(name) == value, (method, address, answer.status)
        error = json.loads(body).get("error") if "json" in answer.headers.get("Content-Type", "") else None
        return answer.status, error


async def _all(checks, at_once=6):
    places = asyncio.Semaphore(at_once)

    async def one(check):
        async with places:
            await check

    await asyncio.gather(*(one(check) for check in checks))


# Paths ------------------------------------------------------------------------------------------------------------

PARAMETERS = [(route, name) for route in ROUTES for name in re.findall(r"\{(\w+)(?::path)?\}", route)]


@pytest.mark.parametrize(("route", "name"), PARAMETERS, ids=[f"{route} {name}" for route, name in PARAMETERS])
async def test_no_value_in_a_path_is_a_fault(asker, route, name):
    method, _, template = route.partition(" ")

    async def check(value):
        path = re.sub(rf"\{{{name}(?::path)?\}}", lambda _: value, template)
        path = re.sub(r"\{\w+\}", ID, path)
        sent = _body(asker, route, template)
        status, error = await _asks(asker, method, path, **sent)
        # One has the form of a code by chance, and opens the page that tells nothing of it.
        assert 300 <= status < 500 or (route, value) == ("GET /redeem/{code}", ODD["a date that is none"]), (
            path,
            status,
        )
        if value in UNREADABLE.values():
            assert status in {400, 404}, (path, status)
            if error:
                assert error["details"]["field"] == name, (path, error)

    await _all([check(value) for value in VALUES.values()])


def _body(asker, route, template):
    fields = ROUTES[route].body
    if template.startswith("/api/") or fields is None:
        return {} if fields is None else {"json": fields}
    return {"data": {**fields, "csrf_token": asker.csrf}}


async def test_an_invite_or_a_reset_of_nul_is_nothing_here_in_few_words(asker, product):
    for path in ("/invite/%00", "/reset/%00", "/invite/%ED%A0%80"):
        before = len(product.output())
        assert (await _asks(asker, "GET", path, headers={"Accept": "text/html"}))[0] in {400, 404}
        assert len(product.output()) - before < 1000


# Queries ----------------------------------------------------------------------------------------------------------


def _queries():
    for endpoint in entrances.API:
        if isinstance(endpoint, Endpoint) and endpoint.query is not None:
            for name in endpoint.query.__struct_fields__:
                yield f"{endpoint.method} {endpoint.api_path}", name
    for route, names in QUERIES.items():
        yield from ((route, name) for name in sorted(names))


def test_every_name_that_is_read_from_a_query_is_asked_about_here():
    text = "\n".join(path.read_text() for path in (paths.TEMPLATES.parent / "chatserver").rglob("*.py"))
    read = set(re.findall(r'query_params(?:\.get\(|\[)"(\w+)"', text)) | set(
        re.findall(r'"(\w+)" (?:not )?in request.query', text)
    )
    assert {"before", "next", "session", "download"} <= read
    assert read <= {name for _, name in _queries()}


@pytest.mark.parametrize(("route", "name"), list(_queries()), ids=[" ".join(each) for each in _queries()])
async def test_no_value_of_a_query_is_a_fault(asker, route, name):
    method, _, template = route.partition(" ")
    path = template.replace("{session_id}", asker.session["id"])
    path = re.sub(r"\{\w+\}", ID, path)

    async def check(value):
        status, error = await _asks(asker, method, f"{path}?{name}={value}")
        assert status < 500, (name, value, status)
        if route.startswith("GET /files/"):
            # The same as for any wrong signature; what is too long for an address never comes so far.
            assert status == 404 or (status, value) == (414, VALUES["long"])
        elif value in UNREADABLE.values():
            assert status == 400, (name, value, status)
            assert error["details"]["field"] == name
        elif error:
            # The others of the query's fields, and the file, are asked for too.
            fields = {name, "file", "client_id"} if route.endswith("/uploads") else {name}
            assert error.get("details", {}).get("field", name) in fields, error

    await _all([check(value) for value in VALUES.values()])
    status, error = await _asks(asker, method, f"{path}?{name}=1&{name}=2")
    twice = (404, None) if route.startswith("GET /files/") else (400, name)
    assert (status, error.get("details", {}).get("field")) == twice


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/generations?limit=0", "limit"),
        ("/api/v1/generations?limit=-1", "limit"),
        (f"/api/v1/generations?limit={2**63}", "limit"),
        ("/api/v1/generations?kind=painting", "kind"),
        ("/api/v1/generations?status=lost", "status"),
        ("/api/v1/generations?favorite=maybe", "favorite"),
        ("/api/v1/generations?before=yesterday", "before"),
        ("/api/v1/generations?session_id=1", "session_id"),
        (f"/api/v1/generations?q={'x' * 2001}", "q"),
        ("{messages}?limit=201", "limit"),
        ("{messages}?after=-1", "after"),
        (f"{{messages}}?after={2**63}", "after"),
        (f"{{messages}}?before=1{'0' * 400}", "before"),
        ("{messages}?before=1.5", "before"),
        ("{messages}?after=NaN", "after"),
    ],
)
async def test_a_number_or_a_word_out_of_range_is_refused_and_its_field_named(asker, path, field):
    path = path.replace("{messages}", f"/api/v1/sessions/{asker.session['id']}/messages")
    status, error = await _asks(asker, "GET", path)
    assert status in {400, 404, 422}
    assert error["details"]["field"] == field


async def test_what_fits_is_still_taken(asker):
    messages = f"/api/v1/sessions/{asker.session['id']}/messages"
    fits = (f"{messages}?after={2**63 - 1}", f"{messages}?before=0&limit=1", "/history?q=%25&kind=&status=")
    for path in (
        *fits,
        "/api/v1/generations?kind=&status=&q=&limit=",
        "/api/v1/generations?q=%F0%9F%92%A9+a%2Bb&favorite=1",
    ):
        assert (await _asks(asker, "GET", path))[0] == 200, path


# Any route judges its query, whether it reads it or not.
@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_refuses_a_query_that_cannot_be_read(asker, route):
    method, _, template = route.partition(" ")
    path = re.sub(r"\{\w+(?::path)?\}", ID, template)
    refused = 404 if path.startswith("/files/") else 400
    for value in ("%00", "%FF", "%zz"):
        sent = _body(asker, route, template)
        assert (await _asks(asker, method, f"{path}?any={value}", **sent))[0] == refused, value
    if not template.startswith("/api/"):
        status, error = await _asks(asker, method, f"{path}?any=%00", headers={"Accept": "text/html"})
        assert (status, error) == (refused, None)


# Bodies -----------------------------------------------------------------------------------------------------------

BODIES = [(route, name) for route, case in ROUTES.items() for name in case.body or {} if route != "POST /sign-out"]
JSON_VALUES = [
    '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"', str(2**63), str(-(2**63) - 1), "1" + "0" * 400, "9" * 5000,
    "1e400", "-1e400", "NaN", "-Infinity", "-1", "0.5", '"' + "x" * 100_000 + '"', '""', '" "', "null", "true", "[]", "{}",
    "[" * 2000 + "]" * 2000, '"9999-99-99"', '"\\u202e"', '"\xff"',
]  # fmt: skip
FORM_VALUES = [*UNREADABLE.values(), "x" * 60_000, "%20", "", "-1", "%E2%80%AE", "%0D%0A", str(2**63)]


@pytest.mark.parametrize(("route", "name"), BODIES, ids=[" ".join(each) for each in BODIES])
async def test_no_value_of_a_body_or_a_form_is_a_fault(asker, route, name):
    method, _, template = route.partition(" ")
    path = re.sub(r"\{(\w+?)\}", lambda each: asker.session["id"] if each[1] == "session_id" else ID, template)
    fields = {field: _stand_in(value) for field, value in ROUTES[route].body.items()}
    headers = {"Content-Type": "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"}

    async def check(value):
        data = _json(fields, name, value) if path.startswith("/api/") else _form(asker, fields, name, value)
        status, error = await _asks(asker, method, path, data=data, headers=headers)
        assert status < 500, (path, name, value[:60], status)
        if value in UNREADABLE.values() or value in {'"\\u0000"', '"a\\u0000b"'}:
            assert 400 <= status < 500, (path, name, value, status)
            assert status in {404, 429} or error["details"]["field"] == name, error

    await _all([check(value) for value in (JSON_VALUES if path.startswith("/api/") else FORM_VALUES)], at_once=3)
    # Who signs up ends the sign-in with which they came, and the next test comes with it too.
    if not path.startswith("/api/") and (await _asks(asker, "GET", "/history"))[0] == 401:
        await asker.signs_in()


def _stand_in(value):
    """A value of the right form in place of a name of Ada's."""
    if "{" not in str(value):
        return value
    return [ID] if isinstance(value, list) else "somebody@example.org"


def _json(fields, name, value):
    others = "".join(f", {json.dumps(field)}: {json.dumps(each)}" for field, each in fields.items() if field != name)
    return f'{{"{name}": {value}{others}}}'.encode("latin-1")


def _form(asker, fields, name, value):
    others = "".join(f"&{field}={each}" for field, each in fields.items() if field != name)
    return f"{name}={value}&csrf_token={asker.csrf}{others}".encode("latin-1")


async def test_a_field_that_is_given_twice_is_refused_in_bodies_and_forms(asker):
    path = f"/api/v1/sessions/{asker.session['id']}/messages"
    body = b'{"client_id": "c", "text": "one", "text": "two"}'
    assert (await _asks(asker, "POST", path, data=body))[1]["details"]["field"] == "text"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    form = f"name=One&name=Two&csrf_token={asker.csrf}".encode()
    status, error = await _asks(asker, "POST", "/settings/name", data=form, headers=headers)
    assert (status, error["details"]["field"]) == (400, "name")


# After "multipart/form-data": what names no boundary, another one, or a codec that is for no text.
MULTIPART = [
    "", "; boundary=", "; boundary=y", "; boundary=" + "x" * 300, "; boundary=x; charset=nothing",
    *(f"; boundary=x; charset={codec}" for codec in ("undefined", "punycode", "idna", "utf-16", "rot13", "zlib")),
]  # fmt: skip


@pytest.mark.parametrize("parameters", MULTIPART, ids=[each[:40] for each in MULTIPART])
async def test_no_form_with_a_file_is_a_fault(asker, parameters):
    fields = {"csrf_token": asker.csrf.encode(), 'file"; filename="a.png': b"no picture"}
    parts = [b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)
             for name, value in fields.items()]  # fmt: skip
    headers = {"Content-Type": f"multipart/form-data{parameters}"}
    for body in (b"".join([*parts, b"--x--\r\n"]), b"".join(parts)[:-8], parts[0], b"--x\r\n", b"\0\xff"):
        status, _ = await _asks(asker, "POST", "/verify", data=body, headers=headers)
        assert 400 <= status < 500, (body[:300], status)


async def test_the_type_of_a_form_is_read_in_any_case(asker):
    headers = {"Content-Type": "Application/X-WWW-Form-Urlencoded; Charset=UTF-8"}
    form = f"theme=dark&csrf_token={asker.csrf}"
    assert (await _asks(asker, "POST", "/settings/theme", data=form.encode(), headers=headers))[0] == 303
    body = f'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{asker.csrf}\r\n--x--\r\n'.encode()
    headers = {"Content-Type": "Multipart/Form-Data; Boundary=x"}
    # Read, and without a file.
    assert (await _asks(asker, "POST", "/verify", data=body, headers=headers))[0] == 422


# Headers ----------------------------------------------------------------------------------------------------------

PAGE = "/history"
HEADER_VALUES = {
    "Accept": ["", "\xff", "text/html;q=NaN", "," * 5000],
    "Accept-Encoding": ["\xff", "gzip;q=2", "*" * 5000],
    "Accept-Language": ["\xff\xfe", "xx-" * 3000, "de;q=1e400", ";;;,,,"],
    "Authorization": ["Bearer", "Bearer \xff", "Bearer cs_" + "\xe9" * 43, "Bearer " + "x" * 9000, "\xff", "Basic !!!"],
    "Cookie": ["chatserver=\xff", "chatserver=" + "x" * 43, "=;=;", "chatserver", "a=" + "x" * 20_000,
               "notice=\xe9.\xe9; theme=\xff", "visitor=\xff; visitor=\xfe", "__Host-chatserver=\xff"],
    "Content-Type": ["\xff", "application/json; charset=\xff", "text/html", "multipart/form-data",
                     "multipart/form-data; boundary=x"],
    "If-None-Match": ["\xff", '"', "W/", "*" * 5000, '"' * 5000],
    "If-Range": ["\xff", "yesterday"],
    "Range": ["\xff", "bytes=-", "bytes=9-1", f"bytes=0-{10**400}", "bytes=" + "0-1," * 2000, "lines=1-2",
              "bytes=\u0663-".encode().decode("latin-1")],
    "If-Modified-Since": ["yesterday", "Thu, 99 Foo 0000 99:99:99 GMT"],
    "Origin": ["null", "\xff", "https://[", "https://a:99999", "http://" + "a" * 9000],
    "Sec-Fetch-Site": ["\xff", "sideways"],
    "User-Agent": ["\xff" * 5000, ""],
    "Referer": ["\xff", "https://["],
    "X-Forwarded-For": ["\xff", "," * 5000, "[::1"],
    "Forwarded": ["\xff", 'for="'],
    "Expect": ["200-nothing"],
    "X-Requested-With": ["\xff"],
}  # fmt: skip


@pytest.mark.parametrize("name", HEADER_VALUES)
async def test_no_value_of_a_header_is_a_fault(asker, product, name):
    static = re.search(r'"(/static/[^"]+\.css)"', (await asker.browser.visit("/settings")).text)[1]
    for value in HEADER_VALUES[name]:
        for method, path in (
            ("GET", PAGE),
            ("GET", static),
            ("GET", "/api/v1/plans"),
            ("POST", "/sign-in"),
            ("GET", f"/files/{ID}/x.png"),
        ):
            status, head = await _raw(product, method, path, {name: value}, b"a=b" if method == "POST" else b"")
            assert 200 <= status < 500, (name, value[:40], path, status)
            assert "x-content-type-options: nosniff" in head.lower(), (name, value[:40], path, status)


async def _raw(product, method, path, headers, body=b""):
    lines = {
        "Host": "127.0.0.1",
        "Connection": "close",
        **({"Content-Length": str(len(body))} if body else {}),
        **headers,
    }
    text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(product.url).port)
    try:
        writer.write(text.encode("latin-1") + b"\r\n" + body)
        answer = (await asyncio.wait_for(reader.read(), 20)).decode("latin-1")
    finally:
        writer.close()
    head = answer.partition("\r\n\r\n")[0]
    return int(head.split(" ")[1]) if head else 0, head


@pytest.mark.parametrize(
    "lines",
    [
        {"Content-Length": "9" * 30},
        {"Content-Length": "9" * 5000},
        {"Content-Length": "-1"},
        {"Content-Length": "+3"},
        {"Content-Length": "\xb2"},
        {"Content-Length": "3, 4"},
        {"Content-Length": "99999999"},
        {"Transfer-Encoding": "gzip"},
        {"Transfer-Encoding": "\xff"},
    ],
)
async def test_a_length_that_is_none_is_a_refusal(product, lines):
    status, _ = await _raw(product, "POST", "/sign-in", lines)
    assert status in {400, 403, 411, 413, 501}


@pytest.mark.parametrize(
    "method", ["PROPFIND", "TRACE", "OPTIONS", "LOCK", "PATCH", "DELETE", "BREW", "get", "G\xffT", "X" * 5000]
)
@pytest.mark.parametrize("path", ["/history", "/api/v1/sessions", "*", "http://127.0.0.1", "//", "/?", "/#a", "/\xff"])
async def test_a_method_and_an_address_of_any_kind_is_no_fault(product, method, path):
    status, _ = await _raw(product, method, path, {"Sec-Fetch-Site": "same-origin"})
    assert 200 <= status < 500, status


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
async def test_a_method_that_an_address_does_not_take_is_told_which_it_takes(asker, product, accept):
    several = f"/api/v1/sessions/{asker.session['id']}"
    allowed = {"/settings": "GET, HEAD", several: "DELETE, GET, HEAD, PATCH", "/sign-out": "POST"}
    for path, methods in allowed.items():
        status, head = await _raw(product, "OPTIONS", path, {"Accept": accept, "Sec-Fetch-Site": "same-origin"})
        assert (status, f"allow: {methods.lower()}\r\n" in f"{head.lower()}\r\n") == (405, True), head


@pytest.mark.parametrize(
    ("address", "code"),
    [
        *((f"/ws/sessions/{value}", 4504) for name, value in UNREADABLE.items() if name != "a lone percent"),
        *(
            (f"/ws/sessions/{{session}}?after={value}", 4400)
            for value in ["%00", "%FF", "-1", str(2**63), "NaN", "", "1&after=2"]
        ),
    ],
)
async def test_a_socket_with_an_address_that_nobody_can_mean_is_closed_with_its_code(asker, address, code):
    url = asker.product.ws_url + address.replace("{session}", asker.session["id"])
    headers = {"Authorization": f"Bearer {asker.person.token}"}
    async with aiohttp.ClientSession() as client, client.ws_connect(URL(url, encoded=True), headers=headers) as socket:
        await asyncio.wait_for(socket.receive(), 20)
        assert socket.close_code == code
