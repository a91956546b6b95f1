"""What people write beyond CommonMark: bare links, tables, tasks and footnotes; and the direction in which each block is
read."""

import itertools
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_block.table import escapedSplit, getLine
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

# A character that is none, and stands for the place of the next words while a block that is being written is drawn.
NEXT_WORDS = "\ufdd0"
# The longest address that becomes a link by itself.
LONGEST_LINK = 2_000
_ADDRESS = re.compile(
    rf"https?://[^\s<>\"`\\^{{}}|\x00-\x1f\u202a-\u202e\u2066-\u2069{NEXT_WORDS}]{{1,{LONGEST_LINK}}}", re.IGNORECASE
)
_SCHEME = re.compile(r"(?<![^\W_])https?\Z", re.IGNORECASE)
# Punctuation at the end of an address belongs to the sentence around it.
_TRAILING = "?!.,:;*_~'&…。、，」』》）"
_BRACKETS = {")": "(", "]": "["}
_TASK = re.compile(r"\[([ xX])\](?=\s)")
# Blocks of words, which take the direction of their own; and blocks around these, which are told theirs: a browser that
# looks for it leaves out every block that has a direction already.
_LEAVES = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "td", "th"}
_CONTAINERS = {"ul", "ol", "li", "blockquote", "table"}
_NOTES = {"footnote_block_open", "footnote_block_close", "footnote_open", "footnote_close"}
_STRONG = {"L": "ltr", "R": "rtl", "AL": "rtl"}


def add_to(parser: MarkdownIt) -> None:
    """The rules of this module."""
    parser.use(footnote_plugin, inline=False)
    parser.inline.ruler.before("autolink", "bare_link", _read_address)
    parser.block.ruler.at("table", _read_table, {"alt": ["paragraph", "reference"]})
    parser.core.ruler.before("footnote_tail", "footnotes_without_reference", _keep_footnotes)
    parser.core.ruler.push("tasks", _mark_tasks)
    parser.core.ruler.push("directions", _set_directions)
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)


# Links ---------------------------------------------------------------------------------------------------------------


def _read_address(state: StateInline, silent: bool) -> bool:
    """`https://…` as it stands in a text. The scheme before the colon has been read as text already."""
    if not state.src.startswith("://", state.pos) or state.linkLevel > 0:
        return False
    scheme = _SCHEME.search(state.pending[-6:])
    if scheme is None:
        return False
    found = _ADDRESS.match(state.src, state.pos - len(scheme[0]), state.posMax)
    address = _without_end(found[0]) if found else ""
    if not address.partition("://")[2]:
        return False
    href = state.md.normalizeLink(address)
    if not state.md.validateLink(href):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[0])]
        state.push("link_open", "a", 1).attrs = {"href": href}
        state.push("text", "", 0).content = address
        state.push("link_close", "a", -1)
    state.pos += len(address) - len(scheme[0])
    return True


