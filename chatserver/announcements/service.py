"""Making and withdrawing announcements. All verbs need the worker role."""

import re
from datetime import UTC, datetime, timedelta

from chatserver import audit, ids
from chatserver.announcements.models import AnnouncementOrder, SiteAnnouncement
from chatserver.audit import Actor
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, Invalid, NotFound
from chatserver.runtime import clock
from chatserver.users import idempotency
from chatserver.validation import single_line

TEXT_LENGTH = 300
# More would cover the page that people came for.
MOST_SHOWN = 3
# Those that the operator's page lists.
MOST_LISTED = 20
LONGEST = timedelta(days=31)
_DURATION = re.compile(r"([0-9]{1,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


async def current(tx: Transaction) -> tuple[SiteAnnouncement, ...]:
    """What is shown now, the oldest first."""
    return tuple(_of(row) for row in await tx.fetch_all("announcements.current", limit=MOST_SHOWN))


async def newest(tx: Transaction) -> list[SiteAnnouncement]:
    """The newest ones, also those that are over."""
    return [_of(row) for row in await tx.fetch_all("announcements.newest", limit=MOST_LISTED)]


async def add(
    tx: Transaction, actor: Actor, text: str, until: str, *, client_id: str | None = None
) -> SiteAnnouncement:
    """Shows a line to everybody, once for each client_id. `until` is an end or a duration, as `parse_until` reads it.

    Raises Invalid or Conflict.
    """
    made = SiteAnnouncement(
        id=ids.new(), text=single_line("text", text, TEXT_LENGTH), until=parse_until(until, clock.now())
    )
    wanted = AnnouncementOrder(made.text, until.strip())
    before = await idempotency.claim(tx, "announcement", client_id, wanted, made.id, user_id=actor.id)
    if before is not None:
        return await _find(tx, before)
    await tx.fetch_value("announcements.lock")
    if len(await current(tx)) >= MOST_SHOWN:
        raise Conflict(f"{MOST_SHOWN} announcements are shown already. Withdraw one first.")
    await tx.execute("announcements.add", id=made.id, text=made.text, until=made.until)
    await audit.record(tx, actor, "announcement.made", "announcement", made.id, until=made.until)
    return made


async def _find(tx: Transaction, announcement_id: str) -> SiteAnnouncement:
    row = await tx.fetch_one("announcements.find", id=announcement_id)
    if row is None:
        raise NotFound
    return _of(row)


async def withdraw(tx: Transaction, actor: Actor, announcement_id: str) -> None:
    """Ends an announcement. NotFound where it is over already, or never was."""
    if await tx.fetch_value("announcements.withdraw", id=announcement_id) is None:
        raise NotFound("There is no announcement with this id, or it is over.")
    await audit.record(tx, actor, "announcement.withdrawn", "announcement", announcement_id)


def parse_until(text: str, now: datetime) -> datetime:
    """The end that a text names: `90m`, `6h` or `2d` from now, or an ISO 8601 time (UTC where it has no offset).

    Raises Invalid for what is neither, is over, or is more than 31 days away.
    """
    end = _end(text.strip(), now)
    if end is None:
        raise Invalid.field("until", "must be a duration such as 90m, 6h or 2d, or a time such as 2026-11-30T18:00Z")
    if not now < end <= now + LONGEST:
        raise Invalid.field("until", "must be within the next 31 days")
    return end


def _end(text: str, now: datetime) -> datetime | None:
    if found := _DURATION.fullmatch(text):
        return now + timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        end = datetime.fromisoformat(text)
        return (end if end.tzinfo else end.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _of(row: Row) -> SiteAnnouncement:
    return SiteAnnouncement(id=row["id"], text=row["text"], until=row["until"])
