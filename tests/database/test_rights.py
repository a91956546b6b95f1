"""Rights in the database: a stranger's rows cannot be read or written, even by hand-written SQL as the web role."""

import json

import asyncpg
import pytest

from chatserver import ids
from tests.support import people

# Everybody may read the plans; the migrations' own table is for the owner alone.
NOBODYS = {"session_config", "styles", "schema_migrations"}
# What the operator has written for everybody: the web role reads it, and does nothing else.
EVERYBODYS = {"prompt_rules", "prompt_rules_version"}
ROLES = ("chatserver_web", "chatserver_worker")
# What policies ask, and what each command reads first: they show what concerns the user alone, and read past all policies.
PAST_POLICIES = {"joined_sessions", "joined_session_ends", "known_people", "my_memberships"}

# One row of Ada's in every table that the web role can touch; a table that is missing here fails the tests below.
ROWS = {
    "sign_ins": "(id, user_id, token_hash, expires_at) VALUES ($1, $2, '\\x01', now() + interval '1 day')",
    "api_tokens": "(id, user_id, token_hash) VALUES ($1, $2, '\\x01')",
    "password_resets": "(id, user_id, token_hash, expires_at) VALUES ($1, $2, '\\x01', now())",
    "throttles": "(key, count, expires_at) VALUES ($1::uuid::text || $2::uuid::text, 1, now())",
    "budgets": "(kind, user_id, times) SELECT 'messages', $2::uuid, ARRAY[now()] WHERE $1::uuid IS NOT NULL",
    "purchases": """(id, user_id, session_id, plan_id, amount, currency, checkout)
                    VALUES ($1, $2, $3, 'pro', 99, 'INR', 'instant')""",
    "orders": """(id, user_id, gateway, mode, plan, amount, currency, expires_at)
                 SELECT $1, $2, 'stripe', 'test', '{}', 4900, 'INR', now() WHERE $3::uuid IS NOT NULL""",
    "session_removals": "(user_id, session_id) SELECT $2::uuid, $3::uuid WHERE $1::uuid IS NOT NULL",
    "session_reads": "(user_id, session_id, seen_seq) SELECT $2::uuid, $3::uuid, 1 WHERE $1::uuid IS NOT NULL",
    "session_invites": """(id, created_by, session_id, code, expires_at) VALUES ($1, $2, $3, 'let-me-in', now())""",
    "messages": """(id, user_id, session_id, author_kind, author_name, kind, client_id, seq)
                   VALUES ($1, $2, $3, 'user', 'Ada', 'image', 'c', 1)""",
    "generations": """(id, user_id, session_id, message_id, kind, number, prompt, seed, width, height)
                      SELECT $1, $2, $3, id, 'image', 1, 'a secret garden', 1, 64, 64 FROM messages""",
    "assets": """(id, user_id, session_id, generation_id, kind, status, content_type, width, height, bytes, sha256,
                  filename, storage_key, thumbnail_key, placeholder)
                 SELECT $1, $2, $3, id, 'image', 'stored', 'image/png', 64, 64, 1, '', 'x.png', 'k', 't', ''
                   FROM generations""",
    "generation_masks": """(generation_id, mask) SELECT id, '\\x01' FROM generations
                           WHERE user_id = $2 AND $1::uuid IS NOT NULL""",
    "albums": "(id, user_id, name, cover_id) SELECT $1, $2, 'Ada''s secrets', id FROM assets",
    "album_assets": """(album_id, asset_id, position)
                       SELECT b.id, a.id, 1 FROM albums b, assets a WHERE a.user_id = $2 AND $1::uuid IS NOT NULL""",
    "deleted_client_ids": """(session_id, user_id, kind, client_id)
                             SELECT $3::uuid, $2::uuid, 'version', 'c' WHERE $1::uuid IS NOT NULL""",
    "idempotency_keys": """(user_id, kind, client_id, request_hash, result_id)
                           SELECT $2::uuid, 'album', 'c', '\\x01', $1::uuid""",
    "favorites": "(asset_id, user_id, session_id) SELECT a.id, $2, $3 FROM assets a WHERE $1::uuid IS NOT NULL",
    "shares": """(id, user_id, kind, title, token_hash, downloads, prompts, preview, password_hash)
                 VALUES ($1, $2, 'picture', 'Ada''s secrets', '\\x01', true, true, true, 'x')""",
    "share_assets": """(share_id, asset_id, position)
                       SELECT s.id, a.id, 1 FROM shares s, assets a WHERE a.user_id = $2 AND $1::uuid IS NOT NULL""",
    "reports": """(id, reporter_id, session_id, kind, target_kind, target_id, due_at)
                  VALUES ($1, $2, $3, 'spam', 'picture', $1, now())""",
    "credit_entries": """(generation_id, session_id, kind, number, action)
                         SELECT $1, $3, 'image', 1, 'hold' FROM users WHERE id = $2""",
}


