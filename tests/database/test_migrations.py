"""Migrations: in order, once, all or nothing, and one clear line where they cannot go on."""

import asyncio
import contextlib
import itertools
import re
import shutil
from urllib.parse import urlsplit

import asyncpg
import pytest

from chatserver.database import migrations, roles
from chatserver.errors import ConfigurationError
from chatserver.runtime import paths
from tests.support import lines, proxy
from tests.support.proxy import Proxy

SHIPPED = paths.SQL / "migrations"


@pytest.fixture
async def empty_url(postgres_server):
    url = await postgres_server.create_database(template="template0")
    yield url
    await postgres_server.drop_database(url)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_things.sql").write_text("CREATE TABLE things (id integer); CREATE TABLE more (id integer)")
    (tmp_path / "0002_colour.sql").write_text("ALTER TABLE things ADD COLUMN colour text")
    return tmp_path


async def tables(url):
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        return {row["relname"] for row in rows}
    finally:
        await connection.close()


async def refusal(*arguments):
    with pytest.raises(ConfigurationError) as refused:
        await migrations.migrate(*arguments)
    assert "\n" not in refused.value.message
    return refused.value.message


async def test_what_we_ship_is_applied_once_and_told(empty_url):
    pending = await migrations.status(empty_url)
    assert [migration.applied_at for migration in pending] == [None] * len(pending)
    assert await migrations.migrate(empty_url) == [path.stem for path in sorted(SHIPPED.glob("*.sql"))]
    assert all(migration.applied_at for migration in await migrations.status(empty_url))
    assert await migrations.migrate(empty_url) == []


async def test_several_processes_at_once_apply_each_one_once(empty_url):
    applied = await asyncio.gather(*(migrations.migrate(empty_url) for _ in range(4)))
    assert sorted(itertools.chain(*applied)) == [path.stem for path in sorted(SHIPPED.glob("*.sql"))]


async def test_a_later_migration_is_applied_alone(empty_url, folder):
    later = (folder / "0002_colour.sql").rename(folder / "away")
    assert await migrations.migrate(empty_url, folder) == ["0001_things"]
    later.rename(folder / "0002_colour.sql")
    assert [m.applied_at is None for m in await migrations.status(empty_url, folder)] == [False, True]
    assert await migrations.migrate(empty_url, folder) == ["0002_colour"]


@contextlib.asynccontextmanager
async def upgraded(url, folder, rows, before):
    """A connection to a database to which Ada, a session and `rows` came before the migration of that number."""
    shutil.copytree(SHIPPED, folder / "earlier", ignore=lambda _, names: [name for name in names if name >= before])
    await migrations.migrate(url, folder / "earlier")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            f"""
            SET ROLE chatserver_worker;
            INSERT INTO users (id, email, name) VALUES (gen_random_uuid(), 'ada@example.org', 'Ada');
            INSERT INTO user_sessions (id, user_id, plan_id, title, expires_at)
            SELECT gen_random_uuid(), id, 'flash', 'Pictures', now() FROM users;
            {rows}
            RESET ROLE
            """
        )
        await migrations.migrate(url)
        await connection.execute("SET ROLE chatserver_worker")
        yield connection
    finally:
        await connection.close()


async def test_words_that_were_kept_in_another_form_of_unicode_are_found(empty_url, tmp_path):
    rows = """
        INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, client_id, seq)
        SELECT gen_random_uuid(), id, user_id, 'user', 'Ada', 'image', 'c', 1 FROM user_sessions;
        INSERT INTO generations (id, message_id, session_id, user_id, kind, number, prompt, seed, width, height)
        SELECT gen_random_uuid(), id, session_id, user_id, 'image', form, prompt, 1, 64, 64
          FROM messages, unnest(ARRAY['caf\u00e9', E'cafe\u0301', 'plain']) WITH ORDINALITY AS t (prompt, form);
        INSERT INTO assets (id, session_id, user_id, generation_id, kind, status, content_type, width, height, bytes,
                            sha256, filename, storage_key, thumbnail_key, placeholder)
        SELECT gen_random_uuid(), session_id, user_id, id, 'image', 'stored', 'image/png', 64, 64, 1, '', 'a', id, '', ''
          FROM generations;
    """
    async with upgraded(empty_url, tmp_path, rows, before="0074") as connection:
        # With its mark, and without: what the migration after that one adds.
        for table, typed in itertools.product(("prompts", "pictures"), ("cafe\u0301", "cafe")):
            query = f"SELECT count(*) FROM {table} WHERE words @@ all_words(NULL, $1)"
            assert await connection.fetchval(query, typed) == 2, (table, typed)


