"""The promises of the product (docs/reliability.md), on real processes, real Postgres and real sockets."""

import asyncio
import random
import uuid

import pytest

from chatserver import credits as books
from tests.support import ports
from tests.support import product as products
from tests.support.story import Refusal, sign_up

# Long enough to be killed in the middle, short enough to wait for.
SLOW = {"SKETCH_PACE": "4"}


async def test_p1_what_was_answered_ok_survives_a_kill(own_database_url, tmp_path):
    async with products.running(tmp_path, port=ports.reserve(), DATABASE_URL=own_database_url) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys()
        said = []
        for _ in range(3):
            said += await say_until_killed(await ada.joins(session), product)
            await product.start_again()
        stored = await ada.call("GET", f"/sessions/{session['id']}/messages")
    texts = [message["text"] for message in stored["messages"] if message["author"]["kind"] == "user"]
    assert said
    assert set(said) <= set(texts)
    assert len(texts) == len(set(texts))


async def say_until_killed(chat, product):
    """What was answered before the kill, which comes with the first answer, in the middle of the others."""
    senders = [asyncio.create_task(chat.says(f"word {uuid.uuid4()}")) for _ in range(8)]
    await asyncio.wait(senders, return_when=asyncio.FIRST_COMPLETED)
    await product.kill()
    answered = [sender for sender in senders if sender.done() and not sender.exception()]
    for sender in senders:
        sender.cancel()
    await asyncio.gather(*senders, return_exceptions=True)
    await chat.leaves()
    return [sender.result()["text"] for sender in answered]


async def test_p2_everyone_sees_one_order_without_a_gap(product, ada, bob):
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    chats = [await ada.joins(session), await ada.joins(session), await bob.joins(session)]
    await asyncio.gather(*(chat.says(f"{index}-{n}") for index, chat in enumerate(chats) for n in range(6)))
    for chat in chats:
        await chat.hears(lambda event: event["type"] == "message" and event["seq"] >= 18)
    orders = [[event["seq"] for event in chat.events if event["type"] == "message"] for chat in chats]
    assert orders[0] == orders[1] == orders[2] == list(range(1, 19))
    for chat in chats:
        await chat.leaves()


async def test_p3_a_client_that_was_away_ends_in_the_state_of_a_fresh_one(product, ada):
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    first = await chat.says("first")
    await chat.generates("a quiet harbour", width=64, height=64)
    away_from = chat.seq
    await chat.leaves()
    writer = await ada.joins(session, after=away_from)
    await writer.generates("a storm", width=64, height=64, count=2)
    await writer.asks("message.delete", message_id=first["id"])
    for n in range(5):
        await writer.says(f"while away {n}")
    settled = await at_rest(ada, session)
    chat._socket = None
    back = await ada.joins(session, after=away_from)
    merged = {**chat.messages, **back.messages}
    fresh = await ada.joins(session)
    for each in (writer, back, fresh):
        await each.hears(lambda event: event["type"] == "message" and event["seq"] >= settled["seq"])
    assert {**merged, **back.messages} == fresh.messages
    seqs = [event["seq"] for event in back.events if event["type"] == "message"]
    assert seqs == sorted(set(seqs))
    assert min(seqs) > away_from
    for each in (writer, back, fresh):
        await each.leaves()


async def at_rest(person, session):
    """What is stored, once every reply and every picture has ended."""
    async with asyncio.timeout(60):
        while True:
            stored = await person.call("GET", f"/sessions/{session['id']}/messages")
            messages = stored["messages"]
            generations = [generation for message in messages for generation in message["generations"]]
            if all(each["finished_at"] for each in generations) and "streaming" not in [m["status"] for m in messages]:
                return stored
            await asyncio.sleep(0.2)


