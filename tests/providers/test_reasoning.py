"""A model's reasoning is removed, however its tags arrive; tags in code are kept."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.providers.reasoning import ReasoningFilter, without_reasoning

WHOLE = [
    ("<think>Let me see.</think>\n\nFour.", "Four."),
    ("\n<think>\nLet me see.\n</think>\n\nFour.", "Four."),
    ("<thinking>hm</thinking>Four.", "Four."),
    ("<THINK>hm</THINK>Four.", "Four."),
    ("Let me see.\n</think>\n\nFour.", "Four."),
    ("Let me see.</think>Four.", "Four."),
    ("<think></think>Four.", "Four."),
    ("<think>a</think><think>b</think>Four.", "Four."),
    ("Two <think>hm</think>and two.", "Two and two."),
    ("<think>never closed", ""),
    ("<think>", ""),
    ("", ""),
    ("1 < 2 and <b>bold</b>", "1 < 2 and <b>bold</b>"),
    ("ends in <thi", "ends in <thi"),
    ("Models write `<think>` and `</think>`.", "Models write `<think>` and `</think>`."),
    ("```html\n<think>x</think>\n```\nDone.", "```html\n<think>x</think>\n```\nDone."),
    ("The tag <think> opens it.", "The tag <think> opens it."),
    ("[THINK]Let me see.[/THINK]Four.", "Four."),
    ("◁think▷Let me see.◁/think▷Four.", "Four."),
    ("<seed:think>Let me see.</seed:think>Four.", "Four."),
    ("<think>hm</think>The tag </think> closes it.", "The tag </think> closes it."),
    ("<thinker>x</thinker> [think] [THINK about it]", "<thinker>x</thinker> [think] [THINK about it]"),
]


def streamed(pieces, **options):
    """(The text that a reader sees at the end, the filter)."""
    filtered, shown = ReasoningFilter(**options), ""
    for back, text in [*map(filtered.feed, pieces), filtered.flush()]:
        shown = text if back else shown + text
    return shown, filtered


@pytest.mark.parametrize(("text", "words"), WHOLE)
def test_reasoning_is_removed(text, words):
    assert without_reasoning(text) == words


@given(st.sampled_from(WHOLE), st.lists(st.integers(0, 60), max_size=8))
def test_the_result_does_not_depend_on_where_pieces_are_split(example, cuts):
    text, words = example
    ends = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[start:end] for start, end in itertools.pairwise(ends)]
    assert streamed(pieces)[0].strip() == words


@given(st.text())
def test_a_text_without_tags_is_unchanged(text):
    assert streamed(list(text))[0] == text.lstrip()


def test_no_reasoning_is_shown_while_it_streams():
    filtered = ReasoningFilter()
    assert [filtered.feed(piece) for piece in ("<th", "ink>", "secret", "</thi", "nk>", "\n\nYes")] == [
        (False, ""),
        (False, ""),
        (False, ""),
        (False, ""),
        (False, ""),
        (False, "Yes"),
    ]


def test_a_model_that_omits_its_opening_tag_shows_no_reasoning_the_second_time():
    shown, first = streamed(["I wonder. ", "</think>", "Four."])
    assert (shown, first.retracted) == ("Four.", True)
    second = ReasoningFilter(opened=True)
    assert [second.feed("I wonder. "), second.feed("</think>Four.")] == [(False, ""), (False, "Four.")]
    assert streamed(["No thoughts ", "today."], opened=True)[0] == "No thoughts today."
