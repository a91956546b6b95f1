"""What sockets hear: everything, once, in one order."""

import asyncio
import json

from chatserver.brokers.base import Envelope
from chatserver.events import Announcement
from tests.realtime.house import House, Level, Piece


async def test_the_opening_comes_in_its_order(house: House) -> None:
    session = await house.session("ada")
    await house.say(session, "one", "two")
    async with house.joins("ada", session) as ada:
        await ada.hears("message", seq=2)
        kinds = [event["type"] for event in ada.events]
        assert kinds == ["welcome", "progress", "presence", "message", "message"]
        assert ada.events[0]["you"] == {"id": "ada", "name": "Ada", "role": "owner"}
        assert ada.events[0]["seq"] == 2
        assert ada.events[2]["users"] == [{"id": "ada", "name": "Ada", "connections": 1}]


async def test_everybody_hears_what_one_says(house: House) -> None:
    session = await house.session("ada", "bob")
    async with house.joins("ada", session) as ada, house.joins("bob", session) as bob:
        reply = await ada.asks("message.create", client_id="c", text="hello")
        assert reply["ok"] and reply["result"]["message"]["text"] == "hello"
        assert (await bob.hears("message"))["message"]["text"] == "hello"
        assert ada.texts == ["hello"], "the event comes before the reply"


