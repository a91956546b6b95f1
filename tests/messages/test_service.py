"""The stream's rules: say, delete, stop, read; and that pages read while it changes hold every message once."""

import asyncio
import itertools

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver import ids, messages
from chatserver.errors import Conflict, Invalid, NotAllowed, NotFound, SessionExpired
from chatserver.generations import deletion
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.requests import CreateGeneration
from chatserver.jobs.lease import LeaseLost
from chatserver.messages import reading, replies, sending, service
from chatserver.messages.events import MessageChanged
from chatserver.messages.requests import CreateMessage
from chatserver.runtime import clock
from tests.messages.histories import draft, long_session
from tests.support.people import make_session, make_user, run_sql

_numbers = itertools.count()


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


@pytest.fixture
async def bob(database):
    return await make_user(database, "Bob")


async def say(database, user, session, text="hello", client_id=""):
    request = CreateMessage(client_id or f"c{next(_numbers)}", text)
    return await sending.send(database, user, session, request, f"<p>{text}</p>")


async def all_of(database, user, session):
    return (await database.run_as(user, messages.newest, session)).messages


# Say --------------------------------------------------------------------------------------------------------------


async def test_what_one_says_takes_the_next_number_and_is_told_whole(database, ada, bob, published):
    session = await make_session(database, ada, guests=(bob,))
    said = [await say(database, user, session, text) for user, text in ((ada, "one"), (bob, "two"), (ada, "three"))]
    assert [message.seq for message in said] == [1, 2, 3]
    assert [message.author.id for message in said] == [ada, bob, ada]
    told = [event for event in published.events(f"session:{session}") if isinstance(event, MessageChanged)]
    assert [(event.seq, event.message) for event in told] == [(message.seq, message) for message in said]


async def test_a_message_sorts_after_those_that_a_process_with_a_faster_clock_stored(database, ada, monkeypatch):
    session = await make_session(database, ada, guests=(bob := await make_user(database, "Bob"),))
    faster = [await say(database, user, session) for user in (ada, bob)]
    # Another process: it has made no ids, and its comparison with the database's clock came out a minute too low.
    now = clock.time_ns
    monkeypatch.setattr(ids, "_last_tick", 0)
    monkeypatch.setattr(clock, "time_ns", lambda: now() - 60 * 10**9)
    slower = await say(database, bob, session)
    monkeypatch.setattr(ids, "_last_tick", 0)
    generation = CreateGeneration(client_id="p1", kind="image", prompt="a sundial", width=64, height=64)
    picture = await database.run_as(ada, generations.create, session, generation, {"image": ModelChoice("sketch", "")})
    order = [message.id for message in (*faster, slower, picture)]
    assert order == sorted(order)


async def test_saying_it_again_with_the_same_key_changes_nothing(database, ada, published):
    session = await make_session(database, ada)
    first = await say(database, ada, session, client_id="once")
    published.clear()
    answers = await asyncio.gather(*(say(database, ada, session, client_id="once") for _ in range(8)))
    assert {answer.id for answer in answers} == {first.id}
    assert published == []
    with pytest.raises(Conflict):
        await say(database, ada, session, "something else", client_id="once")


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 8001, "a\x00b", "a\ud800"])
async def test_what_cannot_be_said_is_refused_with_its_field(database, ada, text):
    session = await make_session(database, ada)
    with pytest.raises(Invalid) as refusal:
        await say(database, ada, session, text)
    assert refusal.value.details["field"] == "text"
    assert await all_of(database, ada, session) == ()


@pytest.mark.parametrize("client_id", ["x" * 65, "a b", "ä", "a\n"])
async def test_a_key_is_short_and_printable(database, ada, client_id):
    with pytest.raises(Invalid):
        await say(database, ada, await make_session(database, ada), client_id=client_id)


async def test_the_longest_text_is_kept_as_it_is(database, ada):
    session = await make_session(database, ada)
    text = "😀" * 8000
    assert (await say(database, ada, session, text)).text == text


