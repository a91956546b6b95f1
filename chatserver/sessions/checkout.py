"""Buying and extending sessions. A purchase by `instant` is free and limited; one by `manual` is the operator's grant.

All of it needs the worker role: the web role may not write sessions, credits and memberships.
"""

from collections.abc import Collection
from decimal import Decimal
from math import ceil

from chatserver import credits, ids, plans, users
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, Invalid, NotAllowed, NotFound, TooManySessions
from chatserver.plans.models import Plan
from chatserver.sessions import free_sessions, service, titles
from chatserver.sessions.members import add_member
from chatserver.sessions.models import Session, SessionOrder, SessionQuota
from chatserver.users import idempotency
from chatserver.validation import optional_line
from chatserver.web import filters

# The way to pay by which a session is granted at once and costs nothing.
INSTANT = "instant"
# A year.
MOST_MINUTES = 525_600


async def buy(
    tx: Transaction,
    user_id: str,
    plan_id: str,
    title: str | None,
    *,
    checkout: str,
    reference: str | None = None,
    network: str = "",
) -> Session:
    """Creates a session on a plan with its owner, credits and purchase. `network` is `free_sessions.network_of` the buyer.

    NotAllowed for a plan that is not on offer, TooManySessions and FreeSessionsUsedUp for an instant one beyond the limits.
    """
    plan = await _plan_on_offer(tx, plan_id)
    if checkout == INSTANT:
        return await give(tx, user_id, plan, title, reference=reference, network=network)
    return await sell(tx, user_id, plan, title, checkout=checkout, reference=reference)


async def give(
    tx: Transaction,
    user_id: str,
    plan: Plan,
    title: str | None = None,
    *,
    reference: str | None,
    network: str,
    session_id: str | None = None,
) -> Session:
    """Creates a session free of charge, within the limits of `buy`; also on a plan that is not on offer."""
    await free_sessions.count(tx, user_id, network)
    await _require_quota(tx, user_id)
    return await sell(tx, user_id, plan, title, checkout=INSTANT, reference=reference, session_id=session_id)


async def sell(
    tx: Transaction,
    user_id: str,
    plan: Plan,
    title: str | None = None,
    *,
    checkout: str,
    reference: str | None,
    purchase_id: str | None = None,
    session_id: str | None = None,
) -> Session:
    """Creates a session on a plan as it was sold: its minutes, credits and price may differ from those of today.

    `purchase_id` and `session_id` name the purchase and the session; None: a new id.
    """
    session_id = session_id or ids.new()
    chosen = optional_line("title", title, titles.LONGEST)
    await tx.execute(
        "sessions.insert",
        id=session_id,
        user_id=user_id,
        plan_id=plan.id,
        title=chosen or titles.DEFAULT,
        untitled=not chosen,
        minutes=plan.minutes,
    )
    await add_member(tx, session_id, user_id, "owner")
    await credits.grant(tx, session_id, image=plan.image_credits_per_hour, video=plan.video_credits_per_hour)
    await _record(tx, session_id, user_id, plan, checkout, reference, purchase_id)
    return await service.find(tx, session_id)


async def buy_once(
    tx: Transaction, user_id: str, plan_id: str, *, checkout: str, reference: str, network: str = ""
) -> Session:
    """`buy`, or the session that this user has bought with the same reference: a form that is sent twice buys once.

    NotFound where that session was deleted since.
    """
    await tx.fetch_value("sessions.lock_reference", reference=reference)
    bought = await find_bought(tx, user_id, checkout=checkout, reference=reference)
    return bought or await buy(tx, user_id, plan_id, None, checkout=checkout, reference=reference, network=network)


async def find_bought(tx: Transaction, user_id: str, *, checkout: str, reference: str) -> Session | None:
    """The session that this user has bought with a reference, or None; NotFound where it was deleted since."""
    session_id = await tx.fetch_value(
        "sessions.bought_by_reference", user_id=user_id, checkout=checkout, reference=reference
    )
    return None if session_id is None else await service.find(tx, session_id)


