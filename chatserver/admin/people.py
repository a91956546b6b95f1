"""What an operator does with people and their sessions: find, grant, extend, give credits, sign out, ban, and read with a
reason. Each act is recorded in its own transaction; the command line uses the same verbs."""

import unicodedata
import uuid
from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver import audit, credits, ids, sessions, users
from chatserver.audit import Actor
from chatserver.audit.service import required_reason
from chatserver.credits.models import Balances, Kind
from chatserver.database import Row, Transaction
from chatserver.database.records import Record
from chatserver.errors import NotAllowed, NotFound
from chatserver.generations import cancellation
from chatserver.sessions.models import Session
from chatserver.users import email_addresses, idempotency
from chatserver.users.models import Role, Status
from chatserver.users.sign_ins import IDLE_DAYS

PAGE = 50
# Sessions of one person, and messages of one page of a conversation.
MOST_SESSIONS, MESSAGES = 50, 50
# Nobody's name or address is longer.
QUERY_LENGTH = 320
# Nothing that begins with a text sorts after the text with this behind it.
LAST_CHARACTER = "\U0010ffff"


class Person(Record, frozen=True, kw_only=True):
    """An account in the list, with its address: several people may have one name."""

    id: str
    name: str
    email: str
    role: Role
    status: Status
    created_at: datetime
    last_seen_at: datetime | None
    sessions: int

    @property
    def is_by_name(self) -> bool:
        """Whether it is a guest who gave a name only, and has no address."""
        return email_addresses.is_of_nobody(self.email)


class OwnedSession(Struct, frozen=True, kw_only=True):
    """A session of a person, with its credits; without its title, which is theirs. `owned`: it is theirs, not a host's."""

    id: str
    plan_id: str
    plan: str
    owned: bool
    expires_at: datetime
    active: bool
    images_generated: int
    videos_generated: int
    messages_count: int
    credits: Balances


class PersonDetails(Struct, frozen=True, kw_only=True):
    """An account with its address, its sign-ins and tokens in numbers, and its sessions."""

    id: str
    name: str
    email: str
    role: Role
    status: Status
    created_at: datetime
    last_seen_at: datetime | None
    sign_ins: int
    tokens: int
    sessions: list[OwnedSession]

    @property
    def is_by_name(self) -> bool:
        """Whether it is a guest who gave a name only, and has no address."""
        return email_addresses.is_of_nobody(self.email)


class ReadMessage(Record, frozen=True, kw_only=True):
    """A message of a conversation that an operator reads with a reason: its text, or its prompt."""

    id: str
    author: str
    kind: Literal["text", "image", "video"]
    text: str
    prompt: str | None
    generations: int
    created_at: datetime


class Conversation(Struct, frozen=True, kw_only=True):
    """A page of a session's messages, the oldest of the page first; `before` leads to the older ones, if there are any."""

    session_id: str
    owner_id: str
    owner: str
    messages: list[ReadMessage]
    before: str | None


# Finding --------------------------------------------------------------------------------------------------------------


async def find(tx: Transaction, query: str, before: str | None) -> list[Person]:
    """A page of accounts whose name or address begins with these words, the newest first; all for an empty text."""
    query = query.strip()
    if len(query) > QUERY_LENGTH:
        return []
    # Names and addresses are stored in NFC; small letters are the database's on both sides: Python has others for İ and Σ.
    query = unicodedata.normalize("NFC", query)
    if not query:
        rows = await tx.fetch_all("admin.people", before=before, limit=PAGE)
    else:
        rows = await tx.fetch_all("admin.people_by_words", first=query, last=LAST_CHARACTER, before=before, limit=PAGE)
    return [Person.from_row(row) for row in rows]


async def whose(tx: Transaction, text: str) -> tuple[str, str | None] | None:
    """(user, session) of an address or an id of an account, session, picture or generation; None where it names nothing."""
    text = text.strip()
    if len(text) > QUERY_LENGTH:
        return None
    try:
        row = await tx.fetch_one("admin.by_id", id=str(uuid.UUID(text)))
    except ValueError:
        try:
            return (await users.find(tx, text)).id, None
        except NotFound:
            return None
    return None if row is None else (row["user_id"], row["session_id"])


