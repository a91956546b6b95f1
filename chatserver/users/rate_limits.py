"""Rate limits of users: how often one may do something, over all entrances, processes and machines together.

    await rate_limits.consume(tx, rate_limits.CHANGES)

Counted in the transaction of the verb itself, so that what is refused or rolled back costs nothing. The row of the user and
kind (table `budgets`) is the last lock that a transaction takes, after credits, generation, asset and session: no deadlocks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from chatserver.database import Transaction
from chatserver.errors import ChatserverError, FreeSessionsUsedUp, RateLimited
from chatserver.limits import Limits
from chatserver.web import filters

# Seconds; the wait may be over while it is computed, and `retry_after` is never 0.
SHORTEST_WAIT = 0.1


@dataclass(frozen=True)
class RateLimit:
    """At most `most(limits)` in `seconds` (0: no limit). `message` is the error's text, with `{wait}` and `{most}`."""

    kind: str
    seconds: float
    most: Callable[[Limits], int]
    message: str
    error: type[ChatserverError] = RateLimited


MESSAGES = RateLimit(
    "messages",
    10,
    lambda limits: limits.commands_per_10_seconds,
    "That was a lot in ten seconds, so this message was not sent. Send it again in {wait}.",
)
# Each costs a credit, and a user may spend all credits of several sessions at once.
PICTURES = RateLimit(
    "pictures",
    10,
    lambda limits: 3 * limits.commands_per_10_seconds,
    "You asked for a lot in ten seconds. No credit was used; ask again in {wait}.",
)
# Everything else that changes something for others or creates something: favourites, names, titles, invites, tokens.
CHANGES = RateLimit(
    "changes",
    10,
    lambda limits: limits.commands_per_10_seconds,
    "That was a lot in ten seconds, so this was not done. Try again in {wait}.",
)
REPLIES = RateLimit(
    "replies",
    3600,
    lambda limits: limits.replies_per_hour,
    "You have had as many replies as one person may have in an hour ({most}). I can answer you again in {wait}.",
)
IMPROVED_PROMPTS = RateLimit(
    "improved-prompts",
    3600,
    lambda limits: limits.improved_prompts_per_hour,
    "You have had as many prompts improved as one person may in an hour ({most}). Yours is as it was; it can be improved in "
    "{wait}.",
)
UPLOADS = RateLimit(
    "uploads",
    3600,
    lambda limits: limits.uploads_per_hour,
    "You have uploaded as many pictures as one person may in an hour ({most}). The next one can be uploaded in {wait}.",
)
EXPORTS = RateLimit(
    "exports",
    3600,
    lambda limits: limits.exports_per_hour,
    "You have exported your data as often as one person may in an hour ({most}). The next export can begin in {wait}.",
)
FREE_SESSIONS = RateLimit(
    "free-sessions",
    86_400,
    lambda limits: limits.free_sessions_per_day,
    "You have had as many free sessions and extensions as one person may in a day ({most}). The next one is there for you "
    "in {wait}.",
    FreeSessionsUsedUp,
)


async def consume(tx: Transaction, limit: RateLimit, user_id: str | None = None) -> None:
    """Counts one use; raises the limit's error, with `retry_after`, where the limit is reached.

    Counts for this transaction's user; the worker role, which has none, passes `user_id`.
    """
    most = limit.most(tx.limits)
    if (
        await tx.fetch_value("rate_limits.consume", user_id=user_id, kind=limit.kind, most=most, seconds=limit.seconds)
        is None
    ):
        raise await refusal(tx, limit, user_id)


async def refusal(tx: Transaction, limit: RateLimit, user_id: str | None) -> ChatserverError:
    """The error of a limit that is reached."""
    most, wait = limit.most(tx.limits), await seconds_until_next(tx, limit, user_id)
    message = limit.message.format(most=most, wait=filters.duration(ceil(wait)))
    return limit.error(message, retry_after=wait)


async def seconds_until_next(tx: Transaction, limit: RateLimit, user_id: str | None) -> float:
    """Seconds until a limit that is reached allows it again."""
    most = limit.most(tx.limits)
    left = await tx.fetch_value("rate_limits.wait", user_id=user_id, kind=limit.kind, most=most, seconds=limit.seconds)
    return max(left or 0.0, SHORTEST_WAIT)


async def used(tx: Transaction, limit: RateLimit, user_id: str) -> int:
    """How often a user has done it within the window."""
    counted: int = await tx.fetch_value("rate_limits.used", user_id=user_id, kind=limit.kind, seconds=limit.seconds)
    return counted


async def sweep(tx: Transaction) -> None:
    """Deletes counts that no longer matter. Needs the worker role."""
    await tx.execute("rate_limits.sweep")


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("rate_limits.bring_forward", seconds=seconds)
