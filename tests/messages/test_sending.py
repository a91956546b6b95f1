"""A message in one statement: the same as the verb stores, and nothing at all where anything is out of the ordinary."""

import asyncio

import msgspec
import pytest

from chatserver import ids, messages, sessions
from chatserver.database import StatementUndone
from chatserver.errors import Invalid, NotFound, RateLimited, SessionExpired
from chatserver.messages import sending
from chatserver.messages.requests import CreateMessage
from chatserver.privacy import session_deletion
from tests.support.people import add_member, make_session, make_user, run_sql

# What differs between two messages that are the same.
_OWN = (
    "id",
    "session_id",
    "client_id",
    "request_hash",
    "seq",
    "created_at",
    "reply_to",
    "user_id",
    "asked_by",
    "author_hue",
)


async def titled_session(database, owner, *guests):
    session = await make_session(database, owner, guests=guests)
    await run_sql(database, "UPDATE user_sessions SET untitled = false WHERE id = $1", session)
    return session


async def at_once(database, user, session, text="hello", client_id="c"):
    request = CreateMessage(client_id, text)
    try:
        return await database.run_single(sending.say_at_once, user, session, request, f"<p>{text}</p>")
    except StatementUndone:
        return None


async def by_the_verb(database, user, session, text="hello", client_id="c"):
    return await database.run_as(user, messages.say, session, CreateMessage(client_id, text), f"<p>{text}</p>")


async def rows_of(database, session):
    rows = await run_sql(database, "SELECT * FROM messages WHERE session_id = $1 ORDER BY seq", session)
    return [{name: value for name, value in row.items() if name not in _OWN} for row in rows]


async def counts_of(database, session, user):
    [stream] = await run_sql(
        database, "SELECT seq, messages_count, newest_message_id FROM user_sessions WHERE id = $1", session
    )
    budgets = await run_sql(
        database, "SELECT kind, cardinality(times) FROM budgets WHERE user_id = $1 ORDER BY kind", user
    )
    return stream["seq"], stream["messages_count"], [tuple(row) for row in budgets]


@pytest.mark.parametrize("text", ["hello", "What does the @Assistant think?"])
@pytest.mark.parametrize("who", ["owner alone", "owner", "guest", "operator"])
async def test_it_stores_and_announces_what_the_verb_does(database, published, who, text):
    found = []
    for say in (at_once, by_the_verb):
        owner, guest = await make_user(database, "Ada"), await make_user(database, "Bob")
        speaker = owner if who.startswith("owner") else guest
        if who == "operator":
            await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", guest)
        session = await titled_session(database, owner, *([] if who == "owner alone" else [guest]))
        message = await say(database, speaker, session, text)
        told = published.events(f"session:{session}")
        assert told[0].message == message
        assert [event.seq for event in told] == list(range(1, len(told) + 1))
        newest = await run_sql(database, "SELECT newest_message_id FROM user_sessions WHERE id = $1", session)
        assert newest[0][0] == max(event.message.id for event in told) == told[-1].message.id
        counts = await counts_of(database, session, speaker)
        found.append((await rows_of(database, session), counts, len(told), message.author.role, message.author.name))
    assert found[0] == found[1]


async def test_only_what_is_ordinary_is_said_at_once(limited, database):
    few = await limited(commands_per_10_seconds=2, replies_per_hour=1)
    owner, guest, eve = [await make_user(database, name) for name in ("Ada", "Bob", "Eve")]
    session, over = [await titled_session(database, owner, guest) for _ in range(2)]
    untitled = await make_session(database, owner, guests=(guest,))
    await run_sql(database, "UPDATE user_sessions SET untitled = true WHERE id = $1", untitled)
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() - interval '1 second' WHERE id = $1", over)
    before = [await counts_of(database, each, owner) for each in (session, over, untitled)]
    for user, place, text, client_id, error in (
        (eve, session, "hello", "c", NotFound),
        (owner, ids.new(), "hello", "c", NotFound),
        (owner, over, "hello", "c", SessionExpired),
        (owner, untitled, "hello", "c", None),
        (owner, session, " ", "c", Invalid),
        (owner, session, "a\x00b", "c", Invalid),
        (owner, session, "hello", "", Invalid),
        (owner, session, "hello", "\ud800", Invalid),
    ):
        assert await at_once(few, user, place, text, client_id) is None
        if error is not None:
            with pytest.raises(error):
                await sending.send(few, user, place, CreateMessage(client_id, text), "")
    assert [await counts_of(database, each, owner) for each in (session, over, untitled)] == before
    first = await at_once(few, guest, session, "@assistant hello")
    assert first is not None
    counted = await counts_of(database, session, guest)
    # Sent again; and another one, for which no reply is left; neither is counted.
    assert await at_once(few, guest, session, "@assistant hello") is None
    assert await at_once(few, guest, session, "@assistant and now?", "d") is None
    assert await counts_of(database, session, guest) == counted
    assert await sending.send(few, guest, session, CreateMessage("c", "@assistant hello"), "") == first
    assert await at_once(few, guest, session, "bye", "e") is not None
    assert await at_once(few, guest, session, "once more", "f") is None
    with pytest.raises(RateLimited):
        await sending.send(few, guest, session, CreateMessage("f", "once more"), "")


