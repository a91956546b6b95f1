"""The live channel of the operator's pages: what changed, to admins, for as long as they are."""

import aiohttp
import pytest
from yarl import URL

from tests.support import page_sockets
from tests.support.page_sockets import close_code, next_events
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.story import sign_up


@pytest.fixture
async def operator(product, database):
    grace = await sign_up(product, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    async with opened(grace) as browser:
        browser.user_id = grace.id
        yield browser


def connect(browser, **headers):
    return page_sockets.connect(browser, "/ws/admin", **headers)


async def hears(socket, part):
    """The next frames up to one that says that a part has changed."""
    while not any(part in event["parts"] for event in await next_events(socket)):
        pass


async def test_an_act_and_waiting_work_are_heard_of_without_asking(operator, product):
    async with connect(operator) as socket:
        await hears(socket, "work")
        page = await operator.visit("/admin/work")
        await operator.post("/admin/work/providers/sketch/pause", page.forms["/admin/work/providers/sketch/pause"])
        await hears(socket, "acts")
        ada = await sign_up(product, "Ada")
        chat = await ada.joins(await ada.buys())
        await chat.generates("a boat", width=64, height=64)
        await hears(socket, "work")
        await chat.leaves()
        page = await operator.visit("/admin/work")
        await operator.post("/admin/work/providers/sketch/resume", page.forms["/admin/work/providers/sketch/resume"])
        await hears(socket, "acts")


async def test_an_admin_who_is_demoted_or_signed_out_is_closed(operator, database):
    async with connect(operator) as socket:
        await hears(socket, "work")
        await run_sql(database, "UPDATE users SET role = 'member' WHERE id = $1", operator.user_id)
        assert await close_code(socket) == 4504
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", operator.user_id)
    async with connect(operator) as socket:
        await hears(socket, "work")
        await run_sql(database, "UPDATE sign_ins SET ended_at = now() WHERE user_id = $1", operator.user_id)
        assert await close_code(socket) == 4501


async def test_nobody_else_is_let_in(operator, ada, product):
    async with opened(ada) as browser, connect(browser) as socket:
        assert await close_code(socket) == 4504
    async with opened(product) as browser, connect(browser) as socket:
        assert await close_code(socket) == 4501
    async with connect(operator, Origin="https://evil.example") as socket:
        assert await close_code(socket) == 4503
    token = {"Authorization": f"Bearer {ada.token}"}
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(URL(product.ws_url) / "ws/admin", headers=token) as socket,
    ):
        assert await close_code(socket) == 4501


async def test_whoever_speaks_or_opens_too_many_is_closed(operator):
    async with connect(operator) as socket:
        await socket.send_str("hello")
        assert await close_code(socket) == 4400
    async with connect(operator) as socket:
        await socket.send_bytes(b"\x00")
        assert await close_code(socket) == 4400
    sockets = [await operator.client.ws_connect("/ws/admin") for _ in range(11)]
    assert await close_code(sockets[-1]) == 4429
    for socket in sockets:
        await socket.close()
