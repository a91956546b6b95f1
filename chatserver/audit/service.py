"""The audit log. Each verb of an operator records its act in its own transaction."""

import uuid

import msgspec

from chatserver import ids
from chatserver.audit.events import ADMIN_CHANNEL, OperatorActed
from chatserver.audit.models import Actor, AuditEntry, AuditFilter
from chatserver.database import Row, Transaction
from chatserver.errors import Invalid
from chatserver.validation import unreadable

# Whole sentences, no documents.
REASON_LENGTH = 500
# What is read of people's own: they may see by whom.
READING = "%.read"


async def record(
    tx: Transaction,
    /,
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
    tx.announce(ADMIN_CHANNEL, OperatorActed(action=action))


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


async def reason_of(tx: Transaction, action: str, user_id: str) -> str:
    """Why the newest act of a kind was done to a user; empty where no reason was given. Needs the worker role."""
    return await tx.fetch_value("audit.reason_of", action=action, user_id=user_id) or ""


# Reading --------------------------------------------------------------------------------------------------------------


async def page(tx: Transaction, wanted: AuditFilter, before: str | None, limit: int) -> list[AuditEntry]:
    """A page of entries, the newest first; the next page is `before` the id of the last one. Needs the worker role."""
    action, actor = wanted.action or None, wanted.actor or None
    if wanted.target:
        subject = _id_of(wanted.target)
        rows = await tx.fetch_all(
            "audit.page_of_target",
            target=wanted.target,
            subject=subject,
            actor=actor,
            action=action,
            before=before,
            limit=limit,
        )
    elif actor:
        rows = await tx.fetch_all("audit.page_of_actor", actor=actor, action=action, before=before, limit=limit)
    elif action:
        rows = await tx.fetch_all("audit.page_of_action", action=action, before=before, limit=limit)
    else:
        rows = await tx.fetch_all("audit.page", before=before, limit=limit)
    return [AuditEntry.from_row(row) for row in rows]


def _id_of(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


async def actions(tx: Transaction) -> list[str]:
    """The actions that the log has, in alphabetical order."""
    return [row["action"] for row in await tx.fetch_all("audit.actions")]


async def of_subject(tx: Transaction, user_id: str, limit: int) -> list[AuditEntry]:
    """The newest acts that concern one user. Needs the worker role."""
    return [AuditEntry.from_row(row) for row in await tx.fetch_all("audit.of_subject", user_id=user_id, limit=limit)]


async def readings(tx: Transaction, user_id: str, before: str | None, limit: int) -> list[AuditEntry]:
    """When operators have read what a user wrote, and why, the newest first. Needs the worker role."""
    rows = await tx.fetch_all("audit.readings", user_id=user_id, pattern=READING, before=before, limit=limit)
    return [AuditEntry.from_row(row) for row in rows]


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """A page of the same for the export of an account, in the order of their ids."""
    return await tx.fetch_all("audit.export", user_id=user_id, pattern=READING, after=after, limit=limit)