@pytest.fixture(scope="module")
async def admin(postgres_server, database_url):
    connection = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def world(database, admin):
    """(ada, bob, session): Ada has a row everywhere, Bob only himself."""
    ada, bob = await people.make_user(database, "Ada"), await people.make_user(database, "Bob")
    session = await people.make_session(database, ada, "pro")
    for table, values in ROWS.items():
        wanted = [ids.new(), ada, session][: 3 if "$3" in values else 2]
        await admin.execute(f"INSERT INTO {table} {values}", *wanted)
    return ada, bob, session


async def tables_of(admin):
    rows = await admin.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    return {row["relname"] for row in rows} - NOBODYS


async def web_tables(admin):
    """The tables on which the web role has any right, in whole or by column."""
    return {
        table
        for table in await tables_of(admin) - EVERYBODYS
        if await admin.fetchval(
            "SELECT has_any_column_privilege('chatserver_web', $1, 'SELECT, INSERT, UPDATE')"
            " OR has_table_privilege('chatserver_web', $1, 'DELETE')",
            table,
        )
    }


async def columns_of(admin, table, privilege):
    """The columns on which the web role has a right."""
    rows = await admin.fetch(
        """
        SELECT attname FROM pg_attribute
         WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
           AND has_column_privilege('chatserver_web', attrelid, attnum, $2)
        """,
        table,
        privilege,
    )
    return [row["attname"] for row in rows]


async def together(admin, session):
    """Who is or was in the session: guests of other tests may be among them."""
    rows = await admin.fetch("SELECT user_id::text FROM session_members WHERE session_id = $1", session)
    return {row["user_id"] for row in rows}


async def photograph(admin):
    """All rows of all tables, to see that nothing changed."""
    return {
        table: sorted(row[0] for row in await admin.fetch(f"SELECT to_jsonb(t)::text FROM {table} t"))
        for table in await tables_of(admin)
    }


async def test_every_table_is_under_row_level_security_even_for_its_owner(admin):
    rows = await admin.fetch(
        """
        SELECT relname FROM pg_class
         WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
           AND NOT (relrowsecurity AND relforcerowsecurity)
        """
    )
    assert {row["relname"] for row in rows} == NOBODYS


async def test_the_working_roles_own_no_table_and_bypass_nothing(admin):
    for role in ROLES:
        row = await admin.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", role)
        powers = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication", "rolcanlogin")
        assert not any(row[power] for power in powers)
        owned = "SELECT relname FROM pg_class WHERE relowner = $1::text::regrole"
        assert {row[0] for row in await admin.fetch(owned, role)} <= PAST_POLICIES
        assert not await admin.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", role)
        belongs = "SELECT pg_has_role($1, r.oid, 'MEMBER') FROM pg_roles r WHERE r.rolname = ANY($2)"
        others = [other for other in (*ROLES, "chatserver", "postgres") if other != role]
        assert not any(row[0] for row in await admin.fetch(belongs, role, others))


async def test_views_run_with_the_rights_of_who_asks(admin):
    rows = await admin.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
        " AND NOT coalesce(reloptions @> '{security_invoker=true}', false)"
    )
    assert {row["relname"] for row in rows} == PAST_POLICIES