async def test_when_the_time_is_up_nobody_says_or_stops_anything_but_one_deletes(database, ada):
    session = await make_session(database, ada)
    message = await say(database, ada, session)
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() - '1 s'::interval WHERE id = $1", session)
    with pytest.raises(SessionExpired):
        await say(database, ada, session)
    with pytest.raises(SessionExpired):
        await database.run_as(ada, messages.stop, message.id)
    assert [each.status for each in await all_of(database, ada, session)] == ["done", "streaming"]
    await database.run_system(deletion.delete_message, ada, message.id)
    # What was being written in answer to it goes with it.
    assert [each.status for each in await all_of(database, ada, session)] == ["deleted", "deleted"]


@pytest.mark.parametrize(
    ("guests", "text", "answers"),
    [(0, "hello", True), (1, "hello", False), (1, "@assistant hello", True), (1, "Well, @Assistant?", True)],
)
async def test_the_assistant_answers_who_is_alone_or_calls_it(database, ada, bob, guests, text, answers):
    session = await make_session(database, ada, guests=(bob,)[:guests])
    await say(database, ada, session, text)
    streaming = [each for each in await all_of(database, ada, session) if each.status == "streaming"]
    assert [each.author.kind for each in streaming] == ["assistant"] * answers


# Delete and stop --------------------------------------------------------------------------------------------------


async def test_an_author_or_the_owner_deletes_and_nobody_else(database, ada, bob, published):
    session = await make_session(database, ada, guests=(bob,))
    adas, bobs, second = [await say(database, user, session) for user in (ada, bob, bob)]
    with pytest.raises(NotAllowed):
        await database.run_system(deletion.delete_message, bob, adas.id)
    with pytest.raises(NotFound):
        await database.run_system(deletion.delete_message, await make_user(database, "Eve"), adas.id)
    for user, message in ((bob, bobs), (ada, second), (ada, adas)):
        gone = await database.run_system(deletion.delete_message, user, message.id)
        assert (gone.status, gone.text, gone.html) == ("deleted", "", "")
    published.clear()
    again = await database.run_system(deletion.delete_message, ada, adas.id)
    assert (again.status, published) == ("deleted", [])


async def test_a_reply_that_is_deleted_is_written_no_further(database, ada):
    session = await make_session(database, ada)
    await say(database, ada, session)
    reply = await claim(database, session)
    await database.run_system(deletion.delete_message, ada, reply.message_id)
    with pytest.raises(LeaseLost):
        await database.run_system(replies.save, reply, draft("too late"), whole=True)
    with pytest.raises(LeaseLost):
        await database.run_system(replies.finish, reply, "late", "late", failed=False, tokens=(5, 5))
    deleted = await database.run_as(ada, messages.find, reply.message_id)
    assert (deleted.status, deleted.text) == ("deleted", "")
    [row] = await run_sql(database, "SELECT tokens_in FROM user_sessions WHERE id = $1", session)
    assert row["tokens_in"] == 0


async def claim(database, session):
    """The reply of this session; those of other tests are not in the way."""
    await run_sql(
        database,
        "UPDATE messages SET status = 'done', lease_until = NULL WHERE status = 'streaming' AND session_id <> $1",
        session,
    )
    return await database.run_system(replies.claim, "worker-1", 6000)


async def test_a_writer_that_lost_its_reply_writes_and_says_nothing(database, ada, published):
    session = await make_session(database, ada)
    await say(database, ada, session)
    late = await claim(database, session)
    assert await database.run_system(replies.claim, "worker-2", 6000) is None
    await run_sql(database, "UPDATE messages SET lease_until = now() - '1 s'::interval WHERE id = $1", late.message_id)
    now = await database.run_system(replies.claim, "worker-2", 6000)
    assert (now.message_id, now.attempt) == (late.message_id, late.attempt + 1)
    published.clear()
    before = (await database.run_as(ada, messages.newest, session)).seq
    for verb, arguments, more in (
        (replies.save, (draft("late"),), {"whole": False}),
        (replies.renew, (), {}),
        (replies.finish, ("late", "late"), {"failed": False, "tokens": (1, 1)}),
    ):
        with pytest.raises(LeaseLost):
            await database.run_system(verb, late, *arguments, **more)
    await database.run_system(replies.give_back, late)
    assert published == []
    assert (await database.run_as(ada, messages.newest, session)).seq == before
    await database.run_system(replies.finish, now, "the answer", "<p>the answer</p>", failed=False, tokens=(3, 2))
    assert (await database.run_as(ada, messages.find, now.message_id)).text == "the answer"


