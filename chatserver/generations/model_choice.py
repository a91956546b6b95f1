"""Who will make a picture: the first provider, in the order of fall-back, that makes its kind."""

from chatserver.generations.models import Maker, Makers
from chatserver.providers.base import Kind
from chatserver.state import State

_KINDS: tuple[Kind, ...] = ("image", "video")


def makers(state: State) -> Makers:
    """For each kind that can be made here, the provider and the model shown while a generation waits."""
    return {
        kind: Maker(provider.name, provider.model(kind))
        for kind in _KINDS
        for provider in reversed(state.providers.values())
        if provider.supports(kind)
    }
