"""Who makes pictures, clips and text: the promise every provider keeps. Workers call it; nobody else does.

A provider yields steps, in the order in which they really happen, and invents none: `Queued` and `Loading` only when the
service said so, a fraction only when it is known. The last step of a good run is one `Finished`. Every other end is a
`chatserver.errors.ProviderError`. Closing the iterator (cancel, lost lease, shutdown) stops the work as far as the
service allows and returns promptly.
"""

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from chatserver.providers import numbers
from chatserver.providers.recipe import Recipe

Kind = Literal["image", "video"]


class ProviderRequest(Struct, frozen=True, kw_only=True):
    """One picture or one clip to make. `source` is the picture that the recipe varies, as a verified PNG, or None."""

    generation_id: str
    kind: Kind
    recipe: Recipe
    source: bytes | None = None


class Queued(Struct, frozen=True):
    """Waiting at the service: `position` requests are ahead (0 = next), with the service's own estimate in seconds."""

    position: int | None = None
    eta_seconds: float | None = None


class Loading(Struct, frozen=True):
    """The model is being loaded; `eta_seconds` as the service estimates it."""

    eta_seconds: float | None = None


class Rendering(Struct, frozen=True):
    """Being made. `fraction` 0–1, `step` of `steps`, `preview` a small WebP: each only where it is really known."""

    fraction: float | None = None
    step: int | None = None
    steps: int | None = None
    eta_seconds: float | None = None
    preview: bytes | None = None


class Finished(Struct, frozen=True, kw_only=True):
    """The bytes as the service gave them, not yet verified, and who really made them with which model and seed."""

    data: bytes
    model: str
    provider: str
    seed: int | None = None


Step = Queued | Loading | Rendering | Finished


def bounded(step: Step) -> Step:
    """The step with only those numbers that can be true: a service's own report, or a bug of ours, ends here."""
    match step:
        case Finished():
            return replace(step, seed=numbers.count(step.seed, numbers.MAX_SEED))
        case Loading():
            return Loading(numbers.seconds(step.eta_seconds))
        case Queued():
            return Queued(numbers.count(step.position, numbers.MAX_STEPS), numbers.seconds(step.eta_seconds))
    of = numbers.count(step.steps, numbers.MAX_STEPS)
    done = numbers.count(step.step, numbers.MAX_STEPS if of is None else of)
    if done is None and step.step is not None:
        of = None
    return Rendering(numbers.fraction(step.fraction), done, of, numbers.seconds(step.eta_seconds), step.preview)


class Provider(Protocol):
    """Makes pictures and clips. `name` is the word of PROVIDERS, `label` what people read ("Sketch (built in)")."""

    name: str
    label: str

    def supports(self, kind: Kind) -> bool:
        """Whether this provider, as configured, makes that kind."""

    def model(self, kind: Kind) -> str:
        """The model used when a request names none, as people should read it."""

    def generate(self, request: ProviderRequest) -> AsyncIterator[Step]:
        """The steps of one run. Raises ProviderError; may be closed at any step."""

    async def close(self) -> None:
        """Gives back connections and processes. Called once, at the end."""


class Turn(Struct, frozen=True):
    """One entry of a conversation as a model reads it."""

    role: Literal["system", "user", "assistant"]
    text: str


class ChatRequest(Struct, frozen=True, kw_only=True):
    """The conversation to answer, oldest first, trimmed by the caller."""

    turns: tuple[Turn, ...]
    model: str | None = None


class Text(Struct, frozen=True):
    """More of the answer, in order."""

    text: str


class TakenBack(Struct, frozen=True):
    """All the text so far was the model thinking aloud: the answer begins only now."""


class Cut(Struct, frozen=True):
    """The answer ended because it had reached the longest that the service allows, not because all was said."""


class Usage(Struct, frozen=True):
    """Tokens read and written, as the service counted them; the last step where it counts at all."""

    tokens_in: int
    tokens_out: int


ChatStep = Text | TakenBack | Cut | Usage


class ChatProvider(Protocol):
    """Writes the assistant's answers. A stream that ends without the service's own end mark raises `Truncated`.

    `is_model` is false where fixed words answer: nothing is counted then, and no prompt can be improved.
    """

    name: str
    label: str
    is_model: bool

    def model(self) -> str:
        """The model used when a request names none."""

    def reply(self, request: ChatRequest) -> AsyncIterator[ChatStep]:
        """The answer as it is written. Raises ProviderError; closing it stops the service's work."""

    async def close(self) -> None:
        """Gives back connections. Called once, at the end."""
