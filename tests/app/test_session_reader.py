"""Snapshots of sessions, read part by part; and close codes: one for each reason, however it is found."""

import asyncio
import collections
import functools

import pytest
import structlog

from chatserver import ids, messages, users
from chatserver.app import session_reader
from chatserver.app.session_reader import CHUNK_BYTES, SessionReader
from chatserver.errors import NotFound
from chatserver.messages.requests import CreateMessage
from chatserver.realtime.events import More
from chatserver.realtime.ports import Snapshot
from chatserver.realtime.protocol import Close
from chatserver.users.events import SignInsEnded
from tests.messages.histories import long_session
from tests.support.people import make_session, run_sql
from tests.users import accounts
from tests.users.accounts import create_api_token, member, signed_in_user


@pytest.fixture
async def ada(database):
    return await member(database)


async def viewer_of(database, user):
    signed_in = await signed_in_user(database, user)
    return await database.run_single(accounts.viewer_of_cookie, signed_in.secret.token)


class InterruptedTransaction:
    """A transaction during which `action` commits something else, after its first query."""

    def __init__(self, tx, action):
        self._tx, self._action = tx, action

    async def fetch_all(self, name, **values):
        rows = await self._tx.fetch_all(name, **values)
        action, self._action = self._action, None
        if action is not None:
            await action()
        return rows


async def close_code_of(database, viewer, session, action=None):
    async def read(tx):
        return await session_reader._close_codes(InterruptedTransaction(tx, action), [(viewer, session)])

    [code] = await database.run_system(read)
    return code


@pytest.mark.parametrize("how", ["ban", "ban by hand", "deletion"])
@pytest.mark.parametrize("when", ["before the query", "during the query"])
async def test_a_closed_account_is_4512_even_where_it_closes_during_the_look(database, ada, how, when):
    session, viewer = await make_session(database, ada.id), await viewer_of(database, ada)
    closes = {
        "ban": functools.partial(database.run_system, users.ban, ada.id),
        "ban by hand": functools.partial(run_sql, database, "UPDATE users SET status = 'banned' WHERE id = $1", ada.id),
        "deletion": functools.partial(run_sql, database, "UPDATE users SET status = 'deleted' WHERE id = $1", ada.id),
    }[how]
    assert await close_code_of(database, viewer, session) is None
    if when == "before the query":
        await closes()
        assert await close_code_of(database, viewer, session) == Close.ACCOUNT_CLOSED
    else:
        assert await close_code_of(database, viewer, session, closes) == Close.ACCOUNT_CLOSED


async def test_an_ended_sign_in_is_4501_and_a_lost_membership_4504(database, ada):
    session, viewer = await make_session(database, ada.id), await viewer_of(database, ada)
    await run_sql(database, "UPDATE session_members SET left_at = now() WHERE user_id = $1", ada.id)
    assert await close_code_of(database, viewer, session) == Close.NO_SESSION
    await database.run_as(ada.id, users.end_other_sign_ins, ada.id, None)
    assert await close_code_of(database, viewer, session) == Close.NOT_SIGNED_IN


async def test_a_ban_is_told_as_such_before_the_sign_ins_that_end_with_it(database, ada, published):
    await viewer_of(database, ada)
    await create_api_token(database, ada)
    published.clear()
    await database.run_system(users.ban, ada.id)
    told = [event for event in published.events(f"user:{ada.id}") if isinstance(event, SignInsEnded)]
    assert [event.account_closed for event in told] == [True, False]


# Snapshots --------------------------------------------------------------------------------------------------------


async def snapshot_parts(database, ada, session, after):
    """What a new socket is sent, part by part as `initial_sync` reads on: the parts, and what comes last."""
    reader, viewer = SessionReader(database), await viewer_of(database, ada)
    snapshot = await reader.snapshot(viewer, session, after)
    parts = [[shared.event for shared in snapshot.messages]]
    while parts[-1] and parts[-1][-1].seq < snapshot.welcome.seq:
        parts.append(await reader.changes(session, parts[-1][-1].seq))
    return parts, snapshot.last


def seqs(parts):
    return [event.seq for part in parts for event in part]


async def test_a_long_history_is_read_part_by_part_and_none_of_it_is_missing(database, ada):
    session = await long_session(database, ada.id, count=40)
    parts, last = await snapshot_parts(database, ada, session, 0)
    assert seqs(parts) == list(range(1, 41)) and last == ()
    for part in parts:
        assert sum(len(event.message.html) for event in part) <= CHUNK_BYTES + 80_000
    assert seqs((await snapshot_parts(database, ada, session, 33))[0]) == list(range(34, 41))