async def test_p4_one_client_id_has_one_effect_over_any_tab(product, ada):
    session = await ada.buys()
    tabs = [await ada.joins(session) for _ in range(3)]
    client_id = str(uuid.uuid4())
    answers = await asyncio.gather(*(tab.says("only once", client_id) for tab in tabs for _ in range(4)))
    over_http = await ada.call(
        "POST", f"/sessions/{session['id']}/messages", {"client_id": client_id, "text": "only once"}
    )
    assert {answer["id"] for answer in answers} == {over_http["message"]["id"]}
    with pytest.raises(Refusal) as refusal:
        await tabs[0].says("something else", client_id)
    assert refusal.value.code == "conflict"
    for tab in tabs:
        await tab.leaves()


async def test_p7_a_kill_in_mid_render_loses_nothing_and_costs_one_credit(own_database_url, tmp_path):
    async with products.running(tmp_path, port=ports.reserve(), DATABASE_URL=own_database_url, **SLOW) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys()
        message = await render_halfway(await ada.joins(session))
        await product.kill()
        await product.start_again()
        chat = await ada.joins(session)
        [generation] = (await chat.sees_ended(message))["generations"]
        assert generation["status"] == "done"
        assert generation["stage"]["attempt"] >= 2
        credits = await ada.credits(session)
        assert (credits["image"]["left"], credits["image"]["held"]) == (7, 0)
        status, headers, body = await ada.fetch(generation["assets"][0]["download_url"])
        assert (status, headers["Content-Type"], body[:4]) == (200, "image/png", b"\x89PNG")
        await chat.leaves()


async def render_halfway(chat):
    """A picture that the socket has seen begin."""
    message = await chat.generates("a lighthouse in a storm", width=128, height=128)
    await chat.hears(lambda event: event["type"] == "progress" and event.get("fraction", 0) > 0.2)
    return message


async def test_a_failed_picture_gives_its_credit_back_and_says_why(own_database_url, tmp_path):
    async with products.running(
        tmp_path, port=ports.reserve(), DATABASE_URL=own_database_url, SKETCH_FAIL="1"
    ) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys()
        chat = await ada.joins(session)
        message = await chat.generates("a house on a hill", width=64, height=64)
        ended = await chat.sees_ended(message)
        [generation] = ended["generations"]
        assert generation["status"] == "failed"
        assert generation["error"]["credit_returned"] is True
        assert generation["error"]["message"]
        assert (await ada.credits(session))["image"]["left"] == 8
        await chat.leaves()


async def test_a_stop_gives_the_job_back_and_says_restarting(own_database_url, tmp_path):
    async with products.running(tmp_path, port=ports.reserve(), DATABASE_URL=own_database_url, **SLOW) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys()
        chat = await ada.joins(session)
        message = await render_halfway(chat)
        assert await product.stop() == 0
        assert await chat.is_closed() == 1012
        await chat.leaves()
        await product.start_again()
        chat = await ada.joins(session)
        ended = await chat.sees_ended(message)
        assert [generation["status"] for generation in ended["generations"]] == ["done"]
        await chat.leaves()


async def test_cancel_stops_the_work_and_returns_the_credit(own_database_url, tmp_path):
    async with products.running(
        tmp_path, port=ports.reserve(), DATABASE_URL=own_database_url, SKETCH_PACE="30"
    ) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys()
        chat = await ada.joins(session)
        message = await chat.generates("a slow river", width=64, height=64)
        await chat.hears(lambda event: event["type"] == "progress" and event["status"] == "rendering")
        result = await chat.asks("generation.cancel", generation_id=message["generations"][0]["id"])
        assert result["generation"]["status"] == "cancelled"
        assert (await ada.credits(session))["image"]["left"] == 8
        # The worker is free again at once: the next one does not wait for the thirty seconds of the first.
        again = await chat.generates("a quick brook", width=64, height=64)
        await chat.hears(
            lambda event: (
                event["type"] == "progress"
                and event["generation_id"] == again["generations"][0]["id"]
                and event["status"] == "rendering"
            ),
            patience=20,
        )
        await chat.leaves()


