"""Commands: each is answered by its ref, in order; an invalid one gets an error and the socket stays open."""

import asyncio
import json

import pytest

from chatserver.realtime import inbox
from chatserver.realtime.limits import SocketLimits
from tests.support.hub_server import HubServer


async def test_a_reply_bears_the_ref_as_it_was_given(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        for ref in ("1", "", "9223372036854775808", "ü \u0000 \U0001f3a8", "x" * 10_000, '{"a": 1}'):
            assert (await ada.asks("ping", ref=ref)) == {"type": "reply", "ref": ref, "ok": True, "result": {}}


async def test_commands_of_one_socket_run_in_order_and_ping_does_not_wait(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.do(server.release.clear)
        for ref, text in (("a", "wait"), ("b", "second")):
            await ada.sends(json.dumps({"type": "message.create", "ref": ref, "client_id": "c", "text": text}))
        assert (await ada.asks("ping", ref="p"))["ok"]
        assert not [event for event in ada.events if event["type"] == "reply" and event["ref"] != "p"]
        await server.do(server.release.set)
        await ada.hears("reply", ref="a")
        await ada.hears("reply", ref="b")
        assert ada.texts == ["wait", "second"]


async def test_a_concurrent_command_holds_up_no_other_one_runs_alone_and_ends_with_the_socket(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "COMMAND_SECONDS", 0.2)
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.do(server.release.clear)
        improve = {"type": "prompt.improve", "client_id": "c", "text": "wait"}
        await ada.sends(json.dumps({**improve, "ref": "slow"}))
        await ada.sends(json.dumps({**improve, "ref": "too-many"}))
        assert (await ada.hears("reply", ref="too-many"))["error"]["code"] == "busy"
        assert (await ada.asks("message.create", ref="next", client_id="c", text="meanwhile"))["ok"]
        await asyncio.sleep(0.4)  # twice the limit of other commands
        await server.do(server.release.set)
        assert (await ada.hears("reply", ref="slow"))["ok"]
        assert (await ada.asks("prompt.improve", ref="again", client_id="c", text="later"))["ok"]
        await server.do(server.release.clear)
        await ada.sends(json.dumps({**improve, "ref": "given up"}))
        await server.until(lambda: server.ran[-1:] == ["wait"])
    await server.until(lambda: not server.hub.connections(session))
    await server.do(server.release.set)
    async with server.joins("ada", session) as ada:
        assert (await ada.asks("message.create", ref="last", client_id="c", text="the last"))["ok"]
    assert [said.message["text"] for said in server.source.after(session, 0)] == [
        "meanwhile",
        "wait",
        "later",
        "the last",
    ]


async def test_a_refusal_is_the_reply_and_a_fault_tells_nothing(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        refused = await ada.asks("message.create", client_id="c", text="twice")
        assert (refused["ok"], refused["error"]["code"]) == (False, "conflict")
        broken = await ada.asks("message.create", ref="2", client_id="c", text="break")
        assert broken["error"]["code"] == "internal"
        assert "secret" not in json.dumps(broken)


CREATE = '"type": "message.create", "ref": "r", "client_id": "c", "text": "hi"'


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (f'{{{CREATE}, "extra": 1}}', "invalid"),
        (f'{{{CREATE}, "amount": NaN}}', "malformed"),
        (f'{{{CREATE}, "amount": Infinity}}', "malformed"),
        (f'{{{CREATE}, "amount": 1e999}}', "malformed"),
        (f'{{{CREATE}, "amount": {"9" * 5000}}}', "malformed"),
        (f'{{{CREATE}, "amount": "1"}}', "invalid"),
        (f'{{{CREATE}, "amount": null}}', "invalid"),
        (f'{{{CREATE}, "text": "twice"}}', "malformed"),
        (f'{{{CREATE}, "amount": {"[" * 30}{"]" * 30}}}', "malformed"),
        ('{"type": "message.create", "ref": "r", "client_id": "c", "text": "\\ud800"}', "invalid"),
        ('{"type": "message.create", "ref": "r", "client_id": "c", "text": "a\\u0000b"}', "invalid"),
        ('{"type": "message.create", "ref": "r", "client_id": "c", "\\ud800": 1}', "invalid"),
        ('{"type": "message.create", "ref": "r", "client_id": "c"}', "invalid"),
        ('{"type": "message.create", "ref": "r", "client_id": 5, "text": "hi"}', "invalid"),
        ('{"type": "nothing.known", "ref": "r"}', "malformed"),
        ('{"type": 5, "ref": "r"}', "malformed"),
        ('{"ref": "r"}', "malformed"),
        ('{"type": "ping", "ref": "r", "more": 1}', "invalid"),
        ('{"type": "typing", "ref": "r", "who": "eve"}', "invalid"),
    ],
)
async def test_a_wrong_command_is_told_and_the_socket_lives(server: HubServer, frame: str, code: str) -> None:
    person = f"wrong-{abs(hash(frame))}"
    ran = len(server.ran)
    async with server.joins(person, await server.session(person)) as ada:
        await ada.sends(frame)
        reply = await ada.hears("reply", ref="r")
        assert (reply["ok"], reply["error"]["code"]) == (False, code)
        assert (await ada.asks("ping", ref="alive"))["ok"]
        assert len(server.ran) == ran


@pytest.mark.parametrize("ref", ["5", "null", "[]", '"\\ud800"'])
async def test_a_ref_is_a_text(server: HubServer, ref: str) -> None:
    async with server.joins("refs", await server.session("refs")) as ada:
        await ada.sends(f'{{"type": "ping", "ref": {ref}}}')
        assert (await ada.hears("reply"))["error"]["code"] == "invalid"
        assert (await ada.asks("ping", ref="alive"))["ok"]


async def test_endless_nesting_is_told_too(server: HubServer) -> None:
    async with server.joins("deep", await server.session("deep")) as ada:
        await ada.sends('{"type": "ping", "ref": "r", "x": ' + "[" * 30_000 + "]" * 30_000 + "}")
        assert (await ada.hears("reply"))["error"]["code"] == "malformed"


@pytest.mark.parametrize(
    "frame", ["", "hello", "[]", "5", '"ping"', "null", '{"type": "ping"', "{} {}", b"{}", b"\x00"]
)
async def test_what_is_no_json_object_closes_the_socket(server: HubServer, frame: str | bytes) -> None:
    async with server.joins("ada", await server.session("ada")) as ada:
        await ada.sends(frame)
        assert (await ada.closes())[0] == 4400


async def test_more_than_twenty_commands_in_ten_seconds_are_refused_over_all_sockets() -> None:
    async with HubServer(SocketLimits()) as server:
        session = await server.session("ada")
        async with server.joins("ada", session) as one, server.joins("ada", session) as two:
            for number in range(20):
                assert (await (one if number % 2 else two).asks("ping", ref=str(number)))["ok"]
            refused = await one.asks("ping", ref="x")
            assert refused["error"]["code"] == "rate-limited"
            assert 5 < refused["error"]["retry_after"] <= 10
        async with server.joins("ada", session) as three:
            assert not (await three.asks("ping"))["ok"], "a new socket is no new budget"


async def test_a_flood_of_commands_closes_the_socket_and_says_when_to_come_back() -> None:
    async with HubServer(SocketLimits()) as server, server.joins("ada", await server.session("ada")) as ada:
        for number in range(80):
            await ada.sends(json.dumps({"type": "ping", "ref": str(number)}))
        code, reason = await ada.closes()
        assert code == 4429
        assert reason.startswith("retry_after=")
        assert 1 <= int(reason.partition("=")[2]) <= 10


async def test_a_queue_that_is_full_is_busy_and_then_a_flood() -> None:
    async with HubServer(SocketLimits(commands_per_10_seconds=1000, commands_per_minute=1000)) as server:
        session = await server.session("ada")
        async with server.joins("ada", session) as ada:
            create = {"type": "message.create", "client_id": "c", "text": "wait"}
            await ada.sends(json.dumps({**create, "ref": "0"}))
            # The first runs before the others come, which may all arrive in one read.
            await server.until(lambda: server.ran == ["wait"])
            for number in range(1, 40):
                await ada.sends(json.dumps({**create, "ref": str(number)}))
            assert (await ada.hears("reply", ref="39"))["error"]["code"] == "busy"
            busy = [event for event in ada.events if event["type"] == "reply"]
            assert [event["ref"] for event in busy] == [str(number) for number in range(33, 40)]
            await server.do(server.release.set)
            await ada.hears("reply", ref="32")
            await server.do(server.release.clear)
            for number in range(90):
                await ada.sends(json.dumps({**create, "ref": str(number)}))
            assert (await ada.closes())[0] == 4429
            await server.do(server.release.set)


async def test_a_command_that_runs_when_its_socket_goes_is_finished(server: HubServer) -> None:
    session = await server.session("ada")
    await server.do(server.release.clear)
    async with server.joins("ada", session) as ada:
        await ada.sends('{"type": "message.create", "ref": "1", "client_id": "c", "text": "wait"}')
        await server.until(lambda: server.ran[-1:] == ["wait"])
    await server.until(lambda: not server.hub.connections(session))
    await server.do(server.release.set)
    async with server.joins("ada", session) as ada:
        await ada.hears("message", seq=1)
