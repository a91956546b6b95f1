"""The assistant as a writer of replies: pieces, stop, failures, take-over; on a real Postgres, with a model of our own."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import asyncpg
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chatserver import costs, ids, messages
from chatserver.config import load
from chatserver.costs import margin
from chatserver.costs.models import NewPrice
from chatserver.errors import BadParameters, ProviderDown, Truncated
from chatserver.generations import deletion
from chatserver.jobs.events import JobsWaiting
from chatserver.messages import finish_reason, replies, reply_writer
from chatserver.messages.assistant import Assistant
from chatserver.messages.events import Delta, MessageChanged, ReplyPart, SentBlocks
from chatserver.messages.models import utf16_length
from chatserver.messages.rendering import Drawing
from chatserver.messages.reply_writer import ReplyWriter
from chatserver.messages.requests import CreateMessage
from chatserver.providers.base import LengthLimitReached, Retracted, TextDelta, Usage
from chatserver.statistics import figures
from chatserver.statistics.figures import Span
from chatserver.web import templating
from tests.costs.prices import GRACE
from tests.markdown.test_parser import undirected
from tests.messages.histories import draft
from tests.support.people import add_member, make_session, make_user, run_sql

# What a story waits for at most, on a machine that is busy.
PATIENCE_SECONDS = 20


class Model:
    """A language model that says what it is told: texts, a Usage, an error, or an Event to wait for."""

    name, label, is_model = "test", "Test", True

    def __init__(self, *steps):
        self.steps, self.requests, self.closed = steps, [], 0

    def model(self):
        return "test-model"

    async def reply(self, request):
        self.requests.append(request)
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield TextDelta(step) if isinstance(step, str) else step
        finally:
            self.closed += 1

    async def close(self):
        pass


@pytest.fixture
def parts(database, published, markdown):
    """The parts that a writer needs, with a model put in by each test."""
    config = SimpleNamespace(chat_window_tokens=6000, chat_system_prompt="", chat_seconds=60)
    return SimpleNamespace(database=database, publisher=published, config=config, chat=Model(), markdown=markdown)


async def asked(database, text="hello there"):
    """Somebody alone in a session who has just said something: (user, session)."""
    await run_sql(database, "UPDATE messages SET status = 'done', lease_until = NULL WHERE status = 'streaming'")
    ada = await make_user(database, "Ada")
    session = await make_session(database, ada)
    await database.run_as(ada, messages.say, session, CreateMessage("c", text), f"<p>{text}</p>")
    return ada, session


async def claimed(database, worker="worker-1"):
    return await database.run_system(replies.claim, worker, 6000)


async def writes(parts, *steps):
    """The whole way of one reply; returns (reply as stored, events)."""
    ada, session = await asked(parts.database)
    parts.publisher.clear()
    parts.chat = Model(*steps)
    reply = await claimed(parts.database)
    await asyncio.wait_for(ReplyWriter(parts, reply).run(), PATIENCE_SECONDS)
    return await parts.database.run_as(ada, messages.find, reply.message_id), parts.publisher.events(
        f"session:{session}"
    )


def rebuilt(events):
    """The text as a page has it that joins pieces by their offsets, in the units of browsers."""
    text, saved = b"", 0
    for event in events:
        if isinstance(event, Delta):
            assert event.offset * 2 == len(text)
            text += event.text.encode("utf-16-le")
        elif isinstance(event, ReplyPart):
            # Whatever is saved in between agrees with the pieces that came before it, and begins where the last one ended.
            assert event.offset * 2 == saved
            assert event.text.encode("utf-16-le") == text[saved:]
            saved = len(text)
            assert 0 <= event.before <= event.closed <= len(text) // 2
        elif isinstance(event, MessageChanged) and event.message.status == "streaming":
            assert event.message.text.encode("utf-16-le") == text
            saved = len(text)
    return text.decode("utf-16-le")


async def until(condition):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


# Pieces -----------------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    pieces=st.lists(
        st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12), max_size=12
    )
)
async def test_pieces_and_messages_give_the_text_however_it_is_cut(database, markdown, pieces):
    told = Recorder()
    config = SimpleNamespace(chat_window_tokens=6000, chat_system_prompt="", chat_seconds=60)
    parts = SimpleNamespace(database=database, publisher=told, config=config, markdown=markdown)
    message, events = await writes(parts, *pieces)
    # Lines end in one way, and half of an end is none yet.
    written = "".join(pieces).removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
    assert rebuilt(events) == written
    if words := written.strip():
        assert (message.text, message.status) == (words, "done")
    else:
        assert (message.status, "no-words" in message.text) == ("failed", True)


class Recorder(list):
    """A hub that only listens; what the database announces goes to the module's own."""

    def publish(self, announcements):
        self.extend(announcements)

    def events(self, channel):
        return [each.event for each in self if each.channel == channel]


