"""Between orders and gateways: every call of a gateway is made outside of transactions, and its answer brought into one."""

import asyncio
from collections.abc import Mapping
from typing import NoReturn

import structlog

from chatserver.config import Config
from chatserver.database import Database, Transaction
from chatserver.errors import Busy, ChatserverError, Conflict, GatewayFailed, NotAllowed, NotFound
from chatserver.payments import service, settlement
from chatserver.payments.base import BadSignature, Gateway
from chatserver.payments.models import GatewayReport, Mode, PlanOrder
from chatserver.runtime import clock, failpoints
from chatserver.sessions.models import SessionOrder

# Orders that one round of the reconciler asks about; the next are claimed at once.
_AT_ONCE = 20
# A gateway that reports waits some seconds for the answer; what takes longer, the reconciler does.
REPORT_SECONDS = 5.0
# The gateway is silent; or the account is being closed, or the session to extend was deleted or changed in this moment. None
# is told to a gateway or to a person who looks: the order is due, and the reconciler asks again within a minute.
_NOT_NOW = (GatewayFailed, Conflict, NotAllowed, NotFound)

log = structlog.get_logger(__name__)


def open_gateways(config: Config) -> dict[str, Gateway]:
    """The gateways that CHECKOUT names, in its order."""
    if not {"stripe", "razorpay"} & set(config.checkout):
        return {}
    from chatserver.payments.razorpay import Razorpay
    from chatserver.payments.stripe import Stripe

    found: dict[str, Gateway] = {}
    for name in config.checkout:
        if name == "stripe":
            found[name] = Stripe(config.stripe_secret_key, config.stripe_webhook_secrets, config.stripe_api_url)
        if name == "razorpay":
            found[name] = Razorpay(
                config.razorpay_key_id,
                config.razorpay_key_secret,
                config.razorpay_webhook_secrets,
                config.razorpay_api_url,
            )
    return found


class PaymentProcessor:
    """Orders at the gateways of one process. An order of another mode than the installation's stays as it is.

    `by_mail`: people are told of money that goes back by e-mail too.
    """

    def __init__(
        self, database: Database, gateways: Mapping[str, Gateway], mode: Mode, origin: str, *, by_mail: bool = False
    ) -> None:
        self._database, self.gateways, self.mode, self._origin = database, gateways, mode, origin
        self._by_mail = by_mail
        self._unsigned = {name: ReportCount(database, name) for name in gateways}

    async def check_out(self, user_id: str, wanted: SessionOrder) -> str:
        """The address where a program's user pays for what is wanted, at the first gateway that CHECKOUT names; the same one
        for the same client_id. Raises what `service.place` and `open_page` raise."""
        gateway = next(iter(self.gateways))
        order = await self._database.run_system(service.place_once, user_id, wanted, gateway, self.mode)
        url = order.gateway_url or (await self.open_page(order)).gateway_url
        assert url is not None
        return url

    async def open_page(self, order: PlanOrder) -> PlanOrder:
        """The order with the page where it is paid. Raises GatewayFailed, and Conflict for one that takes no payment."""
        if order.state != "open" or order.gateway not in self.gateways or order.mode != self.mode:
            raise Conflict("This order takes no payment any more.")
        if order.gateway_url is not None:
            return order
        if (order.expires_at - clock.now()).total_seconds() < service.SHORTEST_SECONDS:
            # No gateway makes a page for so short a time, and nobody has seen one.
            await self._database.run_system(service.expire, order.id)
            raise Conflict("This order takes no payment any more.")
        page = await self.gateways[order.gateway].open_page(order, self._origin)
        failpoints.at("gateway-page")
        return await self._database.run_system(service.name_page, order.id, page)

    async def settle(self, order: PlanOrder) -> PlanOrder:
        """Asks the gateway about an order, and brings the order to its answer. Raises GatewayFailed.

        Money of an account that is closed goes back at once.
        """
        gateway = self.gateways.get(order.gateway)
        if gateway is None or order.gateway_id is None:
            return order
        settled = await self._ask(gateway, order)
        if settled.state == "paid" and settled.payment_id is not None:
            await self._give_back(gateway, settled, settled.amount - settled.refunded, f"{settled.id}-closed")
            settled = await self._ask(gateway, settled)
        return settled

    async def _ask(self, gateway: Gateway, order: PlanOrder) -> PlanOrder:
        answer = await gateway.fetch_status(order)
        failpoints.at("gateway-answer")
        return await self._database.run_system(settlement.settle, order.id, answer, self.mode, by_mail=self._by_mail)

    async def refresh(self, order: PlanOrder) -> PlanOrder:
        """`settle` for a page that somebody looks at: at most every two seconds; as it is where that fails now."""
        if not await self._database.run_system(service.claim_one, order.id):
            return order
        try:
            return await self.settle(order)
        except _NOT_NOW as error:
            log.warning("payments.not_settled", gateway=order.gateway, code=error.code)
            return order

    async def receive_report(self, name: str, headers: Mapping[str, str], body: bytes) -> None:
        """Takes a gateway's report: which order it is about is believed once it is signed, the rest is asked for.

        Raises BadSignature.
        """
        gateway = self.gateways[name]
        try:
            found = gateway.read_report(headers, body)
        except BadSignature:
            await self._unsigned[name].increment()
            raise
        order = await self._database.run_system(_record_report, name, found, self._by_mail)
        if order is None:
            return
        try:
            async with asyncio.timeout(REPORT_SECONDS):
                await self.settle(order)
        except TimeoutError:
            log.warning("payments.not_settled", gateway=name, code="timeout")
        except _NOT_NOW as error:
            log.warning("payments.not_settled", gateway=name, code=error.code)

    async def refund(self, order: PlanOrder, amount: int) -> PlanOrder:
        """Gives money of an order back, and books it. Repeated before it is booked, it is done once."""
        gateway = self.gateways.get(order.gateway)
        if gateway is None or order.mode != self.mode:
            raise NotAllowed("This order was paid at a gateway that CHECKOUT does not name now.")
        await self._give_back(gateway, order, amount, f"{order.id}-{order.refunded}-{amount}")
        return await self.settle(order)

    async def _give_back(self, gateway: Gateway, order: PlanOrder, amount: int, key: str) -> None:
        await self._database.run_system(settlement.begin_refund, order, amount)
        await gateway.refund(order, amount, key)
        failpoints.at("gateway-refund")

    async def close(self) -> None:
        """Closes the connections to the gateways."""
        for gateway in self.gateways.values():
            await gateway.close()