async def test_without_after_it_is_the_newest_page_in_bytes_and_then_more(database, ada):
    session = await long_session(database, ada.id, count=40)
    parts, [more] = await snapshot_parts(database, ada, session, None)
    page = await database.run_as(ada.id, messages.newest, session)
    assert seqs(parts) == [message.seq for message in page.messages]
    assert len(parts) > 1 and more == More(before=page.messages[0].seq)
    short = await long_session(database, ada.id, count=250, size=100)
    parts, last = await snapshot_parts(database, ada, short, None)
    assert (seqs(parts), last) == (list(range(51, 251)), [More(before=51)])
    parts, last = await snapshot_parts(database, ada, await make_session(database, ada.id), None)
    assert (parts, last) == ([[]], [])


# Shared snapshots -------------------------------------------------------------------------------------------------


async def crowd(database, count):
    """A session with so many members, who are signed in: its id, and their viewers, the owner's first."""
    users_ = [await member(database, f"Member{number}") for number in range(count)]
    session = await make_session(database, users_[0].id, guests=tuple(user.id for user in users_[1:]))
    return session, [await viewer_of(database, user) for user in users_]


class CountingDatabase:
    """A database that counts what is read from it, by verb."""

    def __init__(self, database):
        self._database, self.reads, self.contexts = database, collections.Counter(), []

    async def run_reading(self, verb, *args):
        self.reads[verb.__name__] += 1
        self.contexts.append(structlog.contextvars.get_contextvars())
        return await self._database.run_reading(verb, *args)


async def say(database, session, *texts):
    [owner] = await run_sql(database, "SELECT user_id FROM user_sessions WHERE id = $1", session)
    said = [CreateMessage(client_id=ids.new(), text=text) for text in texts]
    return [await database.run_as(owner["user_id"], messages.say, session, each, each.text) for each in said]


async def test_what_many_ask_at_once_is_read_and_drawn_once_and_each_is_told_who_they_are(database):
    session, viewers = await crowd(database, 3)
    await say(database, session, "hello", "there")
    reader, drawn = SessionReader(counting := CountingDatabase(database)), []
    with structlog.contextvars.bound_contextvars(request_id="the first one's"):
        snapshots = await asyncio.gather(*(reader.snapshot(viewer, session, 1) for viewer in viewers * 20))
    assert not any(counting.contexts)
    later = await reader.snapshot(viewers[0], session, 1)
    assert counting.reads["_parts"] == 1 and counting.reads["_openings"] <= 4

    def draw(event):
        drawn.append(event)
        return b""

    for snapshot in [*snapshots, later]:
        for shared in snapshot.messages:
            shared.encoded(draw)
    assert [event.message.text for event in drawn] == ["there"]
    assert [each.welcome.you.id for each in snapshots] == [viewer.id for viewer in viewers] * 20
    assert {each.welcome.you.role for each in snapshots[::3]} == {"owner"}


async def test_nothing_that_is_kept_for_others_is_older_than_the_session(database):
    session, [ada] = await crowd(database, 1)
    reader, texts = SessionReader(database), []
    for text in ("one", "two", "three"):
        await say(database, session, text)
        snapshot = await reader.snapshot(ada, session, 0)
        assert snapshot.welcome.seq == snapshot.messages[-1].durable_seq()
        texts.append([shared.event.message.text for shared in snapshot.messages if shared.event.message.text])
    assert [each[0] for each in texts] == ["one"] * 3 and [each[-1] for each in texts] != ["one"] * 3
    assert "three" in texts[-1]


@pytest.mark.parametrize("end", ["sign-in", "membership", "account", "session"])
async def test_who_is_revoked_in_the_middle_of_a_storm_is_not_let_in(database, end):
    session, viewers = await crowd(database, 3)
    await say(database, session, "hello")
    reader, guest = SessionReader(database), viewers[1]
    stranger = await viewer_of(database, await member(database, "Eve"))
    await asyncio.gather(*(reader.snapshot(viewer, session, 0) for viewer in viewers * 5))
    statement, subject = {
        "sign-in": ("UPDATE sign_ins SET ended_at = now() WHERE id = $1", guest.credential_id),
        "membership": ("UPDATE session_members SET left_at = now() WHERE user_id = $1", guest.id),
        "account": ("UPDATE users SET status = 'banned' WHERE id = $1", guest.id),
        "session": (
            "UPDATE user_sessions SET status = 'deleted', deleted_at = now() WHERE id = $1",
            session,
        ),
    }[end]
    await run_sql(database, statement, subject)
    asked = [*viewers, stranger] * 5
    told = await asyncio.gather(*(reader.snapshot(each, session, 0) for each in asked), return_exceptions=True)
    refused = {viewer.id for viewer, each in zip(asked, told, strict=True) if isinstance(each, NotFound)}
    everyone = {viewer.id for viewer in viewers} if end == "session" else {guest.id}
    assert refused == {stranger.id} | everyone
    assert all(isinstance(each, NotFound | Snapshot) for each in told)
