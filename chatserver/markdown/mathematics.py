r"""Mathematics in Markdown: `\(…\)`, `$…$`, `\[…\]` and `$$…$$`, as MathML. What is not valid TeX is shown as code.

A block of mathematics begins with a line that is nothing but `$$` or `\[`, and like a fence it goes on to its end or to the
end of the text: whether it is one never depends on lines that are not written yet.
"""

import re
from typing import Any

import math_core
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from chatserver.markdown.plain import escape

TAGS = {
    "math", "menclose", "mfrac", "mi", "mn", "mmultiscripts", "mo", "mover", "mpadded", "mphantom", "mprescripts",
    "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr",
    "munder", "munderover",
}  # fmt: skip
_ANYWHERE = {"displaystyle", "mathvariant", "scriptlevel"}
_OPERATOR = {"fence", "form", "largeop", "lspace", "maxsize", "minsize", "movablelimits", "rspace", "separator",
             "stretchy", "symmetric"}  # fmt: skip
ATTRIBUTES = {
    **dict.fromkeys(TAGS, _ANYWHERE),
    "math": _ANYWHERE | {"display"},
    "mfrac": _ANYWHERE | {"linethickness"},
    "mo": _ANYWHERE | _OPERATOR,
    "mover": _ANYWHERE | {"accent"},
    "mspace": _ANYWHERE | {"width"},
    "mtd": _ANYWHERE | {"class", "columnspan"},
    "munder": _ANYWHERE | {"accentunder"},
    "munderover": _ANYWHERE | {"accent", "accentunder"},
}
# The longest TeX of one formula, and of one between single dollars.
LONGEST = 2_000
LONGEST_BETWEEN_DOLLARS = 300
# One formula may come out so many times as long as its TeX, and so much longer.
_TIMES, _SLACK = 25, 600

_TEX = math_core.LatexToMathML(fancy_error=False, max_expansions=100)
# What pages do not allow to be written as style: where a cell of an aligned formula stands.
_STYLE = re.compile(r' style="([^"]*)"')
_ALIGNED = {"text-align: right": ' class="math__end"', "text-align: left": ' class="math__start"'}
# Spaces and sizes of more than some letters would push things across the page.
_OUTSIZE = re.compile(r'="-?(?:\d{2,}|[4-9])(?:\.\d*)?(?:em|ex|rem|px|pt|cm|mm|in|pc|mu|vw|vh|%)"')

_DELIMITED = re.compile(
    rf"\\\((?P<inline>(?:[^\\]|\\(?!\)).){{1,{LONGEST}}}?)\\\)|\\\[(?P<display>(?:[^\\]|\\(?!\]).){{1,{LONGEST}}}?)\\\]"
    rf"|\$\$(?P<dollars>[^$]{{1,{LONGEST}}})\$\$",
    re.DOTALL,
)
_BETWEEN_DOLLARS = re.compile(
    rf"\$(?P<inline>(?![\s$])(?:[^$\n\\]|\\[^\n]){{1,{LONGEST_BETWEEN_DOLLARS}}}(?<!\s))\$(?![\d$])"
)
# What tells a formula from two prices, or from two variables of a shell: an operator, or nothing but short names.
_OPERATORS = re.compile(r"[\\^_={}<>+]")
_WORD = re.compile(r"[^\W\d_]{3,}")
_FENCE = {"$$": "$$", "\\[": "\\]"}


def draw(tex: str, *, display: bool) -> str | None:
    """A formula as MathML; None where it is no valid TeX, or where it is out of all proportion."""
    if not tex.strip() or len(tex) > LONGEST:
        return None
    try:
        mathml = _TEX.convert_with_local_state(tex, displaystyle=display)
    except math_core.LatexError:
        return None
    mathml = _STYLE.sub(_class_of, mathml)
    if len(mathml) > _TIMES * len(tex) + _SLACK or _OUTSIZE.search(mathml):
        return None
    kind = "math math--display" if display else "math"
    return f'<span class="{kind}">{mathml}</span>'


def add_to(parser: MarkdownIt) -> None:
    """The rules of mathematics, before those that would read its characters as something else."""
    parser.inline.ruler.before("escape", "mathematics", _read_inline)
    parser.block.ruler.before(
        "fence", "mathematics", _read_block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.add_render_rule("mathematics", _draw_inline)
    parser.add_render_rule("mathematics_block", _draw_block)


def _class_of(style: "re.Match[str]") -> str:
    return next((name for words, name in _ALIGNED.items() if words in style[1]), "")


def _read_inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "\\$":
        return False
    found = _DELIMITED.match(state.src, state.pos, state.posMax) or _between_dollars(state)
    if found is None:
        return False
    if not silent:
        token = state.push("mathematics", "math", 0)
        token.content, token.markup = found[found.lastgroup or 0], found[0]
        token.meta = {"display": found.lastgroup != "inline"}
    state.pos = found.end()
    return True


def _between_dollars(state: StateInline) -> "re.Match[str] | None":
    before = state.src[state.pos - 1 : state.pos]
    if before.isalnum() or before == "$":
        return None
    found = _BETWEEN_DOLLARS.match(state.src, state.pos, state.posMax)
    return found if found is not None and _is_formula(found["inline"]) else None


def _is_formula(tex: str) -> bool:
    if _OPERATORS.search(tex):
        return True
    is_price_with_words = tex[0].isdigit() and any(letter.isspace() for letter in tex)
    return not is_price_with_words and not _WORD.search(tex)


def _read_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if state.is_code_block(start_line):
        return False
    opening = _line(state, start_line)
    if opening not in _FENCE:
        return False
    if silent:
        return True
    line, closing = start_line + 1, None
    while line < end_line:
        if not state.isEmpty(line) and state.sCount[line] < state.blkIndent:
            break
        text = _line(state, line)
        line += 1
        if text.endswith(_FENCE[opening]):
            closing = text
            break
    token = state.push("mathematics_block", "math", 0)
    token.content = state.getLines(start_line + 1, line - (closing is not None), state.blkIndent, True)
    if closing is not None:
        token.content += closing.removesuffix(_FENCE[opening])
    token.markup = state.getLines(start_line, line, state.blkIndent, True)
    token.meta = {"closed": closing is not None}
    token.map = [start_line, line]
    state.line = line
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()


def _draw_inline(_self: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    token = tokens[index]
    return draw(token.content, display=token.meta["display"]) or f"<code>{escape(token.markup)}</code>"


def _draw_block(_self: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    token = tokens[index]
    drawn = draw(token.content, display=True) if token.meta["closed"] else None
    return f"<p>{drawn}</p>\n" if drawn else f"<pre><code>{escape(token.markup)}</code></pre>\n"
