"""The built-in guide: answers where no language model is configured. It says what it is, and shows how the room works.

It matches keywords of a few topics; it is not a language model, and says so. Its answers hold blocks that the page turns
into buttons (chatserver/markdown/plain.py).
"""

import re
from collections.abc import AsyncIterator

from chatserver.providers.base import ChatChunk, ChatRequest, TextDelta

# Blocks that the page turns into buttons: questions to ask, and prompts to make a picture of.
_QUESTIONS = (
    "How do I make a picture?",
    "How do I make a clip?",
    "How do credits work?",
    "How do I invite guests?",
    "Which keys are there?",
)
_ASK = "\n".join(("```ask", *_QUESTIONS, "```"))
_TO_MAKE = "\n\n".join(
    f"```prompt\n{prompt}\n```"
    for prompt in (
        "a lighthouse on a cliff, stormy sea, last light of dusk, watercolour",
        "a fox in a misty autumn forest",
        "a neon city street at night, rain",
    )
)
_WHO = (
    "I am the **built-in guide**, not a language model: I can show you how this room works. Press a question:\n\n"
    f"{_ASK}\n\nOr make one of these at once:\n\n{_TO_MAKE}"
)
_SETTINGS = (
    "As an admin you can give this site a real assistant: set `CHAT_MODEL` (with a Hugging Face token), or "
    "`CHAT_BASE_URL` for any OpenAI-compatible server such as Ollama or vLLM."
)

_PICTURES = (
    "To make a picture, press the **image button** beside the text box (or the key `I`), describe what you want to "
    "see, and press *Create*. The price in credits stands on the button.\n\n"
    "- `/image a beautiful sunset over mountains` does the same from the keyboard\n"
    "- Styles, size, how many, seed and more are in the row above the text\n"
    "- When it is done, the download links are in the message itself"
)

_VIDEOS = (
    "To make a short clip, press the **video button**, or write `/video waves rolling onto a beach at dusk`. "
    "A clip takes longer than a picture and uses a video credit."
)

_CREDITS = (
    "Credits are rights to make one picture or one clip. Your session owns a fixed number; a used one comes back "
    "**one hour** after you spent it, and at once if the picture fails or you cancel it. "
    "The ring in the sidebar shows how many are left, held, and when the next one is free."
)

_GUESTS = (
    "The owner of a session can invite guests with a link (in the sidebar). Guests see everything live; they can make "
    "pictures only when the owner switches that on."
)

_KEYS = (
    "| Key | What it does |\n|---|---|\n| `Enter` | send |\n| `Shift` + `Enter` | new line |\n| `I` | image mode |\n"
    "| `Alt` + `↑` | earlier prompts |\n| `?` | all shortcuts |"
)

_PROMPTS = "A good prompt names the *thing*, the *place*, the *light* and the *manner*. For example:\n\n" + _TO_MAKE

# The first topic whose keywords occur answers; specific topics come first.
_TOPICS: tuple[tuple[str, str], ...] = (
    (r"\b(video|clip|film|animation)s?\b", _VIDEOS),
    (r"\b(credit|price|cost|free|hour|limit)s?\b", _CREDITS),
    (r"\b(guest|invite|friend|share|link)s?\b", _GUESTS),
    (r"\b(key|keys|keyboard|shortcut)s?\b", _KEYS),
    (r"\b(prompt|idea|inspire|suggest)s?\b", _PROMPTS),
    (r"\b(image|picture|photo|draw|paint|generate|make|create)s?\b", _PICTURES),
    (r"\b(who|what) are you\b|\bmodel\b|\bassistant\b|\bconfigure\b", _WHO),
)
_OTHERWISE = f"Hello! {_WHO}"
_SIGNATURE = "*This was the built-in guide.*"


class BuiltInGuide:
    """The `ChatProvider` where no language model is configured."""

    name = "guide"
    is_model = False
    label = "Guide (built in)"

    def model(self) -> str:
        return self.label

    async def reply(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """The text on the topic of the last message, a paragraph at a time."""
        asked = next((turn.text for turn in reversed(request.turns) if turn.role == "user"), "")
        for paragraph in answer(asked, for_admin=request.for_admin).split("\n\n"):
            yield TextDelta(paragraph + "\n\n")

    async def close(self) -> None:
        """Holds no resources."""


def answer(asked: str, *, for_admin: bool = False) -> str:
    """The guide's answer to a message, in Markdown; what only settings can change is said to admins alone."""
    words = next((words for pattern, words in _TOPICS if re.search(pattern, asked, re.IGNORECASE)), _OTHERWISE)
    if words in {_WHO, _OTHERWISE}:
        return f"{words}\n\n{_SETTINGS}" if for_admin else words
    return f"{words}\n\n{_SIGNATURE}"
