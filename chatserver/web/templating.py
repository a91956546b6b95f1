"""Pages and fragments: the Jinja environment, what every template may call, and `render`.

Every template may use `dom_id`, `static_url`, `icon`, `new_client_id`, the settings of the site (`site_name`, …) and
`filters.FILTERS`; a whole page also has `viewer`, `theme`, `path`, `now`, `notice`, `announcements` and `csrf_field()`.
Fragments for everyone in a session take exactly one object and nothing of the viewer.
"""

import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from chatserver import ids
from chatserver.config import Config
from chatserver.identity.viewer import Viewer
from chatserver.runtime import clock, paths
from chatserver.web import bundle, cookies, csrf, filters, forms, hosts
from chatserver.web.site import Site, site_of
from chatserver.web.static import Statics, Transform

THEMES = ("light", "dark")
THEME_COOKIE = "theme"
# The ids of the announcements that were dismissed in this browser, with a dot between them.
DISMISSED_COOKIE = "dismissed"
# Settings that every template may show.
_SITE_SETTINGS = ("site_name", "site_operator", "site_privacy_url", "site_docs_url", "site_source_url")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def open_site(config: Config, secret_key: str, announcements: Callable[[], Sequence[Any]] = tuple) -> Site:
    """Reads static files and templates. Call it once, at the start. `announcements` gives what every page shows now."""
    settings = tuple((name, getattr(config, name)) for name in _SITE_SETTINGS)
    environment = _environment(config.accent, bool(config.smtp_url), settings)
    return Site(config, secret_key, _statics(config.accent), environment, announcements)


@cache
def _statics(accent: int) -> Statics:
    return Statics(paths.STATIC, _transforms(accent))


def _transforms(accent: int) -> dict[str, Transform]:
    """Scripts and stylesheet of the pages are bundled with their imports; the stylesheet has the accent's hue."""
    scripts = [paths.STATIC / "js/app.js", *paths.STATIC.glob("js/pages/*.js")]
    link = bundle.Scripts().javascript
    transforms: dict[str, Transform] = {path.relative_to(paths.STATIC).as_posix(): link for path in scripts}
    transforms["css/app.css"] = lambda path: (
        f"{bundle.stylesheet(path)}\n@layer tokens {{ :root:not([data-accent]) {{ --accent-hue: {accent}; }} }}\n"
    )
    return transforms


class _Environment(jinja2.Environment):
    """All globals are set before the first template is loaded: each template has them in one dictionary."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        # Each import that is drawn compares these names with the caller's, which a ChainMap does in Python, one by one.
        return {**self.globals, **(d or {})}


@cache
def _environment(accent: int, sends_mail: bool, settings: tuple[tuple[str, str], ...]) -> jinja2.Environment:
    environment = _Environment(
        loader=jinja2.FileSystemLoader(paths.TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(filters.FILTERS)
    statics = _statics(accent)
    environment.globals.update(dom_id=dom_id, static_url=statics.url, icon=_icons(statics), accent=accent)
    # The key of a form that makes something: of each one that is drawn another.
    environment.globals.update(settings, sends_mail=sends_mail, new_client_id=ids.new)
    return environment


def dom_id(thing: Any, prefix: str = "") -> str:
    """The id of an object's node: "message_<id>", "generation_<id>"; events and scripts find it by that name."""
    noun = _noun(type(thing).__name__)
    return f"{prefix}_{noun}_{thing.id}" if prefix else f"{noun}_{thing.id}"


@cache
def _noun(name: str) -> str:
    return _CAPITAL.sub("_", name).lower()


def _icons(statics: Statics) -> Any:
    @cache
    def icon(name: str) -> Markup:
        """A symbol of static/icons/icons.svg; silent to screen readers: the words stand beside it or on the button."""
        url = statics.url("icons/icons.svg")
        return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>').format(url, name)

    return icon


def draw(site: Site, template: str, **objects: Any) -> str:
    """A fragment as text, outside of any request."""
    return site.environment.get_template(template).render(**objects)


def render(
    request: Request, template: str | jinja2.Template, context: Mapping[str, Any] | None = None, status: int = 200
) -> HTMLResponse:
    """A whole page for the person who asks."""
    site = site_of(request)
    notice = forms.notice_of(request)
    body = site.environment.get_template(template).render(
        viewer=_viewer(request),
        theme=theme(request),
        path=request.url.path,
        now=clock.now(),
        notice=notice,
        announcements=_announcements(request),
        csrf_field=lambda: _csrf_field(request),
        **(context or {}),
    )
    headers = {"Cache-Control": _cache_control(request), "Vary": "Cookie"}
    response = HTMLResponse(body, status, headers=headers)
    csrf.set_visitor_cookie(request, response)
    if notice is not None:
        cookies.clear(response, site.config, forms.NOTICE_COOKIE)
    return response


def _cache_control(request: Request) -> str:
    """What browsers may keep of a page: with `no-store` they go back to it slower, and not at all to where one was in it.

    Whoever goes back is shown what is stored, without asking. Signing out empties that by `Clear-Site-Data`, which browsers
    obey in secure contexts only: elsewhere the pages of somebody who is signed in are not stored.
    """
    may_stay = _viewer(request) is None or hosts.is_secure_context(site_of(request).config, request.scope)
    return "private, no-cache" if may_stay else "private, no-store"


def theme(request: Request) -> str:
    """light or dark where the reader chose it (the switch keeps a plain cookie), otherwise system."""
    chosen = cookies.read_plain(request, THEME_COOKIE)
    return chosen if chosen in THEMES else "system"


def _announcements(request: Request) -> list[Any]:
    dismissed = (cookies.read_plain(request, DISMISSED_COOKIE) or "").split(".")
    return [each for each in site_of(request).announcements() if each.id not in dismissed]


def _viewer(request: Request) -> Viewer | None:
    # Error pages are drawn even where the request failed before anybody was recognised.
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    return viewer


def _csrf_field(request: Request) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, csrf.token(request))
