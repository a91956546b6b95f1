"""The middleware of every request, outermost first; that of the websocket is a subset."""

from starlette.middleware import Middleware
from starlette.types import ASGIApp

from chatserver.api.decoding import StrictAddresses
from chatserver.config import Config
from chatserver.web.authentication import Authentication, Identify, SameOrigin
from chatserver.web.body_limits import BodyLimits
from chatserver.web.compression import Compression
from chatserver.web.concurrency_limits import ConcurrencyLimits
from chatserver.web.errors import ErrorResponses, HandshakeErrors
from chatserver.web.headers import SecurityHeaders
from chatserver.web.hosts import AllowedHosts
from chatserver.web.proxies import TrustedProxies
from chatserver.web.request_log import RequestLog
from chatserver.web.trailing_slash import RedirectTrailingSlash

# Smaller responses fit into one packet anyway.
_COMPRESS_FROM_BYTES = 1024
# Level 9 costs twice the time of 6 for a hundredth of the size.
_COMPRESS_LEVEL = 6


def http_stack(config: Config, identify: Identify) -> list[Middleware]:
    """For `Starlette(middleware=…)`. ErrorResponses is inside the headers and the log, so that its responses have both."""
    return [
        Middleware(TrustedProxies, config=config),
        Middleware(RequestLog),
        Middleware(SecurityHeaders, config=config),
        Middleware(AllowedHosts, config=config),
        Middleware(Compression, minimum_size=_COMPRESS_FROM_BYTES, compresslevel=_COMPRESS_LEVEL),
        Middleware(ErrorResponses),
        Middleware(ConcurrencyLimits, most=config.requests_per_address),
        Middleware(StrictAddresses),
        Middleware(RedirectTrailingSlash),
        Middleware(BodyLimits),
        Middleware(Authentication, identify=identify),
        Middleware(SameOrigin, config=config),
    ]


def websocket_stack(app: ASGIApp, config: Config, identify: Identify) -> ASGIApp:
    """A websocket app with its middleware. Its endpoint checks the Origin itself, with a close code."""
    return HandshakeErrors(TrustedProxies(AllowedHosts(Authentication(app, identify), config), config))
