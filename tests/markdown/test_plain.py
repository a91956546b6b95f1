"""Text without Markdown: the same as with it where there is none, bounded in size, harmless, and nothing is lost."""

import html
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.markdown import parser, plain

WORDS = st.sampled_from(
    [
        "word", "a b", " ", "  ", "\n", "\n\n", "\n\n\n", "3 boats", "1. x", "10)", "-", "- a", "+ a", "# a", "=", ":-",
        "@assistant", "well-known", "it's", '"so"', "(a)", "!", "?", "é", "😀", "\u00a0", "\u2028", "\u3000", "\t", "\r\n",
        "|", "*", "&", "<b>", "https://example.org/a-b", "a.b", "{x}", "$1", "^", "%", ";", "/",
    ]
)  # fmt: skip


SPANS = st.sampled_from(
    [
        "**word**", "**two words**", "*word*", "`code`", "`a < b && c`", "`**x**`", "**Note:** ", " ", "(", ")", ",", "\n",
        "https://example.org", "http://a-b.example.org/c_d?e=1.", "https://example.org/a)", "https://a.org,b", "*", "`", ".",
        "- ", "1. ", "**", "*1*. ", "_", "**a*b**", "`$`", "`a|b`", "`https://a.org`", "**https://a.org**", "é", "\u00a0",
    ]
)  # fmt: skip


@settings(max_examples=1_500, deadline=None)
@given(
    st.lists(WORDS | SPANS, max_size=12).map("".join) | st.lists(SPANS, max_size=8).map(" ".join) | st.text(max_size=40)
)
def test_a_text_that_is_simple_is_drawn_as_markdown_would(text):
    drawn = plain.draw_simple(text)
    assert drawn is None or drawn == parser.render(text)


@pytest.mark.parametrize(
    "text", ["hello there", "Paint a boat, please!\n\nWith 3 sails.", "@assistant why?", "日本語のテキスト"]
)
def test_what_people_say_most_is_plain(text):
    assert plain.is_plain(text)


@pytest.mark.parametrize(
    "text",
    [
        "the same **words** as in the `other` scenario",
        "see https://example.org/a_b?c=1-2, it's *good*!",
        '**Note:** `make test`\n\n(**or**) `git commit -m "<3"`',
    ],
)
def test_what_people_mark_most_is_simple(text):
    assert plain.draw_simple(text) == parser.render(text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(WORDS | st.sampled_from(["```", "~~~\n", "```py\n", "&", "<", "&&&&", "\n\n"]), max_size=30).map("".join)
)
def test_nothing_is_lost_nothing_runs_and_it_is_little_longer_than_the_text(text):
    drawn = plain.draw(text)
    assert set(re.findall(r"</?([a-z]+)", drawn)) <= {"p", "br", "pre", "code"}
    shown = html.unescape(re.sub(r"<[^>]*>", "", drawn))
    fences = re.sub(r"(?m)^[ ]{0,3}(```|~~~).*$", "", text)
    assert "".join(shown.split()) == "".join(fences.split()) or "```" in text or "~~~" in text
    assert len(drawn.encode()) <= 7 * len(text.encode()) + 30 and plain.fits(drawn, text)


def test_a_block_of_code_stays_one():
    text = "Look:\n```python title\n<a>\n\n``\n```\n* not an item"
    assert plain.draw(text) == (
        '<p dir="auto">Look:</p>\n<pre><code data-language="python">&lt;a&gt;\n\n``\n</code></pre>\n'
        '<p dir="auto">* not an item</p>\n'
    )
    assert plain.draw("~~~~prompt\na boat\n~~~\n~~~~") == '<pre data-prompt=""><code>a boat\n~~~\n</code></pre>\n'


@pytest.mark.parametrize(
    "unit",
    [
        "\n",
        " ",
        "1",
        "`",
        "~",
        "``` \n",
        " \n",
        "\\",
        "a ",
        "\r",
        "-\n",
        "&",
        "1.",
        "   `",
        " *a",
        " **a",
        "`a ",
        " `",
        " https://a.a",
        "https://a-",
    ],
)
def test_whatever_is_repeated_it_is_looked_through_once(unit):
    text = unit * (200_000 // len(unit))
    began = time.process_time()
    plain.draw_simple(text)
    plain.draw(text)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("mark", ["`", "~"])
@pytest.mark.parametrize("end", ["a`", " x`", "a``"])
def test_a_line_that_begins_like_a_fence_and_is_none_is_looked_through_once(mark, end):
    text = mark * 50_000 + end
    began = time.process_time()
    assert mark * 50_000 in plain.draw(f"{text}\n{text}")
    assert time.process_time() - began < 1.0
