"""Prompt rules on a real Postgres: what they refuse, when they hold, what a trial says, and what the audit log keeps."""

import uuid

import asyncpg
import pytest

from chatserver.assets import service as assets
from chatserver.audit import COMMAND_LINE, Actor
from chatserver.audit import service as audit
from chatserver.audit.models import AuditFilter
from chatserver.errors import Conflict, Invalid, NotFound, PromptNotAllowed
from chatserver.generations import creation, prompt_improvement, queue, versions
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.provider_limits import ProviderLimits
from chatserver.generations.requests import CreateGeneration, EnlargeGeneration, RetryGeneration
from chatserver.identity.viewer import Viewer
from chatserver.imaging.protocol import Picture
from chatserver.moderation import rule_trial, rules
from chatserver.providers.base import TextDelta
from chatserver.realtime.ports import Caller
from tests.support.people import make_session, make_user, run_sql, run_sql_as

CHOICE = ModelChoice("sketch", "Sketch")
TASKS = frozenset({"image", "video", "variation", "edit", "redraw"})
CHOICES = dict.fromkeys(TASKS, CHOICE)
CHAIN = (ProviderLimits("sketch", TASKS),)
PICTURE = Picture(
    data=b"png", content_type="image/png", width=64, height=64, sha256="0" * 64, thumbnail=b"webp", placeholder=""
)


@pytest.fixture(autouse=True)
async def _no_rules(database):
    yield
    await run_sql(database, "DELETE FROM prompt_rules")
    await run_sql(database, "DELETE FROM user_sessions")


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


async def make_rule(database, terms, plans=(), message="Not here.", *, on=True):
    """A rule that was tried, and is on unless a test says otherwise. Returns its id."""
    rule_id = await database.run_system(rules.add, COMMAND_LINE, rules.check(terms, plans, message))
    if on:
        await tried(database, rule_id)
        await database.run_system(rules.switch, COMMAND_LINE, rule_id, on=True)
    return rule_id


async def tried(database, rule_id):
    rule = await database.run_system(rules.find, rule_id)
    trial = await rule_trial.run(database, rule.enforced)
    await database.run_system(
        rules.keep_trial, COMMAND_LINE, rule, trial.since, trial.complete, trial.prompts, trial.refused
    )
    return trial


async def ask(database, user, session, prompt="a red boat", **fields):
    usual = {"client_id": str(uuid.uuid4()), "kind": "image", "prompt": prompt, "width": 64, "height": 64}
    return await creation.create(database, user, session, CreateGeneration(**{**usual, **fields}), CHOICES)


async def finished(database, message):
    [job], _ = await database.run_system(queue.claim, "worker", CHAIN, 5)
    assert job.id == message.generations[0].id
    staged = await database.run_system(assets.stage, job.id, job.attempt, PICTURE)
    result = queue.Result(asset_id=staged.id, made_by=CHOICE, seed=job.recipe.seed, width=64, height=64)
    await database.run_system(queue.finish, job, result)
    return job.id


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("prompt", {"prompt": "a BLOODY knife"}),
        ("prompt", {"prompt": "a bl\u200boody\nknife", "count": 2}),
        ("negative_prompt", {"negative_prompt": "blood"}),
        ("style", {"style": "Bloodred"}),
        ("prompt", {"prompt": "blood", "kind": "video"}),
        ("prompt", {"prompt": ("x" * 1_990) + " blood"}),
    ],
)
async def test_a_refusal_comes_in_the_words_of_the_rule_and_before_anything_is_held(database, ada, field, fields):
    session = await make_session(database, ada)
    await make_rule(database, "blood*", message="No gore on this site.")
    with pytest.raises(PromptNotAllowed, match=r"No gore on this site\.") as refused:
        await ask(database, ada, session, **fields)
    assert (refused.value.code, refused.value.status) == ("prompt-not-allowed", 403)
    assert refused.value.details == {"field": field}
    assert (
        await run_sql(database, "SELECT 1 FROM credits WHERE session_id = $1 AND generation_id IS NOT NULL", session)
        == []
    )
    assert await run_sql(database, "SELECT 1 FROM messages WHERE session_id = $1", session) == []
    await ask(database, ada, session)


