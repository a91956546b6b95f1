"""Generations: as people see one (`Generation`), and as a worker does (`GenerationJob`)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType

from chatserver.assets.models import Asset
from chatserver.database import Row
from chatserver.generations.provider_limits import Permit
from chatserver.providers.base import Kind, Task
from chatserver.providers.recipe import Change, Enlargement, Recipe, styled

GenerationStatus = Literal["queued", "model-loading", "rendering", "done", "failed", "cancelled"]

ENDED: frozenset[GenerationStatus] = frozenset({"done", "failed", "cancelled"})
# When placeholders were made.
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class Stage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a generation is: only what is known. `position` 1 = next; `fraction` 0–1; `attempt` counts claims."""

    attempt: int
    position: int | UnsetType = UNSET
    eta_seconds: float | UnsetType = UNSET
    fraction: float | UnsetType = UNSET
    step: int | UnsetType = UNSET
    steps: int | UnsetType = UNSET

    @classmethod
    def from_row(cls, row: Row) -> "Stage":
        if row["status"] in ENDED:
            return cls(attempt=row["attempt"])
        eta = row["eta_seconds"]
        return cls(
            attempt=row["attempt"],
            eta_seconds=UNSET if eta is None else max(round(eta, 1), 0.0),
            fraction=UNSET if row["fraction"] is None else round(row["fraction"], 3),
            step=_known(row["step"]),
            steps=_known(row["step_count"]),
        )


def _known(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


class GenerationFault(Struct, frozen=True, kw_only=True):
    """Why a generation failed, in words for people, and whether its credit came back."""

    code: str
    message: str
    credit_returned: bool
    retry_at: datetime | None = None

    @classmethod
    def from_row(cls, row: Row) -> "GenerationFault | None":
        if row["error_code"] is None:
            return None
        return cls(
            code=row["error_code"],
            message=row["error_message"],
            credit_returned=row["credit_returned"],
            retry_at=row["retry_at"],
        )


class Generation(Struct, frozen=True, kw_only=True):
    """One picture or clip being made. `number` counts in the message from 1; `parent_id` is what it is a version of.

    `change` says what is done to the picture `source_asset_id`, of which a variation may change the share `strength`;
    `masked`: to a part of it only.
    `enlargement` says how a larger version of a picture came about. `style_before`, `style_after` and
    `style_without` are the words that its style puts around the prompt, and leaves out. `withheld` is the reason for
    which the operator has hidden its file: there is none then.
    """

    id: str
    message_id: str
    kind: Literal["image", "video"]
    number: int
    status: GenerationStatus
    stage: Stage
    prompt: str
    negative_prompt: str | None
    style: str | None
    seed: int
    width: int
    height: int
    steps: int | None
    guidance: float | None
    source_asset_id: str | None
    change: Literal["variation", "edit"] | None
    strength: float | None
    masked: bool
    enlargement: Literal["redrawn", "enlarged"] | None
    style_before: str | None
    style_after: str | None
    style_without: str | None
    model: str
    provider: str
    error: GenerationFault | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    parent_id: str | None
    assets: tuple[Asset, ...]
    withheld: str | None = None

    @property
    def sent_prompt(self) -> str:
        """The whole prompt that is sent."""
        return styled(self.prompt, self.style, self.style_before, self.style_after)

    @classmethod
    def from_row(cls, row: Row, assets: Sequence[Asset]) -> "Generation":
        own = {name: row[name] for name in cls.__struct_fields__ if name not in {"stage", "error", "assets"}}
        return cls(stage=Stage.from_row(row), error=GenerationFault.from_row(row), assets=tuple(assets), **own)

    @classmethod
    def from_rows(cls, rows: Sequence[Row], asset_rows: Sequence[Row]) -> "tuple[Generation, ...]":
        """Generations with their assets, in the order of `rows`."""
        assets = defaultdict(list)
        for row in asset_rows:
            assets[row["generation_id"]].append(Asset.from_row(row))
        return tuple(cls.from_row(row, assets[row["id"]]) for row in rows)

    @classmethod
    def placeholder(cls, kind: Kind) -> "Generation":
        """What the browser shows of a generation until the server has stored it."""
        return cls(
            id="pending",
            message_id="pending",
            kind=kind,
            number=1,
            status="queued",
            stage=Stage(attempt=0),
            prompt="",
            negative_prompt=None,
            style=None,
            seed=0,
            width=512,
            height=512,
            steps=None,
            guidance=None,
            source_asset_id=None,
            change=None,
            strength=None,
            masked=False,
            enlargement=None,
            style_before=None,
            style_after=None,
            style_without=None,
            model="",
            provider="",
            error=None,
            created_at=LONG_AGO,
            started_at=None,
            finished_at=None,
            parent_id=None,
            assets=(),
        )


class Stack(Struct, frozen=True):
    """A picture of a message with its later versions, newest first. `number` counts the stacks of the message from 1."""

    id: str
    number: int
    generations: tuple[Generation, ...]

    @property
    def versions(self) -> list[Generation]:
        """Those that show something: finished ones, and those that are being made."""
        return [each for each in self.generations if each.status not in {"failed", "cancelled"}]

    @property
    def ended(self) -> Generation | None:
        """The newest one, where it failed or was cancelled; what became of earlier ones is past."""
        newest = self.generations[0]
        return newest if newest.status in {"failed", "cancelled"} else None

    @property
    def running(self) -> list[Generation]:
        """Those that have not ended."""
        return [each for each in self.generations if each.status not in ENDED]

    @property
    def done(self) -> list[Generation]:
        """Those with a file."""
        return [each for each in self.generations if each.status == "done" and each.assets]


def task_of(kind: Kind, change: Change | None, enlargement: Enlargement | None) -> Task:
    """What is asked of the provider: `generation_task` in the database says the same."""
    return "redraw" if enlargement == "redrawn" else change or kind


class GenerationJob(Struct, frozen=True, kw_only=True):
    """A claimed generation: what to make, with which permit, and the attempt that fences every later write.

    `seconds_left` to its deadline.
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
    def task(self) -> Task:
        """What is asked of the provider."""
        return task_of(self.kind, self.recipe.change, self.recipe.enlargement)

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


ModelChoices = dict[Task, ModelChoice]


class History(Struct, frozen=True):
    """A page of one's own generations, the newest first; `next` is the `before` of the next page."""

    generations: tuple[Generation, ...]
    next: str | None
