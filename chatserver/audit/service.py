"""Writing the audit log. Each verb of an operator records its act in its own transaction."""

import msgspec

from chatserver import ids
from chatserver.audit.models import Actor
from chatserver.database import Transaction
from chatserver.errors import Invalid
from chatserver.validation import unreadable

# Whole sentences, no documents.
REASON_LENGTH = 500


async def record(
    tx: Transaction,
    actor: Actor,
    action: str,
    target_kind: str,
    target_id: str,
    reason: str = "",
    *,
    subject_id: str | None = None,
    **details: object,
) -> None:
    """Adds an entry, within the transaction of the act. Needs the worker role.

    `action` is dotted: `user.banned`. `subject_id` is the user whose data was looked at or changed, who may ask for the
    entry. `details` are ids and figures, never prompts, texts, addresses of members or secrets. Raises Invalid for a reason
    that cannot be stored.
    """
    await tx.execute(
        "audit.add",
        id=ids.new(),
        actor_id=actor.id,
        actor=actor.name,
        action=action,
        target_kind=target_kind,
        target_id=target_id,
        subject_id=subject_id,
        address=actor.address,
        reason=checked_reason(reason),
        details=msgspec.to_builtins(details),
    )


def checked_reason(reason: str) -> str:
    """A reason as it is stored, on one line; it may be empty. Raises Invalid."""
    reason = " ".join(reason.split())
    if why := unreadable(reason):
        raise Invalid.field("reason", why)
    if len(reason) > REASON_LENGTH:
        raise Invalid.field("reason", f"must be at most {REASON_LENGTH} characters long")
    return reason


def required_reason(reason: str) -> str:
    """A reason that must be given. Raises Invalid where it is empty."""
    reason = checked_reason(reason)
    if not reason:
        raise Invalid.field("reason", "must say why; it is kept in the audit log")
    return reason
