"""What users announce, on `user:<id>`."""

from chatserver.events import Event


class SignInsEnded(Event, frozen=True, kw_only=True, tag="sign-ins-ended"):
    """These sign-ins or API tokens have ended: the hub closes their sockets with 4501.

    With `account_closed` (a ban, a deletion) it closes all of the user's sockets, with 4512.
    """

    user_id: str
    credential_ids: tuple[str, ...] = ()
    account_closed: bool = False
