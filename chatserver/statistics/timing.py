"""The times of one call of a provider, taken while it goes on."""

import time
from typing import Literal

from chatserver import ids
from chatserver.runtime import clock
from chatserver.statistics.models import Outcome, ProviderCall

CallStage = Literal["queued", "loading", "rendering"]


class CallTimer:
    """Takes the times of one call, which begins now: until its provider reports otherwise, it loads.

    `width` and `height` are what is asked for, in pixels.
    """

    def __init__(self, provider: str, model: str, width: int, height: int) -> None:
        self._provider, self._model, self._started_at = provider, model, clock.now()
        self._width, self._height = width, height
        self._seconds: dict[CallStage, float] = {"queued": 0.0, "loading": 0.0, "rendering": 0.0}
        self._stage: CallStage = "loading"
        self._since = time.monotonic()

    def enter(self, stage: CallStage) -> None:
        """The provider reports this stage."""
        now = time.monotonic()
        self._seconds[self._stage] += now - self._since
        self._stage, self._since = stage, now

    def complete(
        self,
        outcome: Outcome,
        error_code: str | None = None,
        *,
        width: int | None = None,
        height: int | None = None,
        duration: float | None = None,
    ) -> ProviderCall:
        """The call, which has ended now."""
        self.enter(self._stage)
        return ProviderCall(
            id=ids.new(),
            provider=self._provider,
            model=self._model,
            started_at=self._started_at,
            ended_at=clock.now(),
            outcome=outcome,
            error_code=error_code,
            width=width or self._width,
            height=height or self._height,
            duration=duration,
            **self._seconds,
        )
