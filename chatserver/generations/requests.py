"""What people ask to be made, as decoded at the entrances and checked against the plan."""

import secrets
from typing import Annotated, Literal, Protocol, TypeVar

from msgspec import UNSET, Struct, UnsetType, structs

from chatserver import ids
from chatserver.errors import Invalid, NotFound, PlanTooSmall
from chatserver.providers.recipe import LARGEST_CLIP, Change, Recipe
from chatserver.sessions.models import Membership
from chatserver.users.idempotency import ClientId
from chatserver.validation import bounds, optional_line, optional_paragraphs, paragraphs

Number = TypeVar("Number", int, float)

PROMPT_LENGTH = 2_000
STYLE_LENGTH = 40
# The most bytes of a mask, and the characters in which they are sent: with the rest it fits into one command.
MASK_BYTES = 32 * 1024
MASK_LENGTH = -(-MASK_BYTES // 3) * 4
# Smallest side in pixels, and the step that every diffusion model takes.
SMALLEST, GRAIN = 64, 8
# Seeds are what every provider takes: 32 bits.
LARGEST_SEED = 2**32 - 1
MOST_STEPS, MOST_GUIDANCE = 100, 30.0

Side = Annotated[int, bounds(minimum=SMALLEST, multipleOf=GRAIN)]


class CreateGeneration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make 1–4 pictures or clips from a prompt. What is left out is chosen; sizes in pixels.

    `change` says what is done to the picture `source_asset_id`: a variation of it (usual), or an edit by the prompt as an
    instruction. `strength` 0–1 is how much of it a variation may change. `mask` is a PNG in base64, laid over the whole
    picture: what is white in it may change, all else stays, to the pixel, and so does the picture's size.
    """

    client_id: ClientId
    kind: Literal["image", "video"]
    prompt: Annotated[str, bounds(minLength=1, maxLength=PROMPT_LENGTH)]
    negative_prompt: Annotated[str, bounds(maxLength=PROMPT_LENGTH)] | None = None
    style: Annotated[str, bounds(maxLength=STYLE_LENGTH)] | None = None
    width: Side | UnsetType = UNSET
    height: Side | UnsetType = UNSET
    count: Annotated[int, bounds(minimum=1, maximum=4)] = 1
    seed: Annotated[int, bounds(minimum=0, maximum=LARGEST_SEED)] | None = None
    steps: Annotated[int, bounds(minimum=1, maximum=MOST_STEPS)] | None = None
    guidance: Annotated[float, bounds(minimum=0, maximum=MOST_GUIDANCE)] | None = None
    source_asset_id: str | None = None
    change: Literal["variation", "edit"] | None = None
    strength: Annotated[float, bounds(minimum=0, maximum=1)] | None = None
    mask: Annotated[str, bounds(minLength=1, maxLength=MASK_LENGTH)] | UnsetType = UNSET


class RetryGeneration(Struct, frozen=True, forbid_unknown_fields=True):
    """A new version of an ended generation. `client_id` makes a repetition harmless."""

    generation_id: str
    client_id: ClientId | None = None


class Retry(Struct, frozen=True, forbid_unknown_fields=True):
    """A new version of the generation that the path names. `client_id` makes a repetition harmless."""

    client_id: ClientId | None = None


class RetryQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The same in the address."""

    client_id: ClientId | None = None


class EnlargeGeneration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A larger version of a finished picture; `side` is its longest side in pixels. `client_id` as for `RetryGeneration`."""

    generation_id: str
    side: int
    client_id: ClientId | None = None


class Enlarge(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large: the longest side in pixels. `client_id` as for `RetryGeneration`."""

    side: int
    client_id: ClientId | None = None


class GenerationOnly(Struct, frozen=True, forbid_unknown_fields=True):
    """A command about one generation: cancel or delete it."""

    generation_id: str


class PlanSizes(Protocol):
    """What a plan allows of one request: pictures at once, and pixels a side. A membership has those of its session."""

    @property
    def plan_name(self) -> str: ...
    @property
    def max_count(self) -> int: ...
    @property
    def max_size(self) -> int: ...


def check(request: CreateGeneration, plan: PlanSizes) -> tuple[Recipe, ...]:
    """The recipe of each picture or clip that is asked for, as the plan allows. Raises Invalid and PlanTooSmall."""
    if not 1 <= request.count <= 4:
        raise Invalid.field("count", "must be 1 to 4")
    if request.count > plan.max_count:
        raise PlanTooSmall(
            f"{plan.plan_name} makes at most {plan.max_count} at once.",
            details={"field": "count", "max": plan.max_count},
        )
    change = _change(request)
    width, height = _size(request, plan)
    recipe = Recipe(
        prompt=paragraphs("prompt", request.prompt, PROMPT_LENGTH),
        negative_prompt=optional_paragraphs("negative_prompt", request.negative_prompt, PROMPT_LENGTH),
        style=optional_line("style", request.style, STYLE_LENGTH) or None,
        width=width,
        height=height,
        steps=_within("steps", request.steps, 1, MOST_STEPS),
        guidance=_within("guidance", request.guidance, 0, MOST_GUIDANCE),
        source_asset_id=_source(request),
        change=change,
        strength=_within("strength", request.strength, 0, 1),
        masked=_masked(request),
        seed=(seeds := _seeds(request))[0],
    )
    return tuple(structs.replace(recipe, seed=seed) for seed in seeds)


def no_source() -> Invalid:
    """The refusal of a source that is not there, or is not for this user, in whatever way."""
    return Invalid.field("source_asset_id", "names no picture of this session, and none of yours")


def _source(request: CreateGeneration) -> str | None:
    try:
        return None if request.source_asset_id is None else ids.parse(request.source_asset_id)
    except NotFound:
        raise no_source() from None


def larger_size(width: int, height: int, side: int, membership: Membership) -> tuple[int, int]:
    """The size of the same shape whose longest side is `side`; Invalid, or PlanTooSmall."""
    longest = max(width, height)
    if side > membership.max_size:
        raise PlanTooSmall(
            f"{membership.plan_name} makes pictures of up to {membership.max_size} pixels a side.",
            details={"field": "side", "max": membership.max_size},
        )
    if side % GRAIN or side <= longest:
        raise Invalid.field("side", f"must be more than {longest} pixels and a multiple of {GRAIN}")
    return _scaled(width, height, side / longest)


def size_of_shape(width: int, height: int, most: int) -> tuple[int, int]:
    """A size that can be made for a picture of any size: of nearly its shape, with sides of at most `most` pixels."""
    return _scaled(width, height, min(1.0, most / max(width, height)))


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    sides = [max(SMALLEST, round(side * scale / GRAIN) * GRAIN) for side in (width, height)]
    return sides[0], sides[1]


def new_seed() -> int:
    """A seed nobody chose."""
    return secrets.randbelow(LARGEST_SEED + 1)


def _change(request: CreateGeneration) -> Change | None:
    """What is done to the source; None where there is none."""
    change = request.change
    if request.source_asset_id is None:
        if change is not None:
            raise Invalid.field("source_asset_id", "must name the picture to change")
    elif request.kind != "image":
        raise Invalid.field("source_asset_id", "can be changed into a picture only")
    else:
        change = change or "variation"
    if request.strength is not None and change != "variation":
        raise Invalid.field("strength", "is for variations of a picture only")
    return change


def _masked(request: CreateGeneration) -> bool:
    """Whether a part of the source is marked."""
    if request.mask is UNSET:
        return False
    if request.source_asset_id is None:
        raise Invalid.field("mask", "needs the picture that it marks, as source_asset_id")
    for field, side in (("width", request.width), ("height", request.height)):
        if side is not UNSET:
            raise Invalid.field(field, "is that of the picture where a mask marks a part of it")
    return True


def _size(request: CreateGeneration, plan: PlanSizes) -> tuple[int, int]:
    default = min(512, plan.max_size)
    width = default if request.width is UNSET else request.width
    height = default if request.height is UNSET else request.height
    for field, side in (("width", width), ("height", height)):
        if side < SMALLEST or side % GRAIN:
            raise Invalid.field(field, f"must be at least {SMALLEST} pixels and a multiple of {GRAIN}")
        if side > plan.max_size:
            raise PlanTooSmall(
                f"{plan.plan_name} makes pictures of up to {plan.max_size} pixels a side.",
                details={"field": field, "max": plan.max_size},
            )
        if request.kind == "video" and side > LARGEST_CLIP:
            raise Invalid.field(field, f"must be at most {LARGEST_CLIP} pixels for a clip")
    return width, height


def _within(field: str, value: Number | None, least: float, most: float) -> Number | None:
    if value is not None and not least <= value <= most:
        raise Invalid.field(field, f"must be {least:g} to {most:g}")
    return value


def _seeds(request: CreateGeneration) -> tuple[int, ...]:
    if request.seed is None:
        return tuple(new_seed() for _ in range(request.count))
    if not 0 <= request.seed <= LARGEST_SEED:
        raise Invalid.field("seed", f"must be 0 to {LARGEST_SEED}")
    # One seed a picture, so that each can be made again alone.
    return tuple((request.seed + index) % (LARGEST_SEED + 1) for index in range(request.count))
