"""The embedded Postgres: started in DATA_DIR when DATABASE_URL is empty, stopped at the end.

    postgres = await embedded.start(config)
    …connect to postgres.url…
    await postgres.stop()

`chatserver serve` and `chatserver worker` on one DATA_DIR share one server: the second process adopts it, and the last
one to end stops it. A server left over by a `kill -9` is adopted the same way.
"""

from chatserver.database.embedded.paths import has_database
from chatserver.database.embedded.postgres import EmbeddedPostgres, open_in, start

__all__ = ["EmbeddedPostgres", "has_database", "open_in", "start"]
