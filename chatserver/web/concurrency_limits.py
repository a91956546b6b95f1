"""How many requests of one client address this process works on at once.

Connections are bounded below HTTP (`chatserver.edge`), but a trusted proxy has as many as it likes, and over them one client
could occupy the database's whole pool. Runs inside `TrustedProxies`, which has put the client's own address into the scope.
"""

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver.errors import RateLimited
from chatserver.identity.addresses import subnet_of

# Long enough for some of those at work to end.
_RETRY_SECONDS = 1.0


class ConcurrencyLimits:
    """Refuses a request (429) while its address has `most` others at work; an IPv6 address counts as its /64."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._at_work: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if scope["type"] != "http" or not client:
            await self._app(scope, receive, send)
            return
        address = subnet_of(client[0])
        if self._at_work[address] >= self._most:
            raise RateLimited("Your network has too many requests under way at once.", retry_after=_RETRY_SECONDS)
        self._at_work[address] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._at_work[address] -= 1
            if not self._at_work[address]:
                del self._at_work[address]
