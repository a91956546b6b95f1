"""The rendering child: one text in, one or two answers out, within a budget of CPU time that the kernel enforces."""

from collections.abc import Generator

import msgspec

from chatserver.markdown import highlighting, parser, plain
from chatserver.markdown.parser import Document
from chatserver.markdown.protocol import Draw, Drawn, OpenBlock
from chatserver.processes import forking
from chatserver.processes.forking import TimeLimit

# CPU seconds for each 8,000 characters begun. An ordinary text takes two to twenty milliseconds.
BUDGET_SECONDS = 0.05
BUDGET_CHARACTERS = 8_000
# The same in wall-clock time, for an overloaded machine.
WALL_SECONDS = 2.0
# Languages that one text may cause to be loaded: a lexer costs up to a fifth of a second, once.
NEW_LANGUAGES = 4

# The host name beyond ASCII loads the IDNA codec.
_WARM_UP = (
    "*a* [b](https://münchen.example/ä) &copy;\n\n```python\n1\n```\n\n| a |\n|---|\n| b<br>c |\n\n"
    "$x$[^1]\n\n[^1]: note\n"
)

_decoder = msgspec.msgpack.Decoder(Draw)


def work(task: bytes) -> Generator[bytes, None, bytes | None]:
    """Answers a Draw with a Drawn, and with a second one where code got its colours."""
    draw = _decoder.decode(task)
    time_limit = TimeLimit(BUDGET_SECONDS * (1 + len(draw.text) // (BUDGET_CHARACTERS + 1)), WALL_SECONDS)
    with time_limit:
        length = parser.closed_length(draw.text) if draw.growing else len(draw.text)
        text = draw.text[:length]
        document = Document(text if draw.growing else parser.with_unused_definitions(text), draw.scope)
        html = document.draw()
        known = [language for language in document.languages if highlighting.knows(language)]
        rest = draw.text[length:]
        unfinished = parser.draw_open(rest) if draw.growing else OpenBlock()
    if not plain.fits(unfinished.html, rest):
        unfinished = OpenBlock()
    if not plain.fits(html, text) or not (draw.growing or parser.is_visible(html)):
        html, known = plain.draw(text), []
    drawn = msgspec.msgpack.encode(Drawn(html, length, unfinished))
    if not known:
        return drawn
    yield drawn
    lacking = [language for language in known if not highlighting.is_loaded(language)]
    if lacking and draw.may_retire:
        forking.retire(lacking[:NEW_LANGUAGES])
    with time_limit:
        html = document.draw(highlighting.colour)
    if not plain.fits(html, text):
        return None
    return msgspec.msgpack.encode(Drawn(html, length, unfinished))


def warm_up() -> None:
    """Loads what tasks would load lazily, before children are forked: confined, they cannot open a file."""
    highlighting.load("python")
    parser.render(_WARM_UP, highlighting.colour)


if __name__ == "__main__":
    warm_up()
    forking.run(work, highlighting.load)
