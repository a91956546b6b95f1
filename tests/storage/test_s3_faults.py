"""What can happen to an S3 server and to the way there: silence, refusals, drips, cut lines, its death.

Every call ends in its time with a StorageError, leaves nothing half done, and works again afterwards.
"""

import asyncio
import contextlib
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from chatserver.errors import StorageError
from chatserver.storage import s3
from chatserver.storage.address import s3_address
from chatserver.storage.s3 import S3Storage
from tests.support.edge import running_edge
from tests.support.proxy import running_proxy
from tests.support.swift import running_swift

BUCKET = "the-faulty-bucket"
# Long enough for a call that nothing is in the way of, on a machine that is busy.
DEADLINE_SECONDS = 3.0
# What a call may take beyond its deadline there: one more call, which removes parts, included.
LATE_SECONDS = 12.0
PICTURE, CLIP = b"x" * 1000, b"x" * 9_000_000


@contextlib.asynccontextmanager
async def opened_through(way, swift, deadline=DEADLINE_SECONDS):
    """The store as it is reached through an edge or a proxy. Nothing that it began goes on when it is closed."""
    before = asyncio.all_tasks()
    opened = await S3Storage.open(s3_address(swift.url(BUCKET, endpoint=way.endpoint)), deadline=deadline)
    yield opened
    way.mode = "carry"
    await opened.close()
    async with asyncio.timeout(30):
        while way.lines or asyncio.all_tasks() - before:
            await asyncio.sleep(0.02)


async def are_given_up(*calls):
    """All of them, which are made at the same time."""
    began = time.monotonic()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in ended] == [StorageError] * len(calls)
    assert time.monotonic() - began < LATE_SECONDS


async def nothing_is_left_of(store, *keys):
    assert [await store.stat(key) for key in keys] == [None] * len(keys)
    assert await store.remove_unfinished(datetime.now(UTC) + timedelta(minutes=1)) == 0


async def test_a_store_that_never_says_100_continue_is_given_up_and_leaves_nothing(store, swift, monkeypatch):
    monkeypatch.setattr(
        s3, "MIN_BYTES_PER_SECOND", 100_000_000
    )  # or the clip's part alone would be waited for for a minute
    async with running_edge(swift.port) as edge, opened_through(edge, swift) as held:
        edge.mode = "withhold"
        await are_given_up(held.put("b/1.png", PICTURE, "image/png"), held.put("b/1.webm", CLIP, "video/webm"))
        assert edge.withheld == 2, "both waited for leave to send"
        # Lines on which a request was given up are not used again.
        async with asyncio.timeout(30):
            while edge.lines > 1:
                await asyncio.sleep(0.02)
        await nothing_is_left_of(store, "b/1.png", "b/1.webm")
        assert await held.get("a/1.png") == b"0123456789", "what sends no body is answered"
        edge.mode = "carry"
        await held.put("b/1.png", PICTURE, "image/png")
        await held.put("b/1.webm", CLIP, "video/webm")
        assert await store.get("b/1.webm") == CLIP


@pytest.mark.parametrize("status", ["500", "503"], ids=["error", "slow down"])
async def test_a_store_that_refuses_for_a_while_is_asked_again_and_then_given_up(store, swift, status):
    key = f"c/{status}.png"
    async with running_edge(swift.port) as edge, opened_through(edge, swift, deadline=2) as refused:
        edge.mode = status
        calls = refused.put(key, PICTURE, "image/png"), refused.get("a/1.png"), refused.stat("a/1.png")
        await are_given_up(*calls)
        assert len(calls) * 2 <= edge.refused <= len(calls) * 4, "asked again, but not for ever"
        await nothing_is_left_of(store, key)
    # With all the time of a product: the second attempt alone waits for up to one second.
    async with running_edge(swift.port) as edge, opened_through(edge, swift, s3.DEADLINE_SECONDS) as refused:
        edge.mode = status
        put = asyncio.create_task(refused.put(key, PICTURE, "image/png"))
        while not edge.refused:
            await asyncio.sleep(0.001)
        edge.mode = "carry"
        await put
        assert await store.get(key) == PICTURE


async def test_a_store_that_drips_is_given_up(store, swift):
    async with running_edge(swift.port) as edge, opened_through(edge, swift) as slow:
        edge.mode = "drip"
        await are_given_up(
            slow.get("a/1.png"),
            slow.put("d/1.png", PICTURE, "image/png"),
            slow.stat("a/1.png"),
            slow.check(),
            anext(slow.walk()),
        )
        edge.mode = "carry"
        assert await slow.get("a/1.png") == b"0123456789"
        await nothing_is_left_of(store, "d/1.png")


async def test_a_file_that_begins_to_drip_in_the_middle_is_given_up(store, swift):
    await store.put("d/2.png", os.urandom(8_000_000), "image/png")
    async with running_edge(swift.port) as edge, opened_through(edge, swift) as slow:
        pieces = slow.read("d/2.png", 0, 8_000_000)
        await anext(pieces)
        edge.mode = "drip"
        async with asyncio.timeout(30):
            with pytest.raises(StorageError):
                _ = [piece async for piece in pieces]


async def test_a_store_that_swallows_everything_is_given_up_in_time(store, swift):
    async with running_proxy(swift.port) as proxy:
        silent = await S3Storage.open(s3_address(swift.url(BUCKET, endpoint=proxy.endpoint)), deadline=DEADLINE_SECONDS)
        assert await silent.get("a/1.png") == b"0123456789"
        proxy.mode = "swallow"
        await are_given_up(
            silent.get("a/1.png"),
            silent.put("a/3.png", b"x" * 1000, "image/png"),
            silent.put("a/3.webm", b"x" * 9_000_000, "video/webm"),
            silent.stat("a/1.png"),
            silent.check(),
            anext(silent.walk()),
        )
        proxy.mode = "carry"
        proxy.end_lines()
        assert await silent.get("a/1.png") == b"0123456789"
        await silent.close()


async def test_a_store_that_falls_silent_in_the_middle_is_given_up(store, swift):
    await store.put("a/4.png", os.urandom(8_000_000), "image/png")
    async with running_proxy(swift.port) as proxy:
        silent = await S3Storage.open(s3_address(swift.url(BUCKET, endpoint=proxy.endpoint)), deadline=DEADLINE_SECONDS)
        pieces = silent.read("a/4.png", 0, 8_000_000)
        await anext(pieces)
        proxy.mode = "swallow"
        with pytest.raises(StorageError):
            _ = [piece async for piece in pieces]
        await silent.close()


async def test_cut_lines_are_an_error_and_heal(store, swift):
    async with running_proxy(swift.port) as proxy:
        cut = await S3Storage.open(s3_address(swift.url(BUCKET, endpoint=proxy.endpoint)), deadline=DEADLINE_SECONDS)
        proxy.mode = "cut"
        with pytest.raises(StorageError):
            await cut.get("a/1.png")
        proxy.mode = "carry"
        assert await cut.get("a/1.png") == b"0123456789"
        await cut.close()


async def test_a_killed_store_comes_back_with_everything(tmp_path):
    async with running_swift(tmp_path) as server:
        store = await S3Storage.open(s3_address(server.url(BUCKET)))
        await store.create()
        await store.put("a/1.png", b"kept", "image/png")
        server.kill()
        with pytest.raises(StorageError):
            await store.put("a/2.png", b"lost", "image/png")
        await server.start()
        assert await store.get("a/1.png") == b"kept"
        await store.put("a/2.png", b"new", "image/png")
        assert [each.key async for each in store.walk()] == ["a/1.png", "a/2.png"]
        await store.close()
