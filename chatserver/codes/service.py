"""Making, redeeming and withdrawing codes. All of it needs the worker role."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from chatserver import audit, ids, plans, sessions
from chatserver.audit import Actor
from chatserver.codes import spelling
from chatserver.codes.models import CodeBatch, CodeOrder, IssuedCode, MadeCodes, state_of
from chatserver.database import Database, Row, Transaction
from chatserver.errors import Conflict, Invalid, NotAllowed, NotFound, RateLimited
from chatserver.identity import addresses
from chatserver.plans.models import Plan, Price
from chatserver.runtime import clock
from chatserver.sessions.models import Session
from chatserver.users import attempt_limits, idempotency, tokens
from chatserver.users.attempt_limits import AttemptCount, AttemptLimit
from chatserver.users.models import Visitor
from chatserver.validation import optional_line

# The way to pay, as purchases and the setting CHECKOUT name it.
CHECKOUT = "codes"
# Made at once, and so listed on one page.
MOST_AT_ONCE = 500
# Batches on a page of the operator's list.
PAGE = 50
NOTE_LENGTH = 200
LONGEST = timedelta(days=3 * 366)
# Somebody may mistype a code a few times; at an hour a guess nobody tries 80 bits.
_BY_PERSON = AttemptLimit("code", free=10, window=900, first_wait=30, longest_wait=3600)
# An office shares an address.
_BY_NETWORK = AttemptLimit("code-address", free=50, window=900, first_wait=60, longest_wait=3600)
_MADE_ALREADY = (
    "These codes were made already, and codes are shown once. If you do not have them, withdraw them, and make others."
)
_AMOUNT = re.compile(r"[0-9]{1,8}([.,][0-9]{1,2})?")
_DURATION = re.compile(r"([0-9]{1,4})([hd])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


# Making ---------------------------------------------------------------------------------------------------------------


async def make(tx: Transaction, actor: Actor, order: CodeOrder, *, client_id: str | None = None) -> MadeCodes:
    """Makes codes for a plan as it is now, once for each client_id; only their hashes are stored.

    Raises Invalid, with the field of the order, and Conflict for a client_id that has made its codes already.
    """
    plan = await plans.find(tx, order.plan_id)
    if not 1 <= order.count <= MOST_AT_ONCE:
        raise Invalid.field("count", f"must be 1 to {MOST_AT_ONCE}")
    amount, expires_at = parse_price(order.price), parse_expiry(order.expires, clock.now())
    note = optional_line("note", order.note, NOTE_LENGTH)
    batch_id = ids.new()
    if await idempotency.claim(tx, "codes", client_id, order, batch_id, user_id=actor.id) is not None:
        raise Conflict(_MADE_ALREADY)
    made = tuple(spelling.new() for _ in range(order.count))
    sold = {
        "batch_id": batch_id,
        "plan_id": plan.id,
        "minutes": plan.minutes,
        "image_credits_per_hour": plan.image_credits_per_hour,
        "video_credits_per_hour": plan.video_credits_per_hour,
        "amount": amount,
        "currency": plan.price.currency,
        "note": note,
        "made_by": actor.name,
        "expires_at": expires_at,
    }
    await tx.execute_many("codes.insert", [{"id": ids.new(), "code_hash": _digest(code), **sold} for code in made])
    amount_in_words = f"{amount:g} {plan.price.currency}"
    await audit.record(
        tx,
        actor,
        "codes.made",
        "codes",
        batch_id,
        note,
        plan=plan.id,
        count=order.count,
        amount=amount_in_words,
        expires=expires_at,
    )
    return MadeCodes(batch_id=batch_id, plan_name=plan.name, expires_at=expires_at, codes=made)


def parse_price(text: str) -> Decimal:
    """What a code was sold for, such as 49 or 9.50; nothing for an empty text. Raises Invalid."""
    text = text.strip()
    if not text:
        return Decimal(0)
    if not _AMOUNT.fullmatch(text):
        raise Invalid.field("price", "must be an amount such as 49 or 9.50, or nothing")
    return Decimal(text.replace(",", "."))


def parse_expiry(text: str, now: datetime) -> datetime:
    """The end that a text names: the end of a day in UTC, a time (UTC without an offset), or `90d` or `12h` from now.

    Raises Invalid for what is none of these, is over, or is more than three years away.
    """
    end = _end(text.strip(), now)
    if end is None:
        raise Invalid.field("expires", "must be a date such as 2027-03-31, or a duration such as 90d or 12h")
    if not now < end <= now + LONGEST:
        raise Invalid.field("expires", "must be within the next three years")
    return end


def _end(text: str, now: datetime) -> datetime | None:
    if not text.isascii():
        return None
    if found := _DURATION.fullmatch(text):
        return now + (timedelta(days=int(found[1])) if found[2] == "d" else timedelta(hours=int(found[1])))
    try:
        end = datetime.fromisoformat(text)
        end = (end if end.tzinfo else end.replace(tzinfo=UTC)).astimezone(UTC)
        return end + timedelta(days=1) if _DATE.fullmatch(text) else end
    except (ValueError, OverflowError):
        return None


async def revoke(tx: Transaction, actor: Actor, code_or_batch_id: str) -> int:
    """Withdraws a code, or all of a batch, that nobody has redeemed; how many. NotFound for neither; Conflict for none."""
    if not await tx.fetch_value("codes.exists", id=code_or_batch_id):
        raise NotFound("There is no code and no batch of codes with this id.")
    revoked = len(await tx.fetch_all("codes.revoke", id=code_or_batch_id))
    if not revoked:
        raise Conflict("None of it can be withdrawn: what is redeemed stays, and what is withdrawn is withdrawn.")
    await audit.record(tx, actor, "codes.withdrawn", "codes", code_or_batch_id, count=revoked)
    return revoked


# Redeeming ------------------------------------------------------------------------------------------------------------


def require_taken(checkouts: tuple[str, ...]) -> None:
    """Raises NotAllowed where CHECKOUT does not name `codes`."""
    if CHECKOUT not in checkouts:
        raise NotAllowed("No codes are taken here. Ask the operator, who knows what yours is for.")


async def redeem(
    database: Database, user_id: str, text: str, visitor: Visitor, session_id: str | None = None
) -> Session:
    """Turns a code as typed into a session, or into more time of one's own session; once, however often it is sent.

    Invalid, with field `code`, for one that is not good, RateLimited for guessing, and what `sessions.extend` raises.
    """
    code = spelling.normal(text)
    if len(code) != spelling.LENGTH:
        raise Invalid.field("code", "is not complete: a code has 16 letters and digits")
    guess = (AttemptCount(_BY_NETWORK, addresses.subnet_of(visitor.address)), AttemptCount(_BY_PERSON, user_id))
    # Counted in a transaction of its own: what is refused is rolled back.
    refusal: RateLimited | None = await database.run_system(attempt_limits.count_attempts, guess)
    if refusal is not None:
        raise refusal
    try:
        return await database.run_system(_redeem, user_id, code, session_id, guess)
    except (NotAllowed, NotFound):
        # The code is right, and does not fit the session: that it is no guess was rolled back with the rest.
        await database.run_system(attempt_limits.refund, guess)
        raise


async def _redeem(
    tx: Transaction, user_id: str, code: str, session_id: str | None, guess: tuple[AttemptCount, ...]
) -> Session:
    row = await tx.fetch_one("codes.redeem", code_hash=_digest(code), user_id=user_id)
    session = await _redeemed_already(tx, user_id, code) if row is None else await _sell(tx, user_id, row, session_id)
    await attempt_limits.refund(tx, guess)
    return session


async def _sell(tx: Transaction, user_id: str, row: Row, session_id: str | None) -> Session:
    plan = _as_sold(await plans.find(tx, row["plan_id"]), row)
    how = {"checkout": CHECKOUT, "reference": f"code {row['id']}"}
    if session_id is None:
        session = await sessions.sell(tx, user_id, plan, None, **how)
    else:
        session = await sessions.sell_extension(tx, user_id, session_id, plan, **how)
    await tx.execute("codes.set_session", id=row["id"], session_id=session.id)
    return session


def _as_sold(plan: Plan, row: Row) -> Plan:
    sold = {name: row[name] for name in ("minutes", "image_credits_per_hour", "video_credits_per_hour")}
    return msgspec.structs.replace(plan, price=Price(float(row["amount"]), row["currency"]), **sold)


async def _redeemed_already(tx: Transaction, user_id: str, code: str) -> Session:
    """The session that this user's own code has become, for a form that is sent twice; otherwise why it is not good."""
    row = await tx.fetch_one("codes.find", code_hash=_digest(code))
    if row is None:
        raise Invalid.field("code", "is not one of ours. Compare it letter by letter")
    state = state_of(row)
    if state == "redeemed" and row["redeemed_by"] == user_id and row["session_id"]:
        return await sessions.find(tx, row["session_id"])
    if state == "expired":
        raise Invalid.field("code", f"was good until {row['expires_at']:%Y-%m-%d %H:%M} UTC")
    raise Invalid.field("code", "was withdrawn" if state == "withdrawn" else "was used already")


def _digest(code: str) -> bytes:
    return tokens.digest(spelling.normal(code))


# Listing --------------------------------------------------------------------------------------------------------------


async def batches(tx: Transaction, before: str | None = None) -> list[CodeBatch]:
    """A page of batches, the newest first; the next page is `before` the id of the last one."""
    return [CodeBatch.from_row(row) for row in await tx.fetch_all("codes.batches", before=before, limit=PAGE)]


async def of_batch(tx: Transaction, batch_id: str) -> list[IssuedCode]:
    """The codes of a batch; NotFound where there is none."""
    found = [
        IssuedCode.from_row(row) for row in await tx.fetch_all("codes.of_batch", batch_id=batch_id, limit=MOST_AT_ONCE)
    ]
    if not found:
        raise NotFound("There is no batch of codes with this id.")
    return found


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """A page of the codes that a user has redeemed, for the export of an account, in the order of their ids."""
    return await tx.fetch_all("codes.export", user_id=user_id, after=after, limit=limit)
