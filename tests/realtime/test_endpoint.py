"""Who may open a socket, with which codes others are rejected, and when open sockets are closed."""

import asyncio
import json

import pytest
import websockets

from chatserver import ids
from chatserver.errors import NotFound
from chatserver.realtime.limits import SocketLimits
from chatserver.realtime.protocol import Close
from tests.support.hub_server import HubServer


@pytest.mark.parametrize("offered", [None, ["chat.v1.html"], ["chat.v0"]])
async def test_who_has_not_signed_in_is_sent_to_do_so(server: HubServer, offered: list[str] | None) -> None:
    session = await server.session("ada")
    caller = await server.dial("", session, subprotocols=offered)
    # Otherwise browsers fail the handshake and never hear the code.
    assert caller.socket.subprotocol == (offered and offered[0])
    assert await caller.closes() == (4501, "not signed in")


async def test_strangers_and_unknown_sessions_look_the_same(server: HubServer) -> None:
    session = await server.session("ada")
    stranger = await (await server.dial("eve", session)).closes()
    unknown = await (await server.dial("ada", ids.new())).closes()
    nonsense = await (await server.dial("ada", "no-id")).closes()
    assert stranger == unknown == nonsense == (4504, "no such session")


async def test_a_stranger_runs_no_command(server: HubServer) -> None:
    session = await server.session("ada")
    server.source.delay = 0.2
    eve = await server.dial("eve", session)
    await eve.sends('{"type": "message.create", "ref": "1", "client_id": "c", "text": "by eve"}')
    assert (await eve.closes())[0] == 4504
    assert "by eve" not in server.ran
    server.source.delay = 0.0


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "", "1e3", "9" * 19, "1&after=2"])
async def test_a_bad_after_is_a_bad_frame(server: HubServer, after: str) -> None:
    session = await server.session("ada")
    assert (await (await server.dial("ada", session, f"?after={after}")).closes())[0] == 4400


async def test_only_our_own_pages_may_open_a_socket(server: HubServer) -> None:
    session = await server.session("ada")
    for origin in ("https://evil.example", "null", "https://ours.example.evil.example", "http://ours.example"):
        client = await server.dial("ada", session, origin=origin)
        assert await client.closes() == (4503, "bad origin")
    async with server.joins("ada", session, origin="https://ours.example"):
        pass


async def test_the_subprotocol_is_chosen_or_the_client_is_too_old(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as plain:
        assert plain.socket.subprotocol is None
    async with server.joins("ada", session, subprotocols=["chat.v9", "chat.v1.json"]) as program:
        assert program.socket.subprotocol == "chat.v1.json"
    async with server.joins("ada", session, subprotocols=["chat.v1.json", "chat.v1.html"]) as page:
        assert page.socket.subprotocol == "chat.v1.html"
    old = await server.dial("ada", session, subprotocols=["chat.v0"])
    assert (await old.closes())[0] == 4520


async def test_other_paths_are_no_sockets(server: HubServer) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"ws://127.0.0.1:{server.port}/ws/elsewhere")
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body)["error"]["code"] == "not-found"


async def test_a_user_has_five_sockets_and_an_address_fifty() -> None:
    async with HubServer(SocketLimits(sockets_per_user=5, sockets_per_address=7)) as server:
        session = await server.session("ada", "bob")
        clients = [await server.dial("ada", session) for _ in range(5)]
        sixth = await server.dial("ada", session)
        assert await sixth.closes() == (4429, "retry_after=30")
        clients += [await server.dial("bob", session) for _ in range(2)]
        assert (await (await server.dial("bob", session)).closes())[0] == 4429
        for client in clients:
            await client.hears("presence")
            await client.socket.close()
        async with server.joins("ada", session):
            pass


async def test_ending_a_sign_in_closes_its_sockets_at_once(server: HubServer) -> None:
    session = await server.session("ada")
    first, second = await server.dial("ada/1", session), await server.dial("ada/2", session)
    await first.hears("presence")
    await second.hears("presence")
    await server.revoke("ada", credential_ids=("ada/1",))
    assert await first.closes() == (4501, "signed out")
    assert (await second.asks("ping"))["ok"]
    await server.revoke("ada", account_closed=True)
    assert await second.closes() == (4512, "account closed")


async def test_who_is_no_longer_welcome_is_seen_off_within_five_seconds(server: HubServer) -> None:
    session = await server.session("ada", "bob")
    ada, bob = await server.dial("ada/gone", session), await server.dial("bob", session)
    await ada.hears("presence")
    await bob.hears("presence")
    await server.do(lambda: (server.source.ended.add("ada/gone"), server.source.members[session].remove("bob")))
    async with asyncio.timeout(5.5):
        assert await ada.closes() == (4501, "signed out")
        assert await bob.closes() == (4504, "no such session")


async def test_a_broken_reading_closes_with_an_error_and_no_detail(server: HubServer) -> None:
    session = await server.session("ada")

    async def breaks() -> None:
        server.source.after_read = None
        raise RuntimeError("secret")

    await server.do(lambda: setattr(server.source, "after_read", breaks))
    assert await (await server.dial("ada", session)).closes() == (1011, "internal")


async def test_draining_answers_what_runs_then_says_restarting() -> None:
    async with HubServer() as server:
        session = await server.session("ada")
        async with server.joins("ada", session) as ada:
            await ada.sends('{"type": "message.create", "ref": "w", "client_id": "c", "text": "wait"}')
            await server.until(lambda: "wait" in server.ran)
            draining = asyncio.create_task(server.do(lambda: server.hub.drain(5)))
            await server.until(lambda: server.hub.draining)
            assert (await (await server.dial("ada", session)).closes())[0] == 1012
            await server.do(server.release.set)
            assert (await ada.hears("reply", ref="w"))["ok"]
            assert (await ada.closes())[0] == 1012
            await draining


async def test_stopping_the_server_says_restarting() -> None:
    async with HubServer() as server:
        session = await server.session("ada")
        ada = await server.dial("ada", session)
        await ada.hears("presence")
        await server.do(lambda: setattr(server.uvicorn, "should_exit", True))
        assert (await ada.closes())[0] == 1012


@pytest.mark.parametrize("code", [4501, 4504, 4512])
async def test_a_socket_whose_welcome_ends_while_it_opens_hears_the_same_code_as_an_open_one(
    server: HubServer, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await server.session("ada")

    async def ends() -> None:
        server.source.after_read = None
        raise NotFound

    # Taken back afterwards: it is the end of everybody's welcome.
    monkeypatch.setattr(server.source, "_close_code", lambda *_: Close(code))
    await server.do(lambda: setattr(server.source, "after_read", ends))
    assert (await (await server.dial("ada", session)).closes())[0] == code