async def test_what_reads_past_policies_shows_only_what_concerns_the_user(database, admin, world):
    ada, bob, session = world
    known = {row[0] for row in await people.run_sql_as(database, ada, "SELECT * FROM known_people")}
    assert known == await together(admin, session)
    assert [row[0] for row in await people.run_sql_as(database, ada, "SELECT * FROM joined_sessions")] == [session]
    assert [row[0] for row in await people.run_sql_as(database, ada, "SELECT id FROM joined_session_ends")] == [session]
    memberships = await people.run_sql_as(database, ada, "SELECT user_id, session_id FROM my_memberships")
    assert [tuple(row) for row in memberships] == [(ada, session)]
    columns = (
        ("joined_sessions", "session_id"),
        ("joined_session_ends", "id"),
        ("known_people", "user_id"),
        ("my_memberships", "owner_id"),
    )
    for view, column in columns:
        assert await people.run_sql_as(database, bob, f"SELECT * FROM {view}") == []
        # An expression that fails on a row that it is not to see would say what stands in it.
        assert await people.run_sql_as(database, bob, f"SELECT FROM {view} WHERE {column}::text::integer = 1") == []


async def test_a_stranger_reads_nothing(database, admin, world):
    _, bob, _ = world
    for table in await web_tables(admin):
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") > 0, f"give Ada a row in {table}"
        columns = ", ".join(await columns_of(admin, table, "SELECT"))
        rows = await people.run_sql_as(database, bob, f"SELECT {columns} FROM {table}")
        assert [row["id"] for row in rows] == ([bob] if table == "users" else []), table


async def test_nobody_at_all_reads_nothing(database, admin, world):
    stranger = ids.new()
    for table in await web_tables(admin):
        columns = ", ".join(await columns_of(admin, table, "SELECT"))
        assert await people.run_sql_as(database, stranger, f"SELECT {columns} FROM {table}") == [], table


async def test_tables_without_rights_are_closed(database, admin, world):
    _, bob, _ = world
    for table in await tables_of(admin) - await web_tables(admin) - EVERYBODYS:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await people.run_sql_as(database, bob, f"SELECT 1 FROM {table}")


async def test_what_is_everybodys_is_only_read(admin):
    for table in EVERYBODYS:
        assert await columns_of(admin, table, "SELECT")
        assert await columns_of(admin, table, "INSERT") == await columns_of(admin, table, "UPDATE") == []
        assert not await admin.fetchval("SELECT has_table_privilege('chatserver_web', $1, 'DELETE, TRUNCATE')", table)


async def test_a_stranger_changes_and_deletes_nothing(database, admin, world):
    _, bob, _ = world
    before = await photograph(admin)
    for table in await web_tables(admin):
        for column in await columns_of(admin, table, "UPDATE"):
            rows = await people.run_sql_as(
                database, bob, f"WITH changed AS (UPDATE {table} SET {column} = {column} RETURNING 1) TABLE changed"
            )
            assert len(rows) == (1 if table == "users" else 0), f"{table}.{column}"
        try:
            assert await people.run_sql_as(database, bob, f"DELETE FROM {table} RETURNING 1") == []
        except asyncpg.InsufficientPrivilegeError:
            continue
    assert await photograph(admin) == before


async def test_a_stranger_adds_nothing_in_anothers_name(database, admin, world):
    _, bob, _ = world
    before = await photograph(admin)
    for table in await web_tables(admin) - {"users"}:
        copy = json.loads(await admin.fetchval(f"SELECT to_jsonb(t)::text FROM {table} t LIMIT 1"))
        columns = await columns_of(admin, table, "INSERT") or list(copy)
        insert = f"""
            INSERT INTO {table} ({", ".join(columns)}) OVERRIDING SYSTEM VALUE
            SELECT {", ".join(columns)} FROM jsonb_populate_record(NULL::{table}, $1)
        """
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await people.run_sql_as(
                database, bob, insert, {**copy, "id": 999 if table == "credit_entries" else ids.new()}
            )
    assert await photograph(admin) == before


