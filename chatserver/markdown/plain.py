"""Text as HTML without the parser of Markdown, in one pass over the text.

`draw_simple` gives what Markdown would, for texts with nothing more than words, lines, bold and italic words, code within a
line and addresses. `draw` gives paragraphs, line breaks and fenced blocks of code, also where rendering Markdown took too
long or came out too large. Its own output is at most seven times the text and a few bytes.
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
# What stands in a line between blanks: bold or italic words, code, and an address that nothing in it would change. Drawn
# text is looked through too, so that a tag may stand on either side.
_CODE = r"[!-#%-\[\]-_a-{}~]+"
_SPAN = re.compile(
    r"(?<![^\s(>])(?:"
    r"(?P<marks>\*\*?)(?P<words>[^\s*](?:[^*\n]*[^\s*])?)(?P=marks)"
    rf"|`(?P<code>{_CODE}(?: +{_CODE})*)`"
    r"|(?P<address>https?://(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,20}(?:/(?:[\w./?=+-]{0,500}[a-zA-Z0-9/=+-])?)?"
    r"(?=[.,;:!?]{0,3}(?:[\s<]|\Z)))"
    r")(?=[\s.,;:!?)<]|\Z)",
    re.ASCII,
)
_LINK = '<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>'
# The marks of a fence are taken once and for all: with fewer of them nothing else would match, but in a quadratic time.
_FENCE = re.compile(r" {0,3}(`{3,}+|~{3,}+)([^`]*)")


def is_plain(text: str) -> bool:
    """Whether `draw` gives what drawing its Markdown would: nothing in the text is more than words and lines."""
    return not _MARKS.search(text) and not _STARTS.search(text)


def is_words(text: str) -> bool:
    """Whether text in the middle of a line looks as it is written: nothing in it is more than words, and no line ends."""
    return "\n" not in text and not _MARKS.search(text)


def draw_simple(text: str) -> str | None:
    """What drawing its Markdown would give, for a text that is plain but for some spans; None for any other."""
    if is_plain(text):
        return draw(text)
    return _SPAN.sub(_drawn_span, draw(text)) if is_plain(_SPAN.sub(_plain_span, text)) else None


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


def _plain_span(span: "re.Match[str]") -> str:
    """Its words, which have to be plain too; code and an address are plain by their characters."""
    return span["words"] or "x"


def _drawn_span(span: "re.Match[str]") -> str:
    if span["words"]:
        tag = "strong" if span["marks"] == "**" else "em"
        return f"<{tag}>{span['words']}</{tag}>"
    return f"<code>{span['code']}</code>" if span["code"] else _LINK.format(span["address"])


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
