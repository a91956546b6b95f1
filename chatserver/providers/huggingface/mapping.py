"""Who serves a model: the hub's mapping from model and task to an inference provider, kept for a while."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from chatserver.errors import ModelGone, ProviderError
from chatserver.providers.error_responses import public_text
from chatserver.providers.http import Deadline
from chatserver.providers.huggingface.client import Client, of_the_hub

# A hub id. It becomes part of an address, so nothing else may pass.
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)

Task = Literal["text-to-image", "image-to-image", "text-to-video"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Route:
    """Where a model's task is served: the provider, its own id of the model, and the hub's."""

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


class Mappings:
    """The mappings of the models in use. `serves` says what our adapters speak: provider → tasks."""

    def __init__(self, client: Client, endpoint: str, provider: str, serves: Mapping[str, frozenset[Task]]) -> None:
        self._client = client
        self._endpoint = endpoint.rstrip("/")
        self._provider = provider
        self._serves = serves
        self._kept: dict[str, tuple[float, list[_Entry]]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def find(self, model: str, task: Task, deadline: Deadline) -> Route:
        """The route of a model's task. Raises ModelGone where nobody serves it in a way that we speak."""
        if not _HUB_ID.fullmatch(model):
            raise ModelGone(
                f"“{public_text(model)}” is not the name of a model. The operator has to choose another one."
            )
        async with self._asking.setdefault(model, asyncio.Lock()):
            entries = await self._entries(model, deadline)
        for entry in entries:
            if self._usable(entry, task):
                return Route(entry.provider, entry.provider_id, model, task)
        raise ModelGone(_unserved(model, task, self._provider))

    def forget(self, model: str) -> None:
        """Asks the hub anew next time: the provider no longer knew the model."""
        self._kept.pop(model, None)

    def _usable(self, entry: _Entry, task: Task) -> bool:
        if entry.task != task or task not in self._serves.get(entry.provider, frozenset()):
            return False
        # An operator who names a provider gets it, also while the hub's own check of it fails.
        return entry.live if self._provider == "auto" else entry.provider == self._provider

    async def _entries(self, model: str, deadline: Deadline) -> list[_Entry]:
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(model)
        if kept and now - kept[0] < self._client.limits.mapping_seconds:
            return kept[1]
        try:
            entries = await self._ask(model, deadline)
        except ProviderError as error:
            if kept is None or not error.temporary:
                raise
            # The hub is away, the providers may not be: yesterday's answer is better than none.
            log.warning("huggingface.mapping_kept", model=model, error=error.code)
            return kept[1]
        self._kept[model] = (now, entries)
        return entries

    async def _ask(self, model: str, deadline: Deadline) -> list[_Entry]:
        url = f"{self._endpoint}/api/models/{model}?expand[]=inferenceProviderMapping"
        document = of_the_hub(url, await self._client.ask(url, deadline)).json()
        return list(_parsed(document.get("inferenceProviderMapping") if isinstance(document, dict) else None))


def _parsed(mapping: Any) -> Iterator[_Entry]:
    """Both forms: a dict by provider, or a list whose items name theirs. Items of another shape are left out."""
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
