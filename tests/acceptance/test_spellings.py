"""One server, known by an address in its operator's own spelling, behind a proxy that writes ports and two families."""

import re

import aiohttp
import pytest

from tests.support import product as products
from tests.support.people import run_sql
from tests.support.story import sign_up

SECURE = "https://pictures.example.org"


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    """On every interface of both families, where a socket spells IPv4 as IPv6."""
    settings = {"PUBLIC_URL": "HTTPS://Pictures.Example.org.:443/", "TRUSTED_PROXIES": "127.0.0.1", "HOST": "::"}
    async with products.running(tmp_path_factory.mktemp("product"), DATABASE_URL=database_url, **settings) as process:
        yield process


@pytest.fixture
async def browser(product):
    headers = {"Host": "pictures.example.org", "Origin": SECURE, "X-Forwarded-Proto": "https", "Accept": "text/html"}
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=product.url)
    async with aiohttp.ClientSession(product.url, cookie_jar=jar, headers=headers) as client:
        yield client


async def _signs_in(browser, person, **headers):
    page = await (await browser.get("/sign-in")).text()
    form = {
        "email": person.user["email"],
        "password": person.password,
        "csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', page)[1],
    }
    async with browser.post("/sign-in", data=form, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        return {cookie.split("=")[0]: cookie.split(";")[0] for cookie in answer.headers.getall("Set-Cookie")}


async def test_who_signs_in_by_an_address_in_capital_letters_may_open_a_socket_too(product, browser):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    cookies = await _signs_in(browser, ada)
    headers = {"Cookie": cookies["__Host-chatserver"], "Origin": SECURE, "Host": "Pictures.Example.ORG:443"}
    async with browser.ws_connect(f"{product.ws_url}/ws/sessions/{session['id']}", headers=headers) as socket:
        [welcome, *_] = (await socket.receive()).json()
        assert welcome["type"] == "welcome"
    headers["Origin"] = "https://pictures.example.org.evil.example"
    async with browser.ws_connect(f"{product.ws_url}/ws/sessions/{session['id']}", headers=headers) as socket:
        await socket.receive()
        assert socket.close_code == 4503


async def test_the_address_of_who_signs_in_is_read_from_what_the_proxy_writes(product, browser, database):
    ada = await sign_up(product, "Ada")
    for written in ("203.0.113.9:4711", '"[2001:DB8::9]:4711"'):
        browser.cookie_jar.clear()
        await _signs_in(browser, ada, **{"X-Forwarded-For": written})
    seen = await run_sql(database, "SELECT address FROM sign_ins WHERE user_id = $1", ada.id)
    assert {each["address"] for each in seen} == {"203.0.113.9", "2001:db8::9"}


async def test_invites_and_documents_name_the_one_form(product):
    ada = await sign_up(product, "Ada")
    invite = await ada.call("POST", f"/sessions/{(await ada.buys())['id']}/invites", {})
    assert invite["url"].startswith(f"{SECURE}/invite/")
    assert (await ada.call("GET", "/openapi.json"))["servers"] == [{"url": SECURE}]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PUBLIC_URL": "https://example.org/chat"}, "PUBLIC_URL has a path"),
        ({"PUBLIC_URL": "https://ada:geheim@example.org"}, "PUBLIC_URL takes no name and no password"),
        ({"TRUSTED_PROXIES": "the-proxy"}, "TRUSTED_PROXIES names 'the-proxy'"),
        ({"DATABASE_URL": "postgresql://ada:ge#heim@db/chat"}, "DATABASE_URL cannot be read"),
        ({"PORT": "8,000"}, "PORT is '8,000'; it must be a whole number"),
    ],
)
async def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path, settings, words):
    process = await products.start(tmp_path, wait=False, **settings)
    assert await process.process.wait() == 2
    [line] = process.output().splitlines()
    assert words in line
    assert "geheim" not in line
