"""People and sessions: found, given to, signed out, banned, read with a reason; never without a last admin."""

import asyncio
from datetime import timedelta

import pytest

from chatserver import credits, ids, sessions, users
from chatserver.admin import people
from chatserver.audit import COMMAND_LINE, Actor
from chatserver.audit import service as audit
from chatserver.audit.models import AuditFilter
from chatserver.errors import BadCredentials, Conflict, Invalid, NotAllowed, NotFound
from chatserver.generations import service as generations
from tests.generations.test_queue import ask, balance, finish, take
from tests.messages.test_service import say
from tests.support.people import make_session, make_user, newest_act, run_sql, run_sql_as
from tests.users.accounts import create_api_token, member, signed_in_user

NOTHING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def grace(database):
    """The only admin."""
    await run_sql(database, "UPDATE users SET role = 'member'")
    user_id = await make_user(database, "Grace", role="admin")
    return Actor(id=user_id, name="Grace", address="192.0.2.7")


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


@pytest.fixture
async def session(database, ada):
    return await make_session(database, ada)


# Finding ----------------------------------------------------------------------------------------------------------------


async def test_somebody_is_found_by_name_address_session_and_picture(database, grace):
    zoe = await make_user(database, "Zoë 100%", email="Zoe.Finds@example.org")
    theirs = await make_session(database, zoe)
    await ask(database, zoe, theirs)
    job = await take(database)
    await finish(database, job)
    [asset] = await run_sql(database, "SELECT id FROM assets WHERE generation_id = $1", job.id)

    async def names(query):
        return [person.name for person in await database.run_system(people.find, query, None)]

    assert await names("zoë 1") == await names("ZOE.FINDS") == await names("zoë 100%") == ["Zoë 100%"]
    assert await names("zoe\u0308 1") == ["Zoë 100%"]
    for name in ("İpek", "ΣΑΣ"):
        await make_user(database, name)
        assert await names(name) == [name]
    assert await names("%") == await names("oë") == await names("\\") == []
    assert "Zoë 100%" in await names("")
    for text, session_id in (
        (zoe, None), (theirs, theirs), (asset["id"], theirs), (job.id, theirs), (" zoe.finds@EXAMPLE.org", None),
    ):  # fmt: skip
        assert await database.run_system(people.whose, text) == (zoe, session_id)
    for text in ("nobody@example.org", NOTHING, "x" * 5000, ""):
        assert await database.run_system(people.whose, text) is None


async def test_people_are_listed_page_by_page(database, grace, ada):
    bob = await make_user(database, "Bob")
    newest = await database.run_system(people.find, "", None)
    assert [newest[0].id, newest[1].id] == [bob, ada]
    assert (await database.run_system(people.find, "", bob))[0].id == ada


async def test_the_details_have_what_is_needed_and_no_title(database, ada, session):
    found = await database.run_system(people.details, ada)
    assert (found.name, found.sessions[0].id, found.sessions[0].owned) == ("Ada", session, True)
    assert found.sessions[0].credits.image == await balance(database, ada, session)
    assert not hasattr(found.sessions[0], "title")
    with pytest.raises(NotFound):
        await database.run_system(people.details, NOTHING)


# Accounts ---------------------------------------------------------------------------------------------------------------


async def test_the_last_admin_is_neither_demoted_nor_banned(database, grace):
    for verb, *rest in ((people.set_role, "member"), (people.ban, "why")):
        for actor in (grace, COMMAND_LINE):
            with pytest.raises(Conflict, match="only admin"):
                await database.run_system(verb, actor, grace.id, *rest)
    second = await make_user(database, "Hopper", role="admin")
    await database.run_system(people.set_role, grace, second, "member")
    with pytest.raises(Conflict):
        await database.run_system(people.set_role, grace, grace.id, "member")


async def test_a_banned_admin_is_no_other_admin(database, grace):
    second = await make_user(database, "Hopper", role="admin")
    await database.run_system(people.ban, grace, second, "gone")
    with pytest.raises(Conflict):
        await database.run_system(people.set_role, grace, grace.id, "member")


