"""The renderer and its child: formatted within a budget, plain beyond it, and nobody waits for another's bomb."""

import asyncio
import os
import re
import signal

import pytest

from chatserver.markdown import highlighting, parser, plain, worker
from chatserver.markdown.renderer import MAX_WAITING, MarkdownRenderer

LANGUAGES = sorted(highlighting._LANGUAGES)
BOMB = '```ansys\n"' + "\\" * 100 + "\n```"
PATIENCE_SECONDS = 20


@pytest.mark.parametrize(
    "text", ["**b**", "a\n\n- b\n- c", "# t\n\n```\n<x>\n```", "[a](https://example.org)", "\ud800 *a*"]
)
async def test_it_draws_what_the_parser_draws(renderer, text):
    assert await renderer.render(text, "ada") == parser.render(text.encode(errors="replace").decode())


@pytest.mark.parametrize(
    "text",
    ["[Ada]: hello", "[12:30]: ok\n[12:31]: bye", "#", "&nbsp;", "&#8203; [](http://x)", "![](http://x)", "$\\\\$"],
)
async def test_a_text_that_would_be_drawn_as_nothing_is_shown_as_it_is_written(renderer, text):
    assert await renderer.render(text, "ada") == plain.draw(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "[10:01]: hi\r\n[10:02]: bye\r\nand **so** on",
            "[10:01]: hi<br>\n[10:02]: bye<br>\nand <strong>so</strong> on",
        ),
        ("> [Ada]: hello\n\nwell", "[Ada]: hello"),
        ("so\n\n- [Ada]:\n  hello", "[Ada]:<br>\nhello"),
        ("[a] and [b]\n\n[a]: http://x\n[b]: http://y\n[c]: http://z\n[A]: no", "[c]: <a "),
        ("[a]\n\n[a]: http://x\n[A]: no", "[A]: no"),
    ],
)
async def test_a_definition_that_nothing_refers_to_is_shown(renderer, text, shown):
    drawn = await renderer.render(text, "ada")
    assert shown in drawn and "[a]" not in drawn and "\\" not in drawn


@pytest.mark.parametrize(
    "text", ["***", "- ", "- [ ] ", "```\n```", "> ", "| |\n|-|", "$x$", "&#8203;!", "[a]: http://x\n[a]"]
)
async def test_what_is_seen_without_words_is_drawn(renderer, text):
    assert await renderer.render(text, "ada") == parser.render(text)


async def test_code_is_coloured_in_a_language_that_the_child_has_to_load_first(renderer):
    for language in ("python", "rust", "kotlin", "html"):
        drawn = await renderer.render(f"```{language}\nfor <b class='x'>\n```", "ada")
        assert f'<pre><code data-language="{language}">' in drawn and 'class="code-' in drawn
    many = "".join(f"```{language}\n'a'\n```\n" for language in ("ada", "awk", "tcl", "nim", "elm", "d", "lua", "r"))
    await renderer.render(many, "ada")
    drawn = await renderer.render(many, "ada")
    assert drawn.count("data-language") == 8 and drawn.count('class="code-') >= 5


@pytest.mark.parametrize("first", range(2))
async def test_a_locked_in_child_colours_every_language_as_a_free_one_would(renderer, first):
    code = "function f(x) { return 'a' + \"b\"; } # c\n<b>1</b> SELECT string.format(1) if def print import os.path"
    for language in LANGUAGES[first::40]:
        text = f"```{language}\n{code}\n```"
        highlighting.load(language)
        assert await renderer.render(text, "ada") == parser.render(text, highlighting.colour), language


async def test_code_that_takes_too_long_is_shown_without_colours(renderer):
    drawn = await renderer.render(f"**Look**\n\n{BOMB}", "eve")
    assert "<strong>Look</strong>" in drawn and "\\" * 100 in drawn and "code-" not in drawn


@pytest.mark.parametrize(
    "text",
    [
        f"[a]: https://example.org/{'x' * 900}\n\n" + "[a] " * 1500,
        "|a" * 900 + "\n" + "|-" * 900 + "\n" + "|\n" * 2000,
        "| a | b |\n|---|---|\n" + "|x|\n" * 1900,
        "> " * 4000,
        "- " * 4000,
        "```json\n" + '{"a":1},' * 900 + "\n```",
        "*a_ " * 2000,
        "![" * 4000,
        "&quot;" * 1300,
        "1. a\n" * 1600,
    ],
)
async def test_little_comes_out_whatever_goes_in(renderer, text):
    drawn = await renderer.render(text[:8000], "eve")
    assert plain.fits(drawn, text[:8000])
    assert set(re.findall(r"<([a-z0-9]+)", drawn)) <= parser.TAGS


