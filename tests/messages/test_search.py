"""The search over one's own sessions, messages and prompts: what is found, and that nobody finds what is another's."""

import time
import unicodedata

import pytest

from chatserver import ids, messages
from chatserver.errors import Invalid
from chatserver.messages import search as module
from chatserver.messages.requests import CreateMessage
from chatserver.messages.search import EXCERPT_LENGTH, QUERY_LENGTH, excerpt, search
from tests.support.people import make_session, make_user, run_sql


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


async def says(database, user, session, text):
    return await database.run_as(user, messages.say, session, CreateMessage(client_id=ids.new(), text=text), "")


async def found(database, user, query):
    result = await database.run_as(user, search, query)
    return [each.title for each in result.sessions], [each.excerpt for each in result.messages]


async def is_found_by_words(database, text, query):
    """Whether the gallery and the history of prompts would find a prompt."""
    [row] = await run_sql(database, "SELECT words_of($1, $2) @@ all_words($1, $3) AS found", ids.new(), text, query)
    return bool(row["found"])


async def test_titles_and_messages_that_have_all_words_are_found_in_any_case_and_order(database, ada):
    session = await make_session(database, ada, "pro", title="Posters for the Harbour")
    await make_session(database, ada, "pro", title="Foxes")
    message = await says(database, ada, session, "A quiet HARBOUR at dusk")
    await says(database, ada, session, "A loud harbour")
    assert await found(database, ada, "harbour quiet") == ([], ["A quiet HARBOUR at dusk"])
    assert await found(database, ada, "  harbour ") == (
        ["Posters for the Harbour"],
        ["A loud harbour", "A quiet HARBOUR at dusk"],
    )
    [first] = (await database.run_as(ada, search, "quiet")).messages
    assert (first.id, first.session_id, first.session_title) == (message.id, session, "Posters for the Harbour")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_a_letter_with_a_mark_is_found_in_either_form_of_unicode(database, ada, form):
    text = unicodedata.normalize(form, "Ein Café in 한국 (ångström)")
    await says(database, ada, await make_session(database, ada, "pro", title=text), text)
    for query in ("café 한국", "국 CAFÉ", "gström)"):
        for typed in ("NFC", "NFD"):
            assert await found(database, ada, unicodedata.normalize(typed, query)) == ([text], [text]), (query, typed)
    assert await found(database, ada, "cafè") == ([], [])


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Ein Café", "cafe"),
        (unicodedata.normalize("NFD", "Ein Café"), "CAFE"),
        ("İstanbul gezisi", "istanbul"),
        ("İstanbul gezisi", "ISTANBUL"),
        ("die Straße", "strasse"),
        ("der Strassenrand", "strass"),
        ("Łódź", "lodz"),
        ("smørrebrød", "smorrebrod"),
        ("don’t stop", "don't"),
        ("a “quiet” place", '"quiet"'),
        ("Ёлка", "елка"),
        ("ὁδός", "οδος"),
        ("مُحَمَّد", "محمد"),
        ("שָׁלוֹם", "שלום"),
        ("ＡＢＣ １２３", "abc 123"),
        ("abc 123", "ＡＢＣ １２３"),
        ("ｱｲｳ", "アイウ"),
        ("the ﬁnale", "fina"),
        ("soft\u00adhyphen and zero\u200bwidth", "softhyphen zerowidth"),
        ("softhyphen", "soft\u00adhyphen"),
        ("हिन्दी", "हिन्दी"),
        ("한국어", "한국"),
    ],
)
async def test_words_are_found_as_people_type_them(database, ada, text, query):
    await says(database, ada, await make_session(database, ada, "pro", title=text), text)
    assert await found(database, ada, query) == ([text], [text])
    assert await is_found_by_words(database, text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [("हिन्दी", "हन्द"), ("cafe", "café"), ("a b", "\u200b"), ("hello", "\u0301"), ("über", "u\u0308\u0301ber")],
)
async def test_what_was_typed_is_not_more_than_what_stands_there(database, ada, text, query):
    await says(database, ada, await make_session(database, ada, "pro", title=text), text)
    assert await found(database, ada, query) == ([], [])
    assert not await is_found_by_words(database, text, query)


