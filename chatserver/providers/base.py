"""The protocols of providers of pictures, clips and text. Only workers call them.

A provider yields updates in the order in which they happen and invents none: `Queued` and `Loading` only where the service
reports them, a fraction only where it is known. The last step of a successful run is one `Finished`; every other end is a
`chatserver.errors.ProviderError`. Closing the iterator (cancel, lost lease, shutdown) stops the work as far as the service
allows, and returns promptly.
"""

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from chatserver.providers.recipe import Change, Recipe
from chatserver.providers.reported_numbers import MAX_SEED, MAX_STEPS, count, fraction, seconds

Kind = Literal["image", "video"]
# What may be asked of a provider: a new picture, a new clip, a change to a picture, or its own picture at another size.
Task = Literal["image", "video", "variation", "edit", "redraw"]
TASKS: tuple[Task, ...] = ("image", "video", "variation", "edit", "redraw")


class ProviderRequest(Struct, frozen=True, kw_only=True):
    """One picture or one clip to make. `source` is the picture that the recipe changes, as a verified PNG, or None."""

    generation_id: str
    kind: Kind
    recipe: Recipe
    source: bytes | None = None


class Queued(Struct, frozen=True):
    """Waiting at the service: `position` requests are ahead (0 = next); `eta_seconds` as the service estimates it."""

    position: int | None = None
    eta_seconds: float | None = None


class Loading(Struct, frozen=True):
    """The model is being loaded; `eta_seconds` as the service estimates it."""

    eta_seconds: float | None = None


class Rendering(Struct, frozen=True):
    """Being made. `fraction` 0–1, `step` of `steps`, `preview` a small WebP: each only where it is known."""

    fraction: float | None = None
    step: int | None = None
    steps: int | None = None
    eta_seconds: float | None = None
    preview: bytes | None = None


class Finished(Struct, frozen=True, kw_only=True):
    """The bytes from the service, not yet verified, and the provider, model and seed that made them."""

    data: bytes
    model: str
    provider: str
    seed: int | None = None


ProviderUpdate = Queued | Loading | Rendering | Finished


def validated(update: ProviderUpdate) -> ProviderUpdate:
    """The update without impossible numbers, which a service may report."""
    match update:
        case Finished():
            return replace(update, seed=count(update.seed, MAX_SEED))
        case Loading():
            return Loading(seconds(update.eta_seconds))
        case Queued():
            return Queued(count(update.position, MAX_STEPS), seconds(update.eta_seconds))
    steps = count(update.steps, MAX_STEPS)
    done = count(update.step, MAX_STEPS if steps is None else steps)
    if done is None and update.step is not None:
        steps = None
    return Rendering(fraction(update.fraction), done, steps, seconds(update.eta_seconds), update.preview)


class Provider(Protocol):
    """Makes pictures and clips. `name` is its name in PROVIDERS, `label` the one shown to people ("Sketch (built in)").

    `redraws`: a prompt and a seed give the same picture at every size.
    """

    name: str
    label: str
    redraws: bool

    def supports(self, kind: Kind, change: Change | None = None) -> bool:
        """Whether this provider, as configured, makes this kind; or this change to a picture."""

    def model(self, kind: Kind, change: Change | None = None) -> str:
        """The model for this kind or this change, as shown to people."""

    def generate(self, request: ProviderRequest) -> AsyncIterator[ProviderUpdate]:
        """The updates of one run. Raises ProviderError; may be closed at any of them."""

    async def close(self) -> None:
        """Closes connections and ends processes. Called once, at the end."""


def kind_of(task: Task) -> Kind:
    """What comes out of a task."""
    return "video" if task == "video" else "image"


def change_of(task: Task) -> Change | None:
    """What a task does to a picture."""
    return task if task == "variation" or task == "edit" else None


def tasks_of(provider: Provider) -> frozenset[Task]:
    """What may be asked of a provider, as it is configured."""
    kinds: tuple[Kind, ...] = ("image", "video")
    changes: tuple[Change, ...] = ("variation", "edit")
    return frozenset(
        {kind for kind in kinds if provider.supports(kind)}
        | {change for change in changes if provider.supports("image", change)}
        | ({"redraw"} if provider.redraws else set())
    )


class Turn(Struct, frozen=True):
    """One message of the chat history sent to a model."""

    role: Literal["system", "user", "assistant"]
    text: str


class ChatRequest(Struct, frozen=True, kw_only=True):
    """The chat history to answer, oldest turn first, trimmed by the caller. `model` is None for the default one.

    `for_admin`: an admin asks, to whom the built-in guide also speaks of settings.
    """

    turns: tuple[Turn, ...]
    model: str | None = None
    for_admin: bool = False


class TextDelta(Struct, frozen=True):
    """The next part of the answer's text."""

    text: str


class Retracted(Struct, frozen=True):
    """All text so far was the model's reasoning and is to be removed: the answer begins now."""


class LengthLimitReached(Struct, frozen=True):
    """The answer ended because it reached the service's maximum length."""


class Usage(Struct, frozen=True):
    """Tokens read and written, as counted by the service; the last chunk, where the service counts them."""

    tokens_in: int
    tokens_out: int


ChatChunk = TextDelta | Retracted | LengthLimitReached | Usage


class ChatProvider(Protocol):
    """Writes the assistant's answers. A stream without the service's end mark raises `Truncated`.

    `is_model` is false for the built-in guide: tokens are not counted then, and prompts cannot be improved.
    """

    name: str
    label: str
    is_model: bool

    def model(self) -> str:
        """The model used when a request names none."""

    def reply(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """The chunks of the answer as it is written. Raises ProviderError; closing it stops the service's work."""

    async def close(self) -> None:
        """Closes connections. Called once, at the end."""
