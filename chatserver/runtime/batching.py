"""Questions that are asked at the same time are answered together, by one read for many: a storm costs few round trips."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar, cast

from chatserver.errors import Busy, ChatserverError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Each one who waits is a request or a socket, which have limits of their own; beyond this, Busy.
MOST_WAITING = 20_000


class Batcher(Generic[K, V]):
    """Answers questions of one kind. What is asked while reads run waits for the next, and equal questions are read once.

    Every answer is read after its question was asked, so it is never older than one that was read for it alone. `read`
    gets at most `most` questions; `at_once` of its calls run at the same time. A question that has no place in its answer
    is answered with None. When a read fails with an error of ours (the database does not answer), those who wait get the
    same error: they would otherwise wait for one such read after the other.
    """

    def __init__(
        self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], *, most: int = 32, at_once: int = 2
    ) -> None:
        self._read, self._most, self._at_once = read, most, at_once
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._count = 0
        self._readers: set[asyncio.Task[None]] = set()

    async def answer(self, question: K) -> V | None:
        """The answer to one question. Raises what the read raised."""
        if self._count >= MOST_WAITING:
            raise Busy(retry_after=1)
        result: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(question, []).append(result)
        self._count += 1
        if len(self._readers) < self._at_once:
            # Not in the context (the log's request_id) of the one who happened to ask first.
            reader = asyncio.create_task(self._answer_all(), context=contextvars.Context())
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        return await result

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                await self._answer_some(self._take())
        finally:
            # In the step that found nothing waiting: a question that is asked before the task is done starts another reader.
            self._readers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _answer_some(self, asked: "dict[K, list[asyncio.Future[V | None]]]") -> None:
        try:
            answers = await self._read(list(asked))
        except ChatserverError as error:
            _fail(asked, error)
            _fail(self._take_all(), error)
        except BaseException as error:
            _fail(asked, error)
            if not isinstance(error, Exception):
                raise
        else:
            for question, futures in asked.items():
                for future in futures:
                    if not future.done():
                        future.set_result(answers.get(question))

    def _take(self) -> dict[K, list[asyncio.Future[V | None]]]:
        """The questions that have waited for longest."""
        if len(self._waiting) <= self._most:
            return self._take_all()
        asked = {question: self._waiting.pop(question) for question in list(self._waiting)[: self._most]}
        self._count -= sum(map(len, asked.values()))
        return asked

    def _take_all(self) -> dict[K, list[asyncio.Future[V | None]]]:
        asked, self._waiting, self._count = self._waiting, {}, 0
        return asked


def _fail(asked: Mapping[K, list[asyncio.Future[V | None]]], error: BaseException) -> None:
    for futures in asked.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