@pytest.mark.parametrize("unit", ["\u200b", "\u0301", "e", "e\u0301", "\u05be", "ss", "\u00ad", "ａ", "ガ", "'"])
def test_a_word_is_looked_for_in_a_time_that_grows_with_the_text(unit):
    text = unit * (8_000 // len(unit))
    begun = time.process_time()
    excerpt(text, unit * (100 // len(unit)) + "x")
    excerpt(text + "x", unit * (100 // len(unit)) + "y")
    assert time.process_time() - begun < 2


async def test_without_words_the_newest_sessions_are_found(database, ada):
    for number in range(8):
        await make_session(database, ada, title=f"Session {number}")
    assert await found(database, ada, "  ") == ([f"Session {number}" for number in (7, 6, 5, 4, 3, 2)], [])


@pytest.mark.parametrize("query", ["%", "_", "\\", "100%"])
async def test_no_character_is_a_wildcard(database, ada, query):
    session = await make_session(database, ada, "pro", title="Foxes")
    await says(database, ada, session, "a red fox")
    assert await found(database, ada, query) == ([], [])
    await says(database, ada, session, f"it says {query} here")
    assert await found(database, ada, query) == ([], [f"it says {query} here"])


async def test_only_ones_own_words_are_found_and_only_where_one_still_is(database, ada):
    bob = await make_user(database, "Bob")
    session = await make_session(database, ada, "pro", title="Evening", guests=(bob,))
    await says(database, ada, session, "a secret harbour")
    mine = await says(database, bob, session, "another harbour")
    assert await found(database, bob, "harbour") == ([], ["another harbour"])
    await run_sql(database, "UPDATE session_members SET left_at = now() WHERE user_id = $1", bob)
    assert await found(database, bob, "harbour") == await found(database, bob, "evening") == ([], [])
    await run_sql(database, "UPDATE session_members SET left_at = NULL WHERE user_id = $1", bob)
    await run_sql(database, "UPDATE messages SET status = 'deleted', text = '' WHERE id = $1", mine.id)
    assert await found(database, bob, "harbour") == ([], [])


async def test_of_very_long_messages_only_the_newest_are_read(database, ada, monkeypatch):
    session = await make_session(database, ada, "pro", title="Foxes")
    texts = [f"harbour {number} {'x' * 900}" for number in range(4)]
    for text in texts:
        await says(database, ada, session, text)
    monkeypatch.setattr(module, "MOST_BYTES", 1_000)
    [_, found_texts] = await found(database, ada, "harbour")
    assert [text[:9] for text in found_texts] == ["harbour 3", "harbour 2"]


async def test_a_query_is_bounded(database, ada):
    with pytest.raises(Invalid):
        await database.run_as(ada, search, "x" * (QUERY_LENGTH + 1))
    assert await found(database, ada, "x " * (QUERY_LENGTH // 2)) == ([], [])


def test_an_excerpt_is_around_the_word_in_either_form_of_unicode():
    text = f"{'far away ' * 30}{unicodedata.normalize('NFD', 'café')}{' and on' * 30}"
    assert unicodedata.normalize("NFD", "café") in excerpt(text, "café")


def test_an_excerpt_is_one_short_line_around_the_word():
    text = "before " * 50 + "harbour\n\n" + "after " * 50
    line = excerpt(text, "HARBOUR")
    assert "harbour after" in line
    assert len(line) <= EXCERPT_LENGTH + 2
    assert (line[0], line[-1]) == ("…", "…")
    assert "Harbour" in excerpt("ß" * 200 + " Harbour " + "ß" * 200, "harbour")
    assert excerpt("the harbour " * 30 + "end", "end").endswith("the harbour end")
    assert excerpt("x" * 500, "nowhere").startswith("xxx")
