"""Brings a chat history into the form that all model servers accept: one system turn, then user and assistant alternating.

The chat templates of many models (Mistral, Gemma) reject everything else, and a history rejected once would be rejected
at every later question.
"""

from collections.abc import Iterable
from itertools import groupby

from chatserver.providers.base import Turn
from chatserver.providers.reasoning import without_reasoning

# Added as the last turn where the history does not end with a user's: their message may have been deleted meanwhile.
CONTINUE = "Please go on."


def alternating(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """At most one system turn, then user and assistant alternating, beginning and ending with a user's; no text is empty.

    Adjacent turns of one role are merged. An assistant's turn before the first question is left out.
    """
    cleaned = [turn for turn in map(_cleaned, turns) if turn.text]
    instructions = "\n\n".join(turn.text for turn in cleaned if turn.role == "system")
    dialogue = _merged(turn for turn in cleaned if turn.role != "system")
    if dialogue and dialogue[0].role == "assistant":
        dialogue = dialogue[1:]
    if not dialogue or dialogue[-1].role == "assistant":
        dialogue = [*dialogue, Turn("user", CONTINUE)]
    return (Turn("system", instructions), *dialogue) if instructions else tuple(dialogue)


def merge_system_turn(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """The turns for a model without a system role: the system turn's text is put before the first question."""
    match turns:
        case (Turn(role="system", text=instructions), Turn(role="user", text=question), *rest):
            return (Turn("user", f"{instructions}\n\n{question}"), *rest)
    return turns


def _cleaned(turn: Turn) -> Turn:
    text = without_reasoning(turn.text) if turn.role == "assistant" else turn.text
    # Lone surrogates have no UTF-8 encoding, and some servers end a text at a NUL.
    return Turn(turn.role, text.encode("utf-8", "replace").decode().replace("\0", "").strip())


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    by_role = groupby(turns, key=lambda turn: turn.role)
    return [Turn(role, "\n\n".join(turn.text for turn in adjacent)) for role, adjacent in by_role]
