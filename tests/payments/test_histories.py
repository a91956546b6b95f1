"""Histories of orders: whatever happens in whatever order, the gateways' own record of money and our books agree in the end,
and what was paid for is there once. SOAK_ORDERS is the number of histories; `make soak` sets it high.
"""

import asyncio
import os
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chatserver import credits
from chatserver.errors import ChatserverError, Conflict, GatewayFailed, NotAllowed, RateLimited
from chatserver.payments import auditor, service, settlement
from chatserver.payments.processing import PaymentProcessor, PaymentReconciler, open_gateways
from chatserver.privacy import erasure
from tests.emulators import payments
from tests.payments.test_orders import GATEWAYS, configured
from tests.support.people import make_session, make_user, run_sql

HISTORIES = int(os.environ.get("SOAK_ORDERS", "20"))
PRICES = {"flash": 49, "pro": 99}


@dataclass
class Placed:
    """An order as the history knows it, without a look into our tables."""

    id: str
    page: str
    gateway: str
    amount: int
    extends: str | None
    was_paid: bool = False
    was_closed: bool = False
    reports: list = field(default_factory=list)


@pytest.fixture(scope="module")
async def emulator():
    async with payments.running() as opened:
        yield opened


@pytest.fixture
async def till(database, emulator):
    processor = PaymentProcessor(database, open_gateways(configured(emulator)), "test", "http://localhost")
    yield processor
    await processor.close()


def is_paid(order):
    return order.was_paid


def is_unpaid(order):
    return not order.was_paid and not order.was_closed


def is_closed(order):
    return not order.was_paid and order.was_closed


def is_reported(order):
    return bool(order.reports)


async def change_plans(database, factor):
    for plan, price in PRICES.items():
        await run_sql(
            database,
            "UPDATE session_config SET price_amount = $2, minutes = $3 WHERE id = $1",
            plan,
            Decimal(price * factor),
            120 * factor,
        )


