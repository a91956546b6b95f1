"""The lines of one machine to what it shares with the others: Postgres, Redis and S3, each through a proxy of its own, so
that a network can part it from some of them and from nobody else."""

import contextlib
import re
from urllib.parse import parse_qs, urlsplit

from tests.support import proxy
from tests.support.proxy import Proxy, Target

ENGINES = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL")
_LOCAL = re.compile(r"127\.0\.0\.1:(\d+)")


class Lines:
    """`settings` lead through them. Made by `laid`, ended by `close`."""

    def __init__(self) -> None:
        self.settings: dict[str, str] = {}
        self._proxies: dict[str, Proxy] = {}
        self._open = contextlib.AsyncExitStack()

    @classmethod
    async def laid(cls, settings: dict[str, str]) -> "Lines":
        """A line to each engine that these settings name by an address."""
        lines = cls()
        for name in ENGINES:
            if target := target_of(settings.get(name, "")):
                line = await lines._open.enter_async_context(proxy.running(Proxy(target)))
                lines._proxies[name] = line
                lines.settings[name] = through(settings[name], line.port)
        return lines

    def part(self, *names: str) -> None:
        """From here on nothing passes, in either direction, and nothing is refused."""
        for name in names:
            self._proxies[name].mode = "hold"

    def heal(self) -> None:
        """What was under way arrives now, late."""
        for line in self._proxies.values():
            line.mode = "carry"

    async def close(self) -> None:
        await self._open.aclose()


def target_of(url: str) -> Target | None:
    """Where an engine's address leads; None where it names no place of this machine's."""
    if folder := parse_qs(urlsplit(url).query).get("host"):
        return f"{folder[0]}/.s.PGSQL.5432"
    found = _LOCAL.search(url)
    return int(found[1]) if found else None


def through(url: str, port: int) -> str:
    """The same address by way of a proxy."""
    if "?host=" in url:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.username}@127.0.0.1:{port}{parts.path}"
    return _LOCAL.sub(f"127.0.0.1:{port}", url)