async def test_finished_blocks_are_drawn_while_the_rest_is_written(parts):
    more = asyncio.Event()
    ada, session = await asked(parts.database)
    parts.chat = Model("First **block** 😀.\n\n", "Second, still", more, " growing.")
    reply = await claimed(parts.database)
    parts.publisher.clear()
    task = asyncio.create_task(ReplyWriter(parts, reply).run())
    saved = []

    def is_saved():
        events = parts.publisher.events(f"session:{session}")
        saved[:] = [event for event in events if isinstance(event, ReplyPart)]
        return bool(saved)

    await until(is_saved)
    assert saved[0].html == '<p dir="auto">First <strong>block</strong> 😀.</p>\n'
    assert saved[0].closed == utf16_length("First **block** 😀.\n\n")
    # Programs get the message for it, in words.
    told = saved[0].for_programs().message
    assert (told.text, told.html, told.closed, told.open, told.shown) == (
        "First **block** 😀.\n\nSecond, still",
        "",
        0,
        "",
        0,
    )
    more.set()
    await asyncio.wait_for(task, PATIENCE_SECONDS)
    assert rebuilt(parts.publisher.events(f"session:{session}")) == "First **block** 😀.\n\nSecond, still growing."
    done = await parts.database.run_as(ada, messages.find, reply.message_id)
    assert (done.status, done.closed) == ("done", 0)
    assert done.html.startswith(saved[0].html)
    # Pages have the finished block; programs get the whole.
    ended = parts.publisher.events(f"session:{session}")[-1]
    assert ended.sent == SentBlocks(saved[0].closed, len(saved[0].html))
    assert ended.for_programs() == MessageChanged(seq=done.seq, message=done)


async def test_what_the_service_counted_is_added_to_the_session(parts):
    message, _ = await writes(parts, "hi", Usage(tokens_in=30, tokens_out=7))
    [row] = await run_sql(
        parts.database, "SELECT tokens_in, tokens_out FROM user_sessions WHERE id = $1", message.session_id
    )
    assert tuple(row) == (30, 7)


async def test_the_model_reads_the_conversation_in_its_order(parts):
    await writes(parts, "I am here.")
    roles = [turn.role for turn in parts.chat.requests[0].turns]
    assert roles == ["system", "user"]
    assert parts.chat.requests[0].turns[-1].text == "hello there"


async def test_the_guide_is_told_whether_an_admin_asks(parts):
    await writes(parts, "Hello.")
    assert not parts.chat.requests[0].for_admin
    ada, _ = await asked(parts.database)
    await run_sql(parts.database, "UPDATE users SET role = 'admin' WHERE id = $1", ada)
    parts.chat = Model("Hello.")
    await asyncio.wait_for(ReplyWriter(parts, await claimed(parts.database)).run(), PATIENCE_SECONDS)
    assert parts.chat.requests[0].for_admin