async def test_what_is_too_large_without_colours_loses_only_them(renderer):
    text = "**Look**\n\n```json\n" + "[1,2,3],\n" * 700 + "\n```"
    drawn = await renderer.render(text, "ada")
    assert "<strong>Look</strong>" in drawn and plain.fits(drawn, text)


async def test_who_writes_bombs_waits_alone(renderer):
    bombs = [asyncio.create_task(renderer.render(f"{BOMB}\n{number}", "eve")) for number in range(10)]
    await asyncio.sleep(0)
    done_before = [
        (await renderer.render(f"# {number}", f"friend-{number}"), sum(bomb.done() for bomb in bombs))
        for number in range(4)
    ]
    assert [html for html, _ in done_before] == [f'<h1 dir="auto">{n}</h1>\n' for n in range(4)]
    # Each friend waited for at most the bomb at hand and the one after it.
    assert done_before[-1][1] <= 8
    assert all("\\" * 100 in drawn for drawn in await asyncio.gather(*bombs))


async def test_a_bomb_takes_no_colours_from_what_comes_after(renderer):
    await renderer.render("```python\ndef f(): pass\n```", "ada")
    await renderer.render(BOMB, "eve")
    assert 'class="code-k"' in await renderer.render("```python\ndef f(): pass\n```", "ada")


async def test_a_flood_of_one_person_is_plain_at_once(renderer):
    flood = [renderer.render(f"**{number}** {BOMB}", "eve") for number in range(MAX_WAITING + 20)]
    drawn = await asyncio.wait_for(asyncio.gather(*flood), PATIENCE_SECONDS)
    assert sum(html.startswith('<p dir="auto">**') for html in drawn) >= 20


async def test_who_goes_away_does_not_take_the_child_along(renderer):
    await renderer.render("# a", "ada")
    pids = renderer.pids
    leaving = asyncio.create_task(renderer.render(BOMB, "eve"))
    await asyncio.sleep(0.01)
    leaving.cancel()
    assert await renderer.render("# a", "ada") == '<h1 dir="auto">a</h1>\n'
    assert renderer.pids == pids


async def test_without_a_child_texts_are_plain_and_the_next_one_has_a_new_one():
    renderer = MarkdownRenderer()
    await renderer.start()
    [pid] = renderer.pids
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_SECONDS):
        # A signal takes its time: the first answer may still be the old one's.
        while await renderer.render("# a", "ada") != '<h1 dir="auto">a</h1>\n' or renderer.pids == [pid]:
            await asyncio.sleep(0.05)
    await renderer.close()
    assert await renderer.render("# a", "ada") == '<p dir="auto"># a</p>\n'


async def test_the_child_s_forks_end_with_it():
    renderer = MarkdownRenderer()
    await renderer.start()
    [pid] = renderer.pids
    forks = _children(pid)
    assert forks
    await renderer.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(os.path.exists(f"/proc/{fork}/stat") for fork in forks):
            await asyncio.sleep(0.01)


async def test_a_text_that_grows_is_drawn_as_far_as_it_is_finished(renderer):
    drawn = await renderer.render_finished("# Title\n\nSome **words**\n\nand mo", "reply")
    assert (drawn.html, drawn.length) == (
        '<h1 dir="auto">Title</h1>\n<p dir="auto">Some <strong>words</strong></p>\n',
        25,
    )
    assert await renderer.render_finished("[" * 50_000 + "\n\nmore", "reply") is None


async def test_the_budget_is_of_cpu_time_and_grows_with_the_text(renderer):
    """A long reply of ordinary Markdown is formatted; what one task burns is bounded."""
    text = ("Some **words** and `code` in a [line](https://example.org/path).\n" * 20 + "\n") * 70
    assert "<strong>words</strong>" in await renderer.render(text[:90_000], "reply")
    before = _cpu_seconds(renderer)
    for _ in range(4):
        await renderer.render(BOMB, "eve")
    assert _cpu_seconds(renderer) - before < 4 * 4 * worker.BUDGET_SECONDS


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as listed:
        return [int(word) for word in listed.read().split()]


def _cpu_seconds(renderer):
    """Of the first process and its forks that have ended."""
    [pid] = renderer.pids
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
