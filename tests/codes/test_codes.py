"""Codes are made, redeemed once, expire and are withdrawn; and nobody guesses them."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from chatserver import codes, credits, ids, plans, sessions
from chatserver.audit import COMMAND_LINE
from chatserver.audit import service as audit
from chatserver.audit.models import AuditFilter
from chatserver.codes import service, spelling
from chatserver.codes.models import CodeOrder
from chatserver.errors import Conflict, Invalid, NotAllowed, NotFound, RateLimited
from chatserver.privacy import erasure
from chatserver.users.models import Visitor
from tests.support.people import make_session, make_user, run_sql

HERE = Visitor(address="192.0.2.7")


@pytest.fixture
async def ada(database):
    yield await make_user(database, "Ada")
    assert await database.run_system(credits.check) == []


@pytest.fixture
async def owner(postgres_server, database_url):
    """A superuser of the database: no role that serves may change when a code expires."""
    connection = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    yield connection
    await connection.close()


@pytest.fixture(autouse=True)
async def nobody_has_guessed(database):
    await run_sql(database, "DELETE FROM throttles")


async def make(database, plan="pro", count=1, **fields):
    order = CodeOrder(plan_id=plan, count=count, **{"expires": "90d", **fields})
    return await database.run_system(codes.make, COMMAND_LINE, order)


async def one(database, **fields):
    return (await make(database, **fields)).codes[0]


async def redeem(database, user, code, session=None, visitor=HERE):
    return await codes.redeem(database, user, code, visitor, session)


async def purchases(database, user):
    return [
        (row["checkout"], row["plan_id"], row["amount"])
        for row in await run_sql(
            database, "SELECT checkout, plan_id, amount FROM purchases WHERE user_id = $1 ORDER BY id", user
        )
    ]


async def test_a_code_is_a_session_as_it_was_sold_booked_at_its_price(database, ada):
    code = await one(database, price="49.50")
    pro = await database.run_system(plans.find, "pro")
    changed = msgspec.structs.replace(pro, minutes=10, image_credits_per_hour=1, available=False)
    await database.run_system(plans.save, COMMAND_LINE, changed)
    try:
        session = await redeem(database, ada, code.lower())
    finally:
        await database.run_system(plans.save, COMMAND_LINE, pro)
    assert session.owner_id == ada
    assert (session.expires_at - session.started_at) / timedelta(minutes=1) == pytest.approx(180, abs=0.1)
    assert session.credits.image.left == 15
    assert await purchases(database, ada) == [("codes", "pro", Decimal("49.50"))]


async def test_a_hundred_redemptions_at_once_give_one_session(database):
    code = await one(database)
    people = [await make_user(database) for _ in range(5)]
    calls = (redeem(database, people[n % 5], code, visitor=Visitor(address=f"198.51.100.{n}")) for n in range(100))
    done = await asyncio.gather(*calls, return_exceptions=True)
    won = [each for each in done if not isinstance(each, Exception)]
    assert len({session.id for session in won}) == 1
    assert {type(each) for each in done if isinstance(each, Exception)} <= {Invalid, RateLimited}
    booked = [await purchases(database, user) for user in people]
    assert [entry for entry in booked if entry] == [[("codes", "pro", 0)]]
    owners = await run_sql(database, "SELECT user_id FROM user_sessions WHERE user_id = ANY($1::uuid[])", people)
    assert [row["user_id"] for row in owners] == [won[0].owner_id]


async def test_a_form_that_is_sent_twice_leads_to_the_same_session(database, ada):
    code = await one(database)
    first, again = [await redeem(database, ada, code) for _ in range(2)]
    assert first.id == again.id
    assert len(await purchases(database, ada)) == 1


async def test_a_code_extends_ones_own_session_and_no_others(database, ada):
    [first, second, small] = [*(await make(database, count=2)).codes, await one(database, plan="flash-lite")]
    own = await redeem(database, ada, first)
    theirs = await make_session(database, await make_user(database), "pro")
    with pytest.raises(NotFound):
        await redeem(database, ada, second, theirs)
    with pytest.raises(NotAllowed):
        await redeem(database, ada, small, own.id)
    longer = await redeem(database, ada, second, own.id)
    assert (longer.id, longer.expires_at - own.expires_at) == (own.id, timedelta(hours=3))
    assert (await redeem(database, ada, small)).plan_id == "flash-lite", "what was refused has used nothing up"


async def refusal_of(call):
    with pytest.raises(Invalid) as refusal:
        await call
    assert refusal.value.details["field"] == "code"
    return refusal.value.message


async def test_what_is_no_good_says_why(database, owner, ada):
    used, old, withdrawn = (made := await make(database, count=3)).codes
    await redeem(database, await make_user(database), used)
    listed = await database.run_system(codes.of_batch, made.batch_id)
    await owner.execute("UPDATE codes SET expires_at = now() WHERE id = $1", listed[1].id)
    await database.run_system(codes.revoke, COMMAND_LINE, listed[2].id)
    assert "was used already" in await refusal_of(redeem(database, ada, used))
    assert "was good until" in await refusal_of(redeem(database, ada, old))
    assert "was withdrawn" in await refusal_of(redeem(database, ada, withdrawn))
    assert "is not one of ours" in await refusal_of(redeem(database, ada, spelling.new()))
    for text in ("", "7K2M", "\x00", "\ud800", "7K2M" * 5, "x" * 100_000):
        assert "is not complete" in await refusal_of(redeem(database, ada, text))
    assert await purchases(database, ada) == []


async def test_who_guesses_waits_ever_longer_and_the_right_code_waits_too(database, ada):
    code = await one(database)
    for _ in range(10):
        await refusal_of(redeem(database, ada, spelling.new()))
    with pytest.raises(RateLimited) as refusal:
        await redeem(database, ada, code)
    assert 0 < refusal.value.retry_after <= 30
    other = await make_user(database)
    assert (await redeem(database, other, code)).owner_id == other, "another person at this address does not wait"


async def test_many_accounts_at_one_address_guess_no_more_than_fifty_times(database):
    people = [await make_user(database) for _ in range(60)]
    guesses = (redeem(database, user, spelling.new()) for user in people)
    tried = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(each, RateLimited) for each in tried) == 10


async def test_good_codes_are_no_guesses(database, ada):
    for code in (await make(database, plan="flash-lite", count=12)).codes:
        await redeem(database, ada, code)


async def test_a_good_code_that_does_not_fit_the_session_is_no_guess(database, ada):
    own = await redeem(database, ada, await one(database))
    theirs = await make_session(database, await make_user(database))
    small = await one(database, plan="flash-lite")
    for _ in range(12):
        with pytest.raises(NotAllowed):
            await redeem(database, ada, small, own.id)
        with pytest.raises(NotFound):
            await redeem(database, ada, small, theirs)
    assert (await redeem(database, ada, small)).plan_id == "flash-lite"
    for _ in range(10):
        await refusal_of(redeem(database, ada, spelling.new(), own.id))
    with pytest.raises(RateLimited):
        await redeem(database, ada, spelling.new(), own.id)


async def test_nothing_that_is_stored_or_recorded_has_the_code(database, ada):
    made = await make(database, note="for Ada")
    await redeem(database, ada, made.codes[0])
    for table in ("codes", "purchases", "audit_entries", "revenue_entries", "throttles"):
        rows = " ".join(row["t"] for row in await run_sql(database, f"SELECT t::text AS t FROM {table} t"))
        assert made.codes[0] not in rows and spelling.normal(made.codes[0]) not in rows, table
    [entry] = await database.run_system(audit.page, AuditFilter(target=made.batch_id), None, 5)
    assert (entry.action, entry.actor, entry.reason) == ("codes.made", "command line", "for Ada")
    assert (entry.details["count"], entry.details["plan"]) == (1, "pro")


async def test_what_is_redeemed_is_never_withdrawn_and_each_act_is_recorded(database, ada):
    made = await make(database, count=3)
    await redeem(database, ada, made.codes[0])
    assert await database.run_system(codes.revoke, COMMAND_LINE, made.batch_id) == 2
    with pytest.raises(Conflict):
        await database.run_system(codes.revoke, COMMAND_LINE, made.batch_id)
    with pytest.raises(NotFound):
        await database.run_system(codes.revoke, COMMAND_LINE, ids.new())
    [batch] = [each for each in await database.run_system(codes.batches) if each.id == made.batch_id]
    assert (batch.made, batch.redeemed, batch.revoked, batch.expired, batch.unused) == (3, 1, 2, 0, 0)
    acts = [entry.action for entry in await database.run_system(audit.page, AuditFilter(target=made.batch_id), None, 5)]
    assert acts == ["codes.withdrawn", "codes.made"]


async def test_batches_are_listed_in_pages(database):
    for _ in range(service.PAGE + 1):
        await make(database)
    first = await database.run_system(codes.batches)
    second = await database.run_system(codes.batches, first[-1].id)
    assert len(first) == service.PAGE
    assert second and second[0].id < first[-1].id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("plan_id", "platinum"), ("plan_id", "\ud800"), ("count", 0), ("count", 501), ("count", -1), ("expires", ""),
        ("expires", "yesterday"), ("expires", "2020-01-01"), ("expires", "9999-12-31"), ("expires", "0d"),
        ("expires", "9999d"), ("expires", "\u0663d"), ("expires", "\x00"), ("price", "1,000"), ("price", "-1"),
        ("price", "free"), ("price", "9" * 9), ("price", "1e3"), ("note", "x" * 201), ("note", "a\x00b"),
        ("note", "\ud800"), ("note", "a\u202eb"),
    ],
)  # fmt: skip
async def test_what_cannot_be_made_is_refused_with_its_field(database, field, value):
    with pytest.raises(Invalid) as refusal:
        await make(database, **{"plan" if field == "plan_id" else field: value})
    assert refusal.value.details["field"] == field


def test_a_date_is_good_until_its_end():
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert service.parse_expiry("2026-11-30", now) == datetime(2026, 12, 1, tzinfo=UTC)
    assert service.parse_expiry("2026-11-29", now) == datetime(2026, 11, 30, tzinfo=UTC)
    assert service.parse_expiry("2026-11-30T01:00+02:00", now) == datetime(2026, 11, 29, 23, tzinfo=UTC)
    assert service.parse_expiry("12h", now) == now + timedelta(hours=12)


async def test_a_deleted_account_leaves_the_code_used_and_nameless(database):
    made, user = await make(database), await make_user(database)
    session = await redeem(database, user, made.codes[0])
    [row] = await database.run_system(service.export_page, user, "00000000-0000-0000-0000-000000000000", 10)
    assert (row["plan_id"], row["session_id"]) == ("pro", session.id)
    await database.run_system(erasure.close_account, user)
    while await run_sql(database, "SELECT FROM users WHERE id = $1", user):
        await database.run_system(erasure.remove_closed_account)
    [code] = await database.run_system(codes.of_batch, made.batch_id)
    assert (code.state, code.redeemed_by, code.session_id) == ("redeemed", None, None)
    assert "was used already" in await refusal_of(redeem(database, await make_user(database), made.codes[0]))


async def test_a_code_whose_session_was_deleted_is_used(database, ada):
    code = await one(database)
    session = await redeem(database, ada, code)
    await database.run_system(sessions.mark_deleted, session.id)
    with pytest.raises(NotFound):
        await redeem(database, ada, code)


# Histories --------------------------------------------------------------------------------------------------------------


@dataclass
class Printed:
    """What the model knows of one code."""

    code: str
    id: str
    batch: str
    state: str = "unused"
    owner: str = ""
    session: str = ""
    tries: int = field(default=0)


async def test_whatever_happens_in_whatever_order_a_code_is_one_session_at_most(database, owner):
    loop = asyncio.get_running_loop()

    def wait(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    class Histories(RuleBasedStateMachine):
        """Codes are made, redeemed, withdrawn and expire; the table and the purchases follow."""

        def __init__(self):
            super().__init__()
            self.printed = []
            self.people = [wait(make_user(database)) for _ in range(2)]

        @rule(count=st.integers(1, 3))
        def make(self, count):
            made = wait(make(database, count=count))
            listed = wait(database.run_system(codes.of_batch, made.batch_id))
            self.printed += [Printed(code, row.id, made.batch_id) for code, row in zip(made.codes, listed, strict=True)]

        @precondition(lambda self: self.printed)
        @rule(data=st.data(), who=st.integers(0, 1))
        def redeem(self, data, who):
            code, user = data.draw(st.sampled_from(self.printed)), self.people[who]
            wait(run_sql(database, "DELETE FROM throttles"))
            try:
                session = wait(redeem(database, user, code.code))
            except Invalid:
                assert code.state != "unused"
                assert (code.state, code.owner) != ("redeemed", user)
                return
            assert code.state == "unused" or (code.owner, code.session) == (user, session.id)
            code.state, code.owner, code.session = "redeemed", user, session.id

        @precondition(lambda self: self.printed)
        @rule(data=st.data(), whole=st.booleans())
        def withdraw(self, data, whole):
            code = data.draw(st.sampled_from(self.printed))
            meant = [each for each in self.printed if each.id == code.id or (whole and each.batch == code.batch)]
            open_ones = [each for each in meant if each.state in {"unused", "expired"}]
            try:
                count = wait(database.run_system(codes.revoke, COMMAND_LINE, code.batch if whole else code.id))
            except Conflict:
                count = 0
            assert count == len(open_ones)
            for each in open_ones:
                each.state = "withdrawn"

        @precondition(lambda self: self.printed)
        @rule(data=st.data())
        def expire(self, data):
            code = data.draw(st.sampled_from(self.printed))
            wait(owner.execute("UPDATE codes SET expires_at = now() - interval '1 s' WHERE id = $1", code.id))
            code.state = "expired" if code.state == "unused" else code.state

        @invariant()
        def agrees(self):
            for batch in {each.batch for each in self.printed}:
                states = {each.id: each.state for each in wait(database.run_system(codes.of_batch, batch))}
                assert states == {each.id: each.state for each in self.printed if each.batch == batch}
            for user in self.people:
                mine = [each for each in self.printed if each.owner == user]
                assert len(wait(purchases(database, user))) == len(mine) == len({each.session for each in mine})

    await loop.run_in_executor(None, _run, Histories)


def _run(machine):
    run_state_machine_as_test(machine, settings=settings(max_examples=12, stateful_step_count=12, deadline=None))