async def test_what_was_refunded_before_purchases_were_taken_back_is_taken_back(empty_url, tmp_path):
    rows = """
        INSERT INTO purchases (id, session_id, user_id, plan_id, amount, currency, checkout, reference)
        SELECT gen_random_uuid(), id, user_id, 'flash', 49, 'INR', 'stripe', state
          FROM user_sessions, unnest(ARRAY['refunded', 'fulfilled']) AS state;
        INSERT INTO orders (id, gateway, mode, plan, amount, currency, state, purchase_id, expires_at)
        SELECT id, 'stripe', 'live', '{}', 4900, 'INR', reference, id, now() FROM purchases;
    """
    async with upgraded(empty_url, tmp_path, rows, before="0057") as connection:
        rows = await connection.fetch("SELECT reference FROM purchases WHERE taken_back")
        assert [row["reference"] for row in rows] == ["refunded"]


async def test_what_was_bought_before_purchases_had_a_time_has_one_after_the_other(empty_url, tmp_path):
    # Bought for 60 minutes, extended by a code of 30, ended and bought again; one was given back, and one session is over.
    rows = """
        UPDATE user_sessions SET expires_at = now() + interval '1 hour';
        INSERT INTO user_sessions (id, user_id, plan_id, title, expires_at)
        SELECT gen_random_uuid(), id, 'flash', 'Over', now() FROM users;
        INSERT INTO codes (id, code_hash, batch_id, plan_id, minutes, image_credits_per_hour, video_credits_per_hour,
                           amount, currency, made_by, expires_at)
        VALUES (gen_random_uuid(), 'code', gen_random_uuid(), 'flash', 30, 8, 2, 49, 'INR', 'Grace', now());
        INSERT INTO purchases (id, session_id, user_id, plan_id, amount, currency, checkout, reference, taken_back,
                               created_at)
        SELECT gen_random_uuid(), s.id, s.user_id, 'flash', 49, 'INR', checkout, reference, taken_back,
               date_trunc('hour', now()) + make_interval(mins => at)
          FROM user_sessions s
         CROSS JOIN (SELECT 'codes', 'code ' || id, false, -20 FROM codes
                      UNION ALL VALUES ('stripe', 'first', false, -60), ('stripe', 'back', true, -30),
                                       ('manual', NULL, false, 100)) AS sold (checkout, reference, taken_back, at)
         WHERE s.title = 'Pictures';
        INSERT INTO purchases (id, session_id, user_id, plan_id, amount, currency, checkout)
        SELECT gen_random_uuid(), id, user_id, 'flash', 49, 'INR', 'instant' FROM user_sessions WHERE title = 'Over';
        INSERT INTO orders (id, gateway, mode, plan, amount, currency, state, purchase_id, expires_at)
        SELECT id, 'stripe', 'live', '{"minutes": 60}', 4900, 'INR', 'fulfilled', id, now()
          FROM purchases WHERE reference = 'first';
    """
    async with upgraded(empty_url, tmp_path, rows, before="0082") as connection:
        rows = await connection.fetch(
            "SELECT extract(epoch FROM ends_at - min(created_at) OVER ()) / 60 - 60 AS ends_at FROM purchases"
            " WHERE checkout <> 'instant' ORDER BY created_at"
        )
        assert [row["ends_at"] for row in rows] == [0, None, 30, 100 + 120]
        assert await connection.fetchval("SELECT ends_at FROM purchases WHERE checkout = 'instant'") is None


async def test_a_broken_migration_leaves_nothing_and_names_file_and_reason(empty_url, folder):
    (folder / "0003_broken.sql").write_text("CREATE TABLE half (id integer);\nALTER TABLE nowhere ADD COLUMN x text")
    line = await refusal(empty_url, folder)
    assert line == '0003_broken.sql failed, nothing of it is left: relation "nowhere" does not exist'
    assert await tables(empty_url) >= {"things", "more"}
    assert "half" not in await tables(empty_url)
    (folder / "0003_broken.sql").write_text("CREATE TABLE half (id integer)")
    assert await migrations.migrate(empty_url, folder) == ["0003_broken"]


