"""API routes of accounts, sign-ins and API tokens."""

from typing import Annotated

from msgspec import Struct

from chatserver import mail, users
from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.users import authentication, display_names, passwords, request_identity
from chatserver.users.idempotency import ClientId
from chatserver.users.models import ApiToken, SignIn, User
from chatserver.validation import bounds


class CreateUser(Struct, frozen=True, forbid_unknown_fields=True):
    """A new account. `invite` is the code of a session's invite link, where the site asks for one."""

    email: str
    name: Annotated[str, bounds(minLength=1, maxLength=display_names.LONGEST)]
    password: Annotated[str, bounds(minLength=passwords.SHORTEST, maxLength=passwords.LONGEST)]
    invite: str = ""


class CreateToken(Struct, frozen=True, forbid_unknown_fields=True):
    """A new API token, by address and password; `name` says what it is for. The same `client_id` makes one token."""

    email: str
    password: str
    name: str = ""
    client_id: ClientId | None = None


class NewUser(Struct, frozen=True):
    """The account, and an API token that is shown this once."""

    user: User
    token: str


class NewToken(Struct, frozen=True):
    """An API token, shown this once, and its id."""

    token: str
    id: str


class Me(Struct, frozen=True):
    """Who is asking."""

    user: User


class Tokens(Struct, frozen=True):
    """One's API tokens, the newest first."""

    tokens: list[ApiToken]


class SignIns(Struct, frozen=True):
    """One's sign-ins, the last used first."""

    sign_ins: list[SignIn]


async def create_user(request: ApiRequest, body: CreateUser) -> NewUser:
    registration = authentication.Registration(
        email=body.email, name=body.name, password=body.password, invite=body.invite
    )
    visitor = request_identity.visitor(request.http)
    policy = request.state.config.sign_up
    issuer = mail.with_verification(request.state.config, authentication.token_issuer("Made with the account"))
    signed_in = await users.sign_up(request.state.database, registration, visitor, policy=policy, issuer=issuer)
    return NewUser(user=signed_in.user, token=signed_in.secret.token)


async def create_token(request: ApiRequest, body: CreateToken) -> NewToken:
    visitor = request_identity.visitor(request.http)
    issuer = authentication.token_issuer(body.name, body.client_id)
    signed_in = await users.sign_in(request.state.database, body.email, body.password, visitor, issuer=issuer)
    return NewToken(token=signed_in.secret.token, id=signed_in.secret.id)


async def list_tokens(request: ApiRequest) -> Tokens:
    viewer = request.viewer
    return Tokens(tokens=await request.state.database.run_as(viewer.id, users.list_tokens, viewer.id))


async def revoke_token(request: ApiRequest) -> None:
    viewer = request.viewer
    await request.state.database.run_as(viewer.id, users.revoke_token, viewer.id, request.id("token_id"))


async def me(request: ApiRequest) -> Me:
    viewer = request.viewer
    return Me(user=await request.state.database.run_as(viewer.id, users.get, viewer.id))


async def list_sign_ins(request: ApiRequest) -> SignIns:
    viewer = request.viewer
    return SignIns(sign_ins=await request.state.database.run_as(viewer.id, users.list_sign_ins, viewer.id))


async def end_sign_in(request: ApiRequest) -> None:
    viewer = request.viewer
    await request.state.database.run_as(viewer.id, users.end_sign_in, viewer.id, request.id("sign_in_id"))


ROUTES = [
    Endpoint(
        "POST",
        "/users",
        create_user,
        summary="Sign up",
        body=CreateUser,
        answer=NewUser,
        status=201,
        signed_in=False,
        errors=(403,),
    ),
    Endpoint("GET", "/users/me", me, summary="Read one's own account", answer=Me),
    Endpoint(
        "POST",
        "/tokens",
        create_token,
        summary="Make an API token by address and password",
        body=CreateToken,
        answer=NewToken,
        status=201,
        signed_in=False,
        errors=(401, 403),
    ),
    Endpoint("GET", "/tokens", list_tokens, summary="List one's API tokens", answer=Tokens),
    Endpoint("DELETE", "/tokens/{token_id}", revoke_token, summary="Revoke an API token", status=204),
    Endpoint("GET", "/sign-ins", list_sign_ins, summary="List one's sign-ins", answer=SignIns, browser_only=True),
    Endpoint("DELETE", "/sign-ins/{sign_in_id}", end_sign_in, summary="End a sign-in", status=204, browser_only=True),
]