async def test_a_rule_holds_on_its_plans_and_not_on_others(database, ada):
    flash, pro = [await make_session(database, ada, plan) for plan in ("flash", "pro")]
    await make_rule(database, "boat", ["pro"])
    await ask(database, ada, flash)
    with pytest.raises(PromptNotAllowed):
        await ask(database, ada, pro)


async def test_a_rule_holds_as_soon_as_it_is_on_and_no_longer_than_it_is(database, ada, limited):
    session, other_node = await make_session(database, ada), await limited()
    await ask(database, ada, session)
    rule_id = await make_rule(database, "boat", on=False)
    await ask(other_node, ada, session)
    await tried(database, rule_id)
    await database.run_system(rules.switch, COMMAND_LINE, rule_id, on=True)
    for node in (database, other_node):
        with pytest.raises(PromptNotAllowed):
            await ask(node, ada, session)
    await database.run_system(rules.switch, COMMAND_LINE, rule_id, on=False)
    await ask(other_node, ada, session)


async def test_what_was_made_before_is_not_made_again_against_a_rule(database, ada):
    """Another version, a larger one, a variation and an edit are asked for with the prompt of before."""
    session = await make_session(database, ada, "pro")
    message = await ask(database, ada, session)
    done = await finished(database, message)
    asset = (await database.run_as(ada, generations.find, done)).assets[0].id
    await make_rule(database, "boat")
    for again in (
        database.run_as(ada, versions.retry, RetryGeneration(done), CHOICES),
        database.run_as(ada, versions.enlarge, EnlargeGeneration(generation_id=done, side=128), CHOICES),
        ask(database, ada, session, source_asset_id=asset),
        ask(database, ada, session, source_asset_id=asset, change="edit"),
    ):
        with pytest.raises(PromptNotAllowed):
            await again


async def test_a_command_that_was_accepted_is_answered_the_same_when_it_is_sent_again(database, ada):
    session, client_id = await make_session(database, ada), str(uuid.uuid4())
    first = await ask(database, ada, session, client_id=client_id)
    await make_rule(database, "boat")
    assert (await ask(database, ada, session, client_id=client_id)).id == first.id


class Model:
    """Answers every wish with the same words."""

    is_model, label = True, "a model"

    def __init__(self, words):
        self.words, self.asked = words, 0

    def model(self):
        return "m"

    async def reply(self, request):
        self.asked += 1
        yield TextDelta(self.words)


async def test_a_prompt_is_neither_improved_nor_offered_against_a_rule(database, ada):
    session = await make_session(database, ada)
    viewer = Viewer(id=ada, name="Ada", role="member", via="cookie", credential_id="c")
    caller = Caller(viewer=viewer, session_id=session, connection_id="1")
    await make_rule(database, "boat")
    for wish, words, asked in (("a boat", "a ship", 0), ("a ship", "a golden Boat", 1)):
        model = Model(words)
        with pytest.raises(PromptNotAllowed):
            await prompt_improvement.improve(database, model, caller, prompt_improvement.ImprovePrompt(wish))
        assert model.asked == asked
    better = await prompt_improvement.improve(
        database, Model("a ship"), caller, prompt_improvement.ImprovePrompt("ship")
    )
    assert better.prompt == "a ship"


# The rules themselves ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "terms", "message"),
    [
        ("terms", "", "x"), ("terms", " ,\n, ", "x"), ("terms", "*", "x"), ("terms", "good, * *", "x"),
        ("terms", "\u200b", "x"), ("terms", "x" * 81, "x"), ("terms", "a\0b", "x"), ("terms", "a\ud800b", "x"),
        ("terms", "a\u202eb", "x"), ("terms", "a*b*c*d*e*f", "x"), ("terms", ",".join(f"w{n}" for n in range(51)), "x"),
        ("message", "gore", "x" * 301), ("message", "gore", "a\0b"), ("message", "gore", "a\ud800b"),
    ],
)  # fmt: skip
def test_what_no_rule_can_be_is_refused_beside_its_field(field, terms, message):
    with pytest.raises(Invalid) as refused:
        rules.check(terms, [], message)
    assert refused.value.details["field"] == field