async def test_an_owner_whose_account_is_closed_speaks_no_more_and_neither_do_guests(database):
    owner, guest = await make_user(database, "Ada"), await make_user(database, "Bob")
    session = await titled_session(database, owner, guest)
    await run_sql(database, "UPDATE users SET status = 'banned' WHERE id = $1", owner)
    assert await at_once(database, owner, session) is None
    assert await at_once(database, guest, session) is None
    assert await rows_of(database, session) == []


async def test_p2_ids_follow_the_order_of_the_stream_whatever_other_processes_think_of_the_time(database):
    owner, guest = await make_user(database, "Ada"), await make_user(database, "Bob")
    session = await titled_session(database, owner, guest)
    ahead = "018fffff-ffff-7fff-8000-000000000000"
    later = "ffffffff-fffe-7fff-bfff-000000000000"
    for newest in (ahead, later):
        await run_sql(database, "UPDATE user_sessions SET newest_message_id = $2 WHERE id = $1", session, newest)
        said = [await at_once(database, owner, session, "@assistant hello", ids.new()) for _ in range(3)]
        rows = await run_sql(database, "SELECT id FROM messages WHERE session_id = $1 ORDER BY seq", session)
        made = [row["id"] for row in rows]
        assert made == sorted(made) and made[-6] > newest
        assert [each.id for each in said] == made[-6::2]
    assert made[-6] == "ffffffff-ffff-7000" + made[-6][18:]


async def test_p4_eight_at_once_with_one_key_say_it_once(database):
    owner, guest = await make_user(database, "Ada"), await make_user(database, "Bob")
    session = await titled_session(database, owner)
    await add_member(database, session, guest)
    said = await asyncio.gather(
        *(sending.send(database, owner, session, CreateMessage("same", "hello"), "") for _ in range(8))
    )
    assert len({msgspec.json.encode(each) for each in said}) == 1
    assert len(await rows_of(database, session)) == 1


@pytest.mark.parametrize("gone", ["member", "session"])
async def test_who_is_removed_while_a_message_of_theirs_waits_is_told_that_there_is_no_session(database, gone):
    owner, guest = await make_user(database, "Ada"), await make_user(database, "Bob")
    session, request = await titled_session(database, owner, guest), CreateMessage("c", "hello")
    waiting = []

    async def remove(tx):
        await tx.connection.execute("SELECT FROM user_sessions WHERE id = $1 FOR UPDATE", session)
        waiting.append(asyncio.create_task(sending.send(database, guest, session, request, "")))
        waiting.append(asyncio.create_task(by_the_verb(database, guest, session, client_id="d")))
        async with asyncio.timeout(30):
            while await tx.connection.fetchval(WAITING) < len(waiting):
                await asyncio.sleep(0.01)
        if gone == "member":
            await sessions.remove_member(tx, session, guest)
        else:
            await session_deletion.delete_session(tx, owner, session)

    await (database.run_as(owner, remove) if gone == "member" else database.run_system(remove))
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [NotFound] * 2
    assert await rows_of(database, session) == []
    assert (await counts_of(database, session, guest))[1:] == (0, [])


# Who waits for this transaction, or for another who waits for it.
WAITING = """WITH RECURSIVE waiting AS (
               SELECT pid FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))
               UNION
               SELECT l.pid FROM pg_locks l JOIN waiting w ON NOT l.granted AND w.pid = ANY(pg_blocking_pids(l.pid)))
             SELECT count(*) FROM waiting"""
