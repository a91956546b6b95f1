"""Which names this server answers to, and which origins are its own. A foreign name could be a rebound one."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver.config import Config

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::[0-9]{1,5})?")
# Probes come to a machine's or a container's own address.
_UNNAMED_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class AllowedHosts:
    """Answers only under its own names: those of PUBLIC_URL and HOST, and the loopback ones."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._answers(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4503, "reason": "bad host"})
        else:
            answer = PlainTextResponse("This server does not answer to that name. Set PUBLIC_URL to it.\n", 421)
            await answer(scope, receive, send)

    def _answers(self, scope: Scope) -> bool:
        if scope["type"] not in {"http", "websocket"} or scope["path"] in _UNNAMED_PATHS:
            return True
        return is_own_host(self._config, Headers(scope=scope).get("host", ""))


def is_own_host(config: Config, host: str) -> bool:
    """Whether a Host header names this server. Ports are free: a proxy or a container may map them."""
    name = _hostname(host)
    if name is None:
        return False
    if name in LOOPBACK or name in {_hostname(urlsplit(config.origin).netloc), config.host}:
        return True
    # On every interface and without a name of its own it is reached by number, and no number can be rebound.
    return not config.public_url and config.host in _EVERY_INTERFACE and _is_number(name)


def is_own_origin(config: Config, scope: Scope, origin: str) -> bool:
    """Whether an Origin header is that of our pages: PUBLIC_URL's, or the very address this request came to."""
    return origin in {config.origin, _address(config, scope)}


def link_origin(config: Config, scope: Scope) -> str:
    """What links to our pages begin with: PUBLIC_URL, or where it is not set the very address this request came to.

    Give such a link to nobody but who sent the request: they chose the Host header, within our own names.
    """
    return config.origin if config.public_url else _address(config, scope)


def opens_here_only(origin: str) -> bool:
    """Whether an address means this machine to whoever opens it."""
    name = _hostname(urlsplit(origin).netloc) or ""
    return name in LOOPBACK or (_is_number(name) and ip_address(name).is_loopback)


def _address(config: Config, scope: Scope) -> str:
    host = Headers(scope=scope).get("host", "")
    scheme = "https" if scope["scheme"] in {"https", "wss"} else "http"
    return f"{scheme}://{host}" if is_own_host(config, host) else config.origin


def _hostname(host: str) -> str | None:
    match = _HOST.fullmatch(host.lower())
    return match[1].strip("[]") if match else None


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
