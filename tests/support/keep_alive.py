"""The connector of clients that tests keep open."""

import aiohttp

# Less than the five seconds after which the product closes an idle connection: a POST that meets the close is lost.
SECONDS = 2


def connector() -> aiohttp.TCPConnector:
    """Reuses a connection only while the product keeps it for certain."""
    return aiohttp.TCPConnector(keepalive_timeout=SECONDS)