async def test_the_model_is_not_told_what_was_deleted(parts):
    ada, session = await asked(parts.database, "my secret is a fish")
    gone = (await parts.database.run_as(ada, messages.newest, session)).messages[0]
    await parts.database.run_system(deletion.delete_message, ada, gone.id)
    said = "what was my secret?"
    await parts.database.run_as(ada, messages.say, session, CreateMessage("d", said), f"<p>{said}</p>")
    turns = (await claimed(parts.database)).turns
    assert [turn.text for turn in turns if turn.role == "user"] == [said]
    assert not [turn for turn in turns if "fish" in turn.text]


async def test_what_no_database_stores_and_no_page_shows_becomes_a_mark(parts):
    message, events = await writes(parts, "a\x00b", "\ud83d", "c", "😀")
    assert (message.status, message.text) == ("done", "a\ufffdb\ufffdc😀")
    assert rebuilt(events) == message.text


# Ends -------------------------------------------------------------------------------------------------------------


async def test_stop_keeps_what_is_written(parts):
    ada, session = await asked(parts.database)
    for_ever = asyncio.Event()
    parts.chat = Model("So far", for_ever)
    assistant = Assistant(parts)
    running = asyncio.create_task(assistant.run())
    await until(lambda: any(isinstance(event, Delta) for event in parts.publisher.events(f"session:{session}")))
    [reply_id] = [each.id for each in await _streaming(parts, ada, session)]
    await parts.database.run_as(ada, messages.stop, reply_id)
    assistant.notify(JobsWaiting(cancelled=reply_id))
    await until(lambda: parts.chat.closed)
    found = await _ended(parts, ada, reply_id)
    assert (found.status, found.text) == ("done", "So far\n\n*Stopped.* (`stopped`)")
    assert undirected(found.html) == "<p>So far</p>\n"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_stop_is_found_also_where_nobody_hears_of_it(parts):
    ada, _ = await asked(parts.database)
    more = [asyncio.Event() for _ in range(2)]
    parts.chat = Model("So", more[0], " far", more[1])
    reply = await claimed(parts.database)
    writer = asyncio.create_task(ReplyWriter(parts, reply).run())
    await parts.database.run_as(ada, messages.stop, reply.message_id)
    more[0].set()
    await asyncio.wait_for(writer, PATIENCE_SECONDS)
    found = await parts.database.run_as(ada, messages.find, reply.message_id)
    assert (found.status, found.text, parts.chat.closed) == ("done", "So far\n\n*Stopped.* (`stopped`)", 1)


async def _streaming(parts, user, session):
    page = await parts.database.run_as(user, messages.newest, session)
    return [message for message in page.messages if message.status == "streaming"]


async def _ended(parts, user, message_id):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await parts.database.run_as(user, messages.find, message_id)
            if found.status != "streaming":
                return found
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("error", [ProviderDown(), Truncated()])
async def test_a_failure_keeps_what_was_written_and_says_why(parts, error):
    message, events = await writes(parts, "Half an answ", error)
    assert message.status == "failed"
    ending = message.ending
    assert message.text == f"Half an answ\n\n*{ending.words}* (`{error.code}`)"
    assert undirected(message.html) == "<p>Half an answ</p>\n"
    assert ending.code == error.code and error.message not in ending.words
    assert rebuilt(events) == "Half an answ"


async def test_a_bug_says_no_secret_of_its_own(parts):
    message, _ = await writes(parts, "Half", ValueError("canary: the key is hf_secret"))
    assert message.status == "failed"
    assert "canary" not in message.text
    assert "canary" not in message.html


async def test_an_endless_answer_is_cut(parts, monkeypatch):
    monkeypatch.setattr(reply_writer, "MAX_TEXT", 1000)
    message, _ = await writes(parts, *["word " * 50] * 50)
    assert message.status == "done"
    assert 1000 <= len(finish_reason.without_note(message.text)) <= 1300
    assert finish_reason.of(message.text).code == "length"
    assert parts.chat.closed == 1


async def test_an_answer_that_takes_too_long_says_so(parts):
    parts.config.chat_seconds = 0.05
    message, _ = await writes(parts, "Slow", asyncio.Event())
    assert (message.status, "timed-out" in message.text) == ("failed", True)