def _without_end(address: str) -> str:
    """An address without the punctuation behind it; a bracket stays where it was opened within the address."""
    open_ones = {close: address.count(close) - address.count(begin) for close, begin in _BRACKETS.items()}
    end = len(address)
    while end:
        last = address[end - 1]
        if open_ones.get(last, 0) > 0:
            open_ones[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return address[:end]


# Tables --------------------------------------------------------------------------------------------------------------


def _read_table(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """A table, in whose last column is also what a row has beyond it: GitHub's rule drops that, and a `|` in code, of which
    none is meant to end a cell, would take the rest of its row with it."""
    before = len(state.tokens)
    if not table(state, first, end, silent):
        return False
    cell = None
    for token in state.tokens[before:]:
        if token.type == "tr_open" and token.map is not None:
            columns = _columns(getLine(state, token.map[0]))
        elif token.type in {"td_open", "th_open"}:
            _set_alignment(token)
        elif token.type == "inline":
            cell, columns = token, columns[1:]
        elif token.type == "tr_close" and cell is not None and columns not in ([], [NEXT_WORDS]):
            cell.content = " | ".join([cell.content, *columns])
    return True


def _columns(line: str) -> list[str]:
    """The cells of a row as the rule divides it."""
    columns = escapedSplit(line.strip())
    columns = columns[1:] if columns[0] == "" else columns
    columns = columns[:-1] if columns and columns[-1] == "" else columns
    return [column.strip() for column in columns]


def _set_alignment(cell: Token) -> None:
    """By an attribute: the page's policy allows no style in it."""
    if style := cell.attrs.pop("style", None):
        cell.attrSet("align", str(style).removeprefix("text-align:"))


# Tasks ---------------------------------------------------------------------------------------------------------------


def _mark_tasks(state: StateCore) -> None:
    """A list item that begins with `[ ]` or `[x]` begins with a box."""
    tokens = state.tokens
    for index, token in enumerate(tokens[:-2]):
        if token.type != "list_item_open" or tokens[index + 1].type != "paragraph_open":
            continue
        words = tokens[index + 2]
        found = _TASK.match(words.content)
        first = words.children[0] if words.children else None
        if found is None or first is None or not first.content.startswith(found[0]):
            continue
        first.content = first.content[len(found[0]) :]
        words.children = [_task(found[1] != " "), *(words.children or ())]
        token.attrSet("class", "task")


def _task(done: bool) -> Token:
    token = Token("task", "input", 0)
    token.meta = {"done": done}
    return token


def _draw_task(_self: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    done = tokens[index].meta["done"]
    checked, label = (' checked=""', "Done") if done else ("", "To do")
    return f'<input type="checkbox" disabled=""{checked} aria-label="{label}">'


# Footnotes -----------------------------------------------------------------------------------------------------------


def _keep_footnotes(state: StateCore) -> None:
    """A note that nothing refers to stands at the end as well, so that no words are lost."""
    notes = state.env.get("footnotes")
    if not notes:
        return
    _separate_definitions(state, notes["refs"])
    for label in [label for label, number in notes["refs"].items() if number < 0]:
        number = len(notes["list"])
        notes["list"][number] = {"label": label[1:], "count": 0}
        notes["refs"][label] = number


def _separate_definitions(state: StateCore, numbers: dict[str, int]) -> None:
    """Put each definition behind the text, out of lists and other definitions; a label's second one gets its own."""
    definitions: list[list[Token]] = []
    text: list[Token] = []
    containers = [text]
    for token in state.tokens:
        if token.type == "footnote_reference_open":
            containers.append([])
        containers[-1].append(token)
        if token.type == "footnote_reference_close":
            definitions.append(containers.pop())
    labels: set[str] = set()
    for count, (begin, *_) in enumerate(definitions):
        if begin.meta["label"] in labels:
            # Labels that people write have no space.
            begin.meta = {"label": f"{begin.meta['label']} {count}"}
            numbers[f":{begin.meta['label']}"] = -1
        labels.add(begin.meta["label"])
    state.tokens = [*text, *itertools.chain.from_iterable(definitions)]


def _draw_reference(_self: Any, tokens: Any, index: int, _options: Any, env: Any) -> str:
    name = _name(tokens[index], env)
    number = tokens[index].meta["id"] + 1
    again = tokens[index].meta["subId"]
    own = f"{name}-{again}" if again else name
    return f'<sup><a href="#note-{name}" id="ref-{own}" aria-label="Footnote {number}">{number}</a></sup>'


def _draw_note(_self: Any, tokens: Any, index: int, _options: Any, env: Any) -> str:
    return f'<li id="note-{_name(tokens[index], env)}" dir="{tokens[index].attrGet("dir")}">'


def _draw_notes(_self: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    return f'<ol class="notes" dir="{tokens[index].attrGet("dir")}">\n'


def _draw_way_back(_self: Any, tokens: Any, index: int, _options: Any, env: Any) -> str:
    token = tokens[index]
    if not env["footnotes"]["list"][token.meta["id"]]["count"]:
        return ""
    again = token.meta["subId"]
    own = f"{_name(token, env)}-{again}" if again else _name(token, env)
    return f' <a href="#ref-{own}" aria-label="Back to the text">↩</a>'


def _name(token: Token, env: Any) -> str:
    """A note's name within its page: texts have scopes of their own, so that two notes never share one."""
    return f"{env['scope']}-{token.meta['id'] + 1}"


def _fixed(html: str) -> Any:
    return lambda *_: html


_RULES = {
    "footnote_ref": _draw_reference,
    "footnote_block_open": _draw_notes,
    "footnote_block_close": _fixed("</ol>\n"),
    "footnote_open": _draw_note,
    "footnote_close": _fixed("</li>\n"),
    "footnote_anchor": _draw_way_back,
    "task": _draw_task,
}


# Directions ----------------------------------------------------------------------------------------------------------


def _set_directions(state: StateCore) -> None:
    containers: list[Token] = []
    undecided = 0  # containers from this one on have no direction yet
    for token in state.tokens:
        if token.type == "inline":
            if undecided < len(containers) and (direction := _direction(token.content)):
                for container in containers[undecided:]:
                    container.attrSet("dir", direction)
                undecided = len(containers)
        elif token.nesting == 1 and token.tag in _LEAVES:
            token.attrSet("dir", "auto")
        elif not (token.tag in _CONTAINERS or token.type in _NOTES):
            continue
        elif token.nesting == 1:
            containers.append(token)
        elif token.nesting == -1:
            _close(containers.pop())
            undecided = min(undecided, len(containers))


def _close(container: Token) -> None:
    """One without words of any direction takes that of the page's code and numbers."""
    if container.attrGet("dir") is None:
        container.attrSet("dir", "ltr")


def _direction(words: Iterable[str]) -> str | None:
    """That of the first letter that has one."""
    return next((found for letter in words if (found := _STRONG.get(unicodedata.bidirectional(letter)))), None)
