"""The messages between the renderer and its child."""

from msgspec import Struct

from chatserver.markdown.growing import BlockEnd


class Draw(Struct, frozen=True):
    """A text to render; with `growing`, only its finished blocks: more of it is still being written.

    `scope` is part of the names of its footnotes. `may_retire` lets the child answer first that it lacks the lexer of some
    code, and be replaced by one that has it.
    """

    text: str
    scope: str = ""
    growing: bool = False
    may_retire: bool = True


class OpenBlock(Struct, frozen=True):
    """The block that is still being written, as it would be drawn if nothing followed, and what ends it.

    `html` has `growing.OPEN_END` where its next words belong; it is empty where the block cannot be drawn.
    """

    html: str = ""
    end: BlockEnd = "unknown"


class Drawn(Struct, frozen=True):
    """HTML, and how many characters of the text it covers. The first answer has no colours yet; a second one has.

    `open` is the rest of a growing text.
    """

    html: str
    length: int
    open: OpenBlock = OpenBlock()