@pytest.mark.parametrize("steps", [(), ("  \n",), (Usage(tokens_in=3, tokens_out=4),)])
async def test_an_answer_without_words_is_no_empty_bubble_that_is_done(parts, steps):
    message, _ = await writes(parts, *steps)
    assert (message.status, "`no-words`" in message.text) == ("failed", True)


async def test_an_answer_that_reached_its_longest_length_says_so_and_goes_on(parts):
    ada, session = await asked(parts.database)
    parts.chat = Model("One, two,", LengthLimitReached())
    reply = await claimed(parts.database)
    await asyncio.wait_for(ReplyWriter(parts, reply).run(), PATIENCE_SECONDS)
    message = await parts.database.run_as(ada, messages.find, reply.message_id)
    assert message.status == "done"
    assert message.text.startswith("One, two,\n\n*The answer reached the longest")
    drawing = Drawing(templating.open_site(load({}), "secret"))
    assert 'data-action="continue"' in drawing.draw(message, 1).html
    # The model reads its own words alone, and goes on from them.
    await parts.database.run_as(ada, messages.say, session, CreateMessage("d", "@assistant Please go on."), "<p></p>")
    turns = [(turn.role, turn.text) for turn in (await claimed(parts.database)).turns]
    assert turns[1:] == [("assistant", "One, two,"), ("user", "@assistant Please go on.")]


async def test_what_was_thought_aloud_is_taken_back(parts):
    thought = asyncio.Event()
    ada, session = await asked(parts.database)
    parts.chat = Model("I wonder what they mean.", thought, Retracted(), "It is ", "four.")
    reply = await claimed(parts.database)
    parts.publisher.clear()
    task = asyncio.create_task(ReplyWriter(parts, reply).run())
    events = lambda: parts.publisher.events(f"session:{session}")  # noqa: E731
    await until(lambda: any(isinstance(event, ReplyPart) for event in events()))
    thought.set()
    await asyncio.wait_for(task, PATIENCE_SECONDS)
    heard = events()
    [back] = [
        place
        for place, event in enumerate(heard)
        if isinstance(event, MessageChanged) and (event.message.text, event.message.status) == ("", "streaming")
    ]
    assert rebuilt(heard[back:]) == "It is four."
    done = await parts.database.run_as(ada, messages.find, reply.message_id)
    assert (done.text, done.status) == ("It is four.", "done")
    assert "wonder" not in done.html


async def test_a_stop_before_the_first_word_says_so(parts):
    ada, _ = await asked(parts.database)
    parts.chat = Model(asyncio.Event())
    writer = ReplyWriter(parts, await claimed(parts.database))
    task = asyncio.create_task(writer.run())
    await until(lambda: parts.chat.requests)
    writer.stop()
    await asyncio.wait_for(task, PATIENCE_SECONDS)
    found = await parts.database.run_as(ada, messages.find, writer.id)
    assert (found.status, found.text) == ("done", "*Stopped.* (`stopped`)")


def refusal(said):
    error = BadParameters("It does not take this.")
    error.service_message, error.service_status = said, 400
    return error


async def test_a_failed_reply_leaves_one_line_with_the_services_own_words(parts):
    said = "bad\r\nrequest by sk-geheim123 of “hello there”: no luck at http://ada:geheim@h/?token=geheim " + "x" * 900
    with structlog.testing.capture_logs() as lines:
        message, _ = await writes(parts, refusal(said))
    [line] = [line for line in lines if line["event"] == "reply.failed"]
    assert (line["log_level"], line["code"], line["status"]) == ("warning", "bad-parameters", 400)
    assert (line["message_id"], line["service"], line["model"]) == (message.id, "Test", "test-model")
    assert line["said"].startswith("bad request by •••• of “…”: no luck at http://••••@h/?••••")
    assert len(line["said"]) <= 400
    assert not any(word in str(line) for word in ("geheim", "hello", "\n"))


# Several writers --------------------------------------------------------------------------------------------------


