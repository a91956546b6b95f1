"""Sessions: what a member bought, and who sits in it."""

from chatserver.sessions.checkout import buy, extend, grant, recent, require_instant
from chatserver.sessions.invites import invitation, invite, join, revoke
from chatserver.sessions.models import Card, Invitation, Member, Seat, Session
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
    remove_member,
    rename,
    seat,
    sequences,
    stats,
)

__all__ = [
    "Card",
    "Invitation",
    "Member",
    "Seat",
    "Session",
    "active_seat",
    "allow_guests",
    "announce",
    "buy",
    "expire",
    "extend",
    "find",
    "grant",
    "invitation",
    "invite",
    "join",
    "list_cards",
    "list_sessions",
    "lock",
    "next_seq",
    "owner_seat",
    "recent",
    "remove_member",
    "rename",
    "require_instant",
    "revoke",
    "seat",
    "sequences",
    "stats",
]
