"""What waits is brought forward after the database's clock was set back.

Credits, waiting pictures, pauses and counts hold times of that clock. Where it was hours ahead, as that of a machine that
has not asked for the time yet, and is set right, they are hours away: nobody could make a picture, or say much, until then.
"""

import structlog

from chatserver.credits import service as credits
from chatserver.database import Transaction
from chatserver.generations import provider_limits, queue
from chatserver.mail import service as mail
from chatserver.messages import replies
from chatserver.monitoring import processes
from chatserver.payments import service as payments
from chatserver.sessions import free_sessions
from chatserver.sessions import service as sessions
from chatserver.users import attempt_limits, rate_limits

# In the order in which transactions lock: credits, generations, sessions, counts.
_VERBS = (
    credits.bring_forward,
    queue.bring_forward,
    provider_limits.bring_forward,
    replies.bring_forward,
    sessions.bring_forward,
    payments.bring_forward,
    mail.bring_forward,
    free_sessions.bring_forward,
    rate_limits.bring_forward,
    attempt_limits.bring_forward,
)

log = structlog.get_logger(__name__)


async def follow_clock(tx: Transaction) -> bool:
    """Brings forward what waits, where the clock was set back; whether it was. Needs the worker role."""
    seconds = await processes.seconds_set_back(tx)
    if seconds is None:
        return False
    log.warning("database.clock_set_back", seconds=round(seconds))
    for bring_forward in _VERBS:
        await bring_forward(tx, seconds)
    return True