async def take(tx: Transaction, user_id: str, order: SessionOrder, *, network: str) -> Session:
    """What somebody takes for themselves (`INSTANT`), or what they have taken under the same client_id.

    Raises what `buy` and `extend` raise; NotFound where that session was deleted since.
    """
    session_id = order.session_id or ids.new()
    taken = await idempotency.claim(tx, "session", order.client_id, order, session_id, user_id=user_id)
    if taken is not None:
        return await service.find(tx, taken)
    if order.session_id is not None:
        return await extend(tx, user_id, order.session_id, order.plan_id, checkout=INSTANT, network=network)
    plan = await _plan_on_offer(tx, order.plan_id)
    return await give(tx, user_id, plan, order.title, reference=None, network=network, session_id=session_id)


async def extend(
    tx: Transaction,
    user_id: str,
    session_id: str,
    plan_id: str,
    *,
    checkout: str,
    reference: str | None = None,
    network: str = "",
) -> Session:
    """Extends a session by a plan's minutes, from its end or from now, whichever is later, and adds a larger plan's credits.

    NotFound for a session of another owner; NotAllowed for a smaller plan, which would extend the session's credits for
    less than they cost; TooManySessions and FreeSessionsUsedUp as in `buy`.
    """
    plan = await _plan_on_offer(tx, plan_id)
    session = await _lock_extendable(tx, user_id, session_id, plan)
    if checkout == INSTANT:
        await free_sessions.count(tx, user_id, network)
    if checkout == INSTANT and session.status == "expired":
        await _require_quota(tx, user_id)
    return await _extend(tx, user_id, session_id, plan, checkout, reference)


async def sell_extension(
    tx: Transaction,
    user_id: str,
    session_id: str,
    plan: Plan,
    *,
    checkout: str,
    reference: str | None,
    purchase_id: str | None = None,
) -> Session:
    """Extends a session by a plan as it was sold; raises as `extend`, without its limits."""
    await _lock_extendable(tx, user_id, session_id, plan)
    return await _extend(tx, user_id, session_id, plan, checkout, reference, purchase_id)


async def offered(tx: Transaction, user_id: str, plan_id: str, session_id: str | None) -> Plan:
    """A plan that is on offer to a user, for a new session or to extend one. Raises what `buy` and `extend` raise."""
    plan = await _plan_on_offer(tx, plan_id)
    if session_id is not None:
        await _extendable(tx, user_id, session_id, plan)
    return plan


async def take_back(tx: Transaction, session_id: str, purchase_id: str, minutes: int) -> None:
    """Takes a refunded purchase off a session: its own minutes, as far as they are not used, and the credits that only it
    gave. The time of other purchases, and what was added as a present, stays.

    Needs the worker role.
    """
    # As when a session is extended: of two at once the second reads what the first has left.
    await credits.lock_all(tx, session_id)
    voided = await tx.fetch_one(
        "sessions.void_purchase", session_id=session_id, purchase_id=purchase_id, minutes=minutes
    )
    if voided is None:
        return
    unused = voided["unused"]
    await tx.execute(
        "sessions.bring_purchases_forward", session_id=session_id, ends_at=voided["ends_at"], unused=unused
    )
    left = await tx.fetch_one("sessions.rights_left", session_id=session_id)
    if left is not None:
        await credits.take_back(tx, session_id, image=left["image"], video=left["video"])
        await tx.execute("sessions.set_plan", session_id=session_id, plan_id=left["plan_id"])
        await credits.announce(tx, session_id)
    if await tx.fetch_value("sessions.shorten", session_id=session_id, unused=unused) is not None:
        await service.announce(tx, session_id)


async def _lock_extendable(tx: Transaction, user_id: str, session_id: str, plan: Plan) -> Session:
    """A session that a plan may extend, with its credits locked."""
    await _extendable(tx, user_id, session_id, plan)
    # Credits before the session's row: the order of locks everywhere.
    await credits.lock_all(tx, session_id)
    # Again: meanwhile another extension may have given it a larger plan.
    return await _extendable(tx, user_id, session_id, plan)


async def _extendable(tx: Transaction, user_id: str, session_id: str, plan: Plan) -> Session:
    session = await service.find(tx, session_id)
    if session.owner_id != user_id:
        raise NotFound
    if not can_extend(plan, session):
        raise NotAllowed(
            f"This session has {session.credits.image.limit} image credits an hour, and {plan.name} gives "
            f"{plan.image_credits_per_hour}. Extend it with its own plan or a larger one, or buy a new session."
        )
    return session


