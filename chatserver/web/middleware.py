"""The layers around every request, outermost first. The websocket takes only the few that concern it."""

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from chatserver.api.decoding import StrictAddresses
from chatserver.config import Config
from chatserver.web.authentication import Authentication, Identify, SameOrigin
from chatserver.web.body_limits import BodyLimits
from chatserver.web.errors import Errors, SocketErrors
from chatserver.web.headers import SecurityHeaders
from chatserver.web.hosts import AllowedHosts
from chatserver.web.proxies import TrustedProxies
from chatserver.web.request_log import RequestLog
from chatserver.web.trailing_slash import RedirectTrailingSlash

# Below this a packet holds the answer anyway.
_COMPRESS_FROM_BYTES = 1024
# Level 9 costs twice the time of 6 for a hundredth of the size.
_COMPRESS_LEVEL = 6


def http_stack(config: Config, identify: Identify) -> list[Middleware]:
    """For `Starlette(middleware=…)`. Errors stands inside the headers and the log, so that its answers have both."""
    return [
        Middleware(TrustedProxies, config=config),
        Middleware(RequestLog),
        Middleware(SecurityHeaders, config=config),
        Middleware(AllowedHosts, config=config),
        Middleware(GZipMiddleware, minimum_size=_COMPRESS_FROM_BYTES, compresslevel=_COMPRESS_LEVEL),
        Middleware(Errors),
        Middleware(StrictAddresses),
        Middleware(RedirectTrailingSlash),
        Middleware(BodyLimits),
        Middleware(Authentication, identify=identify),
        Middleware(SameOrigin, config=config),
    ]


def websocket_stack(app: ASGIApp, config: Config, identify: Identify) -> ASGIApp:
    """A websocket's app behind its layers. Its Origin is checked where the handshake is answered, with a close code."""
    return SocketErrors(TrustedProxies(AllowedHosts(Authentication(app, identify), config), config))
