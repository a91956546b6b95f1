"""Reports: made by people and by visitors of share links, read and decided by operators, told and exported.

A decision is made on a thing, for all of its open reports at once, in one transaction with its entry of the audit log.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from chatserver import audit, ids
from chatserver.audit import Actor
from chatserver.audit.events import ADMIN_CHANNEL
from chatserver.audit.service import required_reason
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, Invalid, NotAllowed, NotFound, RateLimited
from chatserver.generations import withholding
from chatserver.reports.events import ReportMade
from chatserver.reports.models import (
    KINDS,
    WORDS_LENGTH,
    Decided,
    Decision,
    OwnReport,
    Report,
    ReportedThing,
    ReportKind,
    TargetKind,
)
from chatserver.users import rate_limits
from chatserver.validation import optional_paragraphs

# Things on one page of the queue, and decisions on one page of what was decided.
PAGE = 20
# Reports that are shown of one thing.
MOST_SHOWN = 10
# Open reports that one person may have, and that visitors of links may leave on one thing, whom nobody knows.
MOST_OPEN = 50
MOST_OF_VISITORS = 20
# The overview counts no further.
MOST_COUNTED = 1000
# What a person is told on one page.
MOST_TOLD = 50

Act = Literal["dismiss", "hide", "restore", "ban"]
_DECIDED: dict[Act, Decided] = {"dismiss": "dismissed", "hide": "hidden", "restore": "restored", "ban": "banned"}
_WORDS: dict[Decided, str] = {
    "dismissed": "dismissed the report",
    "hidden": "hidden it",
    "restored": "restored it",
    "banned": "hidden it and banned its author",
}
Hours = Mapping[str, int]


class OpenReports(Struct, frozen=True):
    """How many things wait for a decision (counted up to MOST_COUNTED reports), how many are late, and the newest report."""

    number: int
    late: int
    newest: str | None


# Reporting ----------------------------------------------------------------------------------------------------------


async def report(
    tx: Transaction, target_kind: TargetKind, target_id: str, kind: str, words: str, user_id: str, hours: Hours
) -> bool:
    """Reports a picture or message that this transaction's user may see; False where they have an open report of it.

    NotFound for what they may not see, NotAllowed for their own, RateLimited.
    """
    row = await _target(tx, target_kind, target_id)
    checked, text = checked_kind(kind), checked_words(words)
    await rate_limits.consume(tx, rate_limits.CHANGES)
    if row["author_id"] == user_id:
        raise NotAllowed("This is yours: you may delete it.")
    if await tx.fetch_value("reports.open_of_person", most=MOST_OPEN) >= MOST_OPEN:
        raise RateLimited(f"{MOST_OPEN} of your reports wait for the operator. Report more when some are decided.")
    return await _add(tx, row, target_kind, target_id, checked, text, hours, reporter_id=user_id)


async def report_shared(
    tx: Transaction, asset_id: str, kind: str, words: str, visitor: str, hours: Hours, user_id: str | None = None
) -> bool:
    """Reports what a share link shows, by a visitor: `visitor` is a keyed hash of the network, or `user_id` is known.

    The caller has checked that the link shows it. False where it is reported already. Needs the worker role.
    """
    row = await _target(tx, "picture", asset_id)
    checked, text = checked_kind(kind), checked_words(words)
    if user_id is not None and user_id == row["author_id"]:
        raise NotAllowed("This is yours: you may delete it.")
    if user_id is not None:
        return await _add(tx, row, "picture", asset_id, checked, text, hours, reporter_id=user_id)
    if await tx.fetch_value("reports.open_of_visitors", target_id=asset_id, most=MOST_OF_VISITORS) >= MOST_OF_VISITORS:
        return False
    return await _add(tx, row, "picture", asset_id, checked, text, hours, visitor=visitor)


async def _target(tx: Transaction, target_kind: TargetKind, target_id: str) -> Row:
    query = "reports.picture" if target_kind == "picture" else "reports.message"
    row = await tx.fetch_one(query, target_id=target_id)
    if row is None:
        raise NotFound
    return row


async def _add(
    tx: Transaction,
    target: Row,
    target_kind: TargetKind,
    target_id: str,
    kind: ReportKind,
    words: str,
    hours: Hours,
    *,
    reporter_id: str | None = None,
    visitor: str | None = None,
) -> bool:
    report_id = await tx.fetch_value(
        "reports.add",
        id=ids.new(),
        kind=kind,
        words=words,
        target_kind=target_kind,
        target_id=target_id,
        session_id=target["session_id"],
        author_id=target["author_id"],
        reporter_id=reporter_id,
        visitor=visitor,
        hours=hours[kind],
    )
    if report_id is None:
        return False
    tx.announce(ADMIN_CHANNEL, ReportMade(report_id=report_id))
    return True


def checked_kind(kind: str) -> ReportKind:
    """One of the kinds of reports. Raises Invalid."""
    for each in KINDS:
        if each == kind:
            return each
    raise Invalid.field("kind", f"must be one of: {', '.join(KINDS)}")


def checked_words(words: str) -> str:
    """The words of a report as they are stored; they may be empty. Raises Invalid."""
    return optional_paragraphs("words", words, WORDS_LENGTH) or ""


# Reading: needs the worker role ---------------------------------------------------------------------------------------


async def queue(tx: Transaction, after: str | None) -> list[ReportedThing]:
    """A page of the things with open reports, the most urgent first; the next page is `after` the cursor of the last."""
    rows = await tx.fetch_all("reports.queue", after=after, limit=PAGE)
    found = await tx.fetch_all("reports.reports_of", target_ids=[row["target_id"] for row in rows], most=MOST_SHOWN)
    reports = defaultdict(list)
    for each in found:
        reports[each["target_id"]].append(Report.from_row(each))
    fields = [name for name in ReportedThing.__struct_fields__ if name != "reports"]
    return [
        ReportedThing(**{name: row[name] for name in fields}, reports=tuple(reports[row["target_id"]])) for row in rows
    ]


async def decided(tx: Transaction, before: str | None) -> list[tuple[Decision, ReportedThing]]:
    """A page of the decisions, the newest first, each with the thing as it is now."""
    rows = await tx.fetch_all("reports.decided", before=before, limit=PAGE)
    return [(Decision.from_row(row), _decided_thing(row)) for row in rows]


def _decided_thing(row: Row) -> ReportedThing:
    fields = ("target_kind", "target_id", "session_id", "author_id", "media", "state", "seen")
    return ReportedThing(cursor=row["id"], count=0, reports=(), **{name: row[name] for name in fields})


async def count_open(tx: Transaction) -> OpenReports:
    """What waits for a decision."""
    row = await tx.fetch_one("reports.count_open", most=MOST_COUNTED)
    assert row is not None
    return OpenReports(row["number"], row["late"], row["newest"])


async def is_known(tx: Transaction, target_id: str) -> bool:
    """Whether a thing was ever reported: an operator sees no other."""
    return await tx.fetch_one("reports.known", target_id=target_id) is not None


async def read_message(tx: Transaction, actor: Actor, message_id: str) -> str:
    """The words of a reported message; its author may ask who has read them. NotFound where it is gone or not reported."""
    known = await tx.fetch_one("reports.known", target_id=message_id)
    row = await tx.fetch_one("reports.words_of_message", message_id=message_id)
    if known is None or row is None:
        raise NotFound("This was deleted meanwhile.")
    await audit.record(
        tx, actor, "message.read", "message", message_id, "It was reported.", subject_id=row["author_id"]
    )
    words: str = row["text"]
    return words


# Deciding: needs the worker role --------------------------------------------------------------------------------------


async def decide(tx: Transaction, actor: Actor, target_id: str, act: Act, reason: str, seen: str) -> Decision:
    """Dismisses the reports of a thing, hides it, restores it, or hides it for a ban, which the caller adds.

    `seen` is the newest decision that the operator knew of. Conflict where another one came meanwhile, or where the
    thing is gone or is that already; NotFound for what nobody has reported; Invalid without a reason.
    """
    reason = required_reason(reason)
    await tx.execute("reports.lock", target_id=target_id)
    known = await tx.fetch_one("reports.known", target_id=target_id)
    if known is None:
        raise NotFound
    _require_decidable(known, await tx.fetch_one("reports.newest_decision", target_id=target_id), act, seen)
    await _apply(tx, known["target_kind"], target_id, act, reason)
    row = await tx.fetch_one(
        "reports.add_decision",
        id=ids.new(),
        action=_DECIDED[act],
        target_kind=known["target_kind"],
        target_id=target_id,
        session_id=known["session_id"],
        author_id=known["author_id"],
        decided_by=actor.id,
        decider=actor.name,
        reason=reason,
    )
    assert row is not None
    await tx.execute("reports.close", target_id=target_id, decision_id=row["id"])
    verb = "hidden" if act == "ban" else "report_dismissed" if act == "dismiss" else _DECIDED[act]
    await audit.record(
        tx,
        actor,
        f"{known['target_kind']}.{verb}",
        known["target_kind"],
        target_id,
        reason,
        subject_id=known["author_id"],
        session=known["session_id"],
    )
    return Decision.from_row(row)


def _require_decidable(known: Row, newest: Row | None, act: Act, seen: str) -> None:
    if newest is not None and newest["id"] != seen:
        raise Conflict(
            f"{newest['decider']} has {_WORDS[newest['action']]} meanwhile: {newest['reason']}",
            details={"decision": newest["action"]},
        )
    if act == "dismiss" and not known["is_open"]:
        raise Conflict("No report of it is open.")
    if act == "ban" and known["author_id"] is None:
        raise Conflict("Nobody can be banned for this.")


async def _apply(tx: Transaction, target_kind: TargetKind, target_id: str, act: Act, reason: str) -> None:
    if act == "dismiss":
        return
    if target_kind == "picture":
        await (
            withholding.show_file(tx, target_id)
            if act == "restore"
            else withholding.hide_file(tx, target_id, reason, again=act == "ban")
        )
    else:
        await (
            withholding.show_message(tx, target_id)
            if act == "restore"
            else withholding.hide_message(tx, target_id, reason, again=act == "ban")
        )


# Telling people, their export and their deletion: needs the worker role -----------------------------------------------


async def told(tx: Transaction, user_id: str, before: str | None) -> tuple[list[Decision], list[OwnReport]]:
    """A page of the decisions on what a user made, and on the first page their newest reports."""
    rows = await tx.fetch_all("reports.told", user_id=user_id, before=before, limit=MOST_TOLD)
    reports = [] if before else await tx.fetch_all("reports.own_reports", user_id=user_id, limit=MOST_TOLD)
    return [Decision.from_row(row) for row in rows], [OwnReport.from_row(row) for row in reports]


async def forget_user(tx: Transaction, user_id: str) -> None:
    """Takes a deleted account out of reports and decisions, and removes the words that it wrote to operators."""
    await tx.execute("reports.forget_author", user_id=user_id)
    await tx.execute("reports.forget_reporter", user_id=user_id)
    await tx.execute("reports.forget_decided", user_id=user_id)
    await tx.execute("reports.forget_decider", user_id=user_id)


async def export_reports_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` reports of a user with ids beyond `after`."""
    return await tx.fetch_all("reports.export_reports", user_id=user_id, after=after, limit=limit)


async def export_decisions_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` decisions on what a user made, with ids beyond `after`."""
    return await tx.fetch_all("reports.export_decisions", user_id=user_id, after=after, limit=limit)
