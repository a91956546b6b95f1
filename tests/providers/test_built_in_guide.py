"""The built-in guide: what it says to members, and what to admins only."""

import pytest

from chatserver.providers import built_in_guide
from chatserver.providers.base import ChatRequest, TextDelta, Turn
from chatserver.providers.built_in_guide import BuiltInGuide

SETTINGS = ("CHAT_MODEL", "CHAT_BASE_URL", "operator")


@pytest.mark.parametrize("asked", ["hello", "who are you?", "which model is this?", "blorb", ""])
def test_a_member_gets_questions_and_prompts_to_press_and_nothing_about_settings(asked: str) -> None:
    words = built_in_guide.answer(asked)
    assert "built-in guide" in words
    assert words.count("```prompt") == 3
    assert words.count("```ask") == 1
    assert not [setting for setting in SETTINGS if setting in words]


@pytest.mark.parametrize("asked", ["hello", "how do I configure the assistant?"])
def test_an_admin_gets_the_settings_too(asked: str) -> None:
    words = built_in_guide.answer(asked, for_admin=True)
    assert "CHAT_MODEL" in words
    assert "CHAT_BASE_URL" in words
    assert "```ask" in words


def test_every_question_that_is_offered_has_an_answer_of_its_own() -> None:
    answers = {built_in_guide.answer(f"@assistant {question}") for question in built_in_guide._QUESTIONS}
    assert len(answers) == len(built_in_guide._QUESTIONS)
    assert built_in_guide.answer("blorb") not in answers


async def test_a_reply_is_the_answer_to_whoever_asked() -> None:
    for for_admin in (False, True):
        request = ChatRequest(turns=(Turn("user", "Ada: hello"),), for_admin=for_admin)
        text = "".join([chunk.text async for chunk in BuiltInGuide().reply(request) if isinstance(chunk, TextDelta)])
        assert text.strip() == built_in_guide.answer("hello", for_admin=for_admin)
