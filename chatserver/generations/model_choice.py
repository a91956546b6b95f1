"""Which provider and model are shown for a generation that waits: the first of the chain that makes its kind."""

from collections.abc import Mapping

from chatserver.generations.models import ModelChoice, ModelChoices
from chatserver.providers.base import Kind, Provider

_KINDS: tuple[Kind, ...] = ("image", "video")


def model_choices(providers: Mapping[str, Provider]) -> ModelChoices:
    """The choice for each kind that can be made here. `providers` are in the order of fall-back."""
    return {
        kind: ModelChoice(provider.name, provider.model(kind))
        for kind in _KINDS
        for provider in reversed(list(providers.values()))
        if provider.supports(kind)
    }