async def test_stop_reaches_the_writer_wherever_it_is(database, ada, published):
    session = await make_session(database, ada)
    await say(database, ada, session)
    reply = await claim(database, session)
    assert await database.run_system(replies.renew, reply) is False
    published.clear()
    await database.run_as(ada, messages.stop, reply.message_id)
    assert [event.cancelled for event in published.events("jobs")] == [reply.message_id]
    assert await database.run_system(replies.renew, reply) is True
    assert await database.run_system(replies.save, reply, draft("so far"), whole=True) is True


# Pages ------------------------------------------------------------------------------------------------------------

# What happens between two pages: something is said, or the n-th message changes, or the next page is read.
STEPS = st.lists(
    st.one_of(st.just("say"), st.just("read"), st.tuples(st.just("change"), st.integers(0, 20))), max_size=25
)


@settings(max_examples=15, deadline=None)
@given(steps=STEPS, limit=st.integers(1, 4))
async def test_a_reader_who_follows_ends_with_everything_as_it_is(database, steps, limit):
    ada = await make_user(database, "Ada")
    session = await make_session(database, ada, guests=(await make_user(database, "Bob"),))
    known, seen, after = {}, [], 0

    async def reads():
        nonlocal after
        page = await database.run_as(ada, messages.following, session, after, limit)
        assert len(page.messages) <= limit
        assert page.more == (bool(page.messages) and page.messages[-1].seq < page.seq)
        for message in page.messages:
            seen.append(message.seq)
            known[message.id] = message
            after = message.seq
        return page.more

    said = [(await say(database, ada, session, f"text {number}")).id for number in range(3)]
    for step in steps:
        if step == "say":
            said.append((await say(database, ada, session)).id)
        elif step == "read":
            await reads()
        else:
            await database.run_as(ada, service.touch, said[step[1] % len(said)])
    while await reads():
        pass
    assert seen == sorted(set(seen))
    assert set(known) == set(said)
    assert sorted(known.values(), key=lambda message: message.seq) == list(await all_of(database, ada, session))
    first, *inner, last = sorted(message.seq for message in known.values())
    page = await database.run_as(ada, messages.following, session, first, messages.PAGE, last)
    assert ([message.seq for message in page.messages], page.more) == (inner, False)


@settings(max_examples=15, deadline=None)
@given(steps=STEPS, limit=st.integers(1, 4))
async def test_one_who_scrolls_back_and_listens_has_everything_once(database, steps, limit):
    """Pages before a number, with changes in between; what changes meanwhile is heard live, as a browser does."""
    ada = await make_user(database, "Ada")
    session = await make_session(database, ada, guests=(await make_user(database, "Bob"),))
    said = [(await say(database, ada, session, f"text {number}")).id for number in range(8)]
    known, before, more, paged = {}, None, True, []

    async def scrolls():
        nonlocal before, more
        page = await database.run_as(ada, messages.newest, session, before, limit)
        assert [message.seq for message in page.messages] == sorted(message.seq for message in page.messages)
        paged.extend(message.id for message in page.messages)
        for message in page.messages:
            if message.id not in known or known[message.id].seq < message.seq:
                known[message.id] = message
        # What was still to come may have changed meanwhile, and then it was heard: the last page may be empty.
        more, before = page.more, page.messages[0].seq if page.messages else before

    await scrolls()
    for step in steps:
        if step == "say":
            heard = await say(database, ada, session)
            said.append(heard.id)
            known[heard.id] = heard
        elif step == "read" and more:
            await scrolls()
        elif step != "read":
            heard = await database.run_as(ada, service.touch, said[step[1] % len(said)])
            known[heard.id] = heard
    while more:
        await scrolls()
    assert len(paged) == len(set(paged))
    assert sorted(known.values(), key=lambda message: message.seq) == list(await all_of(database, ada, session))