async def details(tx: Transaction, user_id: str, session_id: str | None = None) -> PersonDetails:
    """One person with their sessions, `session_id` first. NotFound where there is no such account."""
    row = await tx.fetch_one("admin.person", id=user_id, idle_days=IDLE_DAYS)
    if row is None:
        raise NotFound
    found = await tx.fetch_all("admin.sessions_of", user_id=user_id, session_id=session_id, limit=MOST_SESSIONS)
    balances = await credits.balances_of(tx, [each["id"] for each in found])
    owned = [OwnedSession(**dict(each), credits=balances[each["id"]]) for each in found]
    return PersonDetails(**dict(row), sessions=owned)


# Accounts -------------------------------------------------------------------------------------------------------------


async def set_role(tx: Transaction, actor: Actor, user_id: str, role: Role, reason: str = "") -> None:
    """Makes a user an admin or a member. Conflict for the last admin; NotAllowed for an actor who is none any more."""
    await _confirm(tx, actor)
    await users.set_role(tx, user_id, role)
    action = "user.made_admin" if role == "admin" else "user.made_member"
    await audit.record(tx, actor, action, "user", user_id, reason, subject_id=user_id)


async def ban(tx: Transaction, actor: Actor, user_id: str, reason: str) -> None:
    """Bans a user: what is being made for them is cancelled, sign-ins end, tokens stop, sockets close."""
    await _confirm(tx, actor)
    await cancellation.cancel_of_banned_user(tx, user_id)
    await users.ban(tx, user_id)
    await audit.record(tx, actor, "user.banned", "user", user_id, reason, subject_id=user_id)


async def unban(tx: Transaction, actor: Actor, user_id: str, reason: str = "") -> None:
    """Lifts a ban."""
    await users.unban(tx, user_id)
    await audit.record(tx, actor, "user.unbanned", "user", user_id, reason, subject_id=user_id)


async def sign_out(tx: Transaction, actor: Actor, user_id: str, reason: str = "", *, tokens_too: bool = False) -> int:
    """Ends all sign-ins of a user, and revokes the API tokens where asked; returns how many sign-ins ended."""
    await _require_account(tx, user_id)
    ended = await users.end_other_sign_ins(tx, user_id, None)
    if tokens_too:
        await users.revoke_tokens(tx, user_id)
    await audit.record(
        tx, actor, "user.signed_out", "user", user_id, reason, subject_id=user_id, sign_ins=ended, tokens_too=tokens_too
    )
    return ended


async def revoke_tokens(tx: Transaction, actor: Actor, user_id: str) -> None:
    """Revokes all API tokens of a user."""
    await users.revoke_tokens(tx, user_id)
    await audit.record(tx, actor, "user.tokens_revoked", "user", user_id, subject_id=user_id)


async def begin_reset(tx: Transaction, actor: Actor, user_id: str, reason: str = "") -> str:
    """The token of a link with which a new password is set, once. Whoever has it becomes that user: an admin's is not
    handed to another admin."""
    row = await _require_account(tx, user_id)
    if actor.id is not None and row["role"] == "admin" and user_id != actor.id:
        raise NotAllowed("A link for another admin is made on the command line: whoever opens it becomes that admin.")
    if row["status"] != "active":
        raise NotAllowed("This account is banned. Lift the ban first.")
    token = await users.begin_reset(tx, user_id)
    await audit.record(tx, actor, "user.reset_begun", "user", user_id, reason, subject_id=user_id)
    return token


async def _confirm(tx: Transaction, actor: Actor) -> None:
    """Locks the admins in one order, and refuses an actor who is none any more: of two who demote each other at the same
    moment the second one is told so."""
    if actor.id is not None and actor.id not in await users.lock_admins(tx):
        raise NotAllowed


