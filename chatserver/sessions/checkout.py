"""How a session is paid for: the verbs that sell one. `instant` grants at once; `manual` leaves it to the operator.

They run as the worker role: a person cannot write his own session, credits or seat.
"""

from decimal import Decimal
from math import ceil

from chatserver import credits, ids, plans, users
from chatserver.database import Row, Transaction
from chatserver.errors import NotAllowed, NotFound, TooManySessions
from chatserver.plans.models import Plan
from chatserver.sessions import service, titles
from chatserver.sessions.models import Places, Session
from chatserver.sessions.seating import sit_down
from chatserver.users import rate_limits
from chatserver.validation import single_line
from chatserver.web import filters


async def buy(
    tx: Transaction, user_id: str, plan_id: str, title: str | None, *, checkout: str, reference: str | None = None
) -> Session:
    """A new session on a plan for a user, with its credits, and the purchase that paid for it."""
    plan = await _plan_on_offer(tx, plan_id)
    if checkout == "instant":
        await _take_free(tx, user_id)
        await _require_place(tx, user_id)
    session_id = ids.new()
    untitled = not (title and title.strip())
    await tx.execute(
        "sessions.insert",
        id=session_id,
        user_id=user_id,
        plan_id=plan.id,
        title=titles.plain_title(plan.name) if untitled else single_line("title", title or "", titles.LONGEST),
        untitled=untitled,
        minutes=plan.minutes,
    )
    await sit_down(tx, session_id, user_id, "owner")
    await credits.grant(tx, session_id, image=plan.image_credits_per_hour, video=plan.video_credits_per_hour)
    await _record(tx, session_id, user_id, plan, checkout, reference)
    return await service.find(tx, session_id)


async def extend(
    tx: Transaction, user_id: str, session_id: str, plan_id: str, *, checkout: str, reference: str | None = None
) -> Session:
    """More time for a session, and the credits of a larger plan; the clock goes on from its end, or from now.

    NotAllowed for a smaller plan: the session's credits would go on for less than they cost.
    """
    plan = await _plan_on_offer(tx, plan_id)
    session = await service.find(tx, session_id)
    if session.owner_id != user_id:
        raise NotFound
    if not prolongs(plan, session):
        raise NotAllowed(
            f"This session has {session.credits.image.limit} image credits an hour, and {plan.name} gives "
            f"{plan.image_credits_per_hour}. Extend it with its own plan or a larger one, or buy a new session."
        )
    if checkout == "instant":
        await _take_free(tx, user_id)
    if checkout == "instant" and session.status == "expired":
        await _require_place(tx, user_id)
    extended = await tx.fetch_value(
        "sessions.extend", session_id=session_id, user_id=user_id, plan_id=plan.id, minutes=plan.minutes
    )
    if extended is None:
        raise NotFound
    await credits.grant(tx, session_id, image=plan.image_credits_per_hour, video=plan.video_credits_per_hour)
    await _record(tx, session_id, user_id, plan, checkout, reference)
    await credits.announce(tx, session_id)
    return await service.announce(tx, session_id)


def prolongs(plan: Plan, session: Session) -> bool:
    """Whether a plan may extend a session: its own, or one that gives no less."""
    has = session.credits
    as_large = plan.image_credits_per_hour >= has.image.limit and plan.video_credits_per_hour >= has.video.limit
    return as_large or plan.id == session.plan_id


def require_instant(checkout: str) -> None:
    """Refuses a purchase by hand where only the operator grants sessions."""
    if checkout != "instant":
        raise NotAllowed(
            "Sessions are granted by the operator here. Ask them for one; it appears in your list at once."
        )


async def _take_free(tx: Transaction, user_id: str) -> None:
    """One of the day's sessions that cost nothing. Keeps the person's row: what else is open is counted exactly."""
    await rate_limits.spend(tx, rate_limits.FREE_SESSIONS, user_id)


async def _require_place(tx: Transaction, user_id: str) -> None:
    """Raises TooManySessions where as many are open as one person may have."""
    places = await open_places(tx, user_id)
    if places.most and places.taken >= places.most:
        raise TooManySessions(
            f"You have {places.taken} open sessions, and {places.most} is the most for one person. The next one of yours "
            f"ends in {filters.duration(ceil(places.seconds))}; what you have can be extended at any time.",
            retry_after=places.seconds,
            details={"open": places.taken, "most": places.most},
        )


async def open_places(tx: Transaction, user_id: str) -> Places:
    """How many sessions of a person are open, of how many. Needs the worker role."""
    row = await tx.fetch_one("sessions.open_places", user_id=user_id)
    assert row is not None
    return Places(taken=row["taken"], most=tx.limits.open_sessions_per_user, seconds=max(row["seconds"] or 0.0, 1.0))


async def _plan_on_offer(tx: Transaction, plan_id: str) -> Plan:
    plan = await plans.find(tx, plan_id)
    if not plan.available:
        raise NotAllowed(f"{plan.name} is no longer on offer.")
    return plan


async def _record(
    tx: Transaction, session_id: str, user_id: str, plan: Plan, checkout: str, reference: str | None
) -> None:
    await tx.fetch_value(
        "sessions.insert_purchase",
        id=ids.new(),
        session_id=session_id,
        user_id=user_id,
        plan_id=plan.id,
        amount=Decimal(str(plan.price.amount)),
        currency=plan.price.currency,
        checkout=checkout,
        reference=reference,
    )


async def grant(tx: Transaction, email: str, plan_id: str, title: str | None) -> Session:
    """A session by the operator's hand, for the account of an e-mail address."""
    user = await users.find(tx, email)
    if not await users.is_active(tx, user.id):
        raise NotFound("There is no active account with that e-mail address.")
    return await buy(tx, user.id, plan_id, title, checkout="manual")


async def recent(tx: Transaction) -> list[Row]:
    """The newest sessions of everybody, for the operator's list."""
    return await tx.fetch_all("sessions.recent")
