"""What sockets receive: everything, once, in one order."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from chatserver.brokers.base import Envelope
from chatserver.events import Announcement, Event
from tests.support.hub_server import HubServer, Level, Piece


async def test_the_opening_comes_in_its_order(server: HubServer) -> None:
    session = await server.session("ada")
    await server.say(session, "one", "two")
    async with server.joins("ada", session) as ada:
        await ada.hears("message", seq=2)
        kinds = [event["type"] for event in ada.events]
        assert kinds == ["welcome", "progress", "presence", "message", "message"]
        assert ada.events[0]["you"] == {"id": "ada", "name": "Ada", "role": "owner"}
        assert ada.events[0]["seq"] == 2
        assert ada.events[2]["users"] == [{"id": "ada", "name": "Ada", "connections": 1}]


async def test_everybody_hears_what_one_says(server: HubServer) -> None:
    session = await server.session("ada", "bob")
    async with server.joins("ada", session) as ada, server.joins("bob", session) as bob:
        reply = await ada.asks("message.create", client_id="c", text="hello")
        assert reply["ok"] and reply["result"]["message"]["text"] == "hello"
        assert (await bob.hears("message"))["message"]["text"] == "hello"
        assert ada.texts == ["hello"], "the event comes before the reply"


async def test_a_tick_is_one_frame(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.say(session, *map(str, range(50)))
        await ada.hears("message", seq=50)
        assert sum(any(event["type"] == "message" for event in frame) for frame in ada.frames) == 1
        assert ada.seqs == list(range(1, 51))


async def test_a_large_tick_is_cut_into_frames(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        frames = len(ada.frames)
        await server.say(session, *["x" * 5000] * 50)
        await ada.hears("message", seq=50)
        assert len(ada.frames) - frames > 5
        assert ada.seqs == list(range(1, 51))


async def test_announcements_that_overtake_each_other_arrive_in_order(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        said = await server.do(lambda: [server.source.store(session, str(number)) for number in range(6)])
        for index in (1, 0, 3, 5, 4, 2):
            await server.publish(session, said[index])
        await ada.hears("message", seq=6)
        assert ada.seqs == [1, 2, 3, 4, 5, 6]


async def test_a_lost_announcement_is_read_when_the_next_comes(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.do(lambda: [server.source.store(session, text) for text in ("lost", "gone")])
        await server.say(session, "here")
        await ada.hears("message", seq=3)
        assert ada.texts == ["lost", "gone", "here"]


async def test_more_of_a_text_waits_for_the_message_it_belongs_to(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.do(lambda: server.source.store(session, "lost"))
        await server.say(session, "streaming")
        await server.publish(session, Piece(text="more"))
        await ada.hears("delta")
        told = [event["type"] for event in ada.events if event["type"] != "presence"]  # which comes when it likes
        assert told[-3:] == ["message", "message", "delta"]


async def test_a_lost_last_announcement_is_found_by_the_comparison(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.do(lambda: server.source.store(session, "silent"))
        assert (await ada.hears("message", seq=1))["message"]["text"] == "silent"


async def test_a_broker_that_may_have_missed_something_makes_the_hub_look(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.do(lambda: server.source.store(session, "missed"))
        await server.do(lambda: server.broker.lost(f"session:{session}"))
        assert (await ada.hears("message", seq=1))["message"]["text"] == "missed"


async def test_a_listener_learns_that_the_broker_may_have_missed_something(server: HubServer) -> None:
    missed: list[str] = []
    unlisten = await server.do(
        lambda: server.hub.listen("user:ada", lambda _: None, missed=lambda: missed.append("ada"))
    )
    await server.do(lambda: server.broker.lost("user:bob"))
    await server.do(lambda: server.broker.lost("user:ada"))
    await server.do(unlisten)
    await server.do(lambda: server.broker.lost("user:ada"))
    assert missed == ["ada"]


async def test_repeated_announcements_are_heard_once(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        said = await server.do(lambda: server.source.store(session, "once"))
        await server.publish(session, said, said)
        await server.publish(session, said)
        await server.say(session, "then")
        await ada.hears("message", seq=2)
        assert ada.seqs == [1, 2]


async def test_a_gap_that_no_message_fills_is_passed(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.do(lambda: server.source.seqs.update({session: 5}))
        await server.say(session, "six")
        await ada.hears("message", seq=6)
        await server.say(session, "seven")
        await ada.hears("message", seq=7)


async def test_a_gap_is_read_again_after_an_unforeseen_error(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await server.session("ada")
    read, failures = server.source.changes, [LookupError()]

    async def fail_once(session_id: str, after: int) -> list[Event]:
        if failures:
            raise failures.pop()
        return await read(session_id, after)

    monkeypatch.setattr(server.source, "changes", fail_once)
    async with server.joins("ada", session) as ada:
        await server.do(lambda: server.source.store(session, "lost"))
        with capture_logs() as lines:
            await server.say(session, "here")
            await ada.hears("message", seq=2)
    assert ada.texts == ["lost", "here"]
    assert "hub.gap_unread" in [line["event"] for line in lines]


async def test_a_gap_that_is_longer_than_what_is_read_at_once_is_read_on(server: HubServer) -> None:
    session = await server.session("ada")
    server.source.page = 3
    try:
        async with server.joins("ada", session) as ada:
            await server.do(lambda: [server.source.store(session, f"lost {number}") for number in range(10)])
            await server.do(lambda: server.source.seqs.update({session: 12}))
            await server.say(session, "here")
            await ada.hears("message", seq=13)
            assert ada.texts == [*(f"lost {number}" for number in range(10)), "here"]
    finally:
        server.source.page = 200


async def test_resuming_tells_what_changed_since(server: HubServer) -> None:
    session = await server.session("ada")
    await server.say(session, "one", "two", "three")
    async with server.joins("ada", session, "?after=1") as ada:
        await ada.hears("message", seq=3)
        assert ada.texts == ["two", "three"]


async def test_a_long_absence_is_read_page_by_page(server: HubServer) -> None:
    session = await server.session("ada")
    await server.say(session, *map(str, range(450)))
    async with server.joins("ada", session, "?after=0") as ada:
        await ada.hears("message", seq=450)
        assert ada.seqs == list(range(1, 451))


async def test_without_after_the_newest_come_and_where_to_find_more(server: HubServer) -> None:
    session = await server.session("ada")
    await server.say(session, *map(str, range(210)))
    async with server.joins("ada", session) as ada:
        assert (await ada.hears("more"))["before"] == 11
        assert ada.seqs == list(range(11, 211))


async def test_a_client_from_a_lost_future_starts_afresh(server: HubServer) -> None:
    session = await server.session("ada")
    await server.say(session, "one")
    async with server.joins("ada", session, "?after=99") as ada:
        await ada.hears("message", seq=1)
        await server.say(session, "two")
        await ada.hears("message", seq=2)


async def test_what_is_said_while_the_session_is_read_comes_once(server: HubServer) -> None:
    session = await server.session("ada", "bob")
    await server.say(session, "before")

    async def meanwhile() -> None:
        server.source.after_read = None
        server.say_now(session, "meanwhile")
        await asyncio.sleep(0.05)
        server.say_now(session, "later")

    async with server.joins("bob", session) as bob:
        await server.do(lambda: setattr(server.source, "after_read", meanwhile))
        async with server.joins("ada", session) as ada:
            await server.say(session, "after")
            await ada.hears("message", seq=4)
            assert ada.texts == ["before", "meanwhile", "later", "after"]
        await bob.hears("message", seq=4)
        assert bob.seqs == [1, 2, 3, 4]


async def test_the_first_socket_of_a_session_misses_nothing_either(server: HubServer) -> None:
    session = await server.session("ada")

    async def meanwhile() -> None:
        server.source.after_read = None
        server.say_now(session, "meanwhile")
        await asyncio.sleep(0.05)

    await server.do(lambda: setattr(server.source, "after_read", meanwhile))
    async with server.joins("ada", session) as ada:
        await server.say(session, "after")
        await ada.hears("message", seq=2)
        assert ada.texts == ["meanwhile", "after"]


async def test_many_join_while_much_is_said(server: HubServer) -> None:
    session = await server.session("ada")
    total = 300

    async def talk() -> None:
        for number in range(total):
            await server.say(session, str(number))

    async def listen(after: int) -> list[int]:
        async with server.joins("ada", session, f"?after={after}") as ada:
            if not ada.seqs or ada.seqs[-1] < total:
                await ada.hears("message", seq=total)
            return ada.seqs

    talking = asyncio.create_task(talk())
    listening = []
    for _ in range(30):
        listening.append(asyncio.create_task(listen(0)))
        await asyncio.sleep(0.01)
    await talking
    for seqs in await asyncio.gather(*listening):
        assert seqs == list(range(1, total + 1))


async def test_numbers_are_merged_and_throttled(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.publish(session, *(Level(name="a", value=value) for value in range(100)))
        await ada.hears("progress", value=99)
        values = [event["value"] for event in ada.events if event["type"] == "progress" and event["name"] == "a"]
        assert values == [0, 99]


async def test_a_held_number_does_not_come_after_the_change_that_followed_it(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await server.publish(session, Level(name="b", value=1), Level(name="b", value=2))
        await server.say(session, "done")
        await ada.hears("message")
        # The one before may have been merged into it.
        assert [event.get("value") for event in ada.events[-2:]] == [2, None]


async def test_events_of_other_processes_are_decoded(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada, server.joins("ada", session, subprotocols=["chat.v1.html"]) as page:
        said = await server.do(lambda: server.source.store(session, "far away"))
        data = json.dumps({"type": "message", "seq": said.seq, "message": said.message}).encode()
        await server.do(lambda: server.broker.receive(_envelope(session, data)))
        assert (await ada.hears("message"))["message"]["text"] == "far away"
        assert (await page.hears("message"))["html"] == "<p>far away"
        await server.do(lambda: server.broker.receive(_envelope(session, b'{"type":"unheard-of"}')))
        await server.say(session, "still here")
        await ada.hears("message", seq=2)


def _envelope(session: str, data: bytes) -> Envelope:
    return Envelope(f"session:{session}", data)


async def test_pages_get_rendered_events(server: HubServer) -> None:
    session = await server.session("ada")
    await server.say(session, "before")
    async with server.joins("ada", session, subprotocols=["chat.v1.html"]) as page:
        await server.say(session, "now")
        assert (await page.hears("message", seq=2))["html"] == "<p>now"
        assert {"html", "target"} <= page.events[3].keys()
        assert (await page.asks("ping"))["ok"]


async def test_sessions_are_separate(server: HubServer) -> None:
    one, two = await server.session("ada"), await server.session("ada")
    async with server.joins("ada", one) as first, server.joins("ada", two) as second:
        await server.say(one, "in one")
        await server.say(two, "in two")
        await first.hears("message")
        await second.hears("message")
        assert (first.texts, second.texts) == (["in one"], ["in two"])


async def test_presence_tells_who_is_here(server: HubServer) -> None:
    session = await server.session("ada", "bob")
    async with server.joins("ada", session) as ada:
        async with server.joins("bob", session), server.joins("bob", session):
            await ada.hears(
                "presence",
                users=[
                    {"id": "ada", "name": "Ada", "connections": 1},
                    {"id": "bob", "name": "Bob", "connections": 2},
                ],
            )
            assert await server.do(lambda: server.hub.connections(session)) == 3
        await ada.hears("presence", users=[{"id": "ada", "name": "Ada", "connections": 1}])


async def test_presence_lists_nobody_whose_membership_is_not_known_yet(server: HubServer, monkeypatch) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await ada.hears("presence")
        monkeypatch.setattr(server.source, "delay", 0.5)
        assert (await (await server.dial("eve", session)).closes())[0] == 4504
        assert (await ada.asks("typing"))["ok"]
        assert not [event for event in ada.events if "eve" in str(event)]


async def test_typing_is_told_to_the_others(server: HubServer) -> None:
    session = await server.session("ada", "bob")
    async with server.joins("ada", session) as ada, server.joins("bob", session) as bob:
        assert (await ada.asks("typing"))["ok"]
        assert (await bob.hears("typing"))["user_id"] == "ada"


async def test_publishing_locally_reaches_this_process_alone_and_listeners_get_other_channels(
    server: HubServer,
) -> None:
    session = await server.session("ada")
    heard: list[object] = []
    async with server.joins("ada", session) as ada:
        await server.do(lambda: server.hub.publish_local(f"session:{session}", Piece(text="here")))
        await ada.hears("delta")
        unlisten = await server.do(lambda: server.hub.listen("jobs", heard.append))
        await server.do(lambda: server.hub.publish([Announcement("jobs", Piece(text="work"))]))
        await server.do(unlisten)
        await server.do(lambda: server.hub.publish([Announcement("jobs", Piece(text="unheard"))]))
        assert heard == [Piece(text="work")]


async def test_nothing_is_kept_of_a_session_that_nobody_has_open(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session):
        assert session in await server.do(server.hub.sessions)
    await server.until(lambda: session not in server.hub.sessions())
    await server.until(lambda: not server.broker.channels)
    assert await server.do(lambda: server.hub.connections(session)) == 0
    assert await server.do(server.hub.admission.connections) == []
