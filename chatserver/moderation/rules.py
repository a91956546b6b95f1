"""Prompt rules: which prompts the operator refuses, on which plans, and with which words.

`require_allowed` is asked within each transaction that would hold a credit for a prompt, on every entrance. A change of a
rule holds from its COMMIT on, on every node: a process keeps the rules that it has read, with the version that it read.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from chatserver import audit, ids, plans
from chatserver.audit import Actor
from chatserver.database import Row, Transaction
from chatserver.database.records import Record
from chatserver.errors import Conflict, Invalid, NotFound, PromptNotAllowed
from chatserver.moderation.matching import STAR, Term, WordsOfText, term_of
from chatserver.users import idempotency
from chatserver.validation import optional_line, single_line

MOST_RULES = 50
MOST_TERMS = 50
TERM_LENGTH = 80
MESSAGE_LENGTH = 300
# `*` within one term; a word with as many is no word any more.
MOST_STARS = 4
DEFAULT_MESSAGE = " ".join((PromptNotAllowed.__doc__ or "").split())


class PromptTexts(Struct, frozen=True, kw_only=True):
    """What somebody has written for a picture, by the fields of a request."""

    prompt: str
    negative_prompt: str | None = None
    style: str | None = None


class EnforcedRule(Struct, frozen=True, kw_only=True):
    """A rule that is on, ready to be compared. `plans`: the ids of those that it applies to, none: all."""

    id: str
    terms: tuple[Term, ...]
    plans: frozenset[str]
    message: str

    @classmethod
    def from_row(cls, row: Row) -> "EnforcedRule":
        terms = tuple(term_of(text) for text in row["terms"])
        return cls(id=row["id"], terms=terms, plans=frozenset(row["plans"]), message=row["message"])

    def applies_to(self, plan_id: str) -> bool:
        """Whether it holds in sessions of a plan."""
        return not self.plans or plan_id in self.plans

    def refuses(self, words: WordsOfText) -> bool:
        """Whether one of its terms stands in a text."""
        return any(words.contain(term) for term in self.terms)


class PromptRule(Record, frozen=True, kw_only=True):
    """A rule as the operator sees it, with what its last trial has found: so many of so many prompts since a time;
    `tried_all`: all of 90 days, otherwise the newest that there was time for."""

    id: str
    terms: list[str]
    plans: list[str]
    message: str
    enabled: bool
    author: str | None
    created_at: datetime
    changed_at: datetime
    tried_at: datetime | None
    tried_since: datetime | None
    tried_all: bool | None
    tried_prompts: int | None
    tried_refused: int | None

    @property
    def enforced(self) -> EnforcedRule:
        """The rule as it would be enforced."""
        return EnforcedRule.from_row({"id": self.id, "terms": self.terms, "plans": self.plans, "message": self.message})


class RuleWish(Struct, frozen=True, kw_only=True):
    """A rule as somebody wants it, checked."""

    terms: list[str]
    plans: list[str]
    message: str


# Enforcing ------------------------------------------------------------------------------------------------------------


class _KnownRules:
    """The rules that are on, as this process read them last, and the version that they had."""

    def __init__(self) -> None:
        self._version = ""
        self._rules: tuple[EnforcedRule, ...] = ()

    async def current(self, tx: Transaction, version: str | None) -> tuple[EnforcedRule, ...]:
        version = version or await tx.fetch_value("rules.version")
        if version != self._version:
            # Kept for this version though a newer one may be read: then they are the newer rules, and read once more.
            self._rules = tuple(EnforcedRule.from_row(row) for row in await tx.fetch_all("rules.enabled"))
            self._version = version
        return self._rules

    def version_that_allows(self, texts: "PromptTexts") -> str | None:
        if not self._version or _first_refusing(self._rules, texts) is not None:
            return None
        return self._version


_known = _KnownRules()


async def require_allowed(tx: Transaction, plan_id: str, texts: PromptTexts, version: str | None = None) -> None:
    """Raises PromptNotAllowed, with the words of the rule and the name of the field, where a rule refuses a prompt.

    `version` is that of the rules, where the caller has just read it.
    """
    found = refusal(await _known.current(tx, version), plan_id, texts)
    if found is not None:
        rule, field = found
        raise PromptNotAllowed(rule.message, details={"field": field})


def version_that_allows(texts: PromptTexts) -> str | None:
    """The version of the rules that this process has read, where none of them refuses a prompt on any plan.

    It allows nothing where another version holds meanwhile: who asks compares it in the transaction.
    """
    return _known.version_that_allows(texts)


def refusal(rules: Sequence[EnforcedRule], plan_id: str, texts: PromptTexts) -> tuple[EnforcedRule, str] | None:
    """The first rule that refuses what is asked for in a session of a plan, with the field that it is about."""
    return _first_refusing([rule for rule in rules if rule.applies_to(plan_id)], texts)


def _first_refusing(rules: Sequence[EnforcedRule], texts: PromptTexts) -> tuple[EnforcedRule, str] | None:
    if not rules:
        return None
    written = {field: text for field in texts.__struct_fields__ if (text := getattr(texts, field))}
    words = {field: WordsOfText(text) for field, text in written.items()}
    return next(((rule, field) for rule in rules for field in words if rule.refuses(words[field])), None)


# The operator's acts --------------------------------------------------------------------------------------------------


async def list_rules(tx: Transaction) -> list[PromptRule]:
    """Every rule, the newest first. Needs the worker role."""
    return [PromptRule.from_row(row) for row in await tx.fetch_all("rules.all", limit=MOST_RULES)]


async def find(tx: Transaction, rule_id: str) -> PromptRule:
    """One rule; NotFound where there is none (any more). Needs the worker role."""
    row = await tx.fetch_one("rules.find", id=rule_id)
    if row is None:
        raise NotFound
    return PromptRule.from_row(row)


def check(terms: str, chosen: Sequence[str], message: str) -> RuleWish:
    """A rule from the fields of a form: terms on lines or between commas. Raises Invalid, with the name of the field."""
    return RuleWish(
        terms=_terms(terms),
        plans=sorted(set(chosen)),
        message=optional_line("message", message, MESSAGE_LENGTH) or DEFAULT_MESSAGE,
    )


def _terms(text: str) -> list[str]:
    found = [each.strip() for each in re.split(r"[\n,]", text) if each.strip()]
    terms = list({term_of(each).parts: single_line("terms", each, TERM_LENGTH) for each in found}.values())
    if not 1 <= len(terms) <= MOST_TERMS:
        raise Invalid.field("terms", f"must be 1 to {MOST_TERMS} words or groups of words")
    for term in terms:
        if term_of(term).is_empty:
            raise Invalid.field("terms", "must each have a letter or a digit beside *")
        if term.count(STAR) > MOST_STARS:
            raise Invalid.field("terms", f"must each have at most {MOST_STARS} *")
    return terms


async def add(tx: Transaction, actor: Actor, wish: RuleWish, *, client_id: str | None = None) -> str:
    """One more rule, which is off, once for each client_id. Returns its id.

    Raises Conflict where there are as many as there may be, or Invalid.
    """
    rule_id = ids.new()
    made = await idempotency.claim(tx, "rule", client_id, wish, rule_id, user_id=actor.id)
    if made is not None:
        return made
    await tx.fetch_value("rules.lock")
    await _require_plans(tx, wish)
    if await tx.fetch_value("rules.count") >= MOST_RULES:
        raise Conflict(f"There are {MOST_RULES} rules already. Delete one first, or add words to one.")
    fields = {"terms": wish.terms, "plans": wish.plans, "message": wish.message, "created_by": actor.id}
    await tx.execute("rules.add", id=rule_id, **fields)
    await audit.record(tx, actor, "rule.added", "rule", rule_id, terms=len(wish.terms), plans=_named(wish.plans))
    return rule_id


async def change(tx: Transaction, actor: Actor, rule_id: str, wish: RuleWish, seen: str) -> PromptRule:
    """Changes a rule that is as it was `seen`. With other terms or plans it is off, until it is tried again."""
    await tx.fetch_value("rules.lock")
    await _require_plans(tx, wish)
    rule = await find(tx, rule_id)
    if seen != rule.changed_at.isoformat():
        raise Conflict("Somebody has changed this rule meanwhile. This is how it is now.")
    same = (rule.terms, rule.plans) == (wish.terms, wish.plans)
    await tx.execute("rules.change", id=rule_id, terms=wish.terms, plans=wish.plans, message=wish.message, same=same)
    await audit.record(
        tx, actor, "rule.changed", "rule", rule_id, terms=len(wish.terms), plans=_named(wish.plans), trial_holds=same
    )
    return await find(tx, rule_id)


async def keep_trial(
    tx: Transaction, actor: Actor, rule: PromptRule, since: datetime, complete: bool, prompts: int, refused: int
) -> None:
    """Keeps what a trial of this rule has found. Raises Conflict where the rule was changed while it ran."""
    await tx.fetch_value("rules.lock")
    if (await find(tx, rule.id)).changed_at != rule.changed_at:
        raise Conflict("Somebody has changed this rule meanwhile. Try it again as it is now.")
    await tx.execute("rules.set_trial", id=rule.id, since=since, complete=complete, prompts=prompts, refused=refused)
    await audit.record(tx, actor, "rule.tried", "rule", rule.id, prompts=prompts, refused=refused)


async def switch(tx: Transaction, actor: Actor, rule_id: str, *, on: bool) -> None:
    """Switches a rule on or off. Raises Conflict for one that was not tried as it is now."""
    await tx.fetch_value("rules.lock")
    rule = await find(tx, rule_id)
    if on and rule.tried_at is None:
        raise Conflict("Try this rule against the history first: then you see what it would have refused.")
    if rule.enabled != on:
        await tx.execute("rules.set_enabled", id=rule_id, enabled=on)
        await audit.record(tx, actor, "rule.switched_on" if on else "rule.switched_off", "rule", rule_id)


async def remove(tx: Transaction, actor: Actor, rule_id: str) -> None:
    """Deletes a rule."""
    await tx.fetch_value("rules.lock")
    rule = await find(tx, rule_id)
    await tx.execute("rules.remove", id=rule_id)
    await audit.record(
        tx, actor, "rule.deleted", "rule", rule_id, terms=len(rule.terms), plans=_named(rule.plans), was_on=rule.enabled
    )


async def _require_plans(tx: Transaction, wish: RuleWish) -> None:
    unknown = set(wish.plans) - {plan.id for plan in await plans.list_all(tx)}
    if unknown:
        raise Invalid.field("plans", "must be plans that there are")


def _named(chosen: Sequence[str]) -> str:
    return ", ".join(chosen) or "all"