async def test_a_changed_migration_is_refused(empty_url, folder):
    await migrations.migrate(empty_url, folder)
    (folder / "0001_things.sql").write_text("CREATE TABLE others (id integer)")
    assert "0001_things.sql was changed after it had been applied" in await refusal(empty_url, folder)


async def test_a_gap_and_a_bad_name_are_refused(empty_url, folder):
    (folder / "0004_late.sql").write_text("SELECT 1")
    assert "Migration 0003 is missing" in await refusal(empty_url, folder)
    (folder / "0004_late.sql").rename(folder / "three.sql")
    assert "three.sql is not named like a migration" in await refusal(empty_url, folder)


async def test_an_older_program_refuses_a_newer_database(empty_url, folder):
    await migrations.migrate(empty_url, folder)
    (folder / "0002_colour.sql").unlink()
    assert "newer than this program: it has 0002_colour. Start the newer version" in await refusal(empty_url, folder)


async def test_a_busy_table_makes_a_migration_give_way_and_try_again(empty_url, folder, monkeypatch):
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT_SECONDS", 0.1)
    (folder / "0002_colour.sql").rename(folder / "away")
    await migrations.migrate(empty_url, folder)
    (folder / "away").rename(folder / "0002_colour.sql")
    busy = await asyncpg.connect(empty_url)
    await busy.execute("BEGIN; INSERT INTO things VALUES (1)")
    migrating = asyncio.create_task(migrations.migrate(empty_url, folder))
    reader = await asyncpg.connect(empty_url)
    for _ in range(20):  # nobody waits for long behind the migration that waits
        await reader.fetch("SELECT * FROM things", timeout=10)
        await asyncio.sleep(0.02)
    assert not migrating.done()
    await busy.execute("COMMIT")
    assert await migrating == ["0002_colour"]
    await busy.close()
    await reader.close()


async def test_a_table_that_stays_busy_is_said_in_one_line(empty_url, folder, monkeypatch):
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(migrations, "TRIES", 2)
    (folder / "0002_colour.sql").rename(folder / "away")
    await migrations.migrate(empty_url, folder)
    (folder / "away").rename(folder / "0002_colour.sql")
    busy = await asyncpg.connect(empty_url)
    await busy.execute("BEGIN; INSERT INTO things VALUES (1)")
    assert "the tables stayed busy" in await refusal(empty_url, folder)
    await busy.close()


async def test_a_user_without_rights_is_told_the_sql_to_run(postgres_server):
    # Roles belong to the whole server, so this needs one where they were never made.
    await postgres_server.run("CREATE ROLE poor LOGIN")
    await postgres_server.run("CREATE DATABASE poor OWNER poor TEMPLATE template0")
    url = postgres_server.postgres.address("poor", "poor")
    try:
        line = await refusal(url)
        statements = re.search(r"then start again: (.*)$", line)[1]
        assert 'GRANT chatserver_web TO "poor";' in statements
        for statement in filter(None, (part.strip() for part in statements.split(";"))):
            if not statement.startswith("CREATE ROLE"):
                await postgres_server.run(statement)
        assert await migrations.migrate(url) == [path.stem for path in sorted(SHIPPED.glob("*.sql"))]
    finally:
        await postgres_server.drop_database(url)
        await postgres_server.run("DROP ROLE poor")


async def test_a_user_who_may_make_roles_needs_no_superuser(postgres_server, monkeypatch):
    role = "chatserver_of_a_test"
    monkeypatch.setattr(roles, "ROLES", (role,))
    await postgres_server.run("CREATE ROLE able LOGIN CREATEROLE")
    await postgres_server.run("CREATE DATABASE able OWNER able TEMPLATE template0")
    url = postgres_server.postgres.address("able", "able")
    connection = await asyncpg.connect(url)
    try:
        await roles.ensure_working_roles(connection, "able")
        await roles.ensure_working_roles(connection, "able")
        await connection.execute(f"SET ROLE {role}")
    finally:
        await connection.close()
        await postgres_server.drop_database(url)
        await postgres_server.run(f"DROP ROLE {role}")
        await postgres_server.run("DROP ROLE able")