async def _extend(
    tx: Transaction,
    user_id: str,
    session_id: str,
    plan: Plan,
    checkout: str,
    reference: str | None,
    purchase_id: str | None = None,
) -> Session:
    extended = await tx.fetch_value(
        "sessions.extend", session_id=session_id, user_id=user_id, plan_id=plan.id, minutes=plan.minutes
    )
    if extended is None:
        raise NotFound
    await credits.grant(tx, session_id, image=plan.image_credits_per_hour, video=plan.video_credits_per_hour)
    await _record(tx, session_id, user_id, plan, checkout, reference, purchase_id)
    await credits.announce(tx, session_id)
    return await service.announce(tx, session_id)


def can_extend(plan: Plan, session: Session) -> bool:
    """Whether a plan may extend a session: the session's own plan, or one with at least as many credits."""
    has = session.credits
    as_large = plan.image_credits_per_hour >= has.image.limit and plan.video_credits_per_hour >= has.video.limit
    return as_large or plan.id == session.plan_id


def require_instant(checkouts: Collection[str]) -> None:
    """Raises NotAllowed unless people may take sessions for themselves: CHECKOUT names `instant`."""
    if INSTANT not in checkouts:
        raise NotAllowed(
            "Sessions are granted by the operator here. Ask them for one; it appears in your list at once."
        )


async def _require_quota(tx: Transaction, user_id: str) -> None:
    """Raises TooManySessions where the user has as many open sessions as allowed."""
    quota = await session_quota(tx, user_id)
    if quota.limit and quota.used >= quota.limit:
        raise TooManySessions(
            f"You have {quota.used} open sessions, and {quota.limit} is the most for one person. The next one of yours "
            f"ends in {filters.duration(ceil(quota.seconds))}; what you have can be extended at any time.",
            retry_after=quota.seconds,
            details={"open": quota.used, "most": quota.limit},
        )


async def session_quota(tx: Transaction, user_id: str) -> SessionQuota:
    """The user's open sessions and their limit. Needs the worker role."""
    row = await tx.fetch_one("sessions.count_open", user_id=user_id)
    assert row is not None
    return SessionQuota(
        used=row["used"], limit=tx.limits.open_sessions_per_user, seconds=max(row["seconds"] or 0.0, 1.0)
    )


async def _plan_on_offer(tx: Transaction, plan_id: str) -> Plan:
    plan = await plans.find(tx, plan_id)
    if not plan.available:
        raise NotAllowed(f"{plan.name} is no longer on offer.")
    return plan


async def _record(
    tx: Transaction,
    session_id: str,
    user_id: str,
    plan: Plan,
    checkout: str,
    reference: str | None,
    purchase_id: str | None,
) -> None:
    recorded = await tx.fetch_value(
        "sessions.insert_purchase",
        id=purchase_id or ids.new(),
        session_id=session_id,
        user_id=user_id,
        plan_id=plan.id,
        amount=Decimal(str(plan.price.amount)),
        currency=plan.price.currency,
        checkout=checkout,
        reference=reference,
        image=plan.image_credits_per_hour,
        video=plan.video_credits_per_hour,
    )
    if recorded is None:
        raise Conflict("This was bought already.")


async def grant(
    tx: Transaction, user_id: str, plan_id: str, title: str | None, *, session_id: str | None = None
) -> Session:
    """Creates a session for an account, by the operator; NotFound where it is not active. `session_id`: see `sell`."""
    if not await users.is_active(tx, user_id):
        raise NotFound("There is no active account with that e-mail address.")
    plan = await _plan_on_offer(tx, plan_id)
    return await sell(tx, user_id, plan, title, checkout="manual", reference=None, session_id=session_id)


async def prolong(tx: Transaction, session_id: str, minutes: int) -> Session:
    """Adds minutes to a session as a present: from its end or from now, whichever is later; nothing is sold.

    NotFound where there is no such session. Needs the worker role.
    """
    if not 1 <= minutes <= MOST_MINUTES:
        raise Invalid.field("minutes", f"must be 1 to {MOST_MINUTES:,}")
    if await tx.fetch_value("sessions.prolong", session_id=session_id, minutes=minutes) is None:
        raise NotFound
    return await service.announce(tx, session_id)


async def list_recent(tx: Transaction) -> list[Row]:
    """The newest hundred sessions of all users, for the operator's list."""
    return await tx.fetch_all("sessions.list_recent")