async def test_strangers_read_no_page(database, ada):
    session = await make_session(database, ada)
    await say(database, ada, session)
    eve = await make_user(database, "Eve")
    for verb, arguments in ((messages.newest, ()), (messages.following, (0,))):
        with pytest.raises(NotFound):
            await database.run_as(eve, verb, session, *arguments)
    assert await database.run_as(eve, messages.changes, session, 0) == ()


# Bytes ------------------------------------------------------------------------------------------------------------


def weight(found):
    return sum(len(message.text) + len(message.html) for message in found)


async def test_pages_stop_at_a_number_of_bytes_and_hold_everything_once(database, ada):
    session = await long_session(database, ada)
    before, back = None, []
    while True:
        page = await database.run_as(ada, messages.newest, session, before)
        assert 0 < weight(page.messages) <= reading.PAGE_BYTES + 90_000
        back = [*(message.seq for message in page.messages), *back]
        before = page.messages[0].seq
        if not page.more:
            break
    assert back == list(range(1, 31))
    after, forth = 0, []
    while True:
        page = await database.run_as(ada, messages.following, session, after)
        assert 0 < weight(page.messages) <= reading.PAGE_BYTES + 90_000
        forth += [message.seq for message in page.messages]
        after = forth[-1]
        if not page.more:
            break
    assert forth == back


async def test_one_message_is_always_on_the_page_however_large(database, ada):
    session = await long_session(database, ada, count=3, size=2_000_000)
    page = await database.run_as(ada, messages.newest, session)
    assert ([message.seq for message in page.messages], page.more) == ([3], True)
    page = await database.run_as(ada, messages.following, session, 0)
    assert ([message.seq for message in page.messages], page.more) == ([1], True)
    assert await database.run_as(ada, messages.beginning, session) == (3, True)


async def test_a_page_begins_where_the_newest_one_does(database, ada):
    for session in (await long_session(database, ada), await long_session(database, ada, count=250, size=100)):
        page = await database.run_as(ada, messages.newest, session)
        assert await database.run_as(ada, messages.beginning, session) == (page.messages[0].seq, page.more)
    assert await database.run_as(ada, messages.beginning, await make_session(database, ada)) == (0, False)


async def test_pictures_count_as_they_are_drawn(database, ada):
    session = await make_session(database, ada)
    said = [await say(database, ada, session, f"picture {number}") for number in range(20)]
    await run_sql(database, "UPDATE messages SET kind = 'image', html = '' WHERE user_id = $1", ada)
    await run_sql(
        database,
        """
        INSERT INTO generations (id, message_id, session_id, user_id, kind, number, status, prompt, seed, width, height,
                                 created_at, finished_at)
        SELECT gen_random_uuid(), m.id, m.session_id, m.user_id, 'image', n, 'cancelled', repeat('x', 2000), 1, 64, 64,
               now(), now()
          FROM messages m, generate_series(1, 5) n WHERE m.session_id = $1 AND m.kind = 'image'
        """,
        session,
    )  # fmt: skip
    page = await database.run_as(ada, messages.newest, session)
    assert page.more
    assert 5 <= sum(message.kind == "image" for message in page.messages) < len(said)


async def test_nothing_that_is_drawn_out_of_proportion_can_be_stored(database, ada):
    session = await make_session(database, ada)
    with pytest.raises(asyncpg.CheckViolationError):
        await database.run_as(ada, messages.say, session, CreateMessage("c", "short"), "x" * 3200)