async def test_a_tick_is_one_frame(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        frames = len(ada.frames)
        await house.say(session, *map(str, range(50)))
        await ada.hears("message", seq=50)
        assert len(ada.frames) == frames + 1
        assert ada.seqs == list(range(1, 51))


async def test_a_large_tick_is_cut_into_frames(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        frames = len(ada.frames)
        await house.say(session, *["x" * 5000] * 50)
        await ada.hears("message", seq=50)
        assert len(ada.frames) - frames > 5
        assert ada.seqs == list(range(1, 51))


async def test_announcements_that_overtake_each_other_arrive_in_order(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        said = await house.do(lambda: [house.ledger.store(session, str(number)) for number in range(6)])
        for index in (1, 0, 3, 5, 4, 2):
            await house.publish(session, said[index])
        await ada.hears("message", seq=6)
        assert ada.seqs == [1, 2, 3, 4, 5, 6]


async def test_a_lost_announcement_is_read_when_the_next_comes(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        await house.do(lambda: [house.ledger.store(session, text) for text in ("lost", "gone")])
        await house.say(session, "here")
        await ada.hears("message", seq=3)
        assert ada.texts == ["lost", "gone", "here"]


async def test_more_of_a_text_waits_for_the_message_it_belongs_to(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        await house.do(lambda: house.ledger.store(session, "lost"))
        await house.say(session, "streaming")
        await house.publish(session, Piece(text="more"))
        await ada.hears("delta")
        assert [event["type"] for event in ada.events[-3:]] == ["message", "message", "delta"]


async def test_a_lost_last_announcement_is_found_by_the_comparison(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        await house.do(lambda: house.ledger.store(session, "silent"))
        assert (await ada.hears("message", seq=1))["message"]["text"] == "silent"


async def test_a_broker_that_may_have_missed_something_makes_the_hub_look(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        await house.do(lambda: house.ledger.store(session, "missed"))
        await house.do(lambda: house.broker.lost(f"session:{session}"))
        assert (await ada.hears("message", seq=1))["message"]["text"] == "missed"


async def test_repeated_announcements_are_heard_once(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        said = await house.do(lambda: house.ledger.store(session, "once"))
        await house.publish(session, said, said)
        await house.publish(session, said)
        await house.say(session, "then")
        await ada.hears("message", seq=2)
        assert ada.seqs == [1, 2]


async def test_a_gap_that_no_message_fills_is_passed(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        await house.do(lambda: house.ledger.seqs.update({session: 5}))
        await house.say(session, "six")
        await ada.hears("message", seq=6)
        await house.say(session, "seven")
        await ada.hears("message", seq=7)


async def test_a_gap_that_is_longer_than_what_is_read_at_once_is_read_on(house: House) -> None:
    session = await house.session("ada")
    house.ledger.page = 3
    try:
        async with house.joins("ada", session) as ada:
            await house.do(lambda: [house.ledger.store(session, f"lost {number}") for number in range(10)])
            await house.do(lambda: house.ledger.seqs.update({session: 12}))
            await house.say(session, "here")
            await ada.hears("message", seq=13)
            assert ada.texts == [*(f"lost {number}" for number in range(10)), "here"]
    finally:
        house.ledger.page = 200


async def test_resuming_tells_what_changed_since(house: House) -> None:
    session = await house.session("ada")
    await house.say(session, "one", "two", "three")
    async with house.joins("ada", session, "?after=1") as ada:
        await ada.hears("message", seq=3)
        assert ada.texts == ["two", "three"]


async def test_a_long_absence_is_read_page_by_page(house: House) -> None:
    session = await house.session("ada")
    await house.say(session, *map(str, range(450)))
    async with house.joins("ada", session, "?after=0") as ada:
        await ada.hears("message", seq=450)
        assert ada.seqs == list(range(1, 451))


async def test_without_after_the_newest_come_and_where_to_find_more(house: House) -> None:
    session = await house.session("ada")
    await house.say(session, *map(str, range(210)))
    async with house.joins("ada", session) as ada:
        assert (await ada.hears("more"))["before"] == 11
        assert ada.seqs == list(range(11, 211))


async def test_a_client_from_a_lost_future_starts_afresh(house: House) -> None:
    session = await house.session("ada")
    await house.say(session, "one")
    async with house.joins("ada", session, "?after=99") as ada:
        await ada.hears("message", seq=1)
        await house.say(session, "two")
        await ada.hears("message", seq=2)


async def test_what_is_said_while_the_session_is_read_comes_once(house: House) -> None:
    session = await house.session("ada", "bob")
    await house.say(session, "before")

    async def meanwhile() -> None:
        house.ledger.slow = None
        house._say(session, "meanwhile")
        await asyncio.sleep(0.05)
        house._say(session, "later")

    async with house.joins("bob", session) as bob:
        await house.do(lambda: setattr(house.ledger, "slow", meanwhile))
        async with house.joins("ada", session) as ada:
            await house.say(session, "after")
            await ada.hears("message", seq=4)
            assert ada.texts == ["before", "meanwhile", "later", "after"]
        await bob.hears("message", seq=4)
        assert bob.seqs == [1, 2, 3, 4]


async def test_the_first_socket_of_a_session_misses_nothing_either(house: House) -> None:
    session = await house.session("ada")

    async def meanwhile() -> None:
        house.ledger.slow = None
        house._say(session, "meanwhile")
        await asyncio.sleep(0.05)

    await house.do(lambda: setattr(house.ledger, "slow", meanwhile))
    async with house.joins("ada", session) as ada:
        await house.say(session, "after")
        await ada.hears("message", seq=2)
        assert ada.texts == ["meanwhile", "after"]


async def test_many_join_while_much_is_said(house: House) -> None:
    session = await house.session("ada")
    total = 300

    async def talk() -> None:
        for number in range(total):
            await house.say(session, str(number))

    async def listen(after: int) -> list[int]:
        async with house.joins("ada", session, f"?after={after}") as ada:
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


async def test_numbers_are_merged_and_paced(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        await house.publish(session, *(Level(name="a", value=value) for value in range(100)))
        await ada.hears("progress", value=99)
        values = [event["value"] for event in ada.events if event["type"] == "progress" and event["name"] == "a"]
        assert values == [0, 99]


async def test_a_held_number_does_not_come_after_the_change_that_followed_it(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        await house.publish(session, Level(name="b", value=1), Level(name="b", value=2))
        await house.say(session, "done")
        await ada.hears("message")
        assert [event.get("value") for event in ada.events[-3:]] == [1, 2, None]


async def test_events_of_other_processes_are_decoded(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada, house.joins("ada", session, subprotocols=["chat.v1.html"]) as page:
        said = await house.do(lambda: house.ledger.store(session, "far away"))
        data = json.dumps({"type": "message", "seq": said.seq, "message": said.message}).encode()
        await house.do(lambda: house.broker.receive(_envelope(session, data)))
        assert (await ada.hears("message"))["message"]["text"] == "far away"
        assert (await page.hears("message"))["html"] == "<p>far away"
        await house.do(lambda: house.broker.receive(_envelope(session, b'{"type":"unheard-of"}')))
        await house.say(session, "still here")
        await ada.hears("message", seq=2)


def _envelope(session: str, data: bytes) -> Envelope:
    return Envelope(f"session:{session}", data)


async def test_pages_get_drawn_events(house: House) -> None:
    session = await house.session("ada")
    await house.say(session, "before")
    async with house.joins("ada", session, subprotocols=["chat.v1.html"]) as page:
        await house.say(session, "now")
        assert (await page.hears("message", seq=2))["html"] == "<p>now"
        assert {"html", "target"} <= page.events[3].keys()
        assert (await page.asks("ping"))["ok"]


async def test_sessions_are_separate(house: House) -> None:
    one, two = await house.session("ada"), await house.session("ada")
    async with house.joins("ada", one) as first, house.joins("ada", two) as second:
        await house.say(one, "in one")
        await house.say(two, "in two")
        await first.hears("message")
        await second.hears("message")
        assert (first.texts, second.texts) == (["in one"], ["in two"])


async def test_presence_tells_who_is_here(house: House) -> None:
    session = await house.session("ada", "bob")
    async with house.joins("ada", session) as ada:
        async with house.joins("bob", session), house.joins("bob", session):
            await ada.hears(
                "presence",
                users=[
                    {"id": "ada", "name": "Ada", "connections": 1},
                    {"id": "bob", "name": "Bob", "connections": 2},
                ],
            )
            assert await house.do(lambda: house.hub.connections(session)) == 3
        await ada.hears("presence", users=[{"id": "ada", "name": "Ada", "connections": 1}])


async def test_typing_is_told_to_the_others(house: House) -> None:
    session = await house.session("ada", "bob")
    async with house.joins("ada", session) as ada, house.joins("bob", session) as bob:
        assert (await ada.asks("typing"))["ok"]
        assert (await bob.hears("typing"))["user_id"] == "ada"


async def test_telling_reaches_this_process_alone_and_listening_hears_other_channels(house: House) -> None:
    session = await house.session("ada")
    heard: list[object] = []
    async with house.joins("ada", session) as ada:
        await house.do(lambda: house.hub.publish_local(f"session:{session}", Piece(text="here")))
        await ada.hears("delta")
        unlisten = await house.do(lambda: house.hub.listen("jobs", heard.append))
        await house.do(lambda: house.hub.publish([Announcement("jobs", Piece(text="work"))]))
        await house.do(unlisten)
        await house.do(lambda: house.hub.publish([Announcement("jobs", Piece(text="unheard"))]))
        assert heard == [Piece(text="work")]


async def test_nothing_is_kept_of_a_session_that_nobody_has_open(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session):
        assert session in await house.do(house.hub.sessions)
    await house.until(lambda: session not in house.hub.sessions())
    await house.until(lambda: not house.broker.channels)
    assert await house.do(lambda: house.hub.connections(session)) == 0
    assert await house.do(house.hub.admission.connections) == []
