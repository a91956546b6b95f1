"""Budgets: how often one person may do something, over every entrance, process and machine together.

    await budgets.spend(tx, budgets.CHANGES)

Counted in the transaction of the verb that does it, so that what is refused or rolled back costs nothing. The person's row
is the last lock that a transaction takes (after credits, generation, asset and session), so no two wait for each other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from chatserver.database import Transaction
from chatserver.errors import ChatserverError, FreeSessionsUsedUp, RateLimited
from chatserver.limits import Limits
from chatserver.web import filters

# Nobody is told to come back in no time at all: the moment may have passed while we looked.
LEAST_WAIT = 0.1


@dataclass(frozen=True)
class Budget:
    """So many in `seconds`, as the settings say (0: no limit). `words` tell what happened; when it goes on is added."""

    kind: str
    seconds: float
    most: Callable[[Limits], int]
    words: str
    error: type[ChatserverError] = RateLimited


MESSAGES = Budget(
    "messages",
    10,
    lambda limits: limits.commands_per_10_seconds,
    "That was a lot in ten seconds, so this message was not sent. Send it again in {wait}.",
)
# Each costs a credit, and whoever has some may ask for all of them at once, in several sessions.
PICTURES = Budget(
    "pictures",
    10,
    lambda limits: 3 * limits.commands_per_10_seconds,
    "You asked for a lot in ten seconds. No credit was used; ask again in {wait}.",
)
# Everything else that changes something for others or makes something new: marks, names, titles, invites, tokens.
CHANGES = Budget(
    "changes",
    10,
    lambda limits: limits.commands_per_10_seconds,
    "That was a lot in ten seconds, so this was not done. Try again in {wait}.",
)
REPLIES = Budget(
    "replies",
    3600,
    lambda limits: limits.replies_per_hour,
    "You have had as many replies as one person may have in an hour ({most}). I can answer you again in {wait}.",
)
IMPROVED = Budget(
    "improved-prompts",
    3600,
    lambda limits: limits.improved_prompts_per_hour,
    "You have had as many prompts improved as one person may in an hour ({most}). Yours is as it was; it can be improved in "
    "{wait}.",
)
EXPORTS = Budget(
    "exports",
    3600,
    lambda limits: limits.exports_per_hour,
    "You have exported your data as often as one person may in an hour ({most}). The next export can begin in {wait}.",
)
FREE_SESSIONS = Budget(
    "free-sessions",
    86_400,
    lambda limits: limits.free_sessions_per_day,
    "You have had as many free sessions and extensions as one person may in a day ({most}). The next one is there for you "
    "in {wait}.",
    FreeSessionsUsedUp,
)


async def spend(tx: Transaction, budget: Budget, user_id: str | None = None) -> None:
    """Counts one; where there is no room, the budget's error, which says when there will be.

    Of this transaction's user, unless another is named, as the worker role has to.
    """
    most = budget.most(tx.limits)
    if (
        await tx.fetch_value("budgets.spend", user_id=user_id, kind=budget.kind, most=most, seconds=budget.seconds)
        is None
    ):
        raise await refusal(tx, budget, user_id)


async def refusal(tx: Transaction, budget: Budget, user_id: str | None) -> ChatserverError:
    """The error of a budget that has no room now."""
    most = budget.most(tx.limits)
    left = await tx.fetch_value("budgets.wait", user_id=user_id, kind=budget.kind, most=most, seconds=budget.seconds)
    wait = max(left or 0.0, LEAST_WAIT)
    words = budget.words.format(most=most, wait=filters.duration(ceil(wait)))
    return budget.error(words, retry_after=wait)


async def sweep(tx: Transaction) -> None:
    """Forgets what no longer counts. Needs the worker role."""
    await tx.execute("budgets.sweep")
