"""The hub's mapping from a model and task to the inference providers that serve it, cached."""

import asyncio
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from chatserver.errors import ModelGone, ProviderError, TimedOut
from chatserver.providers.error_responses import public_text
from chatserver.providers.http import Deadline
from chatserver.providers.huggingface.client import ApiClient, checked_hub_response
from chatserver.runtime.batching import Batcher

# A hub id. It becomes part of a URL, so nothing else is accepted.
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)

Task = Literal["text-to-image", "image-to-image", "text-to-video"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Route:
    """The provider that serves a model's task; `provider_id` is the provider's id of the model, `model` the hub's."""

    provider: str
    provider_id: str
    model: str
    task: Task


@dataclass(frozen=True)
class _Entry:
    provider: str
    provider_id: str
    task: str
    live: bool


@dataclass(frozen=True)
class _Mapping:
    """The entries of a model, and the time of the event loop until which they are used without asking again."""

    entries: list[_Entry]
    until: float


class ProviderMappings:
    """The mappings of the models in use. `serves` are the tasks that our adapters implement, by provider."""

    def __init__(self, client: ApiClient, endpoint: str, provider: str, serves: Mapping[str, frozenset[Task]]) -> None:
        self._client = client
        self._endpoint = endpoint.rstrip("/")
        self._provider = provider
        self._serves = serves
        self._cached: dict[str, _Mapping] = {}
        # By model: who asks while the hub is asked shares what comes of it, also a failure.
        self._lookups: dict[str, Batcher[str, list[_Entry]]] = {}

    async def find(self, model: str, task: Task, deadline: Deadline) -> Route:
        """The route of a model's task. Raises ModelGone where no provider with an adapter serves it."""
        if not _HUB_ID.fullmatch(model):
            raise ModelGone(
                f"“{public_text(model)}” is not the name of a model. The operator has to choose another one."
            )
        for entry in await self._entries(model, deadline):
            if self._usable(entry, task):
                return Route(entry.provider, entry.provider_id, model, task)
        raise ModelGone(_unserved(model, task, self._provider))

    def forget(self, model: str) -> None:
        """Drops the cached mapping, after the provider no longer knew the model."""
        self._cached.pop(model, None)

    def _usable(self, entry: _Entry, task: Task) -> bool:
        if entry.task != task or task not in self._serves.get(entry.provider, frozenset()):
            return False
        # A provider named by the operator is used even while the hub's own check of it fails.
        return entry.live if self._provider == "auto" else entry.provider == self._provider

    async def _entries(self, model: str, deadline: Deadline) -> list[_Entry]:
        lookup = self._lookups.setdefault(model, Batcher(self._look_up, most=1, at_once=1))
        try:
            async with asyncio.timeout(deadline.remaining(math.inf)):
                return await lookup.answer(model) or []
        except TimeoutError:
            raise TimedOut from None

    async def _look_up(self, models: Sequence[str]) -> dict[str, list[_Entry]]:
        [model] = models
        return {model: await self._cached_or_fetched(model)}

    async def _cached_or_fetched(self, model: str) -> list[_Entry]:
        clock, limits, cached = asyncio.get_running_loop().time, self._client.limits, self._cached.get(model)
        if cached and clock() < cached.until:
            return cached.entries
        try:
            entries, seconds = await self._fetch(model), limits.mapping_ttl_seconds
        except ProviderError as error:
            if cached is None or not error.temporary:
                raise
            # The hub is down, but the providers may not be: an old mapping is better than none.
            log.warning("huggingface.stale_mapping_used", model=model, error=error.code)
            entries, seconds = cached.entries, limits.mapping_retry_seconds
        self._cached[model] = _Mapping(entries, clock() + seconds)
        return entries

    async def _fetch(self, model: str) -> list[_Entry]:
        url = f"{self._endpoint}/api/models/{model}?expand[]=inferenceProviderMapping"
        document = checked_hub_response(url, await self._client.get(url)).json()
        return list(_parsed(document.get("inferenceProviderMapping") if isinstance(document, dict) else None))


def _parsed(mapping: Any) -> Iterator[_Entry]:
    """The entries of both forms: a dict by provider, or a list of items that name theirs. Invalid items are left out."""
    if isinstance(mapping, dict):
        items = [{**value, "provider": name} for name, value in mapping.items() if isinstance(value, dict)]
    else:
        items = [item for item in mapping if isinstance(item, dict)] if isinstance(mapping, list) else []
    for item in items:
        match item:
            case {"provider": str(provider), "providerId": str(provider_id), "task": str(task)}:
                yield _Entry(provider, provider_id, task, live=item.get("status") == "live")


def _unserved(model: str, task: Task, provider: str) -> str:
    where = "by any provider that this server speaks with" if provider == "auto" else f"by {provider}"
    return f"{model} is not served for {task} {where}. The operator has to choose another model."