async def test_two_writers_never_take_the_same_reply(parts):
    ada, session = await asked(parts.database)
    for number in range(5):
        await parts.database.run_as(ada, messages.say, session, CreateMessage(f"c{number}", "and?"), "<p>and?</p>")
    # Each is taken in a transaction that has not ended when the others look.
    replies_taken = await asyncio.gather(*(claimed(parts.database, f"worker-{number}") for number in range(9)))
    taken = [reply.message_id for reply in replies_taken if reply]
    assert len(taken) == len(set(taken)) == 6


async def asks(database, user, session, times=1):
    for _ in range(times):
        request = CreateMessage(ids.new(), "@assistant, and?")
        await database.run_as(user, messages.say, session, request, "<p>and?</p>")


async def test_another_persons_question_is_answered_before_ones_second(parts):
    ada, session = await asked(parts.database)
    second = await make_session(parts.database, ada)
    await asks(parts.database, ada, session, 3)
    await asks(parts.database, ada, second, 3)
    bob = await make_user(parts.database, "Bob")
    his = await make_session(parts.database, bob)
    await asks(parts.database, bob, his)
    taken = [(await claimed(parts.database)).session_id for _ in range(4)]
    assert taken == [session, his, second, session]


async def test_a_guest_who_asks_has_a_turn_beside_the_owner(parts):
    ada, session = await asked(parts.database)
    bob = await make_user(parts.database, "Bob")
    await add_member(parts.database, session, bob)
    await asks(parts.database, ada, session, 2)
    await asks(parts.database, bob, session)
    [question] = await run_sql(parts.database, "SELECT id FROM messages WHERE user_id = $1", bob)
    await claimed(parts.database)
    second = await claimed(parts.database)
    [answer] = await run_sql(parts.database, "SELECT reply_to FROM messages WHERE id = $1", second.message_id)
    assert answer["reply_to"] == question["id"]


async def test_no_more_replies_are_under_way_for_a_person_than_allowed_whoever_claims(parts, limited):
    ada, session = await asked(parts.database)
    await asks(parts.database, ada, session, 5)
    await asks(parts.database, ada, await make_session(parts.database, ada), 5)
    few = await limited(replies_at_once=3)
    claims = await asyncio.gather(*(claimed(few, f"worker-{number}") for number in range(8)))
    taken = [reply for reply in claims if reply]
    assert len(taken) == 3
    await few.run_system(replies.finish, taken[0], "done", "", failed=False, tokens=(0, 0))
    assert await claimed(few), "the next begins when one has ended"
    assert await claimed(few) is None


async def test_no_more_replies_are_under_way_in_a_session_than_allowed(parts, limited):
    ada, session = await asked(parts.database)
    bob = await make_user(parts.database, "Bob")
    await add_member(parts.database, session, bob)
    await asks(parts.database, ada, session, 2)
    await asks(parts.database, bob, session, 2)
    few = await limited(replies_at_once_in_session=2)
    claims = await asyncio.gather(*(claimed(few, f"worker-{number}") for number in range(5)))
    assert len([reply for reply in claims if reply]) == 2


async def test_a_reply_that_waits_for_the_end_of_another_begins_at_once(parts, limited):
    ada, session = await asked(parts.database)
    await asks(parts.database, ada, session)
    parts.database = await limited(replies_at_once=1)
    go_on = asyncio.Event()
    parts.chat = Model("one", go_on)
    working = asyncio.create_task(Assistant(parts).run())
    try:
        await until(lambda: len(parts.chat.requests) == 1)
        go_on.set()
        await until(lambda: len(parts.chat.requests) == 2)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_a_reply_that_was_taken_over_has_one_writer(parts):
    ada, session = await asked(parts.database)
    go_on = asyncio.Event()
    parts.chat = Model("from the late one", go_on, " and more")
    late = await claimed(parts.database, "late")
    writer = asyncio.create_task(ReplyWriter(parts, late).run())
    await until(lambda: any(isinstance(event, Delta) for event in parts.publisher.events(f"session:{session}")))
    await run_sql(
        parts.database, "UPDATE messages SET lease_until = now() - '1 s'::interval WHERE id = $1", late.message_id
    )
    now = await claimed(parts.database, "new")
    assert now.attempt == late.attempt + 1
    parts.publisher.clear()
    go_on.set()
    await asyncio.wait_for(writer, PATIENCE_SECONDS)
    # The late one may still send a piece, which the next message heals; it changes and ends nothing.
    assert not [event for event in parts.publisher.events(f"session:{session}") if isinstance(event, MessageChanged)]
    [row] = await run_sql(parts.database, "SELECT status, attempt FROM messages WHERE id = $1", late.message_id)
    assert tuple(row) == ("streaming", 2)
    parts.chat = Model("from the new one")
    await asyncio.wait_for(ReplyWriter(parts, now).run(), PATIENCE_SECONDS)
    assert (await parts.database.run_as(ada, messages.find, late.message_id)).text == "from the new one"


