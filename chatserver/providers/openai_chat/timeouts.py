"""The time limits of one answer, and the error that names the setting of the limit that was reached."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from chatserver.config import Config
from chatserver.errors import TimedOut
from chatserver.providers.http import MEBIBYTE
from chatserver.providers.openai_chat.answer import AnswerReader

# After the last text only the usage and the end mark may come, and they come at once.
AFTER_END_SECONDS = 5.0

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ChatLimits:
    """Limits of one answer, in seconds and bytes."""

    total_seconds: float = Config.chat_seconds
    # Until the first token (a large model has to be loaded, a long prompt read), and without data after it.
    first_token_seconds: float = Config.chat_first_token_seconds
    silence_seconds: float = Config.chat_silence_seconds
    stream_bytes: int = 16 * MEBIBYTE
    error_bytes: int = 256 * 1024
    list_bytes: int = 16 * MEBIBYTE


class AnswerTimer:
    """The time left to one answer: in all, until the first token, and without data."""

    def __init__(self, limits: ChatLimits) -> None:
        self._limits = limits
        self._started_at = asyncio.get_running_loop().time()

    async def limit(self, work: Awaitable[T], answer: AnswerReader | None = None) -> T:
        """The result of `work`. Raises TimedOut, naming the setting, where it takes longer than the time left."""
        seconds, error = self._time_left(answer)
        try:
            async with asyncio.timeout(seconds) as scope:
                return await work
        except TimeoutError:
            if scope.expired():
                raise error from None
            raise

    def _time_left(self, answer: AnswerReader | None) -> tuple[float, TimedOut]:
        limits, passed = self._limits, asyncio.get_running_loop().time() - self._started_at
        options = [
            (
                limits.total_seconds - passed,
                "The answer took longer than {} in all",
                "CHAT_SECONDS",
                limits.total_seconds,
            )
        ]
        if answer is not None and answer.finished:
            options.append((AFTER_END_SECONDS, "The answer did not end within {}", "CHAT_SECONDS", AFTER_END_SECONDS))
        elif answer is not None and answer.started:
            seconds = limits.silence_seconds
            options.append((seconds, "The model said nothing more for {}", "CHAT_SILENCE_SECONDS", seconds))
        else:
            seconds = limits.first_token_seconds
            sentence = "The model did not begin its answer within {}"
            options.append((seconds - passed, sentence, "CHAT_FIRST_TOKEN_SECONDS", seconds))
        left, sentence, setting, allowed = min(options)
        sentence = sentence.format(f"{allowed:g} seconds")
        return max(left, 0.0), TimedOut(f"{sentence}. For the operator: {setting} allows more.")
