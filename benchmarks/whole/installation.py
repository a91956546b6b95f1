"""Where a scenario takes place: a durable Postgres, a web process on it, people with sessions, and who used how much CPU."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.whole import cpu, statement_count
from chatserver import ids
from chatserver.database import Database, embedded, load_queries, migrations
from chatserver.database.embedded.postgres import OWNER
from chatserver.events import Announcement
from chatserver.runtime import paths
from chatserver.users import tokens
from tests.support import product as products
from tests.support.people import add_member, make_session, make_user, run_sql
from tests.support.product import Product
from tests.support.story import ApiUser


class Unheard:
    """A publisher whose announcements nobody hears: people and sessions are made before anybody is there."""

    def publish(self, announcements: list[Announcement]) -> None: ...


@dataclass
class Installation:
    """One Postgres and one web process. `database` is for what a scenario puts there itself."""

    postgres: embedded.EmbeddedPostgres
    database: Database
    product: Product
    folder: Path

    @property
    def admin_url(self) -> str:
        """The superuser's address of the product's database."""
        return self.postgres.address("postgres", OWNER)

    def cpu(self, product: Product | None = None) -> cpu.Usage:
        """The CPU seconds until now; of another web process, where one is given."""
        postmaster = int((self.postgres.folder / "data" / "postmaster.pid").read_text().split()[0])
        return cpu.measured((product or self.product).process.pid, postmaster)

    async def person(self, name: str = "Ada") -> ApiUser:
        """Somebody new with an API token."""
        user_id, token = await make_user(self.database, name), tokens.new_api_token()
        statement = "INSERT INTO api_tokens (id, user_id, token_hash) VALUES ($1, $2, $3)"
        await run_sql(self.database, statement, ids.new(), user_id, tokens.digest(token))
        return ApiUser(self.product, {"id": user_id, "name": name}, token, "")

    async def session(self, owner: ApiUser, *guests: ApiUser) -> str:
        """A session with most credits; its id."""
        session_id = await make_session(self.database, owner.id, "pro")
        for guest in guests:
            await add_member(self.database, session_id, guest.id)
        return session_id

    @contextlib.asynccontextmanager
    async def web(self, name: str, **settings: Any) -> AsyncIterator[Product]:
        """Another web process on the same database."""
        chosen = {"DATABASE_URL": self.postgres.url, **settings}
        async with products.running(
            self.folder / name, "serve", "--role", "web", shares_database=True, **chosen
        ) as web:
            yield web

    @contextlib.asynccontextmanager
    async def counted(self) -> AsyncIterator[tuple[Product, statement_count.Count]]:
        """Another web process, and what it says to Postgres."""
        with tempfile.TemporaryDirectory(prefix="count-") as name:
            socket = self.postgres.folder / "socket"
            async with statement_count.counting(socket, Path(name)) as count:
                url = f"postgresql://{OWNER}@/{OWNER}?host={quote(name, safe='')}"
                async with self.web("counted", DATABASE_URL=url) as web:
                    yield web, count


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Installation]:
    """An installation for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root the server runs as another user
        postgres = await embedded.open_in(folder)
        try:
            await migrations.migrate(postgres.url)
            database = Database(postgres.url, load_queries(paths.SQL / "queries"), Unheard(), pool=4)
            await database.connect()
            async with products.running(folder / "web", "serve", "--role", "web", DATABASE_URL=postgres.url) as web:
                yield Installation(postgres, database, web, folder)
            await database.close()
        finally:
            await postgres.stop()
