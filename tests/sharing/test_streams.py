"""What is being sent when a link ends, stops within a second: files and zips, from a folder and from S3, whoever reads how
slowly."""

import asyncio
import contextlib
import select
import socket
import time

import aiohttp
import pytest

from chatserver import storage as storages
from chatserver import users
from chatserver.assets.keys import shared_key
from tests.assets.session_files import SessionFiles, clip
from tests.sharing.visitors import Visitor
from tests.support.people import run_sql
from tests.support.product import running
from tests.support.story import sign_up
from tests.support.swift import KEYS

# Far more than the kernels of both ends hold of a connection that nobody reads.
BYTES = 24 * 1024 * 1024
# The promise, and what a machine that does nine other things may add to it.
SECONDS = 1 + 2


class Shop:
    """A product over one kind of storage, with Ada's large file in it."""

    def __init__(self, product, database, storage) -> None:
        self.product, self.database, self.storage = product, database, storage

    async def fill(self) -> "Shop":
        self.ada = await sign_up(self.product, "Ada")
        files = SessionFiles(self.database, self.storage)
        files.ada, files.session_id = self.ada.id, (await self.ada.buys("pro"))["id"]
        self.asset_id = (await files.create_file(clip(b"\x1aE\xdf\xa3"))).id
        rows = await run_sql(self.database, "SELECT storage_key FROM assets WHERE id = $1", self.asset_id)
        # Its bytes are no clip that could be copied: this is the copy.
        await self.storage.put(shared_key(rows[0]["storage_key"], ".webm"), bytes(BYTES), "video/webm")
        return self

    async def shares(self):
        return await self.ada.call("POST", "/shares", {"kind": "picture", "asset_ids": [self.asset_id]})


@pytest.fixture(scope="module", params=["folder", "S3 with presigned addresses"])
async def shop(request, swift, database, database_url, tmp_path_factory):
    folder = tmp_path_factory.mktemp("product")
    settings = {"DATABASE_URL": database_url}
    url = f"file:{folder / 'files'}"
    if request.param != "folder":
        url = swift.url("shared-files")
        settings |= {"STORAGE_PRESIGN": "yes", **KEYS}
    async with contextlib.AsyncExitStack() as closing:
        storage = await storages.open_url(url)
        closing.push_async_callback(storage.close)
        await storage.create()
        product = await closing.enter_async_context(running(folder, STORAGE_URL=url, **settings))
        yield await Shop(product, database, storage).fill()


async def revoke(shop, share):
    await shop.ada.call("DELETE", f"/shares/{share['id']}")


async def switch_off(shop, share):
    await shop.ada.call("PATCH", f"/shares/{share['id']}", {"downloads": False})


async def set_password(shop, share):
    await shop.ada.call("PATCH", f"/shares/{share['id']}", {"password": "open sesame"})


async def ban(shop, share):
    await shop.database.run_system(users.ban, shop.ada.id)


async def delete_picture(shop, share):
    await run_sql(shop.database, "UPDATE assets SET status = 'deleted' WHERE id = $1", shop.asset_id)


@pytest.mark.alone
async def test_what_is_sent_ends_within_a_second_of_its_link_for_readers_and_for_those_who_stand_still(shop):
    await asyncio.gather(
        _ends_while_it_is_sent(shop, "clip", revoke, _read),
        _ends_while_it_is_sent(shop, "zip", revoke, _read),
        _ends_while_it_is_sent(shop, "clip", revoke, _stand_still),
        _ends_while_it_is_sent(shop, "zip", revoke, _stand_still),
        _ends_while_it_is_sent(shop, "zip", switch_off, _read),
        _ends_while_it_is_sent(shop, "clip", set_password, _read),
        _ends_while_it_is_sent(shop, "zip", set_password, _read),
    )


@pytest.mark.alone
@pytest.mark.parametrize("end", [ban, delete_picture])
async def test_what_is_sent_ends_with_its_maker_and_its_picture(shop, end):
    try:
        await _ends_while_it_is_sent(shop, "zip", end, _read)
    finally:
        await shop.database.run_system(users.unban, shop.ada.id)
        await run_sql(shop.database, "UPDATE assets SET status = 'stored' WHERE id = $1", shop.asset_id)


