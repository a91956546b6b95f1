"""Deleting an account, and exporting its data."""

import asyncio
import json
import uuid

import pytest

from chatserver import users
from chatserver.errors import BadCredentials, Busy, Conflict, Invalid, NotSignedIn
from chatserver.privacy import erasure, export
from chatserver.users.events import SignInsEnded
from tests.support.people import run_sql
from tests.users import accounts
from tests.users.accounts import PASSWORD, create_api_token, member, new_visitor, signed_in_user


def new_id() -> str:
    return str(uuid.uuid4())


class SessionRows:
    """A session with its owner, a guest, and what both made in it, as rows."""

    def __init__(self, database, owner, guest):
        self.database, self.owner, self.guest, self.id = database, owner, guest, new_id()
        self.seq = 0

    async def open(self):
        await run_sql(
            self.database,
            """WITH s AS (INSERT INTO user_sessions (id, user_id, plan_id, title, expires_at)
                          VALUES ($1, $2, 'flash', 'A session', now() + interval '1 hour')),
                    i AS (INSERT INTO session_invites (id, session_id, code, created_by, expires_at)
                          VALUES (gen_random_uuid(), $1, replace($1::uuid::text, '-', ''), $2,
                                  now() + interval '1 day')),
                    c AS (INSERT INTO credits (session_id, kind, number)
                          SELECT $1, 'image', n FROM generate_series(1, 8) n)
               INSERT INTO session_members (session_id, user_id, role) VALUES ($1, $2, 'owner'), ($1, $3, 'guest')""",
            self.id,
            self.owner.id,
            self.guest.id,
        )
        return self

    async def message(self, author, kind="text", text="hello"):
        message_id, self.seq = new_id(), self.seq + 1
        await run_sql(self.database, "UPDATE user_sessions SET seq = $2 WHERE id = $1", self.id, self.seq)
        await run_sql(
            self.database,
            """INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, html,
                                     client_id, seq)
               VALUES ($1, $2, $3, 'user', $4, $5, $6, $6, $1::uuid::text, $7)""",
            message_id,
            self.id,
            author.id,
            author.name,
            kind,
            text,
            self.seq,
        )
        return message_id

    async def generation(self, author, number, status="queued"):
        message_id, generation_id = await self.message(author, "image", "a prompt"), new_id()
        await run_sql(
            self.database,
            """INSERT INTO generations (id, message_id, session_id, user_id, kind, number, status, prompt, seed, width,
                                        height, lease_until, finished_at, deadline_at)
               VALUES ($1, $2, $3, $4, 'image', 1, $5, 'a prompt', 1, 512, 512,
                       CASE WHEN $5 = 'rendering' THEN now() END, CASE WHEN $5 = 'done' THEN now() END, now())""",
            generation_id,
            message_id,
            self.id,
            author.id,
            status,
        )
        await run_sql(
            self.database,
            """WITH h AS (UPDATE credits SET generation_id = $2, available_at = now() + interval '1 hour'
                           WHERE session_id = $1 AND number = $3)
               INSERT INTO credit_entries (session_id, kind, number, generation_id, action)
               SELECT $1, 'image', $3, $2, action FROM unnest($4::text[]) AS action""",
            self.id,
            generation_id,
            number,
            ["hold", "capture"] if status == "done" else ["hold"],
        )
        return generation_id

    async def picture(self, author, number):
        generation_id = await self.generation(author, number, "done")
        await run_sql(
            self.database,
            """INSERT INTO assets (id, session_id, user_id, generation_id, kind, status, content_type, width, height,
                                   bytes, sha256, filename, storage_key, thumbnail_key, placeholder)
               VALUES (gen_random_uuid(), $1, $2, $3, 'image', 'stored', 'image/png', 1, 1,
                       1, '', 'x.png', $3::uuid::text, '', '')""",
            self.id,
            author.id,
            generation_id,
        )
        return generation_id


async def delete_account(database, user):
    await erasure.delete_account(database, user.id, PASSWORD, new_visitor())


async def test_the_only_admin_stays_and_of_two_who_leave_at_once_one_stays(database):
    await run_sql(database, "UPDATE users SET role = 'member'")
    ada, grace = await member(database, "Ada"), await member(database, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    with pytest.raises(Conflict, match="only admin"):
        await delete_account(database, grace)
    assert (await database.run_system(users.get, grace.id)).name == grace.name
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", ada.id)
    both = [delete_account(database, each) for each in (ada, grace)]
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "NoneType"]
    assert len(await database.run_system(users.lock_admins)) == 1