async def require_admin_account(tx: Transaction, user_id: str) -> None:
    """Raises NotAllowed where a user is no admin (any more)."""
    if await tx.fetch_value("admin.hold_role", id=user_id) is None:
        raise NotAllowed


async def _require_account(tx: Transaction, user_id: str) -> Row:
    row = await tx.fetch_one("admin.person", id=user_id, idle_days=IDLE_DAYS)
    if row is None:
        raise NotFound
    return row


# Sessions -------------------------------------------------------------------------------------------------------------


class Gift(Struct, frozen=True):
    """What an operator gives: a session (of a plan, to a person), or minutes or credits (to a session)."""

    what: str
    to: str
    amount: int = 1


async def _given(tx: Transaction, actor: Actor, client_id: str | None, gift: Gift, session_id: str) -> str | None:
    """The session that the same form has given, or given something to, before; None where this is the first time."""
    return await idempotency.claim(tx, "session", client_id, gift, session_id, user_id=actor.id)


async def grant(
    tx: Transaction,
    actor: Actor,
    user_id: str,
    plan_id: str,
    title: str | None,
    reason: str = "",
    *,
    client_id: str | None = None,
) -> Session:
    """Gives a session to a person, as sold by the operator; once for each client_id, as everything here."""
    session_id = ids.new()
    given = await _given(tx, actor, client_id, Gift(plan_id, user_id), session_id)
    if given is not None:
        return await sessions.find(tx, given)
    session = await sessions.grant(tx, user_id, plan_id, title, session_id=session_id)
    await audit.record(
        tx, actor, "session.granted", "session", session.id, reason, subject_id=user_id, plan=session.plan_id
    )
    return session


async def prolong(
    tx: Transaction, actor: Actor, session_id: str, minutes: int, reason: str, *, client_id: str | None = None
) -> None:
    """Gives a session more time, as a present."""
    if await _given(tx, actor, client_id, Gift("minutes", session_id, minutes), session_id) is not None:
        return
    row = await _session(tx, session_id)
    await sessions.prolong(tx, session_id, minutes)
    await audit.record(
        tx, actor, "session.extended", "session", session_id, reason, subject_id=row["user_id"], minutes=minutes
    )


async def give_credits(
    tx: Transaction,
    actor: Actor,
    session_id: str,
    kind: Kind,
    count: int,
    reason: str,
    *,
    client_id: str | None = None,
) -> None:
    """Gives a session more credits an hour; the statement says why."""
    reason = required_reason(reason)
    if await _given(tx, actor, client_id, Gift(kind, session_id, count), session_id) is not None:
        return
    row = await _session(tx, session_id)
    await credits.grant_extra(tx, session_id, kind, count, reason)
    await audit.record(
        tx,
        actor,
        "credits.given",
        "session",
        session_id,
        reason,
        subject_id=row["user_id"],
        kind=kind,
        count=count,
    )


async def read_conversation(
    tx: Transaction, actor: Actor, session_id: str, reason: str, before: str | None = None
) -> Conversation:
    """A page of what people wrote in a session, with the reason why it is read. Each of them may ask who has read it."""
    reason = required_reason(reason)
    session = await _session(tx, session_id)
    rows = await tx.fetch_all("admin.conversation", session_id=session_id, before=before, limit=MESSAGES)
    for user_id in sorted({session["user_id"], *(row["user_id"] for row in rows if row["user_id"])}):
        await audit.record(
            tx, actor, "conversation.read", "session", session_id, reason, subject_id=user_id, messages=len(rows)
        )
    return Conversation(
        session_id=session_id,
        owner_id=session["user_id"],
        owner=session["owner"],
        messages=[ReadMessage.from_row(row) for row in reversed(rows)],
        before=rows[-1]["id"] if len(rows) == MESSAGES else None,
    )


async def _session(tx: Transaction, session_id: str) -> Row:
    row = await tx.fetch_one("admin.session", id=session_id)
    if row is None:
        raise NotFound
    return row
