"""docs/database.md's commands for your own server, as they stand there: dumped by the role for it, restored by the owner."""

import os
import re
import subprocess
from urllib.parse import urlsplit

import asyncpg
import pytest

from chatserver.database import Database, load_queries, migrations
from chatserver.database.command_line import NullPublisher
from chatserver.database.embedded import paths as postgres_paths
from chatserver.errors import ConfigurationError
from chatserver.runtime import paths
from tests.support import people

PAGE = (paths.ROOT / "docs" / "database.md").read_text()
SECTION = PAGE.split("\n### Your own server\n")[1].split("\n### ")[0]
MOVING = PAGE.split("\n### From the embedded server to your own\n")[1]


def commands(text, language):
    """Every block of that language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
async def backup_url(postgres_server, database_url):
    """The address of the role that the page makes."""
    [statements] = commands(SECTION, "sql")
    await postgres_server.run(statements)
    yield postgres_server.postgres.address("chatserver_backup", urlsplit(database_url).path[1:])
    await postgres_server.run("DROP ROLE chatserver_backup")


@pytest.fixture
def shell(backup_url, tmp_path):
    """Runs commands of the page; `database_url` is where DATABASE_URL leads. Gives the exit code and what was said."""

    def run(text, database_url):
        programs = postgres_paths.programs_folder()
        names = {
            "DATABASE_URL": database_url,
            "BACKUP_URL": backup_url,
            "BACKUP": tmp_path / "backup.dump",
            "PG": programs,
        }
        environ = {"PATH": f"{programs}:{os.environ['PATH']}", **{name: str(value) for name, value in names.items()}}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], env=environ, capture_output=True, text=True)
        return done.returncode, done.stderr

    return run


@pytest.fixture(scope="module")
async def ada(database):
    """Somebody with a session."""
    person = await people.make_user(database, "Ada")
    await people.make_session(database, person)
    return person


async def test_a_dump_restores_rows_rights_and_owners_without_a_superuser(database_url, database, ada, shell):
    dump, restore = commands(SECTION, "sh")
    assert shell(dump, database_url) == (0, "")
    await people.run_sql(database, "DELETE FROM users")
    code, said = shell(restore, database_url)
    assert code == 0, said
    await all_is_as_before(database_url, ada)


async def test_the_owner_cannot_dump_and_is_told(database_url, ada, shell):
    code, said = shell(commands(SECTION, "sh")[0].replace("BACKUP_URL", "DATABASE_URL"), database_url)
    assert (code, "row-level security" in said) == (1, True)


@pytest.mark.parametrize(
    ("flags", "as_superuser", "left_out"),
    [
        ("--no-owner", False, "the function create_at_once belongs to chatserver"),
        ("--no-owner", True, "the tables belong to postgres"),
        ("--no-privileges", False, "chatserver_worker may not read users"),
    ],
)
async def test_a_restore_without_owners_or_rights_is_refused_at_the_start(
    postgres_server, database_url, ada, shell, flags, as_superuser, left_out
):
    new_url = await postgres_server.create_database("template0")
    dump, restore = commands(SECTION, "sh")
    assert shell(dump, database_url) == (0, "")
    restore = restore.replace("--clean", f"{flags} --clean")
    # What a managed server's own administrator does with a dump.
    restored_as = postgres_server.admin_url_of(new_url) if as_superuser else new_url
    assert shell(restore, restored_as)[0] == 0
    for look in (migrations.migrate, migrations.status):
        with pytest.raises(ConfigurationError) as refused:
            await look(new_url)
        assert f"restored without its owners and rights: {left_out}." in refused.value.message
    await postgres_server.drop_database(new_url)


async def test_an_embedded_database_moves_to_a_server_that_is_older(postgres_server, database_url, ada, shell):
    """Every server takes the statements that are left; that an older one does, too, was tried with PostgreSQL 15."""
    new_url = await postgres_server.create_database("template0")
    dump, restore = commands(SECTION, "sh")
    assert shell(dump, database_url) == (0, "")
    grant, _, revoke = restore.splitlines()
    code, said = shell("\n".join([grant, *commands(MOVING, "sh"), revoke]), new_url)
    assert code == 0, said
    await all_is_as_before(new_url, ada)
    await postgres_server.drop_database(new_url)


async def all_is_as_before(url, person):
    """The person, what they see, and whose the functions are."""
    assert await migrations.migrate(url) == []
    database = Database(url, load_queries(paths.SQL / "queries"), NullPublisher(), pool=2)
    await database.connect()
    assert [row["id"] for row in await people.run_sql(database, "SELECT id FROM users")] == [person]
    stranger = await people.make_user(database, "Bob")
    seen = [len(await people.run_sql_as(database, who, "SELECT id FROM user_sessions")) for who in (person, stranger)]
    assert seen == [1, 0]
    await people.run_sql(database, f"DELETE FROM users WHERE id = '{stranger}'")
    await database.close()
    connection = await asyncpg.connect(url)
    owners = await connection.fetch(
        "SELECT proowner::regrole::text AS owner FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert {row["owner"] for row in owners} == {"chatserver_web", "chatserver_worker"}
    for role in ("chatserver_web", "chatserver_worker"):
        assert not await connection.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", role)
    await connection.close()
