"""The page of a user's settings: one form for each setting, all of which work without JavaScript."""

from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from chatserver import ids, mail, sessions, users
from chatserver.audit import service as audit
from chatserver.errors import ChatserverError, RateLimited
from chatserver.identity.viewer import Viewer, require_viewer
from chatserver.privacy import erasure, export
from chatserver.reports import service as reports
from chatserver.runtime import clock
from chatserver.state import state_of
from chatserver.users import device_cookies, email_verification, request_identity
from chatserver.users.models import Preferences, Secret
from chatserver.web import form_pages, forms, templating
from chatserver.web.forms import Form

# Readings of one page.
READINGS = 50
_THEME_SECONDS = 365 * 24 * 3600


class SettingsRequest:
    """A request to the settings, with its viewer and how it is answered."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.state = state_of(request)
        self.viewer: Viewer = require_viewer(request)

    @property
    def sign_in_id(self) -> str | None:
        """The sign-in of this browser; None for an API token."""
        return self.viewer.credential_id if self.viewer.via == "cookie" else None

    def done(self, notice: str, at: str) -> Response:
        """Redirects to the section of the page with the id `at`, which shows the notice."""
        return forms.redirect(self.request, "/settings", notice=notice, at=at)

    async def page(
        self,
        *,
        refused: dict[str, Form] | None = None,
        error: ChatserverError | None = None,
        made: Secret | None = None,
    ) -> Response:
        """The page, with the input and errors of a refused form, or with a token just created."""
        settings = await self.state.database.run_as(self.viewer.id, users.settings, self.viewer.id)
        address = await self.state.database.run_system(email_verification.status, self.viewer.id)
        blank = {"name": Form(), "keep": Form(), "password": Form(), "token": Form(), "delete": Form()}
        context = {
            "settings": settings,
            "address": address,
            "forms": blank | (refused or {}),
            "current_sign_in": self.sign_in_id,
            "made": made,
        }
        return form_pages.page(self.request, "users/settings.html", context, error)


# Profile ----------------------------------------------------------------------------------------------------------


async def show(request: Request) -> Response:
    own = SettingsRequest(request)
    response = await own.page()
    if own.viewer.id not in device_cookies.read(request):
        device_cookies.remember(request, response, own.viewer.id)
    return response


async def rename(request: Request) -> Response:
    own, form = SettingsRequest(request), await forms.read(request)
    try:
        await own.state.database.run_system(sessions.rename_user, own.viewer.id, form.raw("name"))
    except ChatserverError as error:
        return await own.page(refused={"name": form_pages.refuse(form, error)}, error=error)
    return own.done("Your name is changed.", "profile")


async def set_theme(request: Request) -> Response:
    own, form = SettingsRequest(request), await forms.read(request)
    response = own.done("The theme of this browser is changed.", "looks")
    theme = form.text("theme")
    if theme in templating.THEMES:
        # Not HttpOnly: the switch in the menu changes it by script.
        secure = own.state.config.secure
        response.set_cookie(
            templating.THEME_COOKIE, theme, max_age=_THEME_SECONDS, path="/", secure=secure, samesite="lax"
        )
    else:
        response.delete_cookie(templating.THEME_COOKIE, path="/")
    return response


async def save_preferences(request: Request) -> Response:
    own, form = SettingsRequest(request), await forms.read(request)
    preferences = Preferences(notifications=form.flag("notifications"))
    await own.state.database.run_as(own.viewer.id, users.save_preferences, own.viewer.id, preferences)
    return own.done("Your notifications are saved.", "looks")


async def change_password(request: Request) -> Response:
    own, form = SettingsRequest(request), await forms.read(request)
    try:
        await users.change_password(
            own.state.database,
            own.viewer.id,
            form.raw("current_password"),
            form.raw("new_password"),
            request_identity.visitor(request),
            kept=own.sign_in_id,
            tokens_too=form.flag("tokens_too"),
        )
    except ChatserverError as error:
        return await own.page(
            refused={"password": form_pages.refuse(form, error, {"password": "new_password"})}, error=error
        )
    return own.done("Your password is changed, and you are signed out everywhere else.", "password")


async def keep_account(request: Request) -> Response:
    """The address and password of a guest who has come in by name."""
    own, form = SettingsRequest(request), await forms.read(request)
    try:
        visitor = request_identity.visitor(request)
        await users.keep_account(own.state.database, own.viewer.id, form.text("email"), form.raw("password"), visitor)
    except ChatserverError as error:
        return await own.page(refused={"keep": form_pages.refuse(form, error)}, error=error)
    if own.state.config.smtp_url:
        # The account is kept already; another link can be asked for on this page.
        with suppress(RateLimited):
            await mail.ask_for_verification(own.state.database, own.viewer.id, request_identity.visitor(request))
    return own.done("The account is yours: you sign in with this address and password.", "password")


# Sign-ins and tokens ----------------------------------------------------------------------------------------------


async def end_sign_in(request: Request) -> Response:
    own = SettingsRequest(request)
    await forms.read(request)
    sign_in_id = ids.parse(request.path_params["sign_in_id"])
    await own.state.database.run_as(own.viewer.id, users.end_sign_in, own.viewer.id, sign_in_id)
    return own.done("That browser is signed out.", "sign-ins")


async def end_other_sign_ins(request: Request) -> Response:
    own = SettingsRequest(request)
    await forms.read(request)
    await own.state.database.run_as(own.viewer.id, users.end_other_sign_ins, own.viewer.id, own.sign_in_id)
    return own.done("You are signed out everywhere else.", "sign-ins")


async def create_token(request: Request) -> Response:
    own, form = SettingsRequest(request), await forms.read(request)
    try:
        made = await own.state.database.run_as(
            own.viewer.id,
            users.create_token,
            own.viewer.id,
            form.raw("token_name"),
            client_id=form.text("client_id") or None,
        )
    except ChatserverError as error:
        return await own.page(refused={"token": form_pages.refuse(form, error, {"name": "token_name"})}, error=error)
    return await own.page(made=made)


async def revoke_token(request: Request) -> Response:
    own = SettingsRequest(request)
    await forms.read(request)
    token_id = ids.parse(request.path_params["token_id"])
    await own.state.database.run_as(own.viewer.id, users.revoke_token, own.viewer.id, token_id)
    return own.done("That token works no more.", "tokens")


async def show_readings(request: Request) -> Response:
    """GET /settings/readings: when operators have read what this user wrote, and why."""
    own = SettingsRequest(request)
    before = request.query_params.get("before", "")
    found = await own.state.database.run_system(
        audit.readings, own.viewer.id, ids.parse(before, "before") if before else None, READINGS
    )
    context = {"readings": found, "next": found[-1].id if len(found) == READINGS else None, "first": not before}
    return form_pages.page(request, "users/readings.html", context)


async def show_decisions(request: Request) -> Response:
    """GET /settings/decisions: what operators have decided on what this user made and reported, and why."""
    own = SettingsRequest(request)
    before = request.query_params.get("before", "")
    decisions, made = await own.state.database.run_system(
        reports.told, own.viewer.id, ids.parse(before, "before") if before else None
    )
    context = {
        "decisions": decisions,
        "reports": made,
        "next": decisions[-1].id if len(decisions) == reports.MOST_TOLD else None,
        "first": not before,
    }
    return form_pages.page(request, "users/decisions.html", context)


# Export and deletion ----------------------------------------------------------------------------------------------


async def export_account(request: Request) -> Response:
    own = SettingsRequest(request)
    filename = f"chatserver-export-{clock.now():%Y-%m-%d}.json"
    pieces: AsyncIterator[bytes] = await export.export_account(own.state.database, own.viewer.id)
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type="application/json", headers=headers)


async def delete_account(request: Request) -> Response:
    own, form = SettingsRequest(request), await forms.read(request)
    try:
        await erasure.delete_account(
            own.state.database, own.viewer.id, form.raw("delete_password"), request_identity.visitor(request)
        )
    except ChatserverError as error:
        return await own.page(
            refused={"delete": form_pages.refuse(form, error, {"current_password": "delete_password"})}, error=error
        )
    response = forms.redirect(request, "/", notice="Your account is deleted. Thank you for having been here.")
    request_identity.clear_cookie(response, own.state.config)
    return response


PAGES = [
    Route("/settings", show, methods=["GET"]),
    Route("/settings/name", rename, methods=["POST"]),
    Route("/settings/theme", set_theme, methods=["POST"]),
    Route("/settings/preferences", save_preferences, methods=["POST"]),
    Route("/settings/keep", keep_account, methods=["POST"]),
    Route("/settings/password", change_password, methods=["POST"]),
    Route("/settings/sign-ins/end-others", end_other_sign_ins, methods=["POST"]),
    Route("/settings/sign-ins/{sign_in_id}/end", end_sign_in, methods=["POST"]),
    Route("/settings/tokens", create_token, methods=["POST"]),
    Route("/settings/tokens/{token_id}/revoke", revoke_token, methods=["POST"]),
    Route("/settings/readings", show_readings, methods=["GET"]),
    Route("/settings/decisions", show_decisions, methods=["GET"]),
    Route("/settings/export", export_account, methods=["GET"]),
    Route("/settings/delete", delete_account, methods=["POST"]),
]
