"""Tries a prompt rule against what was asked for before it is switched on: in pages, and bounded in time and rows."""

import hashlib
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from chatserver import audit, ids
from chatserver.audit import Actor
from chatserver.audit.service import required_reason
from chatserver.database import Database, Row, Transaction
from chatserver.database.records import Record
from chatserver.moderation import rules
from chatserver.moderation.rules import EnforcedRule, PromptTexts
from chatserver.runtime import clock
from chatserver.runtime.loop_turn import LoopTurn

DAYS = 90
# Generations that are looked at, the newest; and the time that this may take.
MOST_GENERATIONS, MOST_SECONDS = 20_000, 4.0
# Of what would have been refused, the newest are shown.
MOST_SHOWN = 50
PAGE = 500


class PastPrompt(Record, frozen=True, kw_only=True):
    """A prompt that a rule would have refused. Shown to an operator with a reason only."""

    id: str
    user_id: str
    author: str | None
    plan_id: str
    prompt: str
    negative_prompt: str | None
    style: str | None
    created_at: datetime


class RuleTrial(Struct, frozen=True, kw_only=True):
    """What a rule would have done: of `prompts` since a time it would have refused `refused`, of which `newest` are here.

    `complete` says that these are all of 90 days; otherwise there were more than could be looked at.
    """

    since: datetime
    complete: bool
    prompts: int
    refused: int
    newest: list[PastPrompt]


class _Tally:
    """The prompts that a trial has seen, each once, and the newest of those that the rule refuses."""

    def __init__(self, rule: EnforcedRule) -> None:
        self._rule = rule
        self._seen: set[bytes] = set()
        self.refused = 0
        self.newest: list[PastPrompt] = []

    @property
    def prompts(self) -> int:
        return len(self._seen)

    def judge(self, row: Row) -> None:
        """Counts a generation's prompt, where the rule applies to its session and it is not counted yet."""
        if not self._rule.applies_to(row["plan_id"]):
            return
        texts = PromptTexts(prompt=row["prompt"], negative_prompt=row["negative_prompt"], style=row["style"])
        key = hashlib.blake2b(repr((row["user_id"], texts)).encode(), digest_size=16).digest()
        if key in self._seen:
            return
        self._seen.add(key)
        if rules.refusal([self._rule], row["plan_id"], texts) is not None:
            self.refused += 1
            if self.refused <= MOST_SHOWN:
                self.newest.append(PastPrompt.from_row(row))


async def run(database: Database, rule: EnforcedRule) -> RuleTrial:
    """Compares a rule with what was asked for in sessions of its plans. The same prompt, asked for again by the same person,
    counts once."""
    began, now = time.monotonic(), clock.now()
    since = now - timedelta(days=DAYS)
    tally, before, oldest, looked_at, complete = _Tally(rule), ids.new(), now, 0, False
    while not complete and looked_at < MOST_GENERATIONS and time.monotonic() - began < MOST_SECONDS:
        rows = await database.run_system(_page, ids.first_at(since), before)
        await _judge(tally, rows)
        looked_at += len(rows)
        complete = len(rows) < PAGE
        if rows:
            before, oldest = rows[-1]["id"], rows[-1]["created_at"]
    return RuleTrial(
        since=since if complete else oldest,
        complete=complete,
        prompts=tally.prompts,
        refused=tally.refused,
        newest=tally.newest,
    )


async def _page(tx: Transaction, since: str, before: str) -> list[Row]:
    return await tx.fetch_all("rules.history", since=since, before=before, limit=PAGE)


async def _judge(tally: _Tally, rows: Sequence[Row]) -> None:
    turn = LoopTurn()
    for row in rows:
        tally.judge(row)
        await turn.share()


async def record_reading(tx: Transaction, actor: Actor, rule_id: str, reason: str, shown: Sequence[PastPrompt]) -> None:
    """Logs for each author that an operator reads prompts of theirs, and why. Raises Invalid without a reason."""
    reason = required_reason(reason)
    await rules.find(tx, rule_id)
    by_author: dict[str, int] = {}
    for each in shown:
        by_author[each.user_id] = by_author.get(each.user_id, 0) + 1
    for user_id, count in sorted(by_author.items()):
        await audit.record(tx, actor, "prompt.read", "rule", rule_id, reason, subject_id=user_id, prompts=count)
