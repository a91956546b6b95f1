"""Who really called: what proxies say is believed from listed ones only, as far as these reach.

`X-Forwarded-For` and `-Proto` are read as proxies write them, and `Forwarded` (RFC 7239) where the first is not there.
A proxy that speaks one of the two passes on what strangers wrote in the other, so where they differ neither is believed.
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
# token=token or token="quoted", as RFC 7239 has them; elements are parted by commas, pairs by semicolons.
_PAIR = re.compile(
    r"""\s*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^\s",;]*+)\s*+([;,]|$)|\s*+([;,])"""
)
# More than any chain of proxies; what stands left of them nobody reads.
_MOST_HOPS = 50


class Hop(NamedTuple):
    """What one proxy says of whoever called it; each is empty where it says nothing."""

    address: str = ""
    scheme: str = ""
    host: str = ""


class TrustedProxies:
    """Sets the scope's client and scheme from what a proxy of TRUSTED_PROXIES says, and spells every client alike."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._networks = [ip_addresses.setting("TRUSTED_PROXIES", text) for text in config.trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope.get("client"):
            peer = ip_addresses.address_of(str(scope["client"][0]))
            if peer is not None:
                # A socket of both families spells IPv4 as IPv6; limits and lists know one spelling.
                scope["client"] = (str(peer), scope["client"][1])
                if self._trusts(peer):
                    self._believe(scope)
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        named = _x_forwarded(headers)
        spoken = _forwarded(headers.getlist("forwarded"))
        caller, hop = self._caller(named)
        other, spoken_hop = self._caller(spoken)
        if caller is not None and other is not None and caller != other:
            return
        if caller or other:
            scope["client"] = (str(caller or other), 0)
        if named or "x-forwarded-proto" in headers:
            _set_scheme(scope, hop.scheme)
        elif spoken:
            _set_scheme(scope, spoken_hop.scheme)
            _set_host(scope, spoken_hop.host)

    def _caller(self, hops: Sequence[Hop]) -> tuple[Address | None, Hop]:
        """The nearest address that is no proxy of ours, and what was said of it. What stands left of it the caller may
        have made up; None where the nearest proxy of ours does not know its caller."""
        known, said = None, Hop()
        for hop in reversed(hops):
            address = ip_addresses.peer_of(hop.address)
            said = hop
            if address is None:
                return known, said
            known = address
            if not self._trusts(address):
                return address, said
        return known, said

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


# What proxies write --------------------------------------------------------------------------------------------------


def _x_forwarded(headers: Headers) -> list[Hop]:
    """X-Forwarded-For with the scheme of each address, where as many are told; otherwise all have the nearest proxy's."""
    addresses, schemes = (_listed(headers.getlist(f"x-forwarded-{name}")) for name in ("for", "proto"))
    if not schemes:
        return [Hop(address) for address in addresses]
    if len(schemes) == len(addresses):
        return [Hop(address, scheme) for address, scheme in zip(addresses, schemes, strict=True)]
    return [Hop(address, schemes[-1]) for address in addresses or ["unknown"]]


def _listed(lines: Sequence[str]) -> list[str]:
    parts = chain.from_iterable(line.rsplit(",", _MOST_HOPS) for line in lines)
    return [part.strip() for part in parts if part.strip()][-_MOST_HOPS:]


def _forwarded(lines: Sequence[str]) -> list[Hop]:
    """The elements of Forwarded, the nearest proxy's last; nothing where it does not keep to its grammar."""
    return _elements(",".join(lines))[-_MOST_HOPS:]


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


# What is believed ----------------------------------------------------------------------------------------------------


def _set_scheme(scope: Scope, written: str) -> None:
    scheme = _SCHEMES.get(written.strip('"').lower())
    if scheme is not None:
        scope["scheme"] = scheme.replace("http", "ws") if scope["type"] == "websocket" else scheme


def _set_host(scope: Scope, host: str) -> None:
    """The name that was asked for. It is judged as any other Host is: by whether it is our own."""
    if host and host.isascii() and host.isprintable():
        scope["headers"] = list(scope["headers"])
        MutableHeaders(scope=scope)["host"] = host
