"""Who really called: X-Forwarded-For and -Proto are believed from listed proxies only, as far as these reach."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver.config import Config
from chatserver.errors import ConfigurationError


class TrustedProxies:
    """Sets the scope's client and scheme from what a proxy of TRUSTED_PROXIES says."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._networks = [_network(text) for text in config.trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and self._trusts(_client(scope)):
            self._believe(scope)
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        caller = self._caller(",".join(headers.getlist("x-forwarded-for")))
        if caller:
            scope["client"] = (caller, 0)
        scheme = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        if scheme in {"http", "https"}:
            scope["scheme"] = scheme.replace("http", "ws") if scope["type"] == "websocket" else scheme

    def _caller(self, forwarded: str) -> str | None:
        """The nearest address that is no proxy of ours. What stands left of it the caller may have made up."""
        addresses = [part.strip() for part in forwarded.split(",") if part.strip()]
        for address in reversed(addresses):
            if not _is_address(address):
                return None
            if not self._trusts(address):
                return address
        return addresses[0] if addresses else None

    def _trusts(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ConfigurationError(f"TRUSTED_PROXIES names {text!r}; it takes addresses and networks.") from None


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
