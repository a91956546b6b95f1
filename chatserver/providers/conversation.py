"""A conversation as every kind of model server takes it, without I/O: one system prompt, then user and assistant in turn.

The templates of many models (Mistral's, Gemma's) refuse everything else, and one refused request would be every later one.
"""

from collections.abc import Iterable
from itertools import groupby

from chatserver.providers.base import Turn
from chatserver.providers.thinking import without_thinking

# Said for a person where the history ends without anybody's question: the message may have been deleted meanwhile.
GO_ON = "Please go on."


def in_turn(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """At most one system turn, then user and assistant in turn, from a user's to a user's; no text is empty.

    Neighbours of one role become one turn. An assistant's turn before the first question says nothing and is left out.
    """
    whole = [turn for turn in map(_bare, turns) if turn.text]
    rules = "\n\n".join(turn.text for turn in whole if turn.role == "system")
    spoken = _merged(turn for turn in whole if turn.role != "system")
    if spoken and spoken[0].role == "assistant":
        spoken = spoken[1:]
    if not spoken or spoken[-1].role == "assistant":
        spoken = [*spoken, Turn("user", GO_ON)]
    return (Turn("system", rules), *spoken) if rules else tuple(spoken)


def without_system(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """The same for a model without a system role: its rules stand before the first question."""
    match turns:
        case (Turn(role="system", text=rules), Turn(role="user", text=question), *rest):
            return (Turn("user", f"{rules}\n\n{question}"), *rest)
    return turns


def _bare(turn: Turn) -> Turn:
    text = without_thinking(turn.text) if turn.role == "assistant" else turn.text
    # Lone surrogates have no UTF-8, and some servers end a text at a NUL.
    return Turn(turn.role, text.encode("utf-8", "replace").decode().replace("\0", "").strip())


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    by_role = groupby(turns, key=lambda turn: turn.role)
    return [Turn(role, "\n\n".join(turn.text for turn in neighbours)) for role, neighbours in by_role]
