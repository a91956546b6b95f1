"""Keeping what providers were asked. All of it runs as the worker role.

Rows name their generation, session and user only as long as these exist: what was spent stays known, for whom it was does
not.
"""

from collections.abc import Sequence
from typing import Literal

from chatserver import ids, rollups
from chatserver.costs import service as costs
from chatserver.costs.calculation import FREE_PROVIDERS
from chatserver.costs.models import BilledCall
from chatserver.database import Transaction
from chatserver.statistics.blame import blame_of
from chatserver.statistics.models import ProviderCall, ReplyCall

# What the column holds; a larger cost is a mistaken price, and never a reason to lose a picture.
_LARGEST_COST = 10**12
# The error of a call whose process ended, or lost its lease, before anybody could say how the call went.
LOST = "worker-lost"


async def record(
    tx: Transaction, job_id: str, attempt: int, kind: Literal["image", "video"], calls: Sequence[ProviderCall]
) -> None:
    """Keeps the calls of one attempt at a generation, each with its cost at the price of now. May be repeated.

    In the transaction that ends the attempt, before the generation's row is changed: it says how long the job had waited.
    """
    for number, call in enumerate(calls):
        await tx.execute(
            "statistics.record",
            id=call.id,
            generation_id=job_id,
            attempt=attempt,
            is_first=number == 0,
            kind=kind,
            provider=call.provider,
            model=call.model,
            started_at=call.started_at,
            ended_at=call.ended_at,
            queued=call.queued,
            loading=call.loading,
            rendering=call.rendering,
            outcome=call.outcome,
            error_code=call.error_code,
            blame=None if call.error_code is None else blame_of(call.error_code),
            width=call.width,
            height=call.height,
            duration=call.duration,
            **await _cost_columns(tx, _billed(kind, call)),
        )


async def record_reply(tx: Transaction, session_id: str, call: ReplyCall) -> None:
    """Keeps one reply with its cost at the price of now; of tokens that are estimated the cost is unknown."""
    tokens = call.tokens_in + call.tokens_out if call.tokens_are_counted else None
    billed = BilledCall(
        provider=call.provider, model=call.model, kind="reply", tokens=tokens, error_code=call.error_code
    )
    await tx.execute(
        "statistics.record_reply",
        id=ids.new(),
        session_id=session_id,
        provider=call.provider,
        model=call.model,
        outcome=call.outcome,
        error_code=call.error_code,
        first_token=call.first_token,
        seconds=call.seconds,
        tokens_in=call.tokens_in,
        tokens_out=call.tokens_out,
        **await _cost_columns(tx, billed),
    )


async def record_lost(tx: Transaction, generation_id: str) -> None:
    """Keeps the call that a dead worker had begun, as far as the generation's row tells: its cost is unknown, but of a
    provider that costs nothing."""
    await tx.execute(
        "statistics.record_lost", generation_id=generation_id, error_code=LOST, free_providers=sorted(FREE_PROVIDERS)
    )


async def forget_session(tx: Transaction, session_id: str) -> None:
    """Takes a deleted session and its generations out of the rows."""
    await tx.execute("statistics.forget_session", session_id=session_id)


async def forget_user(tx: Transaction, user_id: str) -> None:
    """Takes a deleted account and its generations out of the rows."""
    await rollups.forget_person(tx, user_id)
    await tx.execute("statistics.forget_user", user_id=user_id)


async def _cost_columns(tx: Transaction, billed: BilledCall) -> dict[str, object]:
    """What a call costs at the price of now, by the names of columns; None in each where that is unknown."""
    cost = await costs.cost_now(tx, billed)
    if cost is None or cost.amount >= _LARGEST_COST:
        return {"cost": None, "currency": None, "price_id": None}
    return {"cost": cost.amount, "currency": cost.currency, "price_id": cost.price_id}


def _billed(kind: Literal["image", "video"], call: ProviderCall) -> BilledCall:
    return BilledCall(
        provider=call.provider,
        model=call.model,
        kind=kind,
        width=call.width,
        height=call.height,
        seconds=call.duration,
        rendering=call.rendering,
        error_code=call.error_code,
    )