async def test_a_file_is_sent_by_the_product_itself_and_whole_while_its_link_is_open(shop):
    share = (await shop.shares())["share"]
    path = f"{share['path']}/{shop.asset_id}/clip-{shop.asset_id[-8:]}.webm"
    visitor = Visitor(shop.product)
    answer = await visitor.opens(path)
    assert answer.status == 200, "no address of the bucket is given away"
    assert len(answer.body) == BYTES
    part = await visitor.opens(path, Range="bytes=10-19")
    assert (part.status, len(part.body)) == (206, 10)
    await visitor.leaves()
    lines = shop.product.output()
    assert '"level": "error"' not in lines, "a link that ends is no fault"
    assert share["path"].removeprefix("/s/") not in lines


@pytest.mark.alone
async def test_a_file_that_is_sent_to_a_member_ends_within_five_seconds_of_its_hiding(shop):
    [row] = await run_sql(shop.database, "SELECT storage_key, bytes, filename FROM assets WHERE id = $1", shop.asset_id)
    await shop.storage.put(row["storage_key"], bytes(BYTES), "video/webm")
    change = "UPDATE assets SET bytes = $2, status = $3 WHERE id = $1"
    await run_sql(shop.database, change, shop.asset_id, BYTES, "stored")
    path, headers = f"/files/{shop.asset_id}/{row['filename']}", {"Authorization": f"Bearer {shop.ada.token}"}
    try:
        reading = asyncio.create_task(_read(shop, path, begun := asyncio.Event(), headers))
        async with asyncio.timeout(30):
            await begun.wait()
        await run_sql(shop.database, change, shop.asset_id, BYTES, "hidden")
        hidden = time.monotonic()
        received, cut_at = await asyncio.wait_for(reading, 30)
        assert received < BYTES, "it was sent to its end"
        assert cut_at - hidden < 5
    finally:
        await run_sql(shop.database, change, shop.asset_id, row["bytes"], "stored")


async def _ends_while_it_is_sent(shop, what, end, read):
    share = (await shop.shares())["share"]
    clip_path = f"{share['path']}/{shop.asset_id}/clip-{shop.asset_id[-8:]}.webm"
    path = clip_path if what == "clip" else f"{share['path']}/part-1.zip"
    reading = asyncio.create_task(read(shop, path, begun := asyncio.Event()))
    async with asyncio.timeout(30):
        await begun.wait()
    await end(shop, share)
    ended = time.monotonic()
    received, cut_at = await asyncio.wait_for(reading, 30)
    assert received < BYTES, "it was sent to its end"
    assert cut_at - ended < SECONDS, (what, end, read)


async def _read(shop, path, begun, headers=None):
    """(Bytes received, when the connection ended) of somebody who reads 2 MB a second."""
    received = 0
    connector = aiohttp.TCPConnector(socket_factory=_socket_that_holds_little)
    client = aiohttp.ClientSession(shop.product.url, connector=connector, read_bufsize=2**16)
    async with client, client.get(path, headers=headers) as answer:
        assert (answer.status, int(answer.headers["Content-Length"]) >= BYTES) == (200, True)
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            while piece := await answer.content.read(2**16):
                received += len(piece)
                begun.set()
                await asyncio.sleep(2**16 / 2**21)
    return received, time.monotonic()


def _socket_that_holds_little(address):
    """Or the reader's kernel holds seconds of what was sent before the end, all of which is read before the end is seen."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
    return made


async def _stand_still(shop, path, begun):
    """The same of somebody who reads the beginning, and then nothing more."""
    with socket.create_connection(("127.0.0.1", shop.product.port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{shop.product.port}\r\n\r\n".encode())
        received = len(await asyncio.to_thread(connection.recv, 2**16))
        begun.set()
        poll = select.poll()
        poll.register(connection, 0)  # errors and hang-ups are always told
        while not poll.poll(0):
            await asyncio.sleep(0.02)
    return received, time.monotonic()
