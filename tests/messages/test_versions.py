"""Versions of messages: kept, one shown, the same to everyone; who may, and what happens at the same time."""

import asyncio
import dataclasses

import pytest

from chatserver import messages
from chatserver.database import Database
from chatserver.errors import Conflict, NotAllowed, NotFound, RateLimited, SessionExpired
from chatserver.generations import deletion
from chatserver.messages import replies, versions
from chatserver.messages.events import MessageChanged
from chatserver.messages.requests import CreateMessage, EditMessage, RegenerateReply
from chatserver.users import rate_limits
from tests.support.people import add_member, make_session, make_user, run_sql


class Talk:
    """Ada alone with the assistant."""

    def __init__(self, database: Database, ada: str, session: str) -> None:
        self.database, self.ada, self.session, self.count = database, ada, session, 0

    async def says(self, text, by=None):
        """What is said and the answer to it, written."""
        self.count += 1
        request = CreateMessage(f"c{self.count}", text)
        said = await self.database.run_as(by or self.ada, messages.say, self.session, request, f"<p>{text}</p>")
        return said, await self.answered(f"{text}?")

    async def answered(self, words):
        reply = await self.database.run_system(replies.claim, "worker", 6000)
        await self.database.run_system(replies.finish, reply, words, f"<p>{words}</p>", failed=False, tokens=(1, 1))
        return await self.database.run_as(self.ada, messages.find, reply.message_id)

    async def again(self, reply, by=None, client_id=None):
        self.count += 1
        request = RegenerateReply(client_id or f"c{self.count}")
        return await self.database.run_as(by or self.ada, versions.regenerate, reply.id, request)

    async def edits(self, message, text, by=None, client_id=None):
        self.count += 1
        request = EditMessage(client_id or f"c{self.count}", text)
        return await self.database.run_as(by or self.ada, versions.edit, message.id, request, f"<p>{text}</p>")

    async def shows(self, message, number, by=None):
        return await self.database.run_as(by or self.ada, versions.show, message.id, number)

    async def found(self, text):
        page = await self.database.run_as(self.ada, messages.newest, self.session)
        return next(each for each in page.messages if each.text == text)

    async def stream(self):
        """What the page shows: (text, version, versions)."""
        shown, _ = await self.database.run_as(self.ada, messages.shown_before, self.session, None, 100, 10**6)
        return [(each.text, each.version, each.versions) for each in shown]


@pytest.fixture
async def talk(database):
    await run_sql(database, "UPDATE messages SET status = 'done', lease_until = NULL WHERE status = 'streaming'")
    ada = await make_user(database, "Ada")
    return Talk(database, ada, await make_session(database, ada))


async def test_an_answer_is_written_again_and_both_are_kept(talk):
    _, first = await talk.says("one")
    await talk.says("two")
    second = await talk.again(first)
    assert (second.status, second.version, second.versions, second.place) == ("streaming", 2, 2, first.id)
    await talk.answered("better")
    expected = [("one", 1, 1), ("better", 2, 2), ("two", 1, 1), ("two?", 1, 1)]
    assert await talk.stream() == expected
    await talk.shows(second, 1)
    assert await talk.stream() == [("one", 1, 1), ("one?", 1, 2), *expected[2:]]
    third = await talk.again(first)
    await talk.answered("best")
    assert (third.version, third.replaces) == (3, first.id)
    assert (await talk.stream())[1] == ("best", 3, 3)
    page = await talk.database.run_as(talk.ada, messages.newest, talk.session)
    kept = sorted((each.version, each.text, each.hidden) for each in page.messages if each.reply_to == first.reply_to)
    assert kept == [(1, "one?", True), (2, "better", True), (3, "best", False)]


async def test_words_sent_again_are_answered_in_their_place_and_each_version_keeps_its_answers(talk):
    said, _ = await talk.says("a fox")
    await talk.says("later")
    changed = await talk.edits(said, "a red fox")
    answer = await talk.answered("red!")
    await talk.again(answer)
    await talk.answered("redder!")
    later = [("later", 1, 1), ("later?", 1, 1)]
    assert await talk.stream() == [("a red fox", 2, 2), ("redder!", 2, 2), *later]
    await talk.shows(changed, 1)
    assert await talk.stream() == [("a fox", 1, 2), ("a fox?", 1, 1), *later]
    await talk.shows(said, 2)
    assert await talk.stream() == [("a red fox", 2, 2), ("redder!", 2, 2), *later]


async def test_the_model_reads_what_is_shown_up_to_the_place_of_its_answer(talk):
    said, _ = await talk.says("one")
    await talk.says("two")
    await talk.edits(said, "uno")
    await talk.answered("uno!")
    await talk.again(await talk.found("uno!"))
    reply = await talk.database.run_system(replies.claim, "worker", 6000)
    assert [turn.text for turn in reply.turns] == ["uno"]
    await talk.database.run_system(replies.finish, reply, "uno!!", "<p>uno!!</p>", failed=False, tokens=(1, 1))
    request = CreateMessage("last", "three")
    await talk.database.run_as(talk.ada, messages.say, talk.session, request, "<p>three</p>")
    reply = await talk.database.run_system(replies.claim, "worker", 6000)
    assert [turn.text for turn in reply.turns] == ["uno", "uno!!", "two", "two?", "three"]


