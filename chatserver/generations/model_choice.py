"""Which provider and model are shown for a generation that waits: the first of the chain that does what is asked."""

from collections.abc import Mapping

from msgspec import Struct

from chatserver.generations.models import ModelChoice, ModelChoices
from chatserver.providers.base import TASKS, Provider, Task, change_of, kind_of, tasks_of

_NOBODY: dict[Task, str] = {
    "image": "No provider here makes pictures.",
    "video": "No provider here makes clips.",
    "variation": "The model that makes pictures here cannot start from a picture.",
    "redraw": "Nothing here draws its own pictures again at another size.",
    "edit": "The model that makes pictures here takes no instructions about a picture.",
}


ENLARGED_BY_NOBODY = (
    "Nothing here makes this picture larger: its model neither draws it again nor starts from a picture."
)


def model_choices(providers: Mapping[str, Provider]) -> ModelChoices:
    """The choice for each task that is done here. `providers` are in the order of fall-back."""
    offers = [(provider, tasks_of(provider)) for provider in reversed(list(providers.values()))]
    return {
        task: ModelChoice(provider.name, provider.model(kind_of(task), change_of(task)))
        for task in TASKS
        for provider, tasks in offers
        if task in tasks
    }


class Enlarging(Struct, frozen=True):
    """How larger versions come about here: whose pictures are drawn again, and whether others are enlarged."""

    redrawn_by: str
    enlarges: bool


def enlarging(choices: ModelChoices) -> Enlarging:
    """The way to a larger version, told before it is asked for."""
    return Enlarging(choices["redraw"].provider if "redraw" in choices else "", "variation" in choices)


def refusal(choices: ModelChoices, task: Task) -> str | None:
    """Why nothing here does what is asked, in words for people; None where something does."""
    return None if task in choices else _NOBODY[task]
