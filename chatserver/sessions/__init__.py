"""Sessions: what a member bought, its members, invites and purchases."""

from chatserver.sessions.checkout import buy, can_extend, extend, grant, list_recent, require_instant, session_quota
from chatserver.sessions.deletion import delete, purge, purge_next
from chatserver.sessions.invites import invitation, invite, join, revoke
from chatserver.sessions.member_names import name_unnamed_members, rename_member
from chatserver.sessions.members import has_left, list_removals, readmit, remove_member, was_deleted, was_removed
from chatserver.sessions.models import Card, Invitation, Member, Membership, Removal, Session
from chatserver.sessions.service import (
    active_membership,
    allow_guests,
    announce,
    expire,
    find,
    list_cards,
    list_sessions,
    lock,
    membership,
    next_seq,
    owner_membership,
    sequences,
    stats,
)
from chatserver.sessions.titles import rename, replace_automatic_title, set_automatic_title

__all__ = [
    "Card",
    "Invitation",
    "Member",
    "Membership",
    "Removal",
    "Session",
    "active_membership",
    "allow_guests",
    "announce",
    "buy",
    "can_extend",
    "delete",
    "expire",
    "extend",
    "find",
    "grant",
    "has_left",
    "invitation",
    "invite",
    "join",
    "list_cards",
    "list_recent",
    "list_removals",
    "list_sessions",
    "lock",
    "membership",
    "name_unnamed_members",
    "next_seq",
    "owner_membership",
    "purge",
    "purge_next",
    "readmit",
    "remove_member",
    "rename",
    "rename_member",
    "replace_automatic_title",
    "require_instant",
    "revoke",
    "sequences",
    "session_quota",
    "set_automatic_title",
    "stats",
    "was_deleted",
    "was_removed",
]