async def test_whatever_happens_to_orders_money_and_books_agree(database, till, emulator):
    loop = asyncio.get_running_loop()

    def wait(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    class Histories(RuleBasedStateMachine):
        """Orders are placed, paid, reported, given back and disputed while the gateway is down or mute and people leave."""

        def __init__(self):
            super().__init__()
            self.orders, self.factor = [], 1
            self.people = [wait(make_user(database)) for _ in range(2)]
            self.sessions = {user: [wait(make_session(database, user))] for user in self.people}

        @initialize(plans=st.tuples(st.sampled_from(sorted(PRICES)), st.sampled_from(sorted(PRICES))))
        def begin_two(self, plans):
            for gateway, plan, user in zip(GATEWAYS, plans, self.people, strict=True):
                self.place(user, plan, self.sessions[user][0], gateway)
                self.place(user, plan, None, gateway)

        def place(self, user, plan, session, gateway):
            try:
                order = wait(database.run_system(service.place, user, plan, session, gateway, "test"))
            except ChatserverError as error:
                assert session is not None or isinstance(error, RateLimited)
                return
            opened = self.heard(till.open_page(order)) or self.heard(till.open_page(order))
            if opened is not None:
                self.orders.append(Placed(order.id, opened.gateway_id, gateway, order.amount, session))

        def some(self, wanted=lambda order: True):
            return [order for order in self.orders if wanted(order)]

        def one(self, data, wanted=lambda order: True):
            return data.draw(st.sampled_from(self.some(wanted)))

        def heard(self, work):
            """What of ours may fail while the gateway does not answer, and must make no difference then."""
            try:
                return wait(work)
            except (GatewayFailed, Conflict, NotAllowed):
                return None

        def find(self, order):
            return wait(database.run_system(service.find, order.id))

        # What people do ----------------------------------------------------------------------------------------------

        @precondition(lambda self: self.people)
        @rule(
            data=st.data(), gateway=st.sampled_from(GATEWAYS), plan=st.sampled_from(sorted(PRICES)), more=st.booleans()
        )
        def begin(self, data, gateway, plan, more):
            user = data.draw(st.sampled_from(self.people))
            session = data.draw(st.sampled_from(self.sessions[user])) if more and self.sessions[user] else None
            self.place(user, plan, session, gateway)

        @precondition(lambda self: self.some(is_unpaid))
        @rule(data=st.data())
        def pay(self, data):
            order = self.one(data, is_unpaid)
            emulator.pay(order.page)
            order.was_paid = True

        @precondition(lambda self: self.orders)
        @rule(data=st.data())
        def come_back(self, data):
            self.heard(till.refresh(self.find(self.one(data))))

        @precondition(lambda self: len(self.people) > 1)
        @rule(removed=st.booleans())
        def leave(self, removed):
            user = self.people.pop()
            wait(database.run_system(erasure.close_account, user))
            while removed and wait(database.run_system(erasure.remove_closed_account)):
                pass

        @rule(data=st.data())
        def delete_session(self, data):
            if kept := [session for user in self.people for session in self.sessions[user]]:
                gone = data.draw(st.sampled_from(kept))
                wait(
                    run_sql(
                        database, "UPDATE user_sessions SET status = 'deleted', deleted_at = now() WHERE id = $1", gone
                    )
                )
                for user in self.people:
                    self.sessions[user] = [each for each in self.sessions[user] if each != gone]

        # What the gateway does ---------------------------------------------------------------------------------------

        @precondition(lambda self: self.some(is_unpaid))
        @rule(data=st.data())
        def close_page(self, data):
            order = self.one(data, is_unpaid)
            emulator.close_page(order.page)
            order.was_closed = True

        @precondition(lambda self: self.some(is_closed))
        @rule(data=st.data())
        def capture_late(self, data):
            """A payment that had failed, or came after the page had closed, is there after all."""
            order = self.one(data, is_closed)
            emulator.pay(order.page)
            order.was_paid = True

        @precondition(lambda self: self.orders)
        @rule(data=st.data())
        def report(self, data):
            order = self.one(data)
            order.reports.append(emulator.report(order.page))

        @precondition(lambda self: self.some(is_paid))
        @rule(data=st.data())
        def dispute(self, data):
            order = self.one(data, is_paid)
            emulator.payment_of(order.page)["disputed"] = True
            kind = "charge.dispute.created" if order.gateway == "stripe" else "payment.dispute.created"
            order.reports.append(emulator.report(order.page, kind))

        @precondition(lambda self: self.some(is_reported))
        @rule(data=st.data(), again=st.booleans())
        def deliver(self, data, again):
            """One of the reports so far, however late; it may come once more. Those that never come are lost."""
            order = self.one(data, is_reported)
            report = data.draw(st.sampled_from(order.reports))
            self.heard(till.receive_report(*report))
            if not again:
                order.reports.remove(report)

        @precondition(lambda self: self.some(self.is_kept))
        @rule(data=st.data(), part=st.sampled_from([Fraction(1, 3), Fraction(1)]))
        def give_back(self, data, part):
            order = self.one(data, self.is_kept)
            emulator.give_back(order.page, max(1, int(sum(emulator.money[order.id]) * part)))

        @precondition(lambda _: not emulator.is_down and not emulator.loses_answers)
        @rule(how=st.sampled_from(["is_down", "loses_answers"]))
        def fail(self, how):
            setattr(emulator, how, True)

        @precondition(lambda _: emulator.is_down or emulator.loses_answers)
        @rule()
        def recover(self):
            emulator.is_down = emulator.loses_answers = False

        def is_kept(self, order):
            return order.was_paid and sum(emulator.money[order.id]) > 0

        # What we do --------------------------------------------------------------------------------------------------

        @precondition(lambda self: self.some(self.is_kept))
        @rule(data=st.data(), amount=st.sampled_from([1, 20, 49, 99]))
        def refund(self, data, amount):
            order = self.one(data, self.is_kept)
            found, before = self.find(order), sum(emulator.money[order.id])
            try:
                asked = settlement.refundable(found, Decimal(amount))
            except NotAllowed:
                return
            self.heard(till.refund(found, asked))
            assert before - sum(emulator.money[order.id]) in {0, asked}

        @rule()
        def reconcile(self):
            wait(run_sql(database, "UPDATE orders SET ask_at = now() WHERE ask_at IS NOT NULL"))
            self.heard(PaymentReconciler(till, database).run_once())

        @precondition(lambda self: self.orders)
        @rule(data=st.data())
        def all_at_once(self, data):
            """Report, page and reconciler, together."""
            order = self.one(data)
            found, report = self.find(order), emulator.report(order.page)
            wait(run_sql(database, "UPDATE orders SET ask_at = now() WHERE id = $1 AND ask_at IS NOT NULL", order.id))
            wait(
                together(till.receive_report(*report), till.settle(found), PaymentReconciler(till, database).run_once())
            )

        @rule()
        def change_plans(self):
            self.factor = 3 - self.factor
            wait(change_plans(database, self.factor))

        # What holds --------------------------------------------------------------------------------------------------

        @invariant()
        def nothing_is_granted_for_nothing(self):
            wait(agrees(database, emulator, self.orders))

        def teardown(self):
            emulator.is_down = emulator.loses_answers = False
            wait(change_plans(database, 1))
            for _ in range(2):
                self.reconcile()
            wait(has_settled(database, emulator, self.orders))
            wait(run_sql(database, "UPDATE orders SET ask_at = NULL"))

    await loop.run_in_executor(None, _run, Histories)


async def together(*sides):
    found = await asyncio.gather(*sides, return_exceptions=True)
    assert [each for each in found if isinstance(each, BaseException) and not isinstance(each, GatewayFailed)] == []


async def agrees(database, emulator, orders):
    """At every moment: a purchase is one order's, which was paid, and no more is booked back than went back."""
    rows = await run_sql(
        database,
        "SELECT o.id, o.amount, o.refunded,"
        " (SELECT count(*) FROM purchases p WHERE p.reference = o.id::text) AS bought,"
        " (SELECT coalesce(sum(e.amount), 0) FROM revenue_entries e WHERE e.purchase_id = o.purchase_id) AS booked"
        " FROM orders o WHERE o.id = ANY($1::uuid[])",
        [order.id for order in orders],
    )
    assert len(rows) == len(orders)
    for row in rows:
        money = emulator.money[row["id"]]
        assert row["bought"] <= 1
        assert not row["bought"] or money
        assert row["refunded"] <= -sum(amount for amount in money if amount < 0)
        assert row["booked"] * 100 == (row["amount"] - row["refunded"] if row["bought"] else row["booked"] * 100)


async def has_settled(database, emulator, orders):
    """In the end: what was paid is granted once or has gone back, and the books are the gateways' to the last paisa."""
    assert await database.run_system(auditor.check) == []
    assert await database.run_system(credits.check) == []
    for order in orders:
        found, money = await database.run_system(service.find, order.id), emulator.money[order.id]
        back = -sum(amount for amount in money if amount < 0)
        assert money[:1] == ([order.amount] if order.was_paid else [])
        assert (found.refunded, found.paid_at is not None) == (back, order.was_paid)
        [row] = await run_sql(
            database,
            "SELECT (SELECT coalesce(sum(amount), 0) FROM revenue_entries WHERE purchase_id = $1) AS booked,"
            " (SELECT count(*) FROM revenue_entries WHERE purchase_id = $1 AND kind = 'purchase') AS bought",
            order.id,
        )
        if not order.was_paid:
            assert (found.state, row["bought"]) in {("open", 0), ("expired", 0)}
        elif back == order.amount:
            assert found.state == "refunded"
            assert row["booked"] == 0
        else:
            assert (found.state, row["bought"], found.purchase_id) == ("fulfilled", 1, order.id)
            assert row["booked"] == Decimal(sum(money)) / 100


def _run(machine):
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    how = settings(max_examples=HISTORIES, stateful_step_count=25, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=how)
