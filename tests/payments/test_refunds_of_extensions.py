"""A session that was bought and extended: the refund of one purchase ends what is left of its own time, and the time of the
others stays. The books and the emulator's own record of money agree after each."""

import asyncio

import pytest

from chatserver import credits, sessions
from chatserver.payments import auditor, service, settlement
from chatserver.payments.processing import PaymentProcessor, open_gateways
from tests.emulators import payments
from tests.payments.test_orders import configured
from tests.support.people import make_user, run_sql


@pytest.fixture(scope="module")
async def emulator():
    async with payments.running() as opened:
        yield opened


@pytest.fixture
async def till(database, emulator):
    processor = PaymentProcessor(database, open_gateways(configured(emulator)), "test", "http://localhost")
    yield processor
    await processor.close()


class Story:
    """One session of a person, what was bought for it, and how much of its time is left."""

    def __init__(self, database, till, emulator, user):
        self.database, self.till, self.emulator, self.user = database, till, emulator, user
        self.session, self.orders = None, []

    async def buy(self, plan):
        order = await self.database.run_system(service.place, self.user, plan, self.session, "stripe", "test")
        order = await self.till.open_page(order)
        self.emulator.pay(order.gateway_id)
        order = await self.till.settle(order)
        assert self.session in {None, order.granted_session_id}
        self.session = order.granted_session_id
        self.orders.append(order.id)

    async def grant(self, plan):
        await self.database.run_system(sessions.extend, self.user, self.session, plan, checkout="manual")

    async def give(self, minutes):
        await self.database.run_system(sessions.prolong, self.session, int(minutes))

    async def wait(self, minutes):
        """So much time goes by for this session."""
        for update in (
            "UPDATE user_sessions SET expires_at = expires_at - make_interval(mins => $2) WHERE id = $1",
            "UPDATE purchases SET ends_at = ends_at - make_interval(mins => $2) WHERE session_id = $1",
        ):
            await run_sql(self.database, update, self.session, int(minutes))

    async def refund(self, which):
        order = await self.database.run_system(service.find, self.orders[int(which)])
        await self.till.refund(order, order.amount - order.refunded)

    async def refund_part(self, which):
        order = await self.database.run_system(service.find, self.orders[int(which)])
        await self.till.refund(order, 1000)

    async def lose(self, which):
        """The bank takes the money back."""
        order = await self.database.run_system(service.find, self.orders[int(which)])
        self.emulator.give_back(order.gateway_id, order.amount)
        await self.database.run_system(settlement.lose, order.id)

    async def forget_places(self, _):
        """As of purchases that an older version has sold while this one was installed."""
        await run_sql(self.database, "UPDATE purchases SET ends_at = NULL WHERE session_id = $1", self.session)

    async def minutes_left(self):
        [row] = await run_sql(
            self.database,
            "SELECT extract(epoch FROM expires_at - now()) / 60 AS left FROM user_sessions WHERE id = $1",
            self.session,
        )
        return max(0.0, float(row["left"]))

    async def books_agree(self):
        assert await self.database.run_system(auditor.check) == []
        assert await self.database.run_system(credits.check) == []
        for order_id in self.orders:
            order = await self.database.run_system(service.find, order_id)
            assert sum(self.emulator.money[order_id]) == order.amount - order.refunded


@pytest.fixture
async def story(database, till, emulator):
    return Story(database, till, emulator, await make_user(database, "Ada"))


# Flash has 120 minutes, Pro 180. The last column is what is left at the end.
@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ("buy flash, buy flash, refund 0", 120),
        ("buy flash, buy flash, refund 1", 120),
        ("buy flash, buy flash, wait 30, refund 0", 120),
        ("buy flash, buy flash, wait 30, refund 1", 90),
        ("buy flash, buy flash, wait 130, refund 0", 110),
        ("buy flash, buy flash, wait 130, refund 1", 0),
        ("buy flash, buy flash, wait 30, lose 0", 120),
        ("buy flash, buy flash, wait 30, refund 0, refund 1", 0),
        ("buy flash, buy flash, wait 30, refund 1, refund 0", 0),
        ("buy flash, buy flash, wait 130, refund 0, refund 1", 0),
        ("buy flash, buy flash, wait 30, refund_part 0", 210),
        ("buy flash, buy flash, wait 30, refund_part 0, refund 0", 120),
        ("buy flash, buy flash, wait 130, refund_part 1, refund 0", 110),
        ("buy flash, buy pro, buy pro, wait 30, refund 1", 270),
        ("buy flash, buy pro, buy pro, wait 200, refund 1", 180),
        ("buy flash, buy pro, buy pro, wait 200, refund 0", 280),
        ("buy flash, buy pro, buy pro, wait 30, refund 0, refund 2", 180),
        # What follows a purchase that was given back begins earlier.
        ("buy flash, buy flash, buy flash, wait 30, refund 0, wait 130, refund 1", 110),
        ("buy flash, buy flash, wait 30, refund 0, buy flash, wait 30, refund 1", 120),
        # The session had ended, before it was extended or given back.
        ("buy flash, wait 200, buy flash, wait 30, refund 0", 90),
        ("buy flash, wait 200, buy flash, wait 30, refund 1", 0),
        ("buy flash, buy flash, wait 300, refund 0, refund 1", 0),
        ("buy flash, refund 0, buy flash, refund 1, buy flash", 120),
        # Where the place of a purchase is unknown, its minutes are taken from the end.
        ("buy flash, buy flash, forget_places, wait 30, refund 1", 90),
        ("buy flash, buy flash, forget_places, wait 150, refund 1", 0),
        # What was granted, or added as a present, was never paid for.
        ("buy flash, grant flash, wait 130, refund 0", 110),
        ("buy flash, give 60, wait 30, refund 0", 60),
        ("buy flash, give 60, buy flash, wait 30, refund 0", 180),
        ("buy flash, give 60, buy flash, wait 150, refund 1", 30),
        ("buy flash, give 60, buy flash, wait 200, refund 1", 0),
    ],
)
async def test_a_refund_ends_the_time_of_its_own_purchase_and_no_others(story, steps, left):
    for step in steps.split(", "):
        name, _, value = step.partition(" ")
        await getattr(story, name)(value)
        await story.books_agree()
    assert await story.minutes_left() == pytest.approx(left, abs=1)


async def test_refunds_of_both_purchases_at_once_leave_what_a_third_has_paid_for(story):
    for _ in range(3):
        await story.buy("flash")
    await story.wait(30)
    await asyncio.gather(story.refund(0), story.refund(1))
    await story.books_agree()
    assert await story.minutes_left() == pytest.approx(120, abs=1)
