"""/metrics tells numbers to this machine, to admins and for a token, and nothing to anybody else; /readyz one word."""

import asyncio
import json
import re
import signal
import time
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.support.product import running
from tests.support.story import sign_up

TOKEN = "a token for machines"


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    settings = {"DATABASE_URL": database_url, "METRICS_TOKEN": TOKEN}
    async with running(tmp_path_factory.mktemp("product"), **settings) as process:
        yield process


async def scrape(product, path="/metrics", **headers):
    async with aiohttp.ClientSession() as client, client.get(f"{product.url}{path}", headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_scrape_counts_sockets_requests_and_what_was_made(product):
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys())
    await chat.sees_ended(await chat.generates("a secret garden", width=64, height=64))
    status, text = await scrape(product)
    assert status == 200
    assert "chatserver_connections 1.0" in text
    assert 'chatserver_generations{kind="image",provider="sketch",status="done"} 1.0' in text
    assert 'chatserver_http_request_seconds_count{method="POST",status="2xx"}' in text
    assert "process_resident_memory_bytes" in text
    assert "secret garden" not in text
    await chat.leaves()


async def test_while_the_database_is_away_a_process_tells_its_own_figures(postgres_server, own_database_url, tmp_path):
    name = urlsplit(own_database_url).path[1:]
    async with running(tmp_path, DATABASE_URL=own_database_url) as product:
        assert "chatserver_database_up 1.0" in (await scrape(product))[1]
        await postgres_server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await postgres_server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        status, text = await scrape(product)
        assert (status, "chatserver_database_up 0.0" in text, "chatserver_connections 0.0" in text) == (200, True, True)
        assert "chatserver_oldest_waiting_seconds" not in text, "nothing waits, as far as it knows"
        await postgres_server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        status, text = await scrape(product)
        assert (status, "chatserver_database_up 1.0" in text) == (200, True)
        assert "chatserver_oldest_waiting_seconds 0.0" in text


# Through a proxy on this machine; and by a browser on this machine, sent here by a page that rebound its own name.
STRANGERS = [
    {"X-Forwarded-For": "203.0.113.7"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"Forwarded": "for=203.0.113.7"},
    {"X-Real-IP": "203.0.113.7"},
    {"Via": "1.1 somebody"},
    {"X-Original-Forwarded-For": "203.0.113.7"},
    {"Fastly-Client-IP": "203.0.113.7"},
    {"X-Envoy-External-Address": "203.0.113.7"},
    {"X-Request-ID": "of a proxy that nobody here knows"},
    {"Host": "evil.example"},
    {"Authorization": f"Bearer {TOKEN}x", "Via": "1.1 somebody"},
    {"Authorization": "Bearer ", "Via": "1.1 somebody"},
]


@pytest.mark.parametrize("headers", STRANGERS)
async def test_strangers_are_told_that_there_is_nothing_and_whether_it_serves_in_one_word(product, headers):
    assert (await scrape(product, **headers))[0] == 404
    status, text = await scrape(product, "/readyz", **headers)
    assert (status, json.loads(text)) == (200, {"status": "ready"})


async def test_a_proxy_that_adds_no_header_is_known_by_its_http_1_0(product):
    """nginx's `proxy_pass`, where nothing else is set: the name of the upstream as Host, and HTTP/1.0."""
    address = product.url.removeprefix("http://")
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /metrics HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\nUser-Agent: x\r\n\r\n".encode())
    assert (await reader.readline()).split()[1] == b"404"
    writer.close()


async def test_this_machine_is_told_each_dependency(product):
    status, text = await scrape(product, "/readyz")
    assert status == 200
    assert json.loads(text)["checks"] == {"database": "ok", "broker": "ok", "storage": "ok"}


async def test_the_token_opens_both_from_wherever_it_comes(product):
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.7"}
    status, text = await scrape(product, **headers)
    assert status == 200
    assert "chatserver_connections_cut" in text
    assert "checks" in json.loads((await scrape(product, "/readyz", **headers))[1])


async def test_a_loop_that_stood_still_is_logged_and_counted(product):
    before = long_blocks((await scrape(product))[1])
    deadline = time.monotonic() + 60
    # On a busy machine a line may be just out, and what came in its wake is told with the next.
    while not (told := [line for line in blocked_lines(product) if line["longest"] >= 0.5]):
        assert time.monotonic() < deadline, product.output()
        product.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.7)
        product.process.send_signal(signal.SIGCONT)
        await scrape(product)
    assert told[0]["level"] == "warning"
    assert told[0]["cpu_seconds"] < told[0]["seconds"]
    assert long_blocks((await scrape(product))[1]) > before


def blocked_lines(product):
    return [json.loads(line) for line in product.output().splitlines() if '"event_loop.blocked"' in line]


def long_blocks(text):
    """How often the loop was late by more than a quarter of a second."""
    counted = dict(re.findall(r'^chatserver_loop_late_seconds_bucket{le="([^"]+)"} ([0-9.]+)$', text, re.MULTILINE))
    return float(counted["+Inf"]) - float(counted["0.25"])
