"""Whatever a history holds, the request keeps to the rule of the strictest templates."""

from hypothesis import given
from hypothesis import strategies as st

from chatserver.providers.base import Turn
from chatserver.providers.conversation import GO_ON, in_turn, without_system

ROLES = st.sampled_from(["system", "user", "assistant"])
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", " \n", "\x00", "<think>hm</think>", "<think>never closed", "so</think>\n\nYes.", "\ud83d"]),
)
HISTORIES = st.lists(st.builds(Turn, ROLES, TEXTS), max_size=12)


def keeps_to_the_rule(turns):
    roles = [turn.role for turn in turns]
    spoken = roles[1:] if roles[0] == "system" else roles
    in_turns = spoken == (["user", "assistant"] * len(spoken))[: len(spoken)] and spoken[-1] == "user"
    return in_turns and all(turn.text.strip() and turn.text.encode() for turn in turns)


@given(HISTORIES)
def test_any_history_becomes_user_and_assistant_in_turn(history):
    turns = in_turn(history)
    assert keeps_to_the_rule(turns)
    folded = without_system(turns)
    assert keeps_to_the_rule(folded)
    assert all(turn.role != "system" for turn in folded)
    assert in_turn(turns) == turns


@given(HISTORIES)
def test_no_persons_word_is_lost(history):
    whole = "\n".join(turn.text for turn in without_system(in_turn(history)))
    for turn in history:
        if turn.role != "assistant":
            assert turn.text.encode("utf-8", "replace").decode().replace("\0", "").strip() in whole


def test_a_picture_and_then_a_question_are_one_turn():
    history = [Turn("system", "Be brief."), Turn("user", "(asked for an image) a cat"), Turn("user", "Do you like it?")]
    assert in_turn(history) == (
        Turn("system", "Be brief."),
        Turn("user", "(asked for an image) a cat\n\nDo you like it?"),
    )


def test_an_answer_before_the_first_question_is_left_out_and_a_last_one_is_answered():
    history = [Turn("assistant", "Hello!"), Turn("user", "Hi"), Turn("assistant", "What is it?")]
    assert in_turn(history) == (Turn("user", "Hi"), Turn("assistant", "What is it?"), Turn("user", GO_ON))


def test_thoughts_are_not_sent_back():
    history = [Turn("user", "Hi"), Turn("assistant", "<think>They greet.</think>\n\nHello!"), Turn("user", "And?")]
    assert in_turn(history)[1] == Turn("assistant", "Hello!")
