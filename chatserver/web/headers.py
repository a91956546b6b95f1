"""The security headers of every response: no foreign content, nothing inline, no frames, no type sniffing."""

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatserver.config import Config
from chatserver.storage.address import reader_origins, s3_address

REPORTS_PATH = "/csp-reports"
_TWO_YEARS_SECONDS = 63_072_000
_DENIED_FEATURES = ("camera", "microphone", "geolocation", "payment", "usb", "serial", "midi", "display-capture")


class SecurityHeaders:
    """Adds the headers to each response, except those that it sets itself."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in security_headers(config).items()]
        # Going back in their history, browsers take what they have stored without asking whether it still holds: a redirect
        # to the sign-in page of before, or of the person who has signed out since.
        self._headers.append((b"cache-control", b"no-store"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in self._headers if each[0] not in names)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def security_headers(config: Config) -> dict[str, str]:
    """The headers, by name."""
    headers = {
        "Content-Security-Policy": content_security_policy(config),
        "X-Content-Type-Options": "nosniff",
        # Not no-referrer: browsers would then send forms with `Origin: null`.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _DENIED_FEATURES),
        "X-Frame-Options": "DENY",
    }
    if config.secure:
        headers["Strict-Transport-Security"] = f"max-age={_TWO_YEARS_SECONDS}"
    return headers


def content_security_policy(config: Config) -> str:
    """The Content-Security-Policy of our pages. Pictures may come from the bucket where STORAGE_PRESIGN is set."""
    files = " ".join(["'self'", "blob:", *bucket_origins(config)])
    # A policy cannot name an IPv6 address; 'self' covers the websocket in current browsers.
    socket = "" if "[" in config.origin else config.origin.replace("http", "ws", 1)
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": files,
        "media-src": files,
        "connect-src": f"'self' {socket}".rstrip(),
        "font-src": "'none'",
        "manifest-src": "'self'",
        "worker-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "report-uri": REPORTS_PATH,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def bucket_origins(config: Config) -> list[str]:
    """The origins of presigned URLs; none without STORAGE_PRESIGN."""
    if not config.storage_presign or urlsplit(config.storage_url).scheme != "s3":
        return []
    return reader_origins(s3_address(config.storage_url))
