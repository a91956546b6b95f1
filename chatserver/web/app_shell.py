"""The app shell: manifest, service worker, offline page, icon, robots.txt; and reports of the content policy."""

import time

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chatserver.errors import Malformed, TooLarge
from chatserver.runtime import redaction
from chatserver.web import templating
from chatserver.web.headers import REPORTS_PATH
from chatserver.web.site import Site, site_of
from chatserver.web.static import serve

# The files of the offline page and the frame of every page; cached by the service worker.
_SHELL = ("css/app.css", "js/pages/common.js", "icons/icons.svg", "icons/icon.svg")
# The light theme's canvas and accent: static/css/tokens.css.
_CANVAS, _ACCENT = "#fbfbfd", "#4a5fe6"
_REPORT_BYTES = 8 * 1024
# One broken page can send hundreds of reports.
_REPORTS_PER_MINUTE = 20

log = structlog.get_logger(__name__)


async def manifest(request: Request) -> Response:
    """The web app manifest: name, colours and icons of the installed product."""
    return Response(
        msgspec.json.encode(_manifest(site_of(request))),
        media_type="application/manifest+json",
        headers={"Cache-Control": "no-cache"},
    )


def _manifest(site: Site) -> dict[str, object]:
    url = site.statics.url
    icons = [
        {"src": url("icons/icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        {"src": url("icons/icon-192.png"), "sizes": "192x192", "type": "image/png"},
        {"src": url("icons/icon-512.png"), "sizes": "512x512", "type": "image/png"},
        {"src": url("icons/icon-maskable-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
    ]
    return {
        "id": "/",
        "name": site.config.site_name,
        "short_name": site.config.site_name[:12],
        "description": "A chat in which people and an assistant make pictures and clips together.",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": _CANVAS,
        "theme_color": _ACCENT,
        "icons": icons,
    }


async def service_worker(request: Request) -> Response:
    """The service worker, with the URLs of this version's files in it."""
    site = site_of(request)
    text = templating.draw(site, "shell/service_worker.js", files=[site.statics.url(name) for name in _SHELL])
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


async def offline(request: Request) -> Response:
    """The page that the installed app shows without a network; without a viewer, since it is cached."""
    return templating.render(request, "shell/offline.html")


async def favicon(request: Request) -> Response:
    return await serve(request, site_of(request).statics.file("icons/favicon.ico"), fresh=False)


async def robots(_: Request) -> Response:
    return PlainTextResponse(
        "User-agent: *\nAllow: /$\nAllow: /plans$\nAllow: /verify$\nAllow: /static/\nAllow: /s/\nDisallow: /\n"
    )


class PolicyReports:
    """Logs violations of our Content-Security-Policy, a bounded number a minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._count = 0

    async def log_report(self, request: Request) -> Response:
        """Logs one report. Anybody may send one, so its size is bounded, and query strings are removed."""
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > _REPORT_BYTES:
                raise TooLarge
        if self._is_below_limit():
            log.warning("csp.violated", **_report(bytes(data)))
        return Response(status_code=204)

    def _is_below_limit(self) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        return self._count <= _REPORTS_PER_MINUTE


def _report(data: bytes) -> dict[str, str]:
    try:
        report = msgspec.json.decode(data, type=dict[str, dict[str, object]]).get("csp-report", {})
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise Malformed from None
    names = ("document-uri", "blocked-uri", "effective-directive", "source-file")
    return {name.replace("-", "_"): redaction.path(_address(report.get(name, "")))[:200] for name in names}


def _address(value: object) -> str:
    return str(value).partition("?")[0].partition("#")[0]


PAGES = [
    Route("/manifest.webmanifest", manifest),
    Route("/service-worker.js", service_worker),
    Route("/offline", offline),
    Route("/favicon.ico", favicon),
    Route("/robots.txt", robots),
    Route(REPORTS_PATH, PolicyReports().log_report, methods=["POST"]),
]
