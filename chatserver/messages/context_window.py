"""How much of a conversation a model is given: the newest messages that fit into CHAT_WINDOW_TOKENS.

Tokens are estimated: a token of the usual vocabularies is about four bytes of UTF-8, whatever the language.
"""

from collections.abc import Iterable

from chatserver.providers.base import Turn

BYTES_PER_TOKEN = 4
# What the frame around each message costs: its role and its ends.
FRAME_TOKENS = 4


def estimate(text: str) -> int:
    """About how many tokens a text is."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def fit(newest_first: Iterable[Turn], tokens: int) -> tuple[Turn, ...]:
    """The turns that fit, oldest first. The newest is always among them: without it there is nothing to answer."""
    turns: list[Turn] = []
    for turn in newest_first:
        tokens -= estimate(turn.text) + FRAME_TOKENS
        if turns and tokens < 0:
            break
        turns.append(turn)
    return tuple(reversed(turns))
