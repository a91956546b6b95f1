"""Who is no admin any more gets no more of what is being sent to them."""

import asyncio
from types import SimpleNamespace

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse

from chatserver import users
from chatserver.admin.pages import access
from tests.support.people import run_sql
from tests.users.accounts import member, signed_in_user, viewer_of_cookie


async def demoted(database, viewer):
    await run_sql(database, "UPDATE users SET role = 'member' WHERE id = $1", viewer.id)


async def signed_out(database, viewer):
    await database.run_as(viewer.id, users.sign_out, viewer)


@pytest.mark.parametrize("ended", [demoted, signed_out])
async def test_a_file_that_is_being_sent_ends_with_the_rights_of_its_receiver(database, monkeypatch, ended):
    monkeypatch.setattr(access, "CHECK_SECONDS", 0.02)
    grace = await member(database, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    viewer = await database.run_system(viewer_of_cookie, (await signed_in_user(database, grace)).secret.token)
    application = SimpleNamespace(state=SimpleNamespace(chatserver=SimpleNamespace(database=database)))
    scope = {"type": "http", "app": application, "state": {"viewer": viewer}}
    sent = 0

    async def rows():
        while True:
            yield b"row\n"
            await asyncio.sleep(0.01)

    async def send(_):
        nonlocal sent
        sent += 1
        if sent == 20:
            await ended(database, viewer)

    response = access.while_admin(Request(scope), StreamingResponse(rows()))
    with pytest.raises(ClientDisconnect):
        async with asyncio.timeout(30):
            await response(scope, asyncio.Event().wait, send)
    assert sent >= 20
