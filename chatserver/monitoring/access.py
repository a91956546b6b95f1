"""Who may read the details of /metrics and /readyz: this machine, and clients with METRICS_TOKEN."""

import hmac

from starlette.requests import Request

from chatserver.config import Config
from chatserver.users.request_identity import visitor
from chatserver.web.hosts import is_loopback_origin


def is_trusted_client(request: Request, config: Config) -> bool:
    """Whether a request comes from this machine itself, through no proxy, or has the token."""
    return _has_token(request, config) or (visitor(request).is_local and _names_this_machine(request))


def _names_this_machine(request: Request) -> bool:
    # Under another name it may be a browser on this machine, sent here by a foreign page through DNS rebinding.
    host = request.headers.get("host")
    return host is None or is_loopback_origin(f"http://{host}")


def _has_token(request: Request, config: Config) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not config.metrics_token or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(token.strip().encode("latin-1"), config.metrics_token.encode())
