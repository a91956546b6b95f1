"""Markdown to HTML that is safe to show: drawn without raw HTML, highlighted, then sanitised once more.

`render` is pure and runs in some milliseconds for a long text; entrances call `render_off_loop`, which moves long ones
to a thread. Remote pictures are dropped and links carry `rel`: a model's words cannot fetch or hide anything.
"""

import asyncio
import re
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

# Texts up to this many characters are drawn on the event loop: under a millisecond.
SHORT = 400
# Past this, one block of code is shown plain: highlighting it would take longer than it is worth.
LONGEST_CODE = 20_000

_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
    "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "title"}, "code": {"data-language"}, "ol": {"start"}, "pre": {"data-prompt"}, "span": {"class"},
}  # fmt: skip
# A fenced block with this name is a prompt: the page puts a button on it that makes the picture.
PROMPT = "prompt"
_SCHEMES = {"http", "https", "mailto"}

# Lines that have ended, as the parser divides them; the end of a text may be half of a line's own end.
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)")
# Blocks that an empty line ends for good.
_ONE_LINERS = {"paragraph_open", "heading_open"}

_formatter = HtmlFormatter(nowrap=True, classprefix="code-")


def render(text: str) -> str:
    """Markdown as sanitised HTML: paragraphs, lists, tables, code with `code-*` classes, links; no pictures."""
    return nh3.clean(
        _markdown.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )


async def render_off_loop(text: str) -> str:
    """The same; a long text is drawn in a thread."""
    return render(text) if len(text) <= SHORT else await asyncio.to_thread(render, text)


def closed_length(text: str) -> int:
    """How many characters of a text still being written make finished blocks. It only grows with the text.

    Half a line decides nothing: `#` may become a heading or a word, `***` a rule or bold. What the last block is may
    change with its next line, except for a paragraph or a heading with an empty line behind it.
    """
    # A return at the very end may be half of a line's end. The rest is cut off before, not by the expression: on a long
    # line without an end it would look for one from each character on.
    whole = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
    lines = _LINES.findall(text[:whole])
    blocks = [token for token in _markdown.parse("".join(lines)) if token.level == 0 and token.nesting >= 0]
    if not blocks:
        return 0
    is_over = blocks[-1].type in _ONE_LINERS and not lines[-1].strip(" \t\r\n")
    starts = [token.map[0] for token in blocks if token.map is not None]
    return sum(map(len, lines if is_over else lines[: starts[-1]]))


def utf16_length(text: str) -> int:
    """The number of UTF-16 code units, in which browsers count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _highlight(code: str, language: str, _attributes: str) -> str:
    if not language or len(code) > LONGEST_CODE:
        return ""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    return str(highlight(code, lexer, _formatter))


def _draw_fence(_self: Any, tokens: list[Token], index: int, _options: Any, _env: Any) -> str:
    token = tokens[index]
    if token.info.strip().lower() == PROMPT:
        return f"<pre data-prompt><code>{nh3.clean_text(token.content)}</code></pre>\n"
    language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
    body = _highlight(token.content, language, "") or nh3.clean_text(token.content)
    label = f' data-language="{nh3.clean_text(language[:20])}"' if language else ""
    return f"<pre><code{label}>{body}</code></pre>\n"


def _draw_image(_self: Any, tokens: list[Token], index: int, _options: Any, _env: Any) -> str:
    return nh3.clean_text(tokens[index].content)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("fence", _draw_fence)
    parser.add_render_rule("image", _draw_image)
    return parser


_markdown = _parser()
