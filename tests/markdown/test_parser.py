"""Markdown that is safe to show, also while it is still being written."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.markdown import highlighting, parser
from chatserver.messages.models import utf16_length
from chatserver.runtime import paths

# What an answer is made of, with the beginnings of blocks that may turn out to be something else.
PIECES = st.sampled_from(
    [
        "word", "two words", " ", "\n", "\n\n", "\r\n", "- ", "* ", "1. ", "> ", "#", "# ", "## Title\n", "***", "**bold**",
        "`code`", "```", "```python\n", "print(1)\n", "```\n", "    ", "| a | b |\n", "|---|---|\n", "---\n", "===\n",
        "<b>", "&amp;", "😀", "é", "\u2028", "\x0b", "\x85", "~~gone~~", "https://example.org", "\\", "_", "+", "~~~\n",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=20).map("".join)


class Reader(HTMLParser):
    """What a browser would make of it: tags with their attributes."""

    def __init__(self):
        super().__init__()
        self.tags, self.words = [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words += data


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("hello", "<p>hello</p>\n"),
        ("a\nb", "<p>a<br>\nb</p>\n"),
        ("**b** *i* ~~s~~ `c`", "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        ("<b>raw</b>", "<p>&lt;b&gt;raw&lt;/b&gt;</p>\n"),
        ("![alt](https://evil.example/x.png)", "<p>alt</p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("```no-such-language\n<x>\n```", '<pre><code data-language="no-such-language">&lt;x&gt;\n</code></pre>\n'),
        ("```prompt\na boat\n```", '<pre data-prompt=""><code>a boat\n</code></pre>\n'),
        ("a&nbsp;b &lt; c &copy;", "<p>a&nbsp;b &lt; c ©</p>\n"),
    ],
)
def test_it_is_drawn(text, html):
    assert parser.render(text) == html


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("a<br>b", "a<br>\nb"),
        ("a<br/>b<br />c<BR>d</br>e", "a<br>\nb<br>\nc<br>\nd<br>\ne"),
        ("H<sub>2</sub>O, 2<sup>n</sup>", "H<sub>2</sub>O, 2<sup>n</sup>"),
        (
            "<kbd>Ctrl</kbd>+<KBD>C</KBD> <mark>**so**</mark>",
            "<kbd>Ctrl</kbd>+<kbd>C</kbd> <mark><strong>so</strong></mark>",
        ),
        ("`<br>` \\<br>", "<code>&lt;br&gt;</code> &lt;br&gt;"),
        (
            "<br onload=x> <sub>open <sub class=x>a</sub>",
            "&lt;br onload=x&gt; &lt;sub&gt;open &lt;sub class=x&gt;a&lt;/sub&gt;",
        ),
        ("a &amp; b &lt; c", "a &amp; b &lt; c"),
    ],
)
def test_what_models_write_as_html_is_drawn_in_a_cell_and_in_a_line(written, drawn):
    assert parser.render(written) == f"<p>{drawn}</p>\n"
    cells = parser.render(f"| {written} | x |\n|---|---|\n| {written} | y |\n")
    assert (f"<th>{drawn}</th>" in cells) and (f"<td>{drawn}</td>" in cells)


def test_a_break_before_the_end_of_a_line_is_one_break():
    assert parser.render("a<br>\nb") == parser.render("a\nb")


def test_every_colour_of_code_has_its_rule_and_every_rule_its_colour():
    rules = (paths.STATIC / "css/code.css").read_text()
    assert set(re.findall(r"\.code-([a-z0-9]+)\b", rules)) - {"copy"} == highlighting.COLOURED


def test_links_say_what_they_are():
    [_, (tag, attributes)] = read(parser.render("[x](https://example.org 'title')")).tags
    assert (tag, attributes["rel"]) == ("a", "noopener noreferrer nofollow")
    for scheme in ("javascript", "data", "vbscript", "file", "JaVaScRiPt", "ftp", "blob", "\x01javascript"):
        tags = read(parser.render(f"[x]({scheme}:alert) <{scheme}:alert>")).tags
        assert all(attributes.get("href") is None for _, attributes in tags), scheme


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_finished_blocks_stay_as_they_are_while_more_is_written(text):
    """The finished part only grows, and what is drawn of it begins whatever is drawn later."""
    closed, drawn = 0, ""
    for end in range(len(text) + 1):
        grown = parser.closed_length(text[:end])
        assert closed <= grown <= end, text[:end]
        if grown > closed:
            closed, html = grown, parser.render(text[:grown])
            assert html.startswith(drawn), text[:end]
            drawn = html
    assert parser.render(text).startswith(drawn)


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("", 0),
        ("one line", 0),
        ("one block\n\n", 11),
        ("one\n\ntwo", 5),
        ("one\n\ntwo\n", 5),
        ("one\r\n\r\ntwo\n", 7),
        ("one\r\n\r", 0),
        ("😀\n\ntwo\n", 3),
        ("a\u2028b\x0bc\n\ntwo\n", 7),
        ("- a\n\n- b\n\nthree\n", 10),
        ("```\na\n\nb\n", 0),
        ("```\na\n```\nb\n", 10),
        # What looks like a heading or a rule may yet become a word.
        ("one\n#", 0),
        ("one\n***", 0),
        ("one\n***both***\n", 0),
    ],
)
def test_a_block_is_finished_when_the_next_one_has_begun_for_certain(text, closed):
    assert parser.closed_length(text) == closed


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_offsets_are_those_of_browsers(text):
    assert utf16_length(text) == sum(2 if ord(character) > 0xFFFF else 1 for character in text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>\"'`&;:/()[]!ajs script=onerx\n#*-|", max_size=120))
def test_whatever_is_written_no_script_no_handler_and_no_picture_comes_out(text):
    for tag, attributes in read(parser.render(text)).tags:
        assert tag in parser.TAGS
        assert set(attributes) <= {"href", "title", "rel", "class", "start", "data-language", "data-prompt"}
        assert not attributes.get("href", "").lower().lstrip().startswith(("javascript", "data", "vbscript"))
