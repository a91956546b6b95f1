"""The Postgres that comes with the product: started in DATA_DIR when DATABASE_URL is empty, stopped at the end.

    postgres = await embedded.start(config)
    …connect to postgres.url…
    await postgres.stop()

`chatserver serve` and `chatserver worker` on one DATA_DIR share one server: whoever comes second adopts it, and the
last to leave stops it. A server left over by a `kill -9` is adopted the same way.
"""

from chatserver.database.embedded.postgres import EmbeddedPostgres, open_in, start

__all__ = ["EmbeddedPostgres", "open_in", "start"]
