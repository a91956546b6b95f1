"""Trial sessions (TRIAL_PLAN): one for each person, free, and never again. Needs the worker role."""

import hmac

from chatserver import plans, sessions, users
from chatserver.database import Transaction
from chatserver.errors import Conflict, NotAllowed
from chatserver.plans.models import Plan
from chatserver.sessions.models import Session
from chatserver.text import normalization
from chatserver.users.models import User


async def offered(tx: Transaction, user_id: str | None, plan_id: str, secret_key: str) -> Plan | None:
    """The plan of the trial that somebody, or a visitor (None), may still have; None where there is no trial for them."""
    if not plan_id or (user_id is not None and not await _may_have(tx, user_id, secret_key)):
        return None
    return next((plan for plan in await plans.list_all(tx) if plan.id == plan_id), None)


async def _may_have(tx: Transaction, user_id: str, secret_key: str) -> bool:
    user = await users.get(tx, user_id)
    if user.is_by_name:
        return False
    return not await tx.fetch_value("codes.has_had_trial", address_hash=_hash(user, secret_key), user_id=user_id)


async def begin(tx: Transaction, user_id: str, plan_id: str, secret_key: str, network: str) -> Session:
    """Gives somebody their trial. Conflict where they have had it, also with an account that was deleted since.

    It counts as a free session: FreeSessionsUsedUp and TooManySessions as in `sessions.buy`, which then has used nothing.
    """
    user = await users.get(tx, user_id)
    if not plan_id:
        raise NotAllowed("There are no trial sessions here.")
    if user.is_by_name:
        raise NotAllowed("A trial is for accounts with an e-mail address. Choose one in the settings first.")
    address_hash = _hash(user, secret_key)
    if await tx.fetch_value("codes.begin_trial", address_hash=address_hash, user_id=user_id) is None:
        raise Conflict("You have had your trial session. It is one for each person.")
    plan = await plans.find(tx, plan_id)
    return await sessions.give(tx, user_id, plan, reference=f"trial {address_hash}", network=network)


def _hash(user: User, secret_key: str) -> str:
    text = f"trial:{normalization.email_key(user.email)}"
    return hmac.digest(secret_key.encode(), text.encode("utf-8", "replace"), "sha256").hex()
