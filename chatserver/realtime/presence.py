"""Who is here: users with the number of their sockets, told when it changes, merged and slower where many are."""

from collections.abc import Iterable

from chatserver.realtime.connection import Connection
from chatserver.realtime.events import Presence, PresentUser

# Those who come together are told of together.
JOIN_DELAY_SECONDS = 0.05
# Nobody should seem to leave who only reloads the page.
LEAVE_DELAY_SECONDS = 1.0
# A list longer than this is of no use to anybody.
MAX_USERS = 200


def of(connections: Iterable[Connection], remote: Iterable[PresentUser] = ()) -> Presence:
    """The users behind these connections, in the order of their coming, then those at other processes."""
    viewers = [connection.request.viewer for connection in connections]
    names = {viewer.id: viewer.name for viewer in viewers}
    # A Counter would be made slower than all the rest, for one or two people at each coming.
    counts = dict.fromkeys(names, 0)
    for viewer in viewers:
        counts[viewer.id] += 1
    for user in remote:
        names.setdefault(user.id, user.name)
        counts[user.id] = counts.get(user.id, 0) + user.connections
    users = [PresentUser(user, name, counts[user]) for user, name in list(names.items())[:MAX_USERS]]
    return Presence(users=tuple(users))


def interval(connections: int) -> float:
    """Seconds between two tellings: a quarter, and longer in a crowd, where each telling is long and goes to many."""
    return 0.25 + connections * 0.005
