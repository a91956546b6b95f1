"""Who may look inside: this machine, and who has METRICS_TOKEN. Asked by /metrics and /readyz."""

import hmac

from starlette.requests import Request

from chatserver.config import Config
from chatserver.users.authenticate import visitor
from chatserver.web.hosts import opens_here_only


def may_look_inside(request: Request, config: Config) -> bool:
    """Whether a request comes from this machine itself, through no proxy, or has the token."""
    return _has_token(request, config) or (visitor(request).is_local and _means_this_machine(request))


def _means_this_machine(request: Request) -> bool:
    # Under another name it could be a browser here, which a page from elsewhere sent to a name that it rebound.
    host = request.headers.get("host")
    return host is None or opens_here_only(f"http://{host}")


def _has_token(request: Request, config: Config) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not config.metrics_token or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(token.strip().encode("latin-1"), config.metrics_token.encode())