@pytest.mark.parametrize("verb", ["demote", "ban"])
async def test_of_two_admins_who_end_each_other_at_the_same_moment_one_stays(database, grace, verb):
    hopper = Actor(id=await make_user(database, "Hopper", role="admin"), name="Hopper")

    def end(actor, other):
        if verb == "ban":
            return database.run_system(people.ban, actor, other.id, "why")
        return database.run_system(people.set_role, actor, other.id, "member")

    for _ in range(5):
        await run_sql(
            database, "UPDATE users SET role = 'admin', status = 'active' WHERE id = ANY($1)", [grace.id, hopper.id]
        )
        outcomes = await asyncio.gather(end(grace, hopper), end(hopper, grace), return_exceptions=True)
        assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "NotAllowed"]
        assert len(await run_sql(database, "SELECT FROM users WHERE role = 'admin' AND status = 'active'")) == 1


async def test_an_actor_who_is_no_admin_any_more_changes_no_role(database, grace, ada):
    eve = Actor(id=ada, name="Ada")
    for verb, *rest in ((people.set_role, "member"), (people.set_role, "admin"), (people.ban, "why")):
        with pytest.raises(NotAllowed):
            await database.run_system(verb, eve, grace.id, *rest)


async def test_a_ban_cancels_what_is_made_and_a_sign_out_ends_every_browser(database, grace):
    ada = await member(database)
    await signed_in_user(database, ada)
    await signed_in_user(database, ada)
    await create_api_token(database, ada)
    assert await database.run_system(people.sign_out, grace, ada.id, "lost laptop") == 2
    found = await database.run_system(people.details, ada.id)
    assert (found.sign_ins, found.tokens) == (0, 1)
    await database.run_system(people.sign_out, grace, ada.id, tokens_too=True)
    assert (await database.run_system(people.details, ada.id)).tokens == 0
    theirs = await make_session(database, ada.id)
    [generation] = (await ask(database, ada.id, theirs)).generations
    await database.run_system(people.ban, grace, ada.id, "spam")
    [row] = await run_sql(database, "SELECT status FROM generations WHERE id = $1", generation.id)
    assert row["status"] == "cancelled"
    entry = await newest_act(database)
    assert (entry.action, entry.reason, entry.subject_id, entry.actor_id) == ("user.banned", "spam", ada.id, grace.id)
    await database.run_system(people.unban, grace, ada.id)
    assert await database.run_system(credits.check) == []


async def test_whoever_is_banned_reads_the_newest_reason_with_the_right_password_only(database, grace):
    ada = await member(database)
    await database.run_system(people.ban, grace, ada.id, "spam")
    await database.run_system(people.unban, grace, ada.id)
    await database.run_system(people.ban, grace, ada.id, "more <b>spam</b>")
    with pytest.raises(BadCredentials) as guessed:
        await signed_in_user(database, ada, password="wrong password")
    assert "spam" not in guessed.value.message
    with pytest.raises(NotAllowed, match=r"The reason: more <b>spam</b>$"):
        await signed_in_user(database, ada)
    await database.run_system(people.ban, grace, ada.id, "")
    with pytest.raises(NotAllowed, match=r"of this site\.$"):
        await signed_in_user(database, ada)


async def test_a_reset_link_works_once_and_not_for_another_admin(database, grace, ada):
    token = await database.run_system(people.begin_reset, grace, ada)
    assert token not in str(await newest_act(database))
    await database.run_system(users.find_reset, token)
    with pytest.raises(NotFound):
        await database.run_system(users.find_reset, token[::-1])
    second = await make_user(database, "Hopper", role="admin")
    with pytest.raises(NotAllowed):
        await database.run_system(people.begin_reset, grace, second)
    assert await database.run_system(people.begin_reset, COMMAND_LINE, second)


