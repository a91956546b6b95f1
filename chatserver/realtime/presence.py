"""Presence: the users of a session with the number of their sockets. Sent when it changes, less often in a crowd."""

from collections.abc import Iterable

from chatserver.realtime.connection import Connection
from chatserver.realtime.events import Presence, PresentUser

# Users who connect at the same time are announced in one event.
JOIN_DELAY_SECONDS = 0.05
# A reload of the page must not look like leaving.
LEAVE_DELAY_SECONDS = 1.0
# The longest list that is sent.
MAX_USERS = 200


def of(connections: Iterable[Connection], remote: Iterable[PresentUser] = ()) -> Presence:
    """The users of these connections, in the order in which they connected, then those of `remote`, other processes."""
    viewers = [connection.request.viewer for connection in connections if connection.is_present]
    names = {viewer.id: viewer.name for viewer in viewers}
    # For one or two users, making a Counter would cost more than all the rest.
    counts = dict.fromkeys(names, 0)
    for viewer in viewers:
        counts[viewer.id] += 1
    for user in remote:
        names.setdefault(user.id, user.name)
        counts[user.id] = counts.get(user.id, 0) + user.connections
    users = [PresentUser(user, name, counts[user]) for user, name in list(names.items())[:MAX_USERS]]
    return Presence(users=tuple(users))


def interval(connections: int) -> float:
    """Seconds between two presence events: 0.25, and more in a crowd, where each is long and goes to many sockets."""
    return 0.25 + connections * 0.005
