"""Each member of a session has a colour of their own, the same on every page and as long as the session exists."""

import pytest

from chatserver import messages, sessions
from chatserver.identity.colours import HUES, free_hue, hue_of
from chatserver.messages.requests import CreateMessage
from tests.support.people import add_member, make_session, make_user, run_sql

ALIKE = [user_id for user_id in (f"person-{n}" for n in range(1000)) if hue_of(user_id) == 5]


def test_alone_everybody_has_the_colour_of_their_id() -> None:
    assert all(free_hue(user_id, ()) == hue_of(user_id) for user_id in ("a", "b", "c"))


def test_people_of_one_colour_get_others_that_can_be_told_apart() -> None:
    taken: list[int] = []
    for user_id in ALIKE[:HUES]:
        taken.append(free_hue(user_id, taken))
    assert sorted(taken) == list(range(HUES))
    assert taken[:6] == [5, 3, 7, 1, 9, 11]
    assert free_hue(ALIKE[12], taken) == 5


@pytest.fixture
async def session_of_four(database):
    """A session of four people: its id, its code, and the people in the order they came."""
    owner = await make_user(database, "Ada")
    session = await database.run_system(sessions.buy, owner, "flash", None, checkout="instant")
    code = await database.run_as(owner, sessions.invite, session.id)
    people = [owner]
    while len(people) < 4:
        guest = await make_user(database, f"Guest {len(people)}")
        await database.run_system(sessions.join, code, guest)
        people.append(guest)
    return session.id, code, people


async def hues(database, session_id):
    session = await database.run_system(sessions.find, session_id)
    return {member.id: member.hue for member in session.members}


async def test_members_and_what_they_say_have_the_same_colour_and_no_one_elses(database, session_of_four):
    session_id, _, people = session_of_four
    colours = await hues(database, session_id)
    assert len(set(colours.values())) == len(people)
    for person in people:
        said = CreateMessage(client_id=person, text="hello")
        message = await database.run_as(person, messages.say, session_id, said, "")
        assert message.author.hue == colours[person]


async def test_who_comes_back_has_the_old_colour_and_nobody_got_it_meanwhile(database, session_of_four):
    session_id, code, (_, gone, *_) = session_of_four
    before = await hues(database, session_id)
    await database.run_as(gone, sessions.remove_member, session_id, gone)
    newcomer = await make_user(database, "Newcomer")
    await database.run_system(sessions.join, code, newcomer)
    assert (await hues(database, session_id))[newcomer] not in before.values()
    await database.run_system(sessions.join, code, gone)
    assert (await hues(database, session_id))[gone] == before[gone]


async def test_seats_from_before_there_were_colours_have_that_of_the_id_and_newcomers_mind_it(database):
    ada, bob = await make_user(database, "Ada"), await make_user(database, "Bob")
    session_id = await make_session(database, ada)
    await add_member(database, session_id, bob)
    assert await hues(database, session_id) == {ada: hue_of(ada), bob: hue_of(bob)}
    carol = await make_user(database, "Carol")
    await database.run_system(sessions.join, await database.run_as(ada, sessions.invite, session_id), carol)
    assert (await hues(database, session_id))[carol] not in {hue_of(ada), hue_of(bob)}
    rows = await run_sql(database, "SELECT hue FROM session_members WHERE session_id = $1 AND hue IS NULL", session_id)
    assert len(rows) == 2