async def _record_report(tx: Transaction, gateway: str, found: GatewayReport, by_mail: bool) -> PlanOrder | None:
    """Notes a signed report, and finds its order; an account at a gateway may have others, of which we know nothing."""
    order = await service.find_of_gateway(tx, gateway, found.gateway_ids)
    if order is None:
        await service.count(tx, gateway, "unknown-order")
        return None
    await service.report(tx, gateway, "accepted", order.id, found.kind)
    if found.refund_failed:
        await service.report_failed_refund(tx, order, found.kind)
    if found.disputed:
        await settlement.dispute(tx, order)
    if found.lost:
        await settlement.lose(tx, order.id, by_mail=by_mail)
    await tx.execute("payments.make_due", id=order.id)
    return order


class ReportCount:
    """Counts reports that nobody signed: anybody may send them, so one unit of work at a time writes what has come."""

    def __init__(self, database: Database, gateway: str) -> None:
        self._database, self._gateway, self._waiting, self._lock = database, gateway, 0, asyncio.Lock()

    async def increment(self) -> None:
        """One more. While others are written it waits with those that come meanwhile, and nobody waits for it."""
        self._waiting += 1
        if self._lock.locked():
            return
        async with self._lock:
            while self._waiting:
                times, self._waiting = self._waiting, 0
                await self._database.run_system(service.count, self._gateway, "bad-signature", times)


class PaymentReconciler:
    """Asks the gateways about orders that are open, on every worker. Runs until it is cancelled."""

    def __init__(self, processor: PaymentProcessor, database: Database) -> None:
        self._processor, self._database = processor, database

    async def run(self) -> NoReturn:
        """A round every few seconds, in which each order is asked about that is due."""
        while True:
            await asyncio.sleep(self._database.timing.payment_poll / 4)
            try:
                await self.run_once()
            except Busy:
                log.warning("payments.database_busy")

    async def run_once(self) -> int:
        """Asks about all orders that are due; returns how many."""
        names, mode, done = tuple(self._processor.gateways), self._processor.mode, 0
        while orders := await self._database.run_system(service.claim, names, mode, _AT_ONCE):
            done += len(orders)
            await asyncio.gather(*(self._settle(order) for order in orders))
        return done

    async def _settle(self, order: PlanOrder) -> None:
        try:
            await self._processor.settle(order)
        except Busy:
            log.warning("payments.database_busy")
        except ChatserverError as error:
            log.warning("payments.gateway_failed", gateway=order.gateway, code=error.code)
        except Exception:
            # The others are asked about all the same; this one is due again when its lease has run out.
            log.exception("payments.not_settled", gateway=order.gateway, order=order.id)