def test_terms_stand_on_lines_or_between_commas_each_once():
    wish = rules.check(" Gore,gore\r\n wild  child,\ngöre", ["pro", "pro"], "")
    assert (wish.terms, wish.plans) == (["göre", "wild child"], ["pro"])
    assert wish.message == rules.DEFAULT_MESSAGE


async def test_every_act_is_logged_without_the_words(database):
    rule_id = await make_rule(database, "secretword", ["pro"])
    rule = await database.run_system(rules.find, rule_id)
    wish = rules.check("secretword", ["pro"], "In other words.")
    await database.run_system(rules.change, COMMAND_LINE, rule_id, wish, rule.changed_at.isoformat())
    await database.run_system(rules.switch, COMMAND_LINE, rule_id, on=False)
    await database.run_system(rules.remove, COMMAND_LINE, rule_id)
    entries = await database.run_system(audit.page, AuditFilter(target=rule_id), None, 10)
    assert [entry.action for entry in reversed(entries)] == [
        "rule.added",
        "rule.tried",
        "rule.switched_on",
        "rule.changed",
        "rule.switched_off",
        "rule.deleted",
    ]
    assert "secretword" not in str(entries)
    with pytest.raises(NotFound):
        await database.run_system(rules.find, rule_id)


async def test_a_rule_is_off_until_it_was_tried_as_it_is(database, ada):
    rule_id = await make_rule(database, "boat", on=False)
    with pytest.raises(Conflict, match="Try this rule"):
        await database.run_system(rules.switch, COMMAND_LINE, rule_id, on=True)
    await tried(database, rule_id)
    await database.run_system(rules.switch, COMMAND_LINE, rule_id, on=True)

    async def change(terms, message):
        seen = (await database.run_system(rules.find, rule_id)).changed_at.isoformat()
        wish = rules.check(terms, [], message)
        return await database.run_system(rules.change, COMMAND_LINE, rule_id, wish, seen)

    same_words = await change("boat", "Other words.")
    assert (same_words.enabled, same_words.tried_at is None) == (True, False)
    other_words = await change("boat, ship", "Other words.")
    assert (other_words.enabled, other_words.tried_at, other_words.tried_all) == (False, None, None)
    with pytest.raises(asyncpg.CheckViolationError):
        await run_sql(database, "UPDATE prompt_rules SET enabled = true WHERE id = $1", rule_id)


async def test_a_rule_that_another_admin_has_changed_is_not_overwritten_and_not_switched_on_unseen(database):
    rule_id = await make_rule(database, "boat", on=False)
    before = await database.run_system(rules.find, rule_id)
    wish = rules.check("ship", [], "")
    await database.run_system(rules.change, COMMAND_LINE, rule_id, wish, before.changed_at.isoformat())
    for seen in (before.changed_at.isoformat(), "", "x\0"):
        with pytest.raises(Conflict):
            await database.run_system(rules.change, COMMAND_LINE, rule_id, wish, seen)
    with pytest.raises(Conflict):
        await database.run_system(rules.keep_trial, COMMAND_LINE, before, before.created_at, True, 0, 0)


async def test_there_are_no_more_rules_than_a_prompt_can_be_held_to_in_no_time(database, monkeypatch):
    monkeypatch.setattr(rules, "MOST_RULES", 2)
    for terms in ("one", "two"):
        await make_rule(database, terms, on=False)
    with pytest.raises(Conflict, match="2 rules already"):
        await make_rule(database, "three", on=False)


async def test_a_plan_that_does_not_exist_is_no_plan_of_a_rule(database):
    with pytest.raises(Invalid) as refused:
        await make_rule(database, "boat", ["pro", "nothing"], on=False)
    assert refused.value.details["field"] == "plans"


