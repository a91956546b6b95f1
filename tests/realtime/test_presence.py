from chatserver.identity.viewer import Viewer
from chatserver.realtime.events import PresentUser
from chatserver.realtime.presence import MAX_USERS, Roster


def viewer(name):
    return Viewer(id=name.lower(), name=name, role="member", via="token", credential_id="")


def roster(*names):
    made = Roster()
    for name in names:
        made.arrive(viewer(name))
    return made


def listed(users):
    return [(user.id, user.name, user.connections) for user in users]


def test_users_are_listed_in_the_order_in_which_they_came_with_the_number_of_their_sockets():
    assert listed(roster("Ada", "Bob", "Ada").users()) == [("ada", "Ada", 2), ("bob", "Bob", 1)]


def test_a_user_leaves_with_the_last_socket():
    here = roster("Ada", "Bob", "Ada")
    here.depart(viewer("Ada"))
    assert listed(here.users()) == [("ada", "Ada", 1), ("bob", "Bob", 1)]
    here.depart(viewer("Ada"))
    assert listed(here.users()) == [("bob", "Bob", 1)]


def test_users_at_other_processes_come_after_those_here():
    here, elsewhere = roster("Ada"), [PresentUser("bob", "Bob", 2), PresentUser("ada", "Ada", 1)]
    assert listed(here.users(elsewhere)) == [("ada", "Ada", 2), ("bob", "Bob", 2)]
    assert listed(here.users()) == [("ada", "Ada", 1)]


def test_a_crowd_is_listed_in_part():
    assert len(roster(*(f"Ada {number}" for number in range(MAX_USERS + 1))).users()) == MAX_USERS
