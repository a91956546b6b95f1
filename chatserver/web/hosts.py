"""The host names that this server answers to, and its own origins. Prevents DNS rebinding."""

from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver.api.endpoint import PREFIX, json_response
from chatserver.config import Config
from chatserver.errors import ChatserverError
from chatserver.net import urls

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
# Health probes use a machine's or a container's own address.
_ANY_HOST_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class WrongHost(ChatserverError):
    """This server does not answer to that name. Set PUBLIC_URL to it."""

    code = "wrong-host"
    status = 421


class AllowedHosts:
    """Refuses (421) requests for other hosts than PUBLIC_URL's, HOST and the loopback names."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_allowed(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            raise WrongHost
        else:
            await _refusal(scope["path"])(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        if scope["type"] not in {"http", "websocket"} or scope["path"] in _ANY_HOST_PATHS:
            return True
        return is_own_host(self._config, Headers(scope=scope).get("host", ""))


def _refusal(path: str) -> Response:
    error = WrongHost()
    if path.startswith(PREFIX + "/"):
        return json_response({"error": error.as_dict()}, error.status)
    return PlainTextResponse(f"{error.message}\n", error.status)


def is_own_host(config: Config, host: str) -> bool:
    """Whether a Host header names this server. Ports are free: a proxy or a container may map them."""
    authority = urls.authority_of(host)
    if authority is None:
        return False
    name = authority[0]
    if name in LOOPBACK or name in {_host_of(config.origin), _in_url(config.host)}:
        return True
    # Listening on every interface without PUBLIC_URL it is reached by IP address, and those cannot be rebound.
    return not config.public_url and config.host in _EVERY_INTERFACE and urls.is_ip_address(name)


def is_own_origin(config: Config, scope: Scope, origin: str) -> bool:
    """Whether an Origin header is that of our pages: PUBLIC_URL's, or the origin that this request was sent to."""
    return urls.origin_of(origin) in {config.origin, _request_origin(config, scope)}


def link_origin(config: Config, scope: Scope) -> str:
    """The origin of links to our pages: PUBLIC_URL, or without it the origin that this request was sent to.

    Show such a link only to the sender of the request, who has chosen the Host header (among our own names).
    """
    return config.origin if config.public_url else _request_origin(config, scope)


def is_secure_context(config: Config, scope: Scope) -> bool:
    """Whether the origin that this request was sent to is a secure context to browsers: TLS, or their own machine."""
    origin = _request_origin(config, scope)
    return config.secure or origin.startswith("https://") or is_loopback_origin(origin)


def is_loopback_origin(origin: str) -> bool:
    """Whether an origin of ours is a loopback address, which means another machine to everybody else."""
    host = _host_of(origin)
    return host in LOOPBACK or (urls.is_ip_address(host) and ip_address(host.strip("[]")).is_loopback)


def _request_origin(config: Config, scope: Scope) -> str:
    """The origin that this request was sent to where its Host is one of ours, otherwise the configured one."""
    header = Headers(scope=scope).get("host", "")
    authority = urls.authority_of(header)
    if authority is None or not is_own_host(config, header):
        return config.origin
    return urls.origin("https" if scope["scheme"] in {"https", "wss"} else "http", *authority)


def _host_of(origin: str) -> str:
    """The normalised host of an origin."""
    authority = urls.authority_of(origin.partition("://")[2])
    return authority[0] if authority else ""


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
