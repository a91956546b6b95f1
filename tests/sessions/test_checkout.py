"""Buying and extending sessions: credits, time, limits and purchases."""

import asyncio
from datetime import timedelta

import pytest

from chatserver import credits, ids, plans, sessions
from chatserver.errors import Invalid, NotAllowed, NotFound, SessionExpired
from tests.support.locks import until_somebody_waits
from tests.support.people import make_user, run_sql, run_sql_as


@pytest.fixture
async def ada(database):
    yield await make_user(database, "Ada")
    assert await database.run_system(credits.check) == []


async def buy(database, user, plan="flash", title=None, **more):
    return await database.run_system(sessions.buy, user, plan, title, checkout="instant", **more)


async def extend(database, user, session, plan):
    return await database.run_system(sessions.extend, user, session.id, plan, checkout="instant")


def minutes_of(session):
    return (session.expires_at - session.started_at) / timedelta(minutes=1)


async def expire(database, session):
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() - '1 h'::interval WHERE id = $1", session.id)


@pytest.mark.parametrize(
    ("plan", "minutes", "images", "videos"), [("flash-lite", 60, 3, 1), ("flash", 120, 8, 2), ("pro", 180, 15, 5)]
)
async def test_a_session_has_its_plans_minutes_and_credits(database, ada, plan, minutes, images, videos):
    session = await buy(database, ada, plan)
    assert (session.status, session.owner_id, session.plan_id) == ("active", ada, plan)
    assert minutes_of(session) == pytest.approx(minutes, abs=0.1)
    assert (session.credits.image.left, session.credits.video.left) == (images, videos)
    assert [(member.id, member.role) for member in session.members] == [(ada, "owner")]


async def test_a_title_is_what_was_typed_or_the_plans_name(database, ada):
    assert (await buy(database, ada, title="  Evening \n pictures ")).title == "Evening pictures"
    assert (await buy(database, ada, title="  ")).title == "New session"
    with pytest.raises(Invalid):
        await buy(database, ada, title="x" * 121)


async def test_what_is_not_on_offer_is_not_sold(database, ada):
    with pytest.raises(Invalid):
        await buy(database, ada, "platinum")
    await run_sql(database, "UPDATE session_config SET available = false WHERE id = 'flash'")
    try:
        with pytest.raises(NotAllowed):
            await buy(database, ada, "flash")
        assert "flash" not in [plan.id for plan in await database.run_system(plans.list_plans)]
    finally:
        await run_sql(database, "UPDATE session_config SET available = true WHERE id = 'flash'")


async def test_more_time_goes_on_from_the_end(database, ada, published):
    session = await buy(database, ada, "flash")
    longer = await extend(database, ada, session, "flash")
    assert minutes_of(longer) == pytest.approx(240, abs=0.1)
    assert longer.credits.image.limit == 8
    assert {
        event.session.expires_at for event in published.events(f"session:{session.id}") if hasattr(event, "session")
    } == {longer.expires_at}


async def test_an_expired_session_lives_again_from_now(database, ada):
    session = await buy(database, ada, "flash")
    await expire(database, session)
    with pytest.raises(SessionExpired):
        await database.run_as(ada, sessions.active_membership, session.id)
    again = await extend(database, ada, session, "flash")
    now = (await run_sql(database, "SELECT now()"))[0][0]
    assert (again.expires_at - now) / timedelta(minutes=1) == pytest.approx(120, abs=0.2)
    assert (await database.run_as(ada, sessions.active_membership, session.id)).is_owner


async def test_a_larger_plan_brings_its_credits_at_once(database, ada):
    session = await buy(database, ada, "flash-lite")
    larger = await extend(database, ada, session, "pro")
    assert (larger.plan_id, larger.credits.image.left, larger.credits.video.left) == ("pro", 15, 5)


async def test_the_credits_of_a_large_plan_are_not_prolonged_at_the_price_of_a_small_one(database, ada):
    session = await buy(database, ada, "pro")
    for status in ("active", "expired"):
        if status == "expired":
            await expire(database, session)
        with pytest.raises(NotAllowed) as refusal:
            await extend(database, ada, session, "flash-lite")
        assert "Flash Lite" in refusal.value.message
    assert len(await run_sql(database, "SELECT 1 FROM purchases WHERE session_id = $1", session.id)) == 1


async def test_a_plan_that_gives_less_today_still_prolongs_what_was_sold_on_it(database, ada):
    session = await buy(database, ada, "flash")
    await run_sql(database, "UPDATE session_config SET image_credits_per_hour = 5 WHERE id = 'flash'")
    try:
        assert (await extend(database, ada, session, "flash")).credits.image.limit == 8
        assert (await buy(database, ada, "flash")).credits.image.limit == 5
    finally:
        await run_sql(database, "UPDATE session_config SET image_credits_per_hour = 8 WHERE id = 'flash'")


async def test_only_its_owner_prolongs_a_session(database, ada):
    bob = await make_user(database, "Bob")
    session = await buy(database, ada)
    for plan in ("pro", "flash-lite"):
        with pytest.raises(NotFound):
            await extend(database, bob, session, plan)
    code = await database.run_as(ada, sessions.invite, session.id)
    await database.run_system(sessions.join, code, bob)
    with pytest.raises(NotFound):
        await extend(database, bob, session, "pro")


async def test_extensions_at_the_same_moment_all_count(database, ada):
    session = await buy(database, ada, "flash-lite")
    await asyncio.gather(*(extend(database, ada, session, "flash-lite") for _ in range(5)))
    longest = await database.run_as(ada, sessions.find, session.id)
    assert minutes_of(longest) == pytest.approx(360, abs=0.1)
    assert longest.credits.image.limit == 3


async def test_a_small_plan_that_waits_for_a_larger_one_is_refused_as_after_it(database, ada):
    """Otherwise the session has the credits of the larger plan on the small one, which then extends it for ever."""
    session = await buy(database, ada, "flash-lite")
    small = []

    async def extend_by_a_larger_one(tx):
        await credits.lock_all(tx, session.id)
        small.append(asyncio.create_task(extend(database, ada, session, "flash-lite")))
        await until_somebody_waits(tx)
        await sessions.extend(tx, ada, session.id, "pro", checkout="manual")

    await database.run_system(extend_by_a_larger_one)
    with pytest.raises(NotAllowed):
        await small[0]
    extended = await database.run_as(ada, sessions.find, session.id)
    assert (extended.plan_id, extended.credits.image.limit, minutes_of(extended)) == (
        "pro",
        15,
        pytest.approx(240, abs=0.1),
    )


async def test_every_purchase_is_booked_at_its_price(database, ada):
    session = await buy(database, ada, "flash")
    await extend(database, ada, session, "pro")
    booked = await run_sql_as(database, ada, "SELECT plan_id, amount, currency, checkout FROM purchases ORDER BY id")
    assert [tuple(map(str, row)) for row in booked] == [
        ("flash", "49.00", "INR", "instant"),
        ("pro", "99.00", "INR", "instant"),
    ]


async def test_the_operator_grants_to_an_account_that_is_there(database, ada):
    session = await database.run_system(sessions.grant, ada, "pro", "A present")
    assert (session.owner_id, session.title) == (ada, "A present")
    with pytest.raises(NotFound):
        await database.run_system(sessions.grant, ids.new(), "pro", None)


def test_where_the_operator_grants_nobody_buys():
    sessions.require_instant("instant")
    with pytest.raises(NotAllowed):
        sessions.require_instant("manual")
