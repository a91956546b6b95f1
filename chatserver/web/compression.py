"""Compression of answers for clients that accept it, by the weights of Accept-Encoding (RFC 9110, 12.5.3)."""

import re

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware, IdentityResponder
from starlette.types import Receive, Scope, Send

# A name in Accept-Encoding, without those of weight 0: "gzip, br;q=0" accepts gzip only.
_ENCODING = re.compile(r"(?:^|,)\s*([a-z]+)(?=\s*(?:[;,]|$))(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")


def accepted_encodings(header: str) -> frozenset[str]:
    """The names of the encodings that an Accept-Encoding accepts."""
    return frozenset(_ENCODING.findall(header.lower()))


class Compression(GZipMiddleware):
    """Compresses answers by gzip where that is accepted: Starlette's own finds its name in "gzip;q=0", too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = accepted_encodings(Headers(scope=scope).get("accept-encoding", ""))
        if scope["type"] == "http" and "gzip" not in accepted:
            uncompressed = IdentityResponder(
                self.app, self.minimum_size, exclude_content_types=self.exclude_content_types
            )
            await uncompressed(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
