"""Which names this server answers to, and which origins are its own. A foreign name could be a rebound one."""

from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver.config import Config
from chatserver.net import urls

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
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
    authority = urls.authority_of(host)
    if authority is None:
        return False
    name = authority[0]
    if name in LOOPBACK or name in {_host_of(config.origin), _in_url(config.host)}:
        return True
    # On every interface and without a name of its own it is reached by number, and no number can be rebound.
    return not config.public_url and config.host in _EVERY_INTERFACE and urls.is_number(name)


def is_own_origin(config: Config, scope: Scope, origin: str) -> bool:
    """Whether an Origin header is that of our pages: PUBLIC_URL's, or the very address this request came to."""
    return urls.origin_of(origin) in {config.origin, _address(config, scope)}


def link_origin(config: Config, scope: Scope) -> str:
    """What links to our pages begin with: PUBLIC_URL, or where it is not set the very address this request came to.

    Give such a link to nobody but who sent the request: they chose the Host header, within our own names.
    """
    return config.origin if config.public_url else _address(config, scope)


def is_loopback_origin(origin: str) -> bool:
    """Whether an address of ours means this machine to whoever opens it."""
    host = _host_of(origin)
    return host in LOOPBACK or (urls.is_number(host) and ip_address(host.strip("[]")).is_loopback)


def _address(config: Config, scope: Scope) -> str:
    """Where this request came to, if that is one of our own names, in the form that a browser says."""
    header = Headers(scope=scope).get("host", "")
    authority = urls.authority_of(header)
    if authority is None or not is_own_host(config, header):
        return config.origin
    return urls.origin("https" if scope["scheme"] in {"https", "wss"} else "http", *authority)


def _host_of(origin: str) -> str:
    """The host of an origin in its one form."""
    authority = urls.authority_of(origin.partition("://")[2])
    return authority[0] if authority else ""


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
