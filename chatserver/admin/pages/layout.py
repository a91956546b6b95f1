"""The frame of the operator's pages: their navigation, their period, and how they are drawn."""

from typing import Any

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from chatserver.admin.pages.access import require_admin
from chatserver.admin.period import Period
from chatserver.web import templating


class Section(Struct, frozen=True):
    """One entry of the navigation: its path, its words and its icon."""

    path: str
    words: str
    icon: str


# In the order of the navigation.
SECTIONS = (
    Section("/admin", "Overview", "monitor"),
    Section("/admin/work", "Work", "bolt"),
    Section("/admin/figures", "Figures", "panel"),
    Section("/admin/money", "Money", "coin"),
    Section("/admin/orders", "Orders", "check"),
    Section("/admin/people", "People", "users"),
    Section("/admin/reports", "Reports", "alert"),
    Section("/admin/plans", "Plans", "ticket"),
    Section("/admin/rules", "Prompt rules", "sliders"),
    Section("/admin/codes", "Codes", "key"),
    Section("/admin/announcements", "Announcements", "bell"),
    Section("/admin/audit", "Audit log", "lock"),
)


def render(request: Request, template: str, context: dict[str, Any] | None = None, status: int = 200) -> Response:
    """A page for the admin who asks. Raises NotSignedIn or NotAllowed. Never cached: it shows what others may not see."""
    require_admin(request)
    path = request.url.path
    current = max((each.path for each in SECTIONS if _is_within(path, each.path)), key=len, default="")
    shared = {"sections": SECTIONS, "current": current, "period": Period.of(request)}
    response = templating.render(request, template, {**shared, **(context or {})}, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_within(path: str, section: str) -> bool:
    return path == section or (section != "/admin" and path.startswith(section + "/"))
