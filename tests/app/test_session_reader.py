"""Snapshots of sessions, read part by part; and close codes: one for each reason, however it is found."""

import functools

import pytest

from chatserver import messages, users
from chatserver.app import session_reader
from chatserver.app.session_reader import CHUNK_BYTES, SessionReader
from chatserver.realtime.events import More
from chatserver.realtime.protocol import Close
from chatserver.users import request_identity
from chatserver.users.events import SignInsEnded
from tests.messages.histories import long_session
from tests.support.people import make_session, run_sql
from tests.users.accounts import create_api_token, member, signed_in_user


@pytest.fixture
async def ada(database):
    return await member(database)


async def viewer_of(database, user):
    signed_in = await signed_in_user(database, user)
    return await database.run_system(request_identity.viewer_of_cookie, signed_in.secret.token)


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