async def test_a_writer_that_is_stopped_gives_its_reply_back(parts):
    ada, _ = await asked(parts.database)
    parts.chat = Model("first try", asyncio.Event())
    reply = await claimed(parts.database)
    writer = asyncio.create_task(ReplyWriter(parts, reply).run())
    await until(lambda: parts.chat.requests)
    await asyncio.sleep(0)
    writer.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writer
    again = await claimed(parts.database, "another")
    assert (again.message_id, again.attempt) == (reply.message_id, 2)
    parts.chat = Model("second try")
    await asyncio.wait_for(ReplyWriter(parts, again).run(), PATIENCE_SECONDS)
    assert (await parts.database.run_as(ada, messages.find, reply.message_id)).text == "second try"


async def test_a_reply_that_breaks_its_writers_is_given_up(parts):
    ada, _ = await asked(parts.database)
    for attempt in range(1, replies.MAX_ATTEMPTS + 2):
        reply = await claimed(parts.database)
        assert reply.attempt == attempt
        await run_sql(
            parts.database, "UPDATE messages SET lease_until = now() - '1 s'::interval WHERE id = $1", reply.message_id
        )
    parts.chat = Model("never asked")
    await ReplyWriter(parts, reply).run()
    found = await parts.database.run_as(ada, messages.find, reply.message_id)
    assert (found.status, parts.chat.requests) == ("failed", [])
    assert "`provider-error`" in found.text


async def test_a_stopped_reply_whose_writer_died_keeps_what_was_saved_and_asks_nothing_more(parts):
    ada, _ = await asked(parts.database)
    reply = await claimed(parts.database)
    await parts.database.run_system(replies.save, reply, draft("so far and"), whole=False)
    await parts.database.run_as(ada, messages.stop, reply.message_id)
    await run_sql(
        parts.database, "UPDATE messages SET lease_until = now() - '1 s'::interval WHERE id = $1", reply.message_id
    )
    parts.chat = Model("from the start again")
    await asyncio.wait_for(ReplyWriter(parts, await claimed(parts.database, "new")).run(), PATIENCE_SECONDS)
    found = await parts.database.run_as(ada, messages.find, reply.message_id)
    assert (found.status, found.text, parts.chat.requests) == ("done", "so far and\n\n*Stopped.* (`stopped`)", [])


# What takes long to draw -------------------------------------------------------------------------------------------


async def test_a_reply_with_a_bomb_keeps_the_blocks_that_were_drawn_before_it(parts):
    """What a model writes is bounded like what people write, while it grows and when it is whole."""
    ada, _ = await asked(parts.database)
    reply, parts.chat = await claimed(parts.database), Model()
    writer = ReplyWriter(parts, reply)
    writer._written.append("\n\n  Some **words**.\n\n")
    await writer._written.draft()
    assert writer._written._html == '<p dir="auto">Some <strong>words</strong>.</p>\n'
    writer._written.append("[" * 60_000 + "\n\nThe **end**.\n\nMore")
    writer._written.send_delta()
    await writer._written.draft()
    assert writer._written._failed
    await writer._finish(None)
    done = await parts.database.run_as(ada, messages.find, reply.message_id)
    assert done.status == "done"
    assert done.html.startswith('<p dir="auto">Some <strong>words</strong>.</p>\n<p dir="auto">[[[[[')
    assert done.html.endswith('[[</p>\n<p dir="auto">The **end**.</p>\n<p dir="auto">More</p>\n')


