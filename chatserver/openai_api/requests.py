"""What programs ask for in the words of OpenAI's images API, and the same in ours."""

import re
from typing import Annotated, Any, Literal

from msgspec import UNSET, Struct

from chatserver.errors import Invalid, NotFound
from chatserver.generations.requests import LARGEST_SEED, MOST_GUIDANCE, MOST_STEPS, PROMPT_LENGTH, CreateGeneration
from chatserver.validation import bounds

AUTOMATIC = "auto"
ResponseFormat = Literal["url", "b64_json"]
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")


class CreateImages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make 1–4 pictures from a prompt. `size` is WIDTHxHEIGHT in pixels or "auto"; `model` one of `GET /models`.

    Without `response_format` each picture comes as an address and in base64. `negative_prompt`, `seed`, `steps` and
    `guidance` are ours (`extra_body` in the official clients). What other services make of `quality`, `style`,
    `moderation` and `user` has no meaning here: they are read, and change nothing.
    """

    prompt: Annotated[str, bounds(minLength=1, maxLength=PROMPT_LENGTH)]
    model: str | None = None
    n: Annotated[int, bounds(minimum=1, maximum=4)] | None = None
    size: Annotated[str, bounds(pattern=f"^({AUTOMATIC}|[0-9]+x[0-9]+)$")] | None = None
    response_format: ResponseFormat | None = None
    output_format: Literal["png"] | None = None
    background: Literal["auto", "opaque"] | None = None
    stream: Literal[False] | None = None
    quality: str | None = None
    style: str | None = None
    moderation: str | None = None
    user: str | None = None
    negative_prompt: Annotated[str, bounds(maxLength=PROMPT_LENGTH)] | None = None
    seed: Annotated[int, bounds(minimum=0, maximum=LARGEST_SEED)] | None = None
    steps: Annotated[int, bounds(minimum=1, maximum=MOST_STEPS)] | None = None
    guidance: Annotated[float, bounds(minimum=0, maximum=MOST_GUIDANCE)] | None = None


def generation_of(wanted: CreateImages, model: str) -> CreateGeneration:
    """The same request in our words, still without a client_id, for the model that makes pictures here.

    Raises Invalid, and NotFound for another model.
    """
    if wanted.model not in {None, model}:
        raise NotFound(f"There is no such model for pictures here. It is {model}.", details={"field": "model"})
    count = 1 if wanted.n is None else wanted.n
    if not 1 <= count <= 4:
        raise Invalid.field("n", "must be 1 to 4")
    return CreateGeneration(
        client_id="",
        kind="image",
        prompt=wanted.prompt,
        negative_prompt=wanted.negative_prompt,
        count=count,
        seed=wanted.seed,
        steps=wanted.steps,
        guidance=wanted.guidance,
        **_sides(wanted.size),
    )


def _sides(size: str | None) -> dict[str, Any]:
    if size in {None, AUTOMATIC}:
        return {"width": UNSET, "height": UNSET}
    match = _SIZE.fullmatch(size or "")
    if match is None:
        raise Invalid.field("size", f'must be like "1024x1024", or "{AUTOMATIC}"')
    return {"width": int(match[1]), "height": int(match[2])}
