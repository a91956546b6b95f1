"""What the forms for visitors share: an account or a sign-in from the fields of one form, and the cookies that follow."""

from starlette.requests import Request
from starlette.responses import Response

from chatserver import mail, users
from chatserver.state import state_of
from chatserver.users import authentication, device_cookies, display_names, request_identity
from chatserver.users.models import SignedIn
from chatserver.web.forms import Form


def asks_to_sign_in(form: Form) -> bool:
    """Whether the visitor has an account: they said so with a button of the form, or it is that of a sign-in already."""
    return form.text("account") == "mine" or form.flag("has_account")


def has_account(request: Request, form: Form) -> bool:
    """Whether the form is that of a sign-in: asked for, or because strangers can make no account."""
    return asks_to_sign_in(form) or state_of(request).config.sign_up != "open"


async def sign_up_or_in(request: Request, form: Form, *, has_account: bool, invite: str = "") -> SignedIn:
    """The account of the fields `email`, `password` and `name`: a new one, or one that exists with this password.

    A name that is left empty is made of the address. Raises what `users.sign_up_or_in` and `users.sign_in` raise.
    """
    state = state_of(request)
    visitor, issuer = request_identity.visitor(request), authentication.sign_in_issuer()
    email, password = form.text("email"), form.raw("password")
    if has_account:
        return await users.sign_in(state.database, email, password, visitor, issuer=issuer)
    registration = authentication.Registration(
        email=email, name=form.text("name") or display_names.suggested(email), password=password, invite=invite
    )
    policy = state.config.sign_up
    issuer = mail.with_verification(state.config, issuer)
    return await users.sign_up_or_in(state.database, registration, visitor, policy=policy, issuer=issuer)


def remember(request: Request, response: Response, signed_in: SignedIn) -> Response:
    """The response with the cookies of a new sign-in."""
    state = state_of(request)
    request_identity.set_cookie(response, state.config, signed_in.secret.token)
    device_cookies.remember(request, response, signed_in.user.id)
    return response
