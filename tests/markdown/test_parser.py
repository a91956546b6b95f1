"""Markdown that is safe to show, also while it is still being written."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatserver.markdown import growing, highlighting, parser
from chatserver.messages.models import utf16_length
from chatserver.runtime import paths

# What an answer is made of, with the beginnings of blocks that may turn out to be something else.
PIECES = st.sampled_from(
    [
        "word", "two words", " ", "\n", "\n\n", "\r\n", "- ", "* ", "1. ", "> ", "#", "# ", "## Title\n", "***", "**bold**",
        "`code`", "```", "```python\n", "print(1)\n", "```\n", "    ", "| a | b |\n", "|---|---|\n", "---\n", "===\n",
        "<b>", "&amp;", "😀", "é", "\u2028", "\x0b", "\x85", "~~gone~~", "https://example.org", "\\", "_", "+", "~~~\n",
        "$x^2$", "$", "$$", "$$\n", "\\(", "\\)", "\\[\n", "\\]\n", "- [ ] ", "- [x] ", "שלום ", "\\frac{a}{b}",
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


def undirected(html):
    """HTML without the directions of its blocks, which have a test of their own."""
    return re.sub(r' dir="(?:auto|ltr|rtl)"', "", html)


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
        ("![](https://evil.example/x.png)", "<p>![](https://evil.example/x.png)</p>\n"),
        ("![](data:image/png;base64,AA)", "<p>![](data:image/png;base64,AA)</p>\n"),
        ("[x](sms:1) <ftp://a.example>", "<p>[x](sms:1) &lt;ftp://a.example&gt;</p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("```no-such-language\n<x>\n```", '<pre><code data-language="no-such-language">&lt;x&gt;\n</code></pre>\n'),
        ("```prompt\na boat\n```", '<pre data-prompt=""><code>a boat\n</code></pre>\n'),
        ("```ask\nWhy?\nHow?\n```", '<pre data-ask=""><code>Why?\nHow?\n</code></pre>\n'),
        ("a&nbsp;b &lt; c &copy;", "<p>a&nbsp;b &lt; c ©</p>\n"),
    ],
)
def test_it_is_drawn(text, html):
    assert undirected(parser.render(text)) == html


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
    assert undirected(parser.render(written)) == f"<p>{drawn}</p>\n"
    cells = undirected(parser.render(f"| {written} | x |\n|---|---|\n| {written} | y |\n"))
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


ATTRIBUTES = {
    "align", "href", "title", "rel", "class", "start", "dir", "id", "type", "disabled", "checked", "aria-label",
    "data-language", "data-prompt", "data-ask",
}.union(*parser.mathematics.ATTRIBUTES.values())  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="<>\"'`&;:/()[]!ajs script=onerx\n#*-|$\\{}^_", max_size=120)
    | st.lists(
        PIECES
        | st.sampled_from(["\\href{javascript:a}{b}", "\\text{<b onclick=x>}", "[^1]", "[^1]: ", "\\color{red}x"]),
        max_size=20,
    ).map("".join)
)
@example("[^1]: - [^1]: ")
def test_whatever_is_written_no_script_no_handler_and_no_picture_comes_out(text):
    for tag, attributes in read(parser.render(text)).tags:
        assert tag in parser.TAGS
        assert set(attributes) <= ATTRIBUTES
        assert not attributes.get("href", "").lower().lstrip().startswith(("javascript", "data", "vbscript"))


@pytest.mark.parametrize(
    "text",
    [
        "[^1]: alpha - [^1]: beta",
        "[^1]: alpha\n[^1]: beta",
        "[^1]: - alpha\n    [^2]: beta",
        "> [^1]: alpha\n>     [^2]: beta\n\nand[^2]",
        "- [^1]: alpha\n\n[^1]: beta\n\nand[^1][^1]",
    ],
)
def test_no_word_of_a_footnote_is_lost_wherever_it_is_defined(text):
    drawn = parser.render(text)
    assert drawn.count("alpha") == drawn.count("beta") == 1


@pytest.mark.parametrize(
    ("text", "directions"),
    [
        ("hello", ["auto"]),
        ("# שלום", ["auto"]),
        ("- שלום!\n- מה?", ["rtl", "rtl", "rtl"]),
        ("- one\n- שתיים", ["ltr", "ltr", "rtl"]),
        ("1. *(שלום)*\n   - hello", ["rtl", "rtl", "ltr", "ltr"]),
        ("> שלום\n>\n> hello", ["rtl", "auto", "auto"]),
        ("| שם |\n|---|\n| x |", ["rtl", "auto", "auto"]),
        ("- 1\n- 2", ["ltr", "ltr", "ltr"]),
        ("[^1]\n\n[^1]: שלום", ["auto", "rtl", "rtl", "auto"]),
    ],
)
def test_every_block_has_the_direction_of_its_words(text, directions):
    drawn = [attributes["dir"] for _, attributes in read(parser.render(text)).tags if "dir" in attributes]
    assert drawn == directions


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        (r"so \(x^2\) is", 1),
        (r"\[ \int_0^1 x \, dx \]", 1),
        ("$$\n\\begin{aligned} a &= b \\\\\n+ c &= d \\end{aligned}\n$$\nand on", 1),
        ("\\[\na\n- b\n\\]", 1),
        ("- item\n  $$\n  x\n  $$\n", 1),
        ("$$a$$ and $$b$$", 2),
        ("$x$, $E=mc^2$, $a, b$ and $n$-th", 4),
        ("It costs $5 and $10, or $5-$10; between 5$ and 6$, up to 20$.", 0),
        ("I have $20, maybe 30$ more", 0),
        ("US$5 and A$6, $HOME and $PATH, $, $ $ and $$", 0),
        ("`$x$` and\n\n    $x$\n\n```\n$$x$$\n```", 0),
        (r"\$x$ \\(x\\)", 0),
        ("| $a$ | $b$ |\n|---|---|\n| 1 | 2 |", 2),
    ],
)
def test_mathematics_is_told_from_prices_and_names(text, formulas):
    tags = [tag for tag, _ in read(parser.render(text)).tags]
    assert tags.count("math") == formulas


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{", r"\unknown{x}", r"\left( a", "x^", "}", "a & b", r"\hspace{50em} x", r"\href{javascript:a}{b}",
        r"\substack{a}", "x" * 2001, r"\def\a{\a\a}\a",
    ],
)  # fmt: skip
def test_what_is_no_formula_is_shown_as_it_was_written(tex):
    for text in (f"\\({tex}\\)", f"\\[\n{tex}\n\\]"):
        reader = read(parser.render(text))
        assert "math" not in [tag for tag, _ in reader.tags]
        assert tex in reader.words
        assert len(tex) > 2000 or "code" in [tag for tag, _ in reader.tags]


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("Hello **wo", "<p>Hello **wo@</p>\n"),
        ("**bold** and\n", "<p><strong>bold</strong> and@</p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b@</li>\n</ul>\n"),
        ("- a\n-", "<ul>\n<li>a@</li>\n</ul>\n"),
        ("```python\nx = 1\n``", '<pre><code data-language="python">x = 1@</code></pre>\n'),
        ("text\n\n```py", "<p>text@</p>\n"),
        ("```py", ""),
        ("#", ""),
        ("", ""),
        ("https://exa", '<p><a href="https://exa" rel="noopener noreferrer nofollow">https://exa</a>@</p>\n'),
    ],
)
def test_the_block_being_written_is_drawn_with_a_place_for_its_next_words(text, drawn):
    assert undirected(parser.draw_open(text).html).replace(growing.OPEN_END, "@") == drawn


def test_a_table_being_written_looks_like_one():
    for text in ("| a | b |\n|---|---|\n| 1 | 2 |\n", "| a | b |\n|---|---|\n| 1 | 2 |\n| 3"):
        drawn = parser.draw_open(text).html
        assert drawn.count("<tr>") == 3 and f"{growing.OPEN_END}</td>" in drawn


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_what_is_being_written_is_drawn_with_all_its_words_and_one_place_for_more(text):
    drawn = parser.draw_open(text).html
    assert drawn.count(growing.OPEN_END) == (1 if drawn else 0)
    for tag, attributes in read(drawn.replace(growing.OPEN_END, "")).tags:
        assert tag in parser.TAGS and set(attributes) <= ATTRIBUTES


def test_a_block_of_mathematics_that_has_no_end_yet_is_code():
    assert parser.render("$$\nx\n\n- y") == "<pre><code>$$\nx\n\n- y</code></pre>\n"
    assert parser.closed_length("one\n$$\nx\n\ny\n") == 4
    assert parser.closed_length("one\n$$\nx\n$$\ny\n") == 12


@pytest.mark.parametrize(
    "nested",
    [
        lambda depth: "\n".join(f"{'  ' * level}- word{level}." for level in range(depth)),
        lambda depth: "\n".join(f"{'   ' * level}1. word{level}." for level in range(depth)),
        lambda depth: "\n".join(f"{'>' * level} word{level}." for level in range(depth)),
        lambda depth: " ".join(f"> - word{level}." for level in range(depth)),
        lambda depth: "x[^1]\n\n[^1]: " + " ".join(f"- word{level}." for level in range(depth)),
        lambda depth: "\n".join(f"{'  ' * level}- word{level}.\n\n{'  ' * level}  | a | b |" for level in range(depth)),
    ],
    ids=["items", "numbers", "quotes", "both", "a note", "items of several blocks"],
)
@pytest.mark.parametrize("depth", [9, 30, 31, 32, 33, 63, 64, 65, 200])
def test_no_word_is_lost_however_deep_it_is_nested(nested, depth):
    words = read(parser.render(f"{nested(depth)}\n\nbehind.")).words
    assert [word for word in ("behind.", *(f"word{level}." for level in range(depth))) if word not in words] == []


def test_thirty_lists_within_each_other_are_lists():
    text = "\n".join(f"{'  ' * level}- {level}" for level in range(30))
    assert [tag for tag, _ in read(parser.render(text)).tags].count("ul") == 30


@pytest.mark.parametrize(
    "table",
    [
        "| a | b |\n|---|---|\n| `x|y` | z |\n",
        "> | a | b |\n> |---|---|\n> | `x|y` | z\n",
        "- a | b\n  -|-\n  `x|y` | z |\n",
    ],
)
def test_what_a_row_has_beyond_its_table_is_in_the_last_cell(table):
    drawn = read(parser.render(table))
    assert [tag for tag, _ in drawn.tags].count("td") == 2
    assert "`x" in drawn.words and "y` | z" in drawn.words


def test_columns_are_aligned_as_written():
    aligned = [
        attributes.get("align") for tag, attributes in read(parser.render("|a|b|c|\n|-|:-:|-:|\n")).tags if tag == "th"
    ]
    assert aligned == [None, "center", "right"]


def test_tasks_are_boxes_that_say_what_they_are():
    drawn = parser.render("- [ ] paint **it**\n- [x] look\n  1. [X] at\n- [y] no\n- [x]no\n\n[x] no")
    boxes = [attributes for tag, attributes in read(drawn).tags if tag == "input"]
    assert [box["aria-label"] for box in boxes] == ["To do", "Done", "Done"]
    assert all(box["type"] == "checkbox" and "disabled" in box for box in boxes)
    assert ["checked" in box for box in boxes] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("see https://example.org/a_(b)?c=1&d#e.", ["https://example.org/a_(b)?c=1&d#e"]),
        ('(https://example.org/), "http://b.example"!', ["https://example.org/", "http://b.example"]),
        ("HTTPS://EXAMPLE.ORG/ and *https://c.example/x_y*", ["HTTPS://EXAMPLE.ORG/", "https://c.example/x_y"]),
        ("xhttps://a.example ftp://b.example https:// https://... javascript://alert", []),
        ("[https://a.example](https://b.example) `https://c.example`", ["https://b.example"]),
    ],
)
def test_bare_addresses_are_links(text, addresses):
    links = [attributes for tag, attributes in read(parser.render(text)).tags if tag == "a"]
    assert [link["href"] for link in links] == addresses
    assert all(link["rel"] == "noopener noreferrer nofollow" for link in links)


def test_footnotes_lead_there_and_back_and_none_is_lost():
    drawn = parser.render("a[^n] b[^n] c[^2]\n\n[^n]: *one*\n[^2]: two\n[^z]: alone", scope="s")
    tags = read(drawn).tags
    named = {attributes["id"] for _, attributes in tags if "id" in attributes}
    leads = [attributes["href"].removeprefix("#") for tag, attributes in tags if tag == "a"]
    assert leads == ["note-s-1", "note-s-1", "note-s-2", "ref-s-1", "ref-s-1-1", "ref-s-2"]
    assert set(leads) <= named and len(named) == 6
    assert all(word in read(drawn).words for word in ("one", "two", "alone"))
