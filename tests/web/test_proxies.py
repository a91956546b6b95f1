"""What real proxies write about whoever called them, and what strangers write in their place."""

import time

import pytest
from yarl import URL

from chatserver import config
from chatserver.config import Config
from chatserver.errors import ConfigurationError
from chatserver.web.proxies import TrustedProxies
from tests.support.site import ADA, BROWSER, serve

PROXY = "10.0.0.1"


async def seen(headers, *, peer=PROXY, proxies=("10.0.0.0/8", "fe80::/10"), scheme="http", kind="http"):
    """The scope as what stands behind the proxies sees it; `headers` are pairs, of which a name may come twice."""
    scope = {
        "type": kind,
        "scheme": scheme,
        "path": "/",
        "client": (peer, 4711),
        "headers": [(b"host", b"inside:8000"), *((name.lower().encode(), text.encode()) for name, text in headers)],
    }
    found = {}

    async def app(scope, _receive, _send):
        found.update(scope)

    await TrustedProxies(app, Config(trusted_proxies=proxies))(scope, None, None)
    return found


async def caller(*headers, **how):
    return (await seen(headers, **how))["client"][0]


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        ([" 203.0.113.9 , 10.0.0.7:80"], "203.0.113.9"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["2001:DB8:0::1"], "2001:db8::1"),
        (['"[2001:db8::1]:4711"'], "2001:db8::1"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["[::ffff:cb00:7109]:443"], "203.0.113.9"),
        (["fe80::1%eth0"], "fe80::1"),
        (["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9:1"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.7"], "203.0.113.9"),
        (["203.0.113.9", "::ffff:10.0.0.7"], "203.0.113.9"),
        (["203.0.113.9,,10.0.0.7,"], "203.0.113.9"),
        # The nearest proxy does not know; what stands left of it anybody may have written.
        (["203.0.113.9, unknown"], PROXY),
        (["unknown"], PROXY),
        (["_hidden"], PROXY),
        (["-"], PROXY),
        ([""], PROXY),
        (["203.0.113.9, unknown, 10.0.0.7"], "10.0.0.7"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (["203.0.113.9:port"], PROXY),
        (["1.2.3.4.5"], PROXY),
        (["9" * 5000], PROXY),
        (["\x00"], PROXY),
        ([", ".join(["6.6.6.6"] * 900 + ["203.0.113.9"])], "203.0.113.9"),
    ],
)
async def test_x_forwarded_for_is_read_as_proxies_write_it(lines, address):
    assert await caller(*(("X-Forwarded-For", line) for line in lines)) == address


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (["for=203.0.113.9"], "203.0.113.9"),
        (["For=203.0.113.9;proto=https;by=10.0.0.1"], "203.0.113.9"),
        (['for="203.0.113.9:4711"'], "203.0.113.9"),
        (['for="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::17"),
        (['for="[2001:db8:cafe::17]"; proto=http'], "2001:db8:cafe::17"),
        (["for=6.6.6.6, for=203.0.113.9"], "203.0.113.9"),
        (["for=6.6.6.6", "for=203.0.113.9;host=a.example"], "203.0.113.9"),
        (["for=203.0.113.9, for=10.0.0.7"], "203.0.113.9"),
        (['for=203.0.113.9;host="a,b;c=\\"d\\""'], "203.0.113.9"),
        (["by=10.0.0.1;for=203.0.113.9;;proto=https,"], "203.0.113.9"),
        (["for=203.0.113.9, for=unknown"], PROXY),
        (["for=_SEVKISEK"], PROXY),
        (["by=10.0.0.1"], PROXY),
        (['for="203.0.113.9'], PROXY),
        (["203.0.113.9"], PROXY),
    ],
)
async def test_forwarded_is_read_as_its_standard_has_it(lines, address):
    assert await caller(*(("Forwarded", line) for line in lines)) == address


async def test_where_two_headers_tell_different_callers_neither_is_believed():
    named, spoken = ("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=6.6.6.6;proto=https;host=evil.example")
    found = await seen([named, spoken])
    assert (found["client"][0], found["scheme"]) == (PROXY, "http")
    assert dict(found["headers"])[b"host"] == b"inside:8000"
    assert await caller(named, ("Forwarded", 'for="203.0.113.9:80"')) == "203.0.113.9"
    assert await caller(named, ("Forwarded", "for=unknown")) == "203.0.113.9"
    assert await caller(("X-Forwarded-For", "unknown"), ("Forwarded", "for=203.0.113.9")) == "203.0.113.9"


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ([("X-Forwarded-Proto", "https")], "https"),
        ([("X-Forwarded-Proto", "HTTPS")], "https"),
        ([("X-Forwarded-Proto", "http, https")], "https"),
        ([("X-Forwarded-For", "203.0.113.9, 10.0.0.7"), ("X-Forwarded-Proto", "https, http")], "https"),
        ([("X-Forwarded-For", "6.6.6.6, 203.0.113.9"), ("X-Forwarded-Proto", "https, http")], "http"),
        ([("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "gopher")], "http"),
        ([("Forwarded", "for=203.0.113.9;proto=https")], "https"),
        ([("Forwarded", 'for=203.0.113.9;proto="HTTPS"')], "https"),
        ([("Forwarded", "for=203.0.113.9;proto=https, for=10.0.0.7;proto=http")], "https"),
        ([("Forwarded", "for=6.6.6.6;proto=https, for=203.0.113.9;proto=http")], "http"),
        ([("Forwarded", "proto=https")], "https"),
    ],
)
async def test_the_scheme_is_the_callers_own(headers, scheme):
    assert (await seen(headers))["scheme"] == scheme
    assert (await seen(headers, scheme="ws", kind="websocket"))["scheme"] == scheme.replace("http", "ws")


@pytest.mark.parametrize("said", ["wss", "https"])
async def test_a_websockets_scheme_may_be_told_in_its_own_words(said):
    assert (await seen([("X-Forwarded-Proto", said)], scheme="ws", kind="websocket"))["scheme"] == "wss"
    assert (await seen([("X-Forwarded-Proto", said)]))["scheme"] == "https"


async def test_the_host_that_was_asked_for_is_read_from_forwarded_alone():
    found = await seen([("Forwarded", 'for=203.0.113.9;host="pictures.example.org:8443"')])
    assert dict(found["headers"])[b"host"] == b"pictures.example.org:8443"
    # Most proxies pass these on as strangers wrote them.
    for ignored in ([("X-Forwarded-Host", "evil.example")], [("X-Forwarded-For", "203.0.113.9"), ("X-Host", "e")]):
        assert dict((await seen(ignored))["headers"])[b"host"] == b"inside:8000"
    alike = [("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9;host=evil.example")]
    assert dict((await seen(alike))["headers"])[b"host"] == b"inside:8000"


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "::FFFF:0a00:0001", "fe80::1%eth0", "fe80:0:0::1"])
@pytest.mark.parametrize(
    "proxies", [("10.0.0.0/8", "fe80::/10"), ("::ffff:10.0.0.0/104", "fe80::1%2"), ("10.0.0.1", "[fe80::1]")]
)
async def test_a_proxy_is_known_however_the_socket_and_the_operator_spell_it(peer, proxies):
    assert await caller(("X-Forwarded-For", "203.0.113.9"), peer=peer, proxies=proxies) == "203.0.113.9"


