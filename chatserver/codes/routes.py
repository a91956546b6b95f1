"""The API route of codes."""

from msgspec import Struct

from chatserver import codes, ids
from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.sessions.models import Session
from chatserver.users import request_identity


class Redemption(Struct, frozen=True, forbid_unknown_fields=True):
    """Turn a code, as it is printed, into a session, or into more time of one's own session."""

    code: str
    session_id: str | None = None


class RedemptionAnswer(Struct, frozen=True):
    """The session that the code has become; the same one where its person sends it again."""

    session: Session


async def redeem(request: ApiRequest, body: Redemption) -> RedemptionAnswer:
    codes.require_taken(request.state.config.checkout)
    session_id = None if body.session_id is None else ids.parse(body.session_id, "session_id")
    visitor = request_identity.visitor(request.http)
    return RedemptionAnswer(
        await codes.redeem(request.state.database, request.viewer.id, body.code, visitor, session_id)
    )


ROUTES = [
    Endpoint("POST", "/codes/redeem", redeem, summary="Redeem a code", body=Redemption, answer=RedemptionAnswer),
]
