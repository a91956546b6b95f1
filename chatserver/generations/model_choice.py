"""Which provider and model are shown for a generation that waits: the first of the chain that does what is asked."""

from collections.abc import Mapping

from chatserver.generations.models import ModelChoice, ModelChoices
from chatserver.providers.base import TASKS, Provider, Task, change_of, kind_of, tasks_of

_NOBODY: dict[Task, str] = {
    "image": "No provider here makes pictures.",
    "video": "No provider here makes clips.",
    "variation": "The model that makes pictures here cannot start from a picture.",
    "edit": "The model that makes pictures here takes no instructions about a picture.",
}


def model_choices(providers: Mapping[str, Provider]) -> ModelChoices:
    """The choice for each task that is done here. `providers` are in the order of fall-back."""
    return {
        task: ModelChoice(provider.name, provider.model(kind_of(task), change_of(task)))
        for task in TASKS
        for provider in reversed(list(providers.values()))
        if task in tasks_of(provider)
    }


def refusal(choices: ModelChoices, task: Task) -> str | None:
    """Why nothing here does what is asked, in words for people; None where something does."""
    return None if task in choices else _NOBODY[task]