async def test_the_web_role_sees_the_rules_that_are_on_and_changes_none(database, ada):
    off, on = await make_rule(database, "one", on=False), await make_rule(database, "two")
    assert [row["id"] for row in await run_sql_as(database, ada, "SELECT id FROM prompt_rules")] == [on]
    for statement in (
        "UPDATE prompt_rules SET enabled = true",
        "DELETE FROM prompt_rules",
        "SELECT created_by FROM prompt_rules",
        "UPDATE prompt_rules_version SET version = gen_random_uuid()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run_sql_as(database, ada, statement)
    assert off != on


async def test_a_rule_outlives_the_account_of_whoever_made_it(database, ada):
    actor = Actor(id=ada, name="Ada")
    rule_id = await database.run_system(rules.add, actor, rules.check("boat", [], ""))
    assert (await database.run_system(rules.find, rule_id)).author == "Ada"
    await run_sql(database, "DELETE FROM users WHERE id = $1", ada)
    assert (await database.run_system(rules.find, rule_id)).author is None


# The trial ---------------------------------------------------------------------------------------------------------------


async def test_a_trial_counts_each_prompt_of_a_person_once_on_the_plans_of_the_rule(database):
    ada, bob = await make_user(database, "Ada"), await make_user(database, "Bob")
    flash, pro = await make_session(database, ada, "flash"), await make_session(database, bob, "pro")
    for prompt in ("a boat", "a boat", "a bird"):
        await ask(database, ada, flash, prompt)
    await ask(database, bob, pro, "a boat", count=2)
    await ask(database, bob, pro, "a bird", negative_prompt="boats")
    old = await ask(database, bob, pro, "a boat of long ago")
    await run_sql(database, "UPDATE credits SET generation_id = NULL")
    await run_sql(database, "DELETE FROM prompts WHERE generation_id = $1", old.generations[0].id)
    await run_sql(
        database,
        "UPDATE generations SET id = $2, created_at = created_at - interval '91 days' WHERE id = $1",
        old.generations[0].id,
        str(uuid.UUID(int=uuid.UUID(old.generations[0].id).int - (91 * 86_400_000 << 80))),
    )
    everywhere = await tried(database, await make_rule(database, "boat, boats", on=False))
    assert (everywhere.prompts, everywhere.refused, everywhere.complete) == (4, 3, True)
    assert {(each.author, each.prompt) for each in everywhere.newest} == {
        ("Ada", "a boat"), ("Bob", "a boat"), ("Bob", "a bird"),
    }  # fmt: skip
    on_pro = await tried(database, await make_rule(database, "boat", ["pro"], on=False))
    assert (on_pro.prompts, on_pro.refused) == (2, 1)


async def test_a_trial_looks_at_the_newest_where_there_is_more_than_it_has_time_for(database, ada, monkeypatch):
    session = await make_session(database, ada, "pro")
    for number in range(6):
        await ask(database, ada, session, f"boat {number}")
    monkeypatch.setattr(rule_trial, "PAGE", 2)
    monkeypatch.setattr(rule_trial, "MOST_GENERATIONS", 4)
    monkeypatch.setattr(rule_trial, "MOST_SHOWN", 3)
    trial = await tried(database, await make_rule(database, "boat", on=False))
    assert (trial.prompts, trial.refused, trial.complete) == (4, 4, False)
    assert [each.prompt for each in trial.newest] == ["boat 5", "boat 4", "boat 3"]
    [row] = await run_sql(database, "SELECT created_at FROM generations WHERE prompt = 'boat 2'")
    assert trial.since == row["created_at"]
    monkeypatch.setattr(rule_trial, "MOST_SECONDS", 0.0)
    nothing = await tried(database, await make_rule(database, "boat", on=False))
    assert (nothing.prompts, nothing.complete) == (0, False)


async def test_whose_prompts_are_read_may_see_by_whom_and_why(database, ada):
    session = await make_session(database, ada)
    await ask(database, ada, session, "a boat")
    rule_id = await make_rule(database, "boat", on=False)
    trial = await tried(database, rule_id)
    own = [each for each in trial.newest if each.user_id == ada]
    grace = Actor(id=await make_user(database, "Grace"), name="Grace")
    with pytest.raises(Invalid):
        await database.run_system(rule_trial.record_reading, grace, rule_id, "  ", own)
    assert await database.run_system(audit.readings, ada, None, 10) == []
    await database.run_system(rule_trial.record_reading, grace, rule_id, "too broad?", own)
    [entry] = await database.run_system(audit.readings, ada, None, 10)
    assert (entry.actor, entry.reason, entry.action, entry.details) == (
        "Grace", "too broad?", "prompt.read", {"prompts": 1},
    )  # fmt: skip
