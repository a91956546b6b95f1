"""The messages between the renderer and its child."""

from msgspec import Struct


class Draw(Struct, frozen=True):
    """A text to render; with `growing`, only its finished blocks: more of it is still being written.

    `scope` is part of the names of its footnotes. `may_retire` lets the child answer first that it lacks the lexer of some
    code, and be replaced by one that has it.
    """

    text: str
    scope: str = ""
    growing: bool = False
    may_retire: bool = True


class Drawn(Struct, frozen=True):
    """HTML, and how many characters of the text it covers. The first answer has no colours yet; a second one has.

    Of a growing text `open` is the rest as it would be drawn if nothing followed (`parser.draw_open`); empty where it cannot
    be drawn.
    """

    html: str
    length: int
    open: str = ""