async def sweep_files(database, *people):
    """What the sweeper of assets does once the bytes are gone."""
    await run_sql(
        database,
        "DELETE FROM assets WHERE status = 'deleted' AND user_id = ANY($1::uuid[])",
        [person.id for person in people],
    )


async def remove_all(database):
    for _ in range(200):
        if not await database.run_system(erasure.remove_closed_account):
            return
    raise AssertionError("it never ends")


async def test_leaving_needs_the_password(database):
    ada = await member(database)
    with pytest.raises(Invalid):
        await erasure.delete_account(database, ada.id, "wrong password", new_visitor())
    await signed_in_user(database, ada)


async def test_one_who_left_is_nobody_at_once_everywhere(database, published):
    ada = await member(database)
    signed_in, token = await signed_in_user(database, ada), await create_api_token(database, ada)
    await delete_account(database, ada)
    assert await database.run_single(accounts.viewer_of_cookie, signed_in.secret.token) is None
    assert await database.run_single(accounts.viewer_of_token, token) is None
    assert SignInsEnded(user_id=ada.id, account_closed=True) in published.events(f"user:{ada.id}")
    with pytest.raises(BadCredentials):
        await signed_in_user(database, ada)
    with pytest.raises(NotSignedIn):
        await delete_account(database, ada)
    assert not await run_sql(
        database, "SELECT FROM users WHERE email = $1 OR (id = $2 AND name = 'Ada')", ada.email, ada.id
    )


async def test_the_address_is_free_again(database):
    ada = await member(database)
    await delete_account(database, ada)
    again = await database.run_system(users.add, ada.email, "Ada", None)
    assert again.id != ada.id


async def test_words_in_the_sessions_of_others_stay_without_the_name_and_every_reader_hears_of_it(database):
    ada, guest = await member(database), await member(database, "Gus")
    session = await SessionRows(database, ada, guest).open()
    first, mine = await session.message(guest, text="I was here"), await session.message(ada, text="mine")
    picture, last = await session.generation(guest, 1), await session.message(guest, text="bye")
    await delete_account(database, guest)
    rows = {
        row["id"]: row for row in await run_sql(database, "SELECT * FROM messages WHERE session_id = $1", session.id)
    }
    assert (rows[first]["author_name"], rows[first]["user_id"]) == (erasure.FORMER_MEMBER, None)
    assert (rows[first]["text"], rows[first]["status"]) == ("I was here", "done")
    assert (rows[mine]["author_name"], rows[mine]["seq"]) == ("Ada", 2)
    [of_picture] = await run_sql(database, "SELECT message_id FROM generations WHERE id = $1", picture)
    assert (rows[of_picture[0]]["status"], rows[of_picture[0]]["text"]) == ("deleted", "")
    assert [rows[one]["seq"] for one in (first, of_picture[0], last)] == [5, 6, 7]
    assert (await run_sql(database, "SELECT seq FROM user_sessions WHERE id = $1", session.id))[0][0] == 7


async def test_unfinished_pictures_are_cancelled_and_each_credit_comes_back_once(database):
    ada, guest = await member(database), await member(database, "Gus")
    session = await SessionRows(database, ada, guest).open()
    queued, rendering = await session.generation(guest, 1), await session.generation(guest, 2, "rendering")
    of_ada, done = await session.generation(ada, 3), await session.picture(guest, 4)
    await delete_account(database, guest)
    rows = {
        row["id"]: row for row in await run_sql(database, "SELECT * FROM generations WHERE session_id = $1", session.id)
    }
    assert [rows[one]["status"] for one in (queued, rendering, of_ada, done)] == [
        "cancelled",
        "cancelled",
        "queued",
        "done",
    ]
    books = await run_sql(
        database,
        "SELECT generation_id, action FROM credit_entries WHERE session_id = $1 AND action <> 'hold'",
        session.id,
    )
    assert {tuple(row) for row in books} == {(queued, "release"), (rendering, "release"), (done, "capture")}
    free = await run_sql(
        database, "SELECT number FROM credits WHERE session_id = $1 AND available_at <= now()", session.id
    )
    assert {row[0] for row in free} == {1, 2, 5, 6, 7, 8}
    assert not await run_sql(database, "SELECT FROM assets WHERE user_id = $1 AND status <> 'deleted'", guest.id)