async def test_a_stranger_cannot_move_into_a_session(database, world):
    _, _, session = world
    mallory = await people.make_user(database, "Mallory")
    add_member = "INSERT INTO session_members (session_id, user_id, role) VALUES ($1, $2, 'guest')"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await people.run_sql_as(database, mallory, add_member, session, mallory)
    own = await people.make_session(database, mallory)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await people.run_sql_as(database, mallory, "UPDATE session_members SET session_id = $1", session)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await people.run_sql_as(
            database, mallory, "UPDATE user_sessions SET user_id = user_id, expires_at = 'infinity'"
        )
    assert own != session


async def test_the_web_role_cannot_become_more(database, world):
    _, bob, _ = world
    for attempt in (
        "SET row_security = off; SELECT count(*) FROM messages",
        "ALTER TABLE messages DISABLE ROW LEVEL SECURITY",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await people.run_sql_as(
                database, bob, f"DO $$ BEGIN {attempt}; END $$".replace("SELECT count", "PERFORM count")
            )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await people.run_sql_as(database, bob, "SELECT password_hash FROM users")


async def test_a_guest_sees_the_room_and_its_people_and_no_more(database, admin, world):
    ada, _, session = world
    carol, dave = await people.make_user(database, "Carol"), await people.make_user(database, "Dave")
    await people.add_member(database, session, carol)
    await people.make_session(database, dave)
    seen = await people.run_sql_as(database, carol, "SELECT id FROM users")
    assert {ada, carol} <= {row["id"] for row in seen} == await together(admin, session)
    assert len(await people.run_sql_as(database, carol, "SELECT 1 FROM messages")) == 1
    for private in ("sign_ins", "api_tokens", "purchases", "session_invites"):
        assert await people.run_sql_as(database, carol, f"SELECT id FROM {private}") == [], private
    await admin.execute("UPDATE session_members SET left_at = now() WHERE user_id = $1", carol)
    seen = await people.run_sql_as(database, carol, "SELECT id FROM users")
    assert {row["id"] for row in seen} == {carol}
    assert await people.run_sql_as(database, carol, "SELECT 1 FROM messages") == []


async def test_who_has_left_sees_what_they_had_made_and_changes_nothing(database, admin, world):
    _, _, session = world
    frank = await people.make_user(database, "Frank")
    await people.add_member(database, session, frank)
    made = {}
    for table, key in (("messages", "message"), ("generations", "generation"), ("assets", "asset")):
        made[table] = ids.new()
        copied = await admin.fetchval(f"SELECT to_jsonb(t) FROM {table} t WHERE user_id <> $1 LIMIT 1", frank)
        row = {**json.loads(copied), "id": made[table], "user_id": frank, "seq": 2, "client_id": ids.new()}
        row |= {"message_id": made.get("messages"), "generation_id": made.get("generations"), "storage_key": key}
        row |= {"request_hash": None}
        await admin.execute(
            f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, $1)", json.dumps(row)
        )
    await people.run_sql(database, "UPDATE session_members SET left_at = now() WHERE user_id = $1", frank)
    assert await people.run_sql_as(database, frank, "SELECT id FROM messages") == []
    for table in ("generations", "assets"):
        assert [row["id"] for row in await people.run_sql_as(database, frank, f"SELECT id FROM {table}")] == [
            made[table]
        ]
        changed = f"UPDATE {table} SET status = status RETURNING id"
        assert await people.run_sql_as(database, frank, changed) == []
    await admin.execute("DELETE FROM messages WHERE id = $1", made["messages"])


async def test_a_guest_cannot_come_back_after_being_sent_away(database, admin, world):
    _, _, session = world
    erin = await people.make_user(database, "Erin")
    await people.add_member(database, session, erin)
    await people.run_sql(database, "UPDATE session_members SET left_at = now() WHERE user_id = $1", erin)
    await people.run_sql(database, "INSERT INTO session_removals VALUES ($1, $2)", session, erin)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await people.run_sql_as(database, erin, "UPDATE session_members SET left_at = NULL WHERE user_id = $1", erin)
    taken_back = "DELETE FROM session_removals WHERE user_id = $1 RETURNING user_id"
    assert await people.run_sql_as(database, erin, taken_back, erin) == []