async def test_everyone_is_told_and_never_sees_the_place_empty(talk, published):
    said, _ = await talk.says("one")
    published.clear()
    await talk.edits(said, "two")
    await talk.answered("two!")
    events = [
        event.message for event in published.events(f"session:{talk.session}") if isinstance(event, MessageChanged)
    ]
    told = [(each.text, each.hidden) for each in events]
    assert told == [("two", False), ("", False), ("one", True), ("one?", True), ("two!", False)]
    assert [each.seq for each in events] == sorted(each.seq for each in events)


async def test_who_may(talk):
    bob = await make_user(talk.database, "Bob")
    eve = await make_user(talk.database, "Eve")
    await add_member(talk.database, talk.session, bob)
    said, answer = await talk.says("@assistant mine")
    guests, guests_answer = await talk.says("@assistant and mine", by=bob)
    for refused, error in (
        (talk.edits(said, "not mine", by=bob), NotAllowed),
        (talk.edits(guests, "not mine"), NotAllowed),
        (talk.again(answer, by=bob), NotAllowed),
        (talk.again(answer, by=eve), NotFound),
        (talk.edits(said, "x", by=eve), NotFound),
        (talk.shows(said, 1, by=eve), NotFound),
        (talk.shows(said, 2), NotFound),
        (talk.again(said), Conflict),
        (talk.edits(answer, "words of the assistant"), Conflict),
    ):
        with pytest.raises(error):
            await refused
    await talk.again(guests_answer, by=bob)
    await talk.answered("for bob")
    await talk.again(guests_answer)
    await talk.answered("for the owner")
    await talk.shows(guests_answer, 1, by=bob)
    await run_sql(talk.database, "UPDATE user_sessions SET expires_at = now() - interval '1 s'")
    with pytest.raises(SessionExpired):
        await talk.again(answer)


async def test_nothing_is_changed_where_the_assistant_is_writing(talk):
    said, answer = await talk.says("one")
    await talk.again(answer)
    for refused in (talk.again(answer), talk.edits(said, "two"), talk.shows(answer, 1)):
        with pytest.raises(Conflict, match="still writing"):
            await refused
    await talk.answered("done")
    await talk.edits(said, "two")
    with pytest.raises(Conflict, match="Another version"):
        await talk.again(answer)


async def test_the_same_request_sent_twice_has_one_effect(talk):
    said, answer = await talk.says("one")
    first, second = await asyncio.gather(talk.again(answer, client_id="r"), talk.again(answer, client_id="r"))
    assert first.id == second.id
    await talk.answered("again")
    first, second = await asyncio.gather(talk.edits(said, "two", client_id="e"), talk.edits(said, "two", client_id="e"))
    assert first.id == second.id
    assert [(each[0], each[2]) for each in await talk.stream()] == [("two", 2), ("", 1)]


async def test_of_many_who_ask_at_once_one_is_answered(talk):
    _, answer = await talk.says("one")
    asked = await asyncio.gather(*(talk.again(answer) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(each, Conflict) for each in asked) == 5
    assert len(await talk.stream()) == 2


async def test_a_reply_asked_for_again_counts_as_one(talk, monkeypatch):
    monkeypatch.setattr(rate_limits, "REPLIES", dataclasses.replace(rate_limits.REPLIES, most=lambda _: 2))
    _, answer = await talk.says("one")
    await talk.again(answer)
    await talk.answered("second")
    with pytest.raises(RateLimited):
        await talk.again(answer)
    assert [each[0] for each in await talk.stream()] == ["one", "second"]


async def test_a_deleted_message_is_gone_in_all_its_versions(talk):
    said, answer = await talk.says("secret")
    changed = await talk.edits(said, "less")
    await talk.answered("less!")
    await talk.database.run_system(deletion.delete_message, talk.ada, changed.id)
    page = await talk.database.run_as(talk.ada, messages.newest, talk.session)
    assert {each.text for each in page.messages} == {"", "less!"}
    for refused in (talk.edits(changed, "x"), talk.edits(said, "x"), talk.again(answer)):
        with pytest.raises(Conflict, match="deleted"):
            await refused


async def test_a_message_has_so_many_versions_and_no_more(talk, monkeypatch):
    monkeypatch.setattr(versions, "MAX_VERSIONS", 2)
    said, answer = await talk.says("one")
    await talk.again(answer)
    await talk.answered("x")
    with pytest.raises(Conflict, match="at most 2"):
        await talk.again(answer)
    await talk.edits(said, "two")
    await talk.answered("y")
    with pytest.raises(Conflict, match="at most 2"):
        await talk.edits(said, "three")


async def test_versions_that_are_sent_again_after_the_end_of_the_session_are_those_that_were_made(talk):
    said, answer = await talk.says("one")
    again = await talk.again(answer, client_id="again")
    await talk.answered("better")
    edited = await talk.edits(said, "two", client_id="edited")
    await run_sql(talk.database, "UPDATE user_sessions SET expires_at = now() WHERE id = $1", talk.session)
    assert (await talk.again(answer, client_id="again")).id == again.id
    assert (await talk.edits(said, "two", client_id="edited")).id == edited.id
    for asked in (talk.again(answer), talk.edits(said, "three")):
        with pytest.raises(SessionExpired):
            await asked
