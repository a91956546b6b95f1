"""The client behind trusted proxies, from the headers that these add (TRUSTED_PROXIES).

`X-Forwarded-For` and `-Proto` are read as proxies write them, and `Forwarded` (RFC 7239) where the first is not there.
A proxy that writes one of the two passes on the other as the client sent it, so where they differ neither is used.
"""

import re
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver.config import Config
from chatserver.net import ip_addresses
from chatserver.net.ip_addresses import Address

# ws and wss: some proxies name a websocket's own scheme.
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# token=token or token="quoted" (RFC 7239); commas separate elements, semicolons separate pairs.
_PAIR = re.compile(
    r"""\s*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^\s",;]*+)\s*+([;,]|$)|\s*+([;,])"""
)
# More than any chain of proxies; hops left of these are ignored.
_MAX_HOPS = 50


class Hop(NamedTuple):
    """What one proxy reports of its client; each field is empty where it reports nothing."""

    address: str = ""
    scheme: str = ""
    host: str = ""


class TrustedProxies:
    """Sets the scope's client and scheme from the headers of trusted proxies, and normalises every client address."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._networks = [ip_addresses.setting("TRUSTED_PROXIES", text) for text in config.trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope.get("client"):
            peer = ip_addresses.address_of(str(scope["client"][0]))
            if peer is not None:
                # A dual-stack socket reports IPv4 as IPv6; limits compare one form.
                scope["client"] = (str(peer), scope["client"][1])
                if self._trusts(peer):
                    self._apply_headers(scope)
        await self._app(scope, receive, send)

    def _apply_headers(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        x_forwarded = _x_forwarded(headers)
        forwarded = _forwarded(headers.getlist("forwarded"))
        client, hop = self._client(x_forwarded)
        other, forwarded_hop = self._client(forwarded)
        if client is not None and other is not None and client != other:
            return
        if client or other:
            scope["client"] = (str(client or other), 0)
        if x_forwarded or "x-forwarded-proto" in headers:
            _set_scheme(scope, hop.scheme)
        elif forwarded:
            _set_scheme(scope, forwarded_hop.scheme)
            _set_host(scope, forwarded_hop.host)

    def _client(self, hops: Sequence[Hop]) -> tuple[Address | None, Hop]:
        """The last address that is not a trusted proxy, and its hop. Hops left of it may be forged by the client; None where
        the nearest proxy does not know its client."""
        known, nearest = None, Hop()
        for hop in reversed(hops):
            address = ip_addresses.peer_of(hop.address)
            nearest = hop
            if address is None:
                return known, nearest
            known = address
            if not self._trusts(address):
                return address, nearest
        return known, nearest

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


# Parsing ---------------------------------------------------------------------------------------------------------


def _x_forwarded(headers: Headers) -> list[Hop]:
    """X-Forwarded-For with the scheme of each address where there are as many; otherwise all have the nearest proxy's."""
    addresses, schemes = (_listed(headers.getlist(f"x-forwarded-{name}")) for name in ("for", "proto"))
    if not schemes:
        return [Hop(address) for address in addresses]
    if len(schemes) == len(addresses):
        return [Hop(address, scheme) for address, scheme in zip(addresses, schemes, strict=True)]
    return [Hop(address, schemes[-1]) for address in addresses or ["unknown"]]


def _listed(lines: Sequence[str]) -> list[str]:
    parts = chain.from_iterable(line.rsplit(",", _MAX_HOPS) for line in lines)
    return [part.strip() for part in parts if part.strip()][-_MAX_HOPS:]


def _forwarded(lines: Sequence[str]) -> list[Hop]:
    """The elements of Forwarded, the nearest proxy's last; none where the header is malformed."""
    return _elements(",".join(lines))[-_MAX_HOPS:]


def _elements(text: str) -> list[Hop]:
    hops, pairs, position = [], {}, 0
    while position < len(text):
        found = _PAIR.match(text, position)
        if found is None:
            return []
        name, value, end = found[1], found[2], found[3] if found[1] else found[4]
        if name:
            pairs[name.lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        if pairs and end != ";":
            hops.append(_hop(pairs))
            pairs = {}
        position = found.end()
    return hops + ([_hop(pairs)] if pairs else [])


def _hop(pairs: dict[str, str]) -> Hop:
    return Hop(pairs.get("for", "unknown"), pairs.get("proto", ""), pairs.get("host", ""))


# Applying ----------------------------------------------------------------------------------------------------------


def _set_scheme(scope: Scope, written: str) -> None:
    scheme = _SCHEMES.get(written.strip('"').lower())
    if scheme is not None:
        scope["scheme"] = scheme.replace("http", "ws") if scope["type"] == "websocket" else scheme


def _set_host(scope: Scope, host: str) -> None:
    """Sets the Host header, which `AllowedHosts` then checks like any other."""
    if host and host.isascii() and host.isprintable():
        scope["headers"] = list(scope["headers"])
        MutableHeaders(scope=scope)["host"] = host
