"""Any chat history becomes a request that the strictest chat templates accept."""

from hypothesis import given
from hypothesis import strategies as st

from chatserver.providers.base import Turn
from chatserver.providers.chat_history import CONTINUE, alternating, merge_system_turn

ROLES = st.sampled_from(["system", "user", "assistant"])
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", " \n", "\x00", "<think>hm</think>", "<think>never closed", "so</think>\n\nYes.", "\ud83d"]),
)
HISTORIES = st.lists(st.builds(Turn, ROLES, TEXTS), max_size=12)


def alternates(turns):
    roles = [turn.role for turn in turns]
    dialogue = roles[1:] if roles[0] == "system" else roles
    in_order = dialogue == (["user", "assistant"] * len(dialogue))[: len(dialogue)] and dialogue[-1] == "user"
    return in_order and all(turn.text.strip() and turn.text.encode() for turn in turns)


@given(HISTORIES)
def test_any_history_becomes_user_and_assistant_alternating(history):
    turns = alternating(history)
    assert alternates(turns)
    merged = merge_system_turn(turns)
    assert alternates(merged)
    assert all(turn.role != "system" for turn in merged)
    assert alternating(turns) == turns


@given(HISTORIES)
def test_no_text_of_a_user_is_lost(history):
    whole = "\n".join(turn.text for turn in merge_system_turn(alternating(history)))
    for turn in history:
        if turn.role != "assistant":
            assert turn.text.encode("utf-8", "replace").decode().replace("\0", "").strip() in whole


def test_a_picture_and_then_a_question_are_one_turn():
    history = [Turn("system", "Be brief."), Turn("user", "(asked for an image) a cat"), Turn("user", "Do you like it?")]
    assert alternating(history) == (
        Turn("system", "Be brief."),
        Turn("user", "(asked for an image) a cat\n\nDo you like it?"),
    )


def test_an_answer_before_the_first_question_is_left_out_and_a_last_one_is_answered():
    history = [Turn("assistant", "Hello!"), Turn("user", "Hi"), Turn("assistant", "What is it?")]
    assert alternating(history) == (Turn("user", "Hi"), Turn("assistant", "What is it?"), Turn("user", CONTINUE))


def test_reasoning_is_not_sent_back():
    history = [Turn("user", "Hi"), Turn("assistant", "<think>They greet.</think>\n\nHello!"), Turn("user", "And?")]
    assert alternating(history)[1] == Turn("assistant", "Hello!")
