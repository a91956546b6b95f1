"""Sessions: what a member bought, and who sits in it."""

from chatserver.sessions.checkout import buy, extend, grant, open_places, prolongs, recent, require_instant
from chatserver.sessions.deleting import delete, empty, empty_next
from chatserver.sessions.invites import invitation, invite, join, revoke
from chatserver.sessions.models import Card, Invitation, Member, Removal, Seat, Session
from chatserver.sessions.naming import name_next, rename_member
from chatserver.sessions.seating import has_left, let_back, list_removals, remove_member, was_deleted, was_removed
from chatserver.sessions.service import (
    active_seat,
    allow_guests,
    announce,
    expire,
    find,
    list_cards,
    list_sessions,
    lock,
    next_seq,
    owner_seat,
    seat,
    sequences,
    stats,
)
from chatserver.sessions.titles import entitle, forget_title, rename

__all__ = [
    "Card",
    "Invitation",
    "Member",
    "Removal",
    "Seat",
    "Session",
    "active_seat",
    "allow_guests",
    "announce",
    "buy",
    "delete",
    "empty",
    "empty_next",
    "entitle",
    "expire",
    "extend",
    "find",
    "forget_title",
    "grant",
    "has_left",
    "invitation",
    "invite",
    "join",
    "let_back",
    "list_cards",
    "list_removals",
    "list_sessions",
    "lock",
    "name_next",
    "next_seq",
    "open_places",
    "owner_seat",
    "prolongs",
    "recent",
    "remove_member",
    "rename",
    "rename_member",
    "require_instant",
    "revoke",
    "seat",
    "sequences",
    "stats",
    "was_deleted",
    "was_removed",
]
