"""What an operator decides on what was reported; a ban is the decision and the ban in one transaction."""

from chatserver.admin import people
from chatserver.audit import Actor
from chatserver.database import Transaction
from chatserver.reports import service as reports
from chatserver.reports.models import Decision


async def hide_and_ban(tx: Transaction, actor: Actor, target_id: str, reason: str, seen: str) -> Decision:
    """Hides a reported thing and bans its author, for the same reason. Conflict as in `reports.decide`, and for the last
    admin."""
    decision = await reports.decide(tx, actor, target_id, "ban", reason, seen)
    assert decision.author_id is not None
    await people.ban(tx, actor, decision.author_id, reason)
    return decision
