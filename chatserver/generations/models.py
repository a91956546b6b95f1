"""A generation as a worker sees it. As people see it, it is `messages.Generation`."""

from msgspec import Struct

from chatserver.database import Row
from chatserver.generations.provider_limits import Permit
from chatserver.messages.models import Generation
from chatserver.providers.base import Kind
from chatserver.providers.recipe import Recipe


class GenerationJob(Struct, frozen=True, kw_only=True):
    """A claimed generation: what to make, with which permit, and the attempt that fences every later write.

    `seconds_left` to its end.
    """

    id: str
    message_id: str
    session_id: str
    user_id: str
    kind: Kind
    attempt: int
    faults: int
    recipe: Recipe
    seconds_left: float
    permit: Permit

    @property
    def private_texts(self) -> list[str]:
        """What a person wrote, which no log may repeat."""
        return [text for text in (self.recipe.prompt, self.recipe.negative_prompt) if text]

    @classmethod
    def from_row(cls, row: Row, permit: Permit) -> "GenerationJob":
        own = {name: row[name] for name in cls.__struct_fields__ if name not in {"permit", "recipe"}}
        return cls(permit=permit, recipe=Recipe.from_row(row), **own)


class ModelChoice(Struct, frozen=True):
    """Which provider makes a picture or clip, with which model, as people read them."""

    provider: str
    model: str


ModelChoices = dict[Kind, ModelChoice]


class History(Struct, frozen=True):
    """A page of one's own generations, the newest first; `next` is the `before` of the next page."""

    generations: tuple[Generation, ...]
    next: str | None
