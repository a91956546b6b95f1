"""Whatever is written: drawn within its budget, bounded in size, nothing of it lost, and the loop never held up.

Every lexer and every kind of block × a corpus of bombs, through the real child, which is killed some hundred times.
"""

import asyncio
import html
import re

import pytest
from pygments.lexers import get_all_lexers

from chatserver.markdown import parser, plain, renderer
from chatserver.markdown.renderer import MarkdownRenderer
from chatserver.processes.pool import Pool
from tests.markdown import bombs
from tests.support.loop_watch import LOOP_SECONDS, watching

# Bombs for each lexer; which of them goes round with its number.
FOR_EACH_LEXER = 2
LANGUAGES = sorted({aliases[0] for _, aliases, _, _ in get_all_lexers(plugins=False) if aliases})


@pytest.fixture(scope="module")
async def two():
    """Two renderers whose children give up early, one for each core."""
    opened = [MarkdownRenderer(), MarkdownRenderer()]
    for each in opened:
        each._pool = Pool("tests.markdown.quick_worker", size=1, limits=renderer.LIMITS)
        await each.start()
    yield opened
    for each in opened:
        await each.close()


async def draw_all(two, texts, check):
    """Draws them all, half at each, so that neither loads the lexers of the other's half; every text's own check is
    called with what came out."""

    async def draw_half(one, half):
        for text in half:
            check(text, await one.render(text, "eve"))

    async with watching() as loop:
        middle = len(texts) // 2
        await asyncio.gather(draw_half(two[0], texts[:middle]), draw_half(two[1], texts[middle:]))
    assert loop.busiest < LOOP_SECONDS
    assert loop.turns > 20


def fits(text, drawn):
    assert plain.fits(drawn, text)
    assert set(re.findall(r"<([a-z0-9]+)", drawn)) <= parser.TAGS


async def test_every_lexer_is_bounded_over_a_corpus_of_bombs(two):
    texts = [
        f"```{language}\n{bombs.CODE[(number * FOR_EACH_LEXER + step) % len(bombs.CODE)]}\n```"
        for number, language in enumerate(LANGUAGES)
        for step in range(FOR_EACH_LEXER)
    ]

    def check(text, drawn):
        fits(text, drawn)
        code = text.split("\n", 1)[1].removesuffix("```")
        shown = html.unescape(re.sub(r"<[^>]*>", "", drawn))
        assert "".join(shown.split()) == "".join(code.split()), text[:40]

    await draw_all(two, texts, check)


async def test_every_kind_of_block_is_bounded_over_a_corpus_of_bombs(two):
    await draw_all(two, bombs.messages(), fits)


async def test_a_growing_text_is_bounded_over_a_corpus_of_bombs(two):
    async with watching() as loop:
        for text in bombs.messages():
            drawn = await two[0].render_finished(f"{text}\n\nmore", "eve")
            assert drawn is None or plain.fits(drawn.html, text)
    assert loop.busiest < LOOP_SECONDS


def test_the_corpus_would_hold_up_a_process_without_a_budget():
    """The harness can fail: the first bomb, drawn here, takes longer than all of the others in their children."""
    import multiprocessing

    drawing = multiprocessing.get_context("spawn").Process(target=_draw_the_first, daemon=True)
    drawing.start()
    drawing.join(3)
    assert drawing.is_alive()
    drawing.kill()
    drawing.join()


def _draw_the_first():
    from chatserver.markdown import highlighting

    highlighting.load("ansys")
    parser.render(f"```ansys\n{bombs.CODE[0]}\n```", highlighting.colour)
