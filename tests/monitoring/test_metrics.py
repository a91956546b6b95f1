"""/metrics tells numbers to this machine and to admins, and nothing to anybody else."""

import asyncio
import json
import re
import signal
import time

import aiohttp
import pytest

from tests.support.product import running
from tests.support.story import sign_up


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    async with running(tmp_path_factory.mktemp("product"), DATABASE_URL=database_url) as process:
        yield process


async def scrape(product, **headers):
    async with aiohttp.ClientSession() as client, client.get(f"{product.url}/metrics", headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_scrape_counts_sockets_requests_and_what_was_made(product):
    ada = await sign_up(product, "Ada")
    room = await ada.joins(await ada.buys())
    await room.sees_ended(await room.generates("a secret garden", width=64, height=64))
    status, text = await scrape(product)
    assert status == 200
    assert "chatserver_connections 1.0" in text
    assert 'chatserver_generations{kind="image",provider="sketch",status="done"} 1.0' in text
    assert 'chatserver_http_request_seconds_count{method="POST",status="2xx"}' in text
    assert "process_resident_memory_bytes" in text
    assert "secret garden" not in text
    await room.leaves()


async def test_readers_behind_a_proxy_are_told_that_there_is_nothing(product):
    status, _ = await scrape(product, **{"X-Forwarded-For": "203.0.113.7"})
    assert status == 404


async def test_a_loop_that_stood_still_is_logged_and_counted(product):
    before = long_standstills((await scrape(product))[1])
    deadline = time.monotonic() + 60
    # On a busy machine a line may be just out, and what came in its wake is told with the next.
    while not (told := [line for line in standstills(product) if line["longest"] >= 0.5]):
        assert time.monotonic() < deadline, product.output()
        product.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.7)
        product.process.send_signal(signal.SIGCONT)
        await scrape(product)
    assert told[0]["level"] == "warning"
    assert told[0]["computing"] < told[0]["seconds"]
    assert long_standstills((await scrape(product))[1]) > before


def standstills(product):
    return [json.loads(line) for line in product.output().splitlines() if '"loop.stood"' in line]


def long_standstills(text):
    """How often the loop was late by more than a quarter of a second."""
    counted = dict(re.findall(r'^chatserver_loop_late_seconds_bucket{le="([^"]+)"} ([0-9.]+)$', text, re.MULTILINE))
    return float(counted["+Inf"]) - float(counted["0.25"])