async def test_nobody_is_acted_on_who_is_not_there(database, grace):
    for verb, *rest in (
        (people.set_role, "admin"), (people.ban, "why"), (people.unban,), (people.sign_out,), (people.begin_reset,),
        (people.grant, "flash", None), (people.prolong, 60, ""), (people.give_credits, "image", 1, "why"),
        (people.read_conversation, "why"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await database.run_system(verb, grace, NOTHING, *rest)


# Sessions ---------------------------------------------------------------------------------------------------------------


async def test_a_session_is_granted_and_extended_also_when_it_has_ended(database, grace, ada):
    session = await database.run_system(people.grant, grace, ada, "flash", None, "a present")
    entry = await newest_act(database)
    assert (entry.action, entry.target_id, entry.details) == ("session.granted", session.id, {"plan": "flash"})
    await run_sql(
        database,
        "UPDATE user_sessions SET expires_at = now() - '1 day'::interval, status = 'expired' WHERE id = $1",
        session.id,
    )
    await database.run_system(people.prolong, grace, session.id, 90, "outage")
    [row] = await run_sql(
        database,
        "SELECT status, expires_at BETWEEN now() + '89 min'::interval AND now() + '91 min'::interval AS fits,"
        " (SELECT count(*) FROM purchases WHERE session_id = $1) AS sold FROM user_sessions WHERE id = $1",
        session.id,
    )
    assert tuple(row.values()) == ("active", True, 1)
    for minutes in (0, -1, 525_601):
        with pytest.raises(Invalid):
            await database.run_system(people.prolong, grace, session.id, minutes, "why")


async def test_extra_credits_are_rows_with_a_reason_and_the_books_prove_them(database, grace, ada, session):
    before = (await balance(database, ada, session)).limit
    await database.run_system(people.give_credits, grace, session, "image", 3, "an outage of ours")
    assert (await balance(database, ada, session)).limit == before + 3
    rows = await run_sql(
        database,
        "SELECT number, reason FROM credit_entries WHERE session_id = $1 AND action = 'grant' ORDER BY id",
        session,
    )
    assert [tuple(row.values()) for row in rows] == [(before + n, "an outage of ours") for n in (1, 2, 3)]
    assert await database.run_system(credits.check) == []
    for _ in range(before + 3):
        await ask(database, ada, session)
    assert (await balance(database, ada, session)).left == 0
    assert await database.run_system(credits.check) == []
    for row in await run_sql(database, "SELECT id FROM generations WHERE session_id = $1", session):
        await database.run_as(ada, generations.cancel, row["id"])
    # A larger plan's credits come beside them, not instead of them.
    extended = await database.run_system(sessions.extend, ada, session, "pro", checkout="manual")
    [plan] = await run_sql(database, "SELECT image_credits_per_hour AS n FROM session_config WHERE id = 'pro'")
    assert extended.credits.image.limit == plan["n"] + 3
    assert await database.run_system(credits.check) == []


async def test_a_credit_that_nobody_booked_and_a_line_without_its_credit_are_found(database, grace, ada, session):
    await database.run_system(people.give_credits, grace, session, "image", 1, "why")
    await run_sql(
        database, "INSERT INTO credits (session_id, kind, number, extra) VALUES ($1, 'video', 9, true)", session
    )
    await run_sql(database, "DELETE FROM credits WHERE session_id = $1 AND kind = 'image' AND extra", session)
    found = [each for each in await database.run_system(credits.check) if "extra credit" in each.what]
    assert sorted(each.where["kind"] for each in found) == ["image", "video"]
    await run_sql(database, "DELETE FROM user_sessions WHERE id = $1", session)
    assert await database.run_system(credits.check) == []


@pytest.mark.parametrize(("count", "reason"), [(0, "why"), (-1, "why"), (1001, "why"), (1, ""), (1, "  "), (1, "\x00")])
async def test_credits_are_given_in_bounds_and_with_a_reason(database, grace, ada, session, count, reason):
    before = (await balance(database, ada, session)).limit
    with pytest.raises(Invalid):
        await database.run_system(people.give_credits, grace, session, "image", count, reason)
    assert (await balance(database, ada, session)).limit == before


async def test_a_form_that_is_sent_again_gives_once(database, grace, ada, session):
    before = await database.run_as(ada, sessions.find, session)
    for verb, *what in (
        (people.give_credits, session, "image", 2, "why"),
        (people.prolong, session, 30, "why"),
        (people.grant, ada, "flash", "A present", "why"),
    ):
        key = ids.new()
        given = [await database.run_system(verb, grace, *what, client_id=key) for _ in range(2)]
        assert given[0] == given[1]
    after = await database.run_as(ada, sessions.find, session)
    assert after.credits.image.limit == before.credits.image.limit + 2
    assert after.expires_at - before.expires_at == timedelta(minutes=30)
    titles = [each.title for each in await database.run_as(ada, sessions.list_sessions)]
    assert titles.count("A present") == 1


async def test_two_who_give_at_once_both_give(database, grace, ada, session):
    before = (await balance(database, ada, session)).limit
    await asyncio.gather(
        *(database.run_system(people.give_credits, grace, session, "image", 2, "why") for _ in range(4))
    )
    assert (await balance(database, ada, session)).limit == before + 8
    assert await database.run_system(credits.check) == []


async def test_a_member_cannot_book_a_grant(database, ada, session):
    with pytest.raises(Exception, match="row-level security"):
        await run_sql_as(
            database,
            ada,
            "INSERT INTO credit_entries (session_id, kind, number, action) VALUES ($1, 'image', 99, 'grant')",
            session,
        )


# Reading ----------------------------------------------------------------------------------------------------------------


async def test_a_conversation_is_read_with_a_reason_that_everybody_in_it_can_see(database, grace, ada):
    bob = await make_user(database, "Bob")
    session = await make_session(database, ada, guests=(bob,))
    await say(database, ada, session, "a secret of Ada's")
    await say(database, bob, session, "and one of Bob's")
    with pytest.raises(Invalid):
        await database.run_system(people.read_conversation, grace, session, " ")
    assert await database.run_system(audit.readings, ada, None, 10) == []
    read = await database.run_system(people.read_conversation, grace, session, "a report of spam")
    assert [message.text for message in read.messages if "of" in message.text] == [
        "a secret of Ada's",
        "and one of Bob's",
    ]
    for person in (ada, bob):
        [entry] = await database.run_system(audit.readings, person, None, 10)
        assert (entry.actor, entry.reason, entry.target_id) == ("Grace", "a report of spam", session)
        [exported] = await database.run_system(audit.export_page, person, NOTHING, 10)
        assert exported["reason"] == "a report of spam"
    assert "secret" not in str(await run_sql(database, "SELECT * FROM audit_entries"))


# The log ----------------------------------------------------------------------------------------------------------------


async def test_the_log_is_filtered_by_act_actor_and_target_and_paged(database, grace, ada, session):
    for _ in range(3):
        await database.run_system(people.prolong, grace, session, 5, "why")
    await database.run_system(people.unban, COMMAND_LINE, ada)

    async def found(before=None, limit=10, **wanted):
        entries = await database.run_system(audit.page, AuditFilter(**wanted), before, limit)
        return [(entry.action, entry.actor) for entry in entries]

    extended = ("session.extended", "Grace")
    assert await found(target=session) == [extended] * 3
    assert await found(target=ada) == [("user.unbanned", "command line"), *[extended] * 3]
    assert await found(target=ada, action="user.unbanned") == [("user.unbanned", "command line")]
    assert await found(target=ada, actor="Grace", action="session.extended") == [extended] * 3
    assert set(await found(actor="Grace", action="session.extended")) == {extended}
    assert {action for action, _ in await found(action="user.unbanned")} == {"user.unbanned"}
    assert await found(target="no such thing") == await found(actor="nobody") == await found(action="x.y") == []
    assert (await found(limit=1)) == [("user.unbanned", "command line")]
    assert {"session.extended", "user.unbanned"} <= set(await database.run_system(audit.actions))