async def test_code_of_a_model_that_takes_too_long_has_no_colours(parts):
    message, _ = await writes(parts, "**Look**\n\n", '```ansys\n"' + "\\" * 100, "\n```\n")
    assert message.status == "done"
    assert "<strong>Look</strong>" in message.html and "\\" * 100 in message.html and "code-" not in message.html


# What the operator sees of it -------------------------------------------------------------------------------------------


class Thinking(asyncio.Event):
    """A model that takes 0.3 seconds until it says something."""

    async def wait(self):
        await asyncio.sleep(0.3)


@pytest.fixture
async def forget_replies(postgres_server, database_url):
    """Takes away what other tests have left; no role of the product may."""

    async def forget_replies():
        admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))
        await admin.execute("DELETE FROM reply_calls")
        await admin.close()

    return forget_replies


async def figures_of_replies(database):
    """The rows of the operator's figures and the cost in rupees, of the last hour."""
    now = datetime.now(UTC)
    span = Span(start=now - timedelta(hours=1), end=now + timedelta(hours=1), zone="Asia/Kolkata")
    table = await database.run_system(figures.table, "replies", span)
    margins = await database.run_system(margin.read, span.start, span.end, span.zone)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows], margins


async def test_the_operator_sees_how_fast_replies_begin_what_they_read_and_what_is_known_of_their_cost(
    parts, forget_replies
):
    database = parts.database
    await forget_replies()
    await writes(parts, Thinking(), "hello ", "there", Usage(1000, 500))
    [before], margins = await figures_of_replies(database)
    assert 0.3 <= before["first words, median"] <= before["whole reply, median"] < PATIENCE_SECONDS
    assert (before["tokens read"], before["tokens written"], before["known cost"]) == (1000, 500, None)
    assert (margins.total.unknown_replies, margins.total.cost.known) == (1, 0)
    price = NewPrice(provider="test", model="", kind="reply", unit="token", amount=Decimal("0.01"), currency="INR")
    await database.run_system(costs.set_price, GRACE, price)
    await writes(parts, "quick", Usage(90, 10))
    await writes(parts, Usage(100, 0), ProviderDown())
    await writes(parts, "not counted by the service")
    await writes(parts, BadParameters())
    [row], margins = await figures_of_replies(database)
    assert [row[name] for name in ("replies", "done", "failed", "stopped", "of unknown cost")] == [5, 3, 2, 0, 2]
    assert (row["known cost"], row["currency"]) == (2, "INR")
    assert (margins.total.cost.known, margins.total.unknown_replies, margins.total.done) == (2, 2, 0)
    assert [sum(line.cost.known for line in lines) for lines in (margins.days, margins.plans)] == [2, 2]
    [model] = margins.models
    assert (model.name, model.margin, model.loses) == ("test test-model", None, False)


async def test_a_reply_that_is_stopped_is_told_apart_and_one_that_was_not_asked_for_is_not_kept(parts, database):
    for asked_of_model, reply_of in ((True, None), (False, "what was saved")):
        await asked(database)
        parts.chat = Model("so far", asyncio.Event())
        reply = replace(await claimed(database), stopped=reply_of)
        count = "SELECT count(*) AS n FROM reply_calls WHERE outcome = 'stopped' AND cost IS NULL AND tokens_out > 0"
        [before] = await run_sql(database, count)
        writer = ReplyWriter(parts, reply)
        writing = asyncio.create_task(writer.run())
        if asked_of_model:
            while not writer._written.text:
                await asyncio.sleep(0.01)
            writer.stop()
        await asyncio.wait_for(writing, PATIENCE_SECONDS)
        [after] = await run_sql(database, count)
        assert after["n"] - before["n"] == asked_of_model
