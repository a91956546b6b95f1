"""Texts that are still being written: what of one is decided already, and where and how its last block goes on."""

import re
from typing import Literal

# Where the words that follow an open block are to be written.
OPEN_END = "<span data-tail></span>"
# What ends an open block: a fence of its own, an empty line, or, for a list, words that are no item behind one. The rest
# ends without a mark (indented code) or with one that has to be parsed (mathematics).
BlockEnd = Literal["fence", "empty line", "no item", "unknown"]
# What a list does not go on with when an empty line stands before it: no blank, and nothing that may become an item.
_NO_ITEM = re.compile(r"[^\s\d*+-]|[*+-]\S|\d+[^\d.)]")

_ENDS = {
    "fence": re.compile(r"\n[ \t]*(?:`{3}|~{3})"),
    "empty line": re.compile(r"\n[ \t]*\n"),
    "no item": re.compile(rf"\n[ \t]*\n(?:{_NO_ITEM.pattern})"),
}
# Lines with the line ends behind them.
_LINES = re.compile(r"[^\r\n]*[\r\n]+|[^\r\n]+\Z")
# A line that may yet become something else than it looks like: a fence, an item, a rule, a heading, a row. Blanks may be
# what stands before one.
_HALF_MARK = re.compile(r"[ \t]*(?:\|[ \t|:-]*|(?:`+\w*|~+\w*|[-*+>#|=$]+|[0-9]{1,9}[.)])[ \t]*)?")


def decided(text: str) -> str:
    """A growing text without what decides nothing at its end: line ends, and last lines that are only halves of marks."""
    lines = _LINES.findall(text)
    while lines and _HALF_MARK.fullmatch(lines[-1].rstrip("\r\n")):
        lines.pop()
    return "".join(lines).rstrip("\r\n")


def is_ended(end: BlockEnd, following: str) -> bool:
    """Whether the text that follows the drawn part of a block has what ends it."""
    return end in _ENDS and _ENDS[end].search(following) is not None


def begins_no_item(line: str) -> bool:
    """Whether a list does not go on with this line, of which more may come, when an empty line stands before it."""
    return _NO_ITEM.match(line) is not None


def open_parts(drawn: str) -> tuple[str, str]:
    """The HTML of an open block, before and after the place of its next words."""
    before, _, after = drawn.partition(OPEN_END)
    return before, after
