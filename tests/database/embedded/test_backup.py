"""docs/database.md's commands for backup and restore, as they stand there."""

import re
import subprocess

from chatserver.database import Database, load_queries, migrations
from chatserver.database.embedded import paths as postgres_paths
from chatserver.runtime import paths
from tests.support import people, postgres


class NullPublisher:
    def publish(self, announcements):
        pass


def command(name, **names):
    """The command of docs/database.md that begins with $PG/name, with its variables filled in."""
    text = (paths.ROOT / "docs" / "database.md").read_text().replace("\\\n", " ")
    line = re.search(rf"^ *\$PG/{name} .*$", text, re.MULTILINE)[0]
    for variable, value in names.items():
        line = line.replace(f"${variable}", str(value))
    return line.split()


async def test_a_backup_restores_rows_rights_and_owners(tmp_path):
    async with postgres.running_server() as server:
        url = await server.create_database()
        name = url.rsplit("/", 1)[1].split("?")[0]
        names = {
            "PG": postgres_paths.programs_folder(),
            "SOCKET": server.postgres.folder / "socket",
            "BACKUP": tmp_path / "backup.dump",
        }

        def run(line):
            return subprocess.run([re.sub("(^|=)chatserver$", rf"\1{name}", part) for part in line], check=True)

        database = Database(url, load_queries(paths.SQL / "queries"), NullPublisher(), pool=2)
        await database.connect()
        ada = await people.make_user(database, "Ada")
        session = await people.make_session(database, ada)
        run(command("pg_dump", **names))
        await people.run_sql(database, "DELETE FROM users")
        await people.make_user(database, "Later")
        run(command("pg_restore", **names))

        assert [row["id"] for row in await people.run_sql(database, "SELECT id FROM users")] == [ada]
        assert [row["id"] for row in await people.run_sql_as(database, ada, "SELECT id FROM user_sessions")] == [
            session
        ]
        stranger = await people.make_user(database, "Bob")
        assert await people.run_sql_as(database, stranger, "SELECT id FROM user_sessions") == []
        await database.close()
        assert await migrations.migrate(url) == []