@pytest.mark.parametrize("statement", ["UPDATE credit_entries SET number = 2", "DELETE FROM credit_entries"])
async def test_the_books_refuse_every_change(database, admin, world, statement):
    ada, _, _ = world
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await people.run_sql_as(database, ada, statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await people.run_sql(database, statement)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await admin.execute(statement)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await admin.execute("TRUNCATE credit_entries")


async def test_what_takes_on_the_rights_of_its_owner_is_called_by_nobody_else_but_the_process(database, admin):
    """Two are given their user, and two others recognise one: the web role may not call what is not its own."""
    owners = dict.fromkeys(["say_at_once", "create_at_once"], "chatserver_web")
    owners |= dict.fromkeys(["viewer_of_sign_in", "viewer_of_api_token"], "chatserver_worker")
    found = await admin.fetch(
        """SELECT oid, proname, proowner::regrole::text AS owner,
                  EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0) AS is_public,
                  EXISTS (SELECT FROM aclexplode(proacl) JOIN pg_database ON datdba = grantee
                           WHERE datname = current_database() AND privilege_type = 'EXECUTE') AS by_the_process
             FROM pg_proc WHERE proname = ANY($1::text[])""",
        list(owners),
    )
    assert {row["proname"]: row["owner"] for row in found} == owners
    assert not any(row["is_public"] for row in found)
    # Without any role, and whatever it inherits.
    assert all(row["by_the_process"] for row in found)
    for row in found:
        may = await admin.fetchval("SELECT has_function_privilege('chatserver_web', $1::oid, 'EXECUTE')", row["oid"])
        assert may == (row["owner"] == "chatserver_web")


# What a member reads of one session and of one companion, by key.
BY_KEY = {
    "user_sessions": "id = '{session}'",
    "session_members": "session_id = '{session}'",
    "messages": "session_id = '{session}'",
    "generations": "session_id = '{session}'",
    "assets": "session_id = '{session}'",
    "credits": "session_id = '{session}'",
    "credit_entries": "session_id = '{session}'",
    "session_reads": "session_id = '{session}' AND user_id = '{user}'",
    "users": "id = '{user}'",
}


@pytest.fixture(scope="module")
async def crowd(database, admin, world):
    """(grace, session, ada): Grace is with Ada in her session, and in five hundred others besides."""
    ada, _, session = world
    grace = await people.make_user(database, "Grace")
    await people.add_member(database, session, grace)
    await people.run_sql(
        database, "INSERT INTO session_reads (user_id, session_id, seen_seq) VALUES ($1, $2, 1)", grace, session
    )
    other = await people.make_user(database, "Lin")
    await admin.execute(
        """
        WITH made AS (
          INSERT INTO user_sessions (id, user_id, plan_id, title, expires_at)
          SELECT uuidv7(), $1, 'pro', 'Another', now() + interval '1 day' FROM generate_series(1, 500) RETURNING id
        )
        INSERT INTO session_members (session_id, user_id, role)
        SELECT id, member, 'guest' FROM made, unnest(ARRAY[$1, $2]::uuid[]) AS member
        """,
        other,
        grace,
    )
    await admin.execute("ANALYZE")
    return grace, session, ada


@pytest.mark.parametrize("table", BY_KEY)
async def test_a_right_is_looked_up_without_reading_all_sessions_of_who_asks(admin, crowd, table):
    grace, session, ada = crowd
    wanted = {"session": session, "user": ada if table == "users" else grace}
    query = f"SELECT 1 FROM {table} WHERE {BY_KEY[table].format(**wanted)}"
    counted = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'session_members'"
    async with admin.transaction():
        before = await admin.fetchval(counted) or 0
        await admin.execute("SET LOCAL ROLE chatserver_web; SET LOCAL plan_cache_mode = force_generic_plan")
        await admin.execute(f"SELECT set_config('app.user_id', '{grace}', true)")
        found = await admin.fetch(query)
        await admin.execute("RESET ROLE")
        read = await admin.fetchval(counted) - before
    assert found
    assert read < 50