async def test_p17_a_revoked_token_closes_its_sockets(product, ada):
    session = await ada.buys()
    login = {"email": ada.user["email"], "password": ada.password}
    other = await ada.call("POST", "/tokens", login)
    chat = await ada.joins(session)
    await ada.call("DELETE", f"/tokens/{other['id']}")
    own = next(token for token in (await ada.call("GET", "/tokens"))["tokens"])
    await ada.call("DELETE", f"/tokens/{own['id']}")
    assert await chat.is_closed() == 4501
    await chat.leaves()


async def test_p17_time_up_refuses_commands_and_keeps_everything_readable(product, ada, database):
    session = await ada.buys()
    chat = await ada.joins(session)
    await chat.says("in time")
    statement = "UPDATE user_sessions SET expires_at = now() - '1 second'::interval WHERE id = $1"
    async with asyncio.timeout(10):
        await database.run_system(lambda tx: tx.connection.execute(statement, session["id"]))
    with pytest.raises(Refusal) as refusal:
        await chat.says("too late")
    assert refusal.value.code == "session-expired"
    with pytest.raises(Refusal) as refusal:
        await chat.generates("too late")
    assert refusal.value.code == "session-expired"
    told = await chat.hears(lambda event: event["type"] == "session" and event["session"]["status"] == "expired")
    assert told["session"]["id"] == session["id"]
    stored = await ada.call("GET", f"/sessions/{session['id']}/messages")
    assert "in time" in [message["text"] for message in stored["messages"]]
    await chat.leaves()


async def test_a_guest_sees_all_and_generates_only_when_allowed(product, ada, bob):
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    chat, guest = await ada.joins(session), await bob.joins(session)
    message = await chat.generates("two hills", width=64, height=64)
    await guest.sees_ended(message)
    with pytest.raises(Refusal) as refusal:
        await guest.generates("mine")
    assert refusal.value.code == "guests-may-not"
    await ada.call("PATCH", f"/sessions/{session['id']}", {"guests_may_generate": True})
    await guest.hears(lambda event: event["type"] == "session" and event["session"]["guests_may_generate"])
    await guest.sees_ended(await guest.generates("mine", width=64, height=64))
    await chat.leaves()
    await guest.leaves()


async def test_retry_makes_a_new_version_under_the_same_message(product, ada):
    session = await ada.buys()
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates("an old mill", width=64, height=64))
    [first] = message["generations"]
    result = await chat.asks("generation.retry", generation_id=first["id"])
    assert result["generation"]["parent_id"] == first["id"]
    both = await chat.sees(
        lambda candidate: (
            candidate["id"] == message["id"]
            and [generation["status"] for generation in candidate["generations"]] == ["done", "done"]
        )
    )
    assert both["generations"][1]["seed"] != first["seed"]
    assert both["generations"][0] == first
    await chat.leaves()


async def test_random_kills_leave_the_books_in_order(own_database_url, tmp_path, own_database):
    """Kills at random moments; afterwards every accepted generation has ended once and the books agree."""
    moments = random.Random(5)
    async with products.running(tmp_path, port=ports.reserve(), DATABASE_URL=own_database_url) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys("pro")
        for _ in range(4):
            chat = await ada.joins(session)
            asked = [asyncio.create_task(chat.generates("a hill", width=64, height=64)) for _ in range(3)]
            await asyncio.sleep(moments.uniform(0.05, 0.8))
            await product.kill()
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            await chat.leaves()
            await product.start_again()
        await all_ended(own_database, session)
        assert await own_database.run_system(books.check) == []


async def all_ended(database, session):
    statement = "SELECT count(*) FROM generations WHERE finished_at IS NULL AND session_id = $1"
    async with asyncio.timeout(60):
        while await database.run_system(lambda tx: tx.connection.fetchval(statement, session["id"])):
            await asyncio.sleep(0.2)