async def test_an_unreachable_database_is_one_line_without_the_password(tmp_path):
    line = await refusal("postgresql://ada:sesame@127.0.0.1:1/nothing")
    assert "cannot be reached" in line
    assert "sesame" not in line


async def test_a_stranger_in_someone_elses_database_is_told(postgres_server, empty_url):
    await postgres_server.run("CREATE ROLE stranger LOGIN")
    await postgres_server.run("GRANT chatserver_web, chatserver_worker TO stranger")
    url = postgres_server.postgres.address("stranger", urlsplit(empty_url).path.lstrip("/"))
    try:
        assert "should own the database" in await refusal(url)
    finally:
        await postgres_server.run("DROP ROLE stranger")


def test_the_shipped_migrations_are_numbered_without_a_gap(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "copy")
    assert [migration.version for migration in migrations.read_files(tmp_path / "copy")] == list(
        range(1, len(list(SHIPPED.glob("*.sql"))) + 1)
    )


class Lingering(Proxy):
    """Never ends a line, as a network that loses the last packet."""

    async def _carry(self, reader, writer):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        await asyncio.Event().wait()


async def test_a_server_whose_goodbye_is_lost_is_left_with_all_done(empty_url, folder, monkeypatch):
    monkeypatch.setattr(migrations, "CONNECT_SECONDS", 0.5)
    async with proxy.running(Lingering(lines.target_of(empty_url))) as line:
        applied = await migrations.migrate(lines.through(empty_url, line.port), folder)
    assert applied == ["0001_things", "0002_colour"]
    assert {"things", "more"} <= await tables(empty_url)


async def test_what_was_drawn_out_of_proportion_before_is_drawn_plain(empty_url, tmp_path):
    """Rows from before the bound on what is drawn: read by every opening, they are within it afterwards."""
    bound = next(path.name for path in SHIPPED.glob("*_bounded_html.sql"))
    for path in SHIPPED.glob("*.sql"):
        if path.name < bound:
            shutil.copy(path, tmp_path)
    await migrations.migrate(empty_url, tmp_path)
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute(
            """
            INSERT INTO users (id, email, name) VALUES (gen_random_uuid(), 'ada@example.org', 'Ada');
            INSERT INTO user_sessions (id, user_id, plan_id, title, expires_at)
            SELECT gen_random_uuid(), users.id, 'flash', 'x', now() FROM users;
            INSERT INTO messages (id, session_id, author_kind, author_name, kind, text, html, client_id, seq, status)
            SELECT gen_random_uuid(), s.id, 'user', 'Ada', 'text', text, html, 'c' || rows.seq, rows.seq, rows.status
              FROM user_sessions s, (VALUES (1, E'a <b> & c\\n' || repeat('[a] ', 1500), repeat('x', 2700000), 'done'),
                                            (2, 'growing', repeat('x', 9000), 'streaming'),
                                            (3, 'kept', '<p><em>kept</em></p>', 'done')) AS rows (seq, text, html, status)
            """
        )
        await migrations.migrate(empty_url)
        rows = await connection.fetch("SELECT text, html, closed FROM messages ORDER BY seq")
        assert rows[0]["html"].startswith("<p>a &lt;b&gt; &amp; c<br>\n[a] [a]") and len(rows[0]["html"]) < 7000
        assert rows[1]["html"] == "" and rows[2]["html"] == "<p><em>kept</em></p>"
    finally:
        await connection.close()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_of_another_encoding_is_refused_with_one_clear_line(postgres_server, encoding):
    how = f"ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    await postgres_server.run(f"CREATE DATABASE odd_{encoding.lower()} {how} OWNER chatserver")
    url = postgres_server.postgres.address("chatserver", f"odd_{encoding.lower()}")
    try:
        for look in (migrations.migrate, migrations.require, migrations.status):
            with pytest.raises(ConfigurationError, match=f"encoded in {encoding}") as refusal:
                await look(url)
            assert "\n" not in refusal.value.message
        assert await tables(url) == set()
    finally:
        await postgres_server.drop_database(url)