async def test_ones_own_sessions_go_with_all_in_them_once_the_files_are_swept(database):
    ada, guest = await member(database), await member(database, "Gus")
    session = await SessionRows(database, ada, guest).open()
    await session.picture(ada, 1)
    await session.picture(guest, 2)
    await delete_account(database, ada)
    assert not await run_sql(
        database, "SELECT FROM session_members WHERE session_id = $1 AND left_at IS NULL", session.id
    )
    assert not await run_sql(
        database, "SELECT FROM session_invites WHERE session_id = $1 AND revoked_at IS NULL", session.id
    )
    await remove_all(database)
    assert (
        len(await run_sql(database, "SELECT FROM assets WHERE session_id = $1 AND status = 'deleted'", session.id)) == 2
    )
    await sweep_files(database, ada, guest)
    await remove_all(database)
    for table in ("messages", "generations", "assets", "credits", "session_members", "session_invites"):
        assert not await run_sql(database, f"SELECT FROM {table} WHERE session_id = $1", session.id), table
    assert not await run_sql(database, "SELECT FROM users WHERE id = $1", ada.id)
    assert await run_sql(database, "SELECT FROM users WHERE id = $1", guest.id)


async def test_what_slipped_in_while_the_account_closed_is_let_go_of_later(database):
    ada, guest = await member(database), await member(database, "Gus")
    session = await SessionRows(database, ada, guest).open()
    await delete_account(database, guest)
    await session.picture(guest, 1)
    late = await session.message(guest, text="late")
    await remove_all(database)
    assert await run_sql(database, "SELECT FROM assets WHERE user_id = $1 AND status = 'deleted'", guest.id)
    await sweep_files(database, guest)
    await remove_all(database)
    [row] = await run_sql(database, "SELECT user_id, author_name FROM messages WHERE id = $1", late)
    assert tuple(row) == (None, erasure.FORMER_MEMBER)
    assert not await run_sql(database, "SELECT FROM users WHERE id = $1", guest.id)


async def test_an_export_is_one_json_document_with_ones_own_things_and_no_secret(database):
    ada, guest = await member(database), await member(database, "Gus")
    await signed_in_user(database, ada)
    token = await create_api_token(database, ada)
    session = await SessionRows(database, ada, guest).open()
    for number in range(1100):
        if number < 3 or number % 100 == 0:
            await session.message(ada, text=f"line {number} “quoted” \u2028")
    await run_sql(
        database,
        """INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, client_id, seq)
           SELECT gen_random_uuid(), $1, $2, 'user', 'Ada', 'text', 'many', 'many' || n, 1000 + n
             FROM generate_series(1, 1100) n""",
        session.id,
        ada.id,
    )
    await session.message(guest, text="not Ada's")
    await session.picture(ada, 1)
    text = b"".join([piece async for piece in await export.export_account(database, ada.id)]).decode()
    document = json.loads(text)
    assert document["format"] == "chatserver-export-1"
    assert document["user"]["email"] == ada.email
    assert len(document["messages"]) == 1100 + 13 + 1
    assert len({message["id"] for message in document["messages"]}) == len(document["messages"])
    assert (len(document["sessions"]), len(document["generations"]), len(document["assets"])) == (1, 1, 1)
    assert len(document["sign_ins"]) == len(document["tokens"]) == 1
    assert "not Ada's" not in text and token not in text and "argon2" not in text
    empty = json.loads(b"".join([piece async for piece in await export.export_account(database, guest.id)]))
    assert empty["sessions"] == [] and len(empty["messages"]) == 1


async def test_an_export_goes_on_where_the_database_is_away_for_a_moment(database, monkeypatch):
    ada = await member(database)
    pieces = await export.export_account(database, ada.id)
    run_system, failures = database.run_system, [Busy(), Busy()]

    async def be_away(*arguments):
        if failures:
            raise failures.pop()
        return await run_system(*arguments)

    monkeypatch.setattr(database, "run_system", be_away)
    monkeypatch.setattr(export, "AGAIN_SECONDS", 0.001)
    document = json.loads(b"".join([piece async for piece in pieces]))
    assert not failures
    assert document["user"]["id"] == ada.id