@pytest.mark.parametrize(("peer", "spelled"), [("::ffff:203.0.113.9", "203.0.113.9"), ("2001:DB8::0:1", "2001:db8::1")])
async def test_strangers_are_spelled_alike_and_not_believed(peer, spelled):
    assert await caller(("X-Forwarded-For", "6.6.6.6"), ("Forwarded", "for=6.6.6.6"), peer=peer) == spelled


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Proto"])
@pytest.mark.parametrize(
    "text",
    [" " * 32_000 + '"', "a=" + " " * 32_000 + '"', 'for="' + "\\" * 32_000, "," * 32_000, ";" * 32_000, "a" * 32_000],
)
async def test_no_header_takes_long(name, text):
    started = time.thread_time()
    await seen([(name, text)])
    assert time.thread_time() - started < 0.1


@pytest.mark.parametrize("wrong", ["proxy", "*", "10.0.0.0/33", "10.0.0", "10.0.0.0/8 10.1.0.0/16", "::g", "9" * 5000])
def test_a_wrong_proxy_stops_the_start_with_one_line(wrong):
    with pytest.raises(ConfigurationError, match="TRUSTED_PROXIES names") as refusal:
        config.load({"TRUSTED_PROXIES": f"127.0.0.1, {wrong}"})
    assert "\n" not in refusal.value.message
    assert len(refusal.value.message) < 200


@pytest.mark.parametrize(
    ("asked", "leads"),
    [
        ("/who/", "/who"),
        ("/who///?a=b&c=%20", "/who?a=b&c=%20"),
        ("/invite/a%2520b%C3%BC/", "/invite/a%2520b%C3%BC"),
    ],
)
async def test_a_slash_too_many_leads_back_by_the_path_alone(asked, leads):
    behind = {**ADA, **BROWSER, "Host": "pictures.example.org"}
    async with (
        serve(public_url="https://pictures.example.org", trusted_proxies=("127.0.0.0/8", "::1")) as site,
        site.get(asked, headers=behind, allow_redirects=False) as answer,
    ):
        assert answer.status == 307
        assert answer.headers["Location"] == leads


@pytest.mark.parametrize("asked", ["//evil.example/", "//evil.example/who/", "/nowhere/", "/static/x/", "/"])
async def test_no_other_slash_leads_anywhere(asked):
    async with serve() as site:
        # Whole, or the client would read a host into the two slashes.
        url = URL(f"{site._base_url}".rstrip("/") + asked, encoded=True)
        async with site.get(url, allow_redirects=False) as answer:
            assert answer.status == 404
