"""Markdown to sanitised HTML: CommonMark with tables, strikethrough, mathematics, tasks, footnotes and bare links, without
raw HTML, sanitised once more at the end.

Pure, and not bounded in time: some texts take seconds, so that only a process with a budget calls this. Remote pictures
are dropped and links carry `rel`, so that no text can make a browser fetch anything.
"""

import html
import re
from collections.abc import Callable
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from chatserver.markdown import extensions, growing, mathematics, plain
from chatserver.markdown.extensions import NEXT_WORDS
from chatserver.markdown.growing import BlockEnd
from chatserver.markdown.protocol import OpenBlock
from chatserver.text import visibility

# (code, language) to the code as HTML with colours; None for a block that gets none.
Colour = Callable[[str, str], str | None]

TAGS = mathematics.TAGS | {
    "a", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "input", "kbd", "li",
    "mark", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = mathematics.ATTRIBUTES | {
    "*": {"dir"}, "a": {"aria-label", "href", "id", "title"}, "code": {"data-language"}, "div": {"class"},
    "input": {"aria-label", "checked", "disabled", "type"}, "li": {"class", "id"}, "ol": {"class", "start"},
    "pre": {"data-prompt", "data-ask"}, "span": {"class"}, "td": {"align"}, "th": {"align"},
}  # fmt: skip
_SCHEMES = {"http", "https", "mailto", "tel"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# Blocks within blocks, two for each list: so many are drawn as such, and what is deeper as it is written. A block opens at
# most two levels at once, and behind the last one the parser would drop all words.
_MOST_LEVELS = 64
_LAST_LEVEL = _MOST_LEVELS - 2

# Lines as the parser divides them, the last one with or without its end.
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
# Blocks that an empty line closes.
_CLOSED_BY_EMPTY_LINE = {"paragraph_open", "heading_open", "table_open", "blockquote_open"}
_LISTS = {"bullet_list_open", "ordered_list_open"}

_TAG = re.compile(r"<[^>]*>")
# Tags that are seen without a word in them.
_SEEN_EMPTY = re.compile(r"<(?:blockquote|hr|input|li|pre|table)\b")

# HTML that models write because Markdown has no mark for it: a line break (in a table's cell there is no other way), and
# four tags around a few words. Every other tag is shown as text.
_BREAK = re.compile(r"</?br */?> *\n?", re.IGNORECASE)
_AROUND = re.compile(r"<(sub|sup|kbd|mark)>([^<>\n]{1,100})</\1>", re.IGNORECASE)


class Document:
    """A parsed text, to be rendered without the colours of code and, where it has code, with them."""

    def __init__(self, text: str, scope: str = "") -> None:
        """`scope` is part of the names of its footnotes: what is on one page has different ones."""
        self._env: dict[str, Any] = {"scope": scope}
        self._tokens = _markdown.parse(text, self._env)

    @property
    def languages(self) -> list[str]:
        """The languages of its blocks of code, each once, in order."""
        fences = (token for token in _walk(self._tokens) if token.type == "fence")
        return list(dict.fromkeys(language for token in fences if (language := _language(token))))

    def block_with(self, words: str) -> Token:
        """The token that begins the outermost block in which these words stand first."""
        end = next(at for at, token in enumerate(self._tokens) if words in token.content)
        return next(token for token in reversed(self._tokens[: end + 1]) if token.level == 0)

    def draw(self, colour: Colour | None = None) -> str:
        """As sanitised HTML: blocks with their directions, links, MathML, code (with `code-*` classes by `colour`); no
        pictures."""
        drawn = _markdown.renderer.render(self._tokens, _markdown.options, {**self._env, "colour": colour})
        return nh3.clean(
            drawn, tags=TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel="noopener noreferrer nofollow"
        )


def render(text: str, colour: Colour | None = None, scope: str = "") -> str:
    """A text as sanitised HTML."""
    return Document(text, scope).draw(colour)


class _Definitions(dict[str, Any]):
    """The definitions of links in a text, by their labels; `used` are those that something refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[str] = set()

    def get(self, label: str, default: Any = None) -> Any:
        self.used.add(label)
        return super().get(label, default)


def with_unused_definitions(text: str) -> str:
    """The text with a backslash before each definition of a link that nothing refers to, which is not drawn otherwise:
    whoever writes "[Ada]: hello" means no link."""
    if "]:" not in text:
        return text
    definitions = _Definitions()
    env: dict[str, Any] = {"scope": "", "references": definitions}
    _markdown.parse(text, env)
    unused = [each for label, each in definitions.items() if label not in definitions.used]
    lines = _LINES.findall(text)
    for definition in (*unused, *env.get("duplicate_refs", ())):
        first = definition["map"][0]
        lines[first] = lines[first].replace("[", "\\[", 1)
    return "".join(lines)


def is_visible(drawn: str) -> bool:
    """Whether there is anything to see in what was drawn: a text may have nothing but definitions of links in it."""
    return _SEEN_EMPTY.search(drawn) is not None or visibility.is_visible(html.unescape(_TAG.sub("", drawn)))


def draw_open(text: str) -> OpenBlock:
    """The block that is still being written, sanitised.

    Not drawn where its next words have no place: there is nothing in it yet, or its last words are none (a half address).
    """
    written = growing.decided(text).replace(NEXT_WORDS, "")
    if not written.strip():
        return OpenBlock()
    # Behind the end of a table's row there is no place but the next row.
    for between in ("", "\n"):
        document = Document(f"{written}{between}{NEXT_WORDS}")
        before, mark, after = document.draw().partition(NEXT_WORDS)
        if mark and NEXT_WORDS not in after and before.rfind("<") <= before.rfind(">"):
            return OpenBlock(before + growing.OPEN_END + after, _end_of(document.block_with(NEXT_WORDS)))
    return OpenBlock()


def _end_of(block: Token) -> BlockEnd:
    """What ends a block that is still being written."""
    if block.type == "fence":
        return "fence"
    if block.type in _CLOSED_BY_EMPTY_LINE:
        return "empty line"
    return "no item" if block.type in _LISTS else "unknown"


def closed_length(text: str) -> int:
    """How many characters of a text still being written make finished blocks. It only grows with the text.

    Half a line decides nothing: `#` may become a heading or a word, `***` a rule or bold; but whatever it becomes, it may
    have ended a list. What the last block is may change with its next line, except for code or mathematics behind whose end
    it stands, and what an empty line ends.
    """
    # A \r at the very end may be half of a \r\n.
    whole = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
    lines = _LINES.findall(text[:whole])
    blocks = [token for token in _blocks("".join(lines)) if token.level == 0 and token.nesting >= 0]
    if not blocks:
        return 0
    is_over = _has_end(blocks[-1]) or (not lines[-1].strip(" \t\r\n") and _is_ended(blocks[-1], text[whole:]))
    starts = [token.map[0] for token in blocks if token.map is not None]
    return sum(map(len, lines if is_over else lines[: starts[-1]]))


def _is_ended(block: Token, half_line: str) -> bool:
    """Whether a block is ended by an empty line and the half of one behind that."""
    return block.type in _CLOSED_BY_EMPTY_LINE or (block.type in _LISTS and growing.begins_no_item(half_line))


def _has_end(block: Token) -> bool:
    """Whether a block has an end of its own: fenced code then has two lines more than its content."""
    if block.type == "mathematics_block":
        return bool(block.meta["closed"])
    return (
        block.type == "fence" and block.map is not None and block.map[1] - block.map[0] == block.content.count("\n") + 2
    )


def _blocks(text: str) -> list[Token]:
    """The tokens of a text's blocks, without parsing inline marks."""
    state = StateCore(text, _markdown, {})
    for rule in ("normalize", "block"):
        _core[rule](state)
    return state.tokens


def _walk(tokens: list[Token]) -> list[Token]:
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def _language(token: Token) -> str:
    info = token.info.strip()
    return "" if not info or info.lower() in plain.OFFERS else info.split(maxsplit=1)[0]


def _draw_fence(_self: Any, tokens: list[Token], index: int, _options: Any, env: dict[str, Any]) -> str:
    token, colour = tokens[index], env["colour"]
    language = _language(token)
    body = colour(token.content, language) if colour is not None and language else None
    return plain.draw_code(token.info, plain.escape(token.content) if body is None else body)


def _draw_image(_self: Any, tokens: list[Token], index: int, _options: Any, _env: Any) -> str:
    """The words for a picture in its place; one without words as it was written."""
    token = tokens[index]
    return plain.escape(token.content.strip() or f"![]({token.attrGet('src')})")


def _is_linked(address: str) -> bool:
    """Whether the sanitiser leaves a link its address; what is no link here is shown as it is written."""
    scheme = _SCHEME.match(address)
    return scheme is None or scheme[1].lower() in _SCHEMES


def _read_deepest(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """The block rule for what is nested too deeply: one paragraph of all its lines."""
    if state.level < _LAST_LEVEL:
        return False
    if not silent:
        state.line = end
        words = state.getLines(first, end, state.blkIndent, False).strip()
        state.push("paragraph_open", "p", 1).map = [first, end]
        inline = state.push("inline", "", 0)
        inline.content, inline.map, inline.children = words, [first, end], []
        state.push("paragraph_close", "p", -1)
    return True


def _open_table(self: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    """A table has a box around it, which scrolls where the table is wider than the page."""
    return f'<div class="table">{self.renderToken(tokens, index, options, env)}'


def _close_table(_self: Any, _tokens: list[Token], _index: int, _options: Any, _env: Any) -> str:
    return "</table></div>\n"


def _read_html(state: StateInline, silent: bool) -> bool:
    """The inline rule for the few HTML tags that are rendered."""
    if state.src[state.pos] != "<":
        return False
    if found := _BREAK.match(state.src, state.pos, state.posMax):
        if not silent:
            state.push("hardbreak", "br", 0)
        state.pos = found.end()
        return True
    found = _AROUND.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        _read_around(state, found)
    state.pos = found.end()
    return True


def _read_around(state: StateInline, found: "re.Match[str]") -> None:
    tag, end = found[1].lower(), state.posMax
    state.pos, state.posMax = found.span(2)
    state.push(f"{tag}_open", tag, 1)
    state.md.inline.tokenize(state)
    state.push(f"{tag}_close", tag, -1)
    state.posMax = end


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True, "maxNesting": _MOST_LEVELS})
    parser.enable(["table", "strikethrough"])
    parser.validateLink = _is_linked  # type: ignore[assignment, method-assign]
    parser.inline.ruler.before("autolink", "harmless_html", _read_html)
    parser.block.ruler.before("table", "deepest", _read_deepest)
    mathematics.add_to(parser)
    extensions.add_to(parser)
    parser.add_render_rule("fence", _draw_fence)
    parser.add_render_rule("image", _draw_image)
    parser.add_render_rule("table_open", _open_table)
    parser.add_render_rule("table_close", _close_table)
    return parser


_markdown = _parser()
_core = dict(zip(_markdown.core.ruler.get_active_rules(), _markdown.core.ruler.getRules(""), strict=True))
