"""Presence: the users of a session with the number of their sockets. Sent when it changes, less often in a crowd."""

from collections.abc import Iterable
from itertools import islice

from chatserver.identity.viewer import Viewer
from chatserver.realtime.events import PresentUser

# Users who connect at the same time are announced in one event.
JOIN_DELAY_SECONDS = 0.05
# A reload of the page must not look like leaving.
LEAVE_DELAY_SECONDS = 1.0
# The longest list that is sent.
MAX_USERS = 200


class Roster:
    """The users who have a session open in this process, counted as they come and go: each new socket is told of them."""

    __slots__ = ("_users",)

    def __init__(self) -> None:
        self._users: dict[str, PresentUser] = {}

    def arrive(self, viewer: Viewer) -> None:
        """One more socket of this user, who now has the name that it brings."""
        user = self._users.get(viewer.id)
        self._users[viewer.id] = PresentUser(viewer.id, viewer.name, 1 + (user.connections if user else 0))

    def depart(self, viewer: Viewer) -> None:
        """One socket less of this user; the last one takes the user along."""
        user = self._users[viewer.id]
        if user.connections > 1:
            self._users[viewer.id] = _with_more(user, -1)
        else:
            del self._users[viewer.id]

    def users(self, remote: Iterable[PresentUser] = ()) -> tuple[PresentUser, ...]:
        """The users here, then those of `remote`, other processes; MAX_USERS at most."""
        users = self._users.copy()
        for user in remote:
            here = users.get(user.id)
            users[user.id] = user if here is None else _with_more(here, user.connections)
        return tuple(islice(users.values(), MAX_USERS))


def _with_more(user: PresentUser, connections: int) -> PresentUser:
    return PresentUser(user.id, user.name, user.connections + connections)


def interval(connections: int) -> float:
    """Seconds between two presence events: 0.25, and more in a crowd, where each is long and goes to many sockets."""
    return 0.25 + connections * 0.005
