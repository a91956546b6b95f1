"""Text as HTML without Markdown: paragraphs, line breaks and fenced blocks of code, in one pass over the text.

Used for texts that are plain anyway (`is_plain`), and where rendering Markdown took too long or came out too large.
Its own output is at most seven times the text and a few bytes.
"""

import html
import re
from collections.abc import Iterator

# A fenced block of these languages is an offer: the page adds a button to a prompt that makes the picture, and of the
# assistant's `ask` it makes a button of each line, which asks it.
OFFERS = ("prompt", "ask")
# The bound on rendered HTML: so many bytes, and so many for each of the text. Code with a colour on every other word
# takes eight times its length, a table of short cells six times, a formula of one fraction fifteen times.
SLACK_BYTES = 2_000
BYTES_FOR_EACH = 20
# Characters of a block's language that are shown.
_LABEL_LENGTH = 20

# Characters that mean something to Markdown or to HTML wherever they stand, and white space that the parser changes.
_MARKS = re.compile(r"[\\`*_\[\]<>&~|$]|://|[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f]")
# A line that may begin something else than a paragraph (a heading, an item, a rule, indented code), or that ends in
# a blank.
_STARTS = re.compile(r"(?:^|\n)(?:[ #+\-=:]|[0-9]{1,9}[.)])| (?:\n|$)")
# The marks of a fence are taken once and for all: with fewer of them nothing else would match, but in a quadratic time.
_FENCE = re.compile(r" {0,3}(`{3,}+|~{3,}+)([^`]*)")


def is_plain(text: str) -> bool:
    """Whether `draw` gives what drawing its Markdown would: nothing in the text is more than words and lines."""
    return not _MARKS.search(text) and not _STARTS.search(text)


def is_words(text: str) -> bool:
    """Whether text in the middle of a line looks as it is written: nothing in it is more than words, and no line ends."""
    return "\n" not in text and not _MARKS.search(text)


def draw(text: str) -> str:
    """Paragraphs, line breaks and fenced blocks; everything else as it is written."""
    return "".join(_blocks(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))


def fits(drawn: str, text: str) -> bool:
    """Whether HTML is within the bound on what may come out of a text."""
    return len(drawn.encode()) <= SLACK_BYTES + BYTES_FOR_EACH * len(text.encode())


def draw_code(info: str, body: str) -> str:
    """A block of code; `info` is what stands behind its fence, `body` is HTML."""
    words = info.split(maxsplit=1)
    if (offer := info.strip().lower()) in OFFERS:
        return f'<pre data-{offer}=""><code>{body}</code></pre>\n'
    label = f' data-language="{html.escape(words[0][:_LABEL_LENGTH])}"' if words else ""
    return f"<pre><code{label}>{body}</code></pre>\n"


def escape(text: str) -> str:
    """Text as the sanitiser writes it."""
    return html.escape(text, quote=False)


def _blocks(lines: list[str]) -> Iterator[str]:
    paragraph: list[str] = []
    rest = iter(lines)
    for line in rest:
        fence = _opening(line)
        if fence is None and line.strip():
            paragraph.append(escape(line.strip(" \t")))
            continue
        yield from _paragraph(paragraph)
        paragraph = []
        if fence is not None:
            yield draw_code(fence[2], escape(_code(rest, fence[1])))
    yield from _paragraph(paragraph)


def _opening(line: str) -> "re.Match[str] | None":
    return _FENCE.fullmatch(line)


def _paragraph(lines: list[str]) -> Iterator[str]:
    if lines:
        body = "<br>\n".join(lines)
        yield f'<p dir="auto">{body}</p>\n'


def _code(lines: Iterator[str], fence: str) -> str:
    """The lines up to the end of the block, which is a fence at least as long, or the end of the text."""
    taken = []
    for line in lines:
        closing = line.strip()
        if len(closing) >= len(fence) and closing == fence[0] * len(closing):
            break
        taken.append(f"{line}\n")
    return "".join(taken)
