"""What programs ask for in the words of OpenAI's images API, and the same in ours."""

import re
from typing import Annotated, Any, Literal

from msgspec import UNSET, Struct

from chatserver.errors import Invalid, NotFound
from chatserver.generations.requests import LARGEST_SEED, MOST_GUIDANCE, MOST_STEPS, PROMPT_LENGTH, CreateGeneration
from chatserver.validation import bounds

AUTOMATIC = "auto"
ResponseFormat = Literal["url", "b64_json"]
OutputFormat = Literal["png", "jpeg", "webp"]
Effort = Literal["low", "medium", "high"]
Quality = Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"]
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
# Pictures come whole and stand still: what each of these may say, and why nothing else is taken.
_WHOLE = "the answer comes when the pictures are done"
_NO_GIF = "is for GIFs, which are not made here"
_TAKEN: dict[str, tuple[tuple[object, ...], str]] = {
    "output_compression": ((None, 100), "must be 100: each format has one quality here"),
    "background": ((None, "auto", "opaque"), 'must be "auto" or "opaque": no transparent ones are made here'),
    "stream": ((None, False), f"must be false: {_WHOLE}"),
    "partial_images": ((None, 0), f"must be 0: {_WHOLE}"),
    "frame_count": ((None,), _NO_GIF),
    "frame_duration_ms": ((None,), _NO_GIF),
    "svg": ((None,), "is for SVG, which is not made here"),
}


class ImageOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What both ways to a picture take. `size` is WIDTHxHEIGHT in pixels or "auto"; `model` one of `GET /models`.

    Without `response_format` each picture comes as an address and in base64. `negative_prompt`, `seed`, `steps` and
    `guidance` are ours (`extra_body` in the official clients).
    """

    prompt: Annotated[str, bounds(minLength=1, maxLength=PROMPT_LENGTH)]
    model: str | None = None
    n: Annotated[int, bounds(minimum=1, maximum=4)] | None = None
    size: Annotated[str, bounds(pattern=f"^({AUTOMATIC}|[0-9]+x[0-9]+)$")] | None = None
    response_format: ResponseFormat | None = None
    output_format: OutputFormat | None = None
    output_compression: Annotated[int, bounds(enum=[100])] | None = None
    background: Annotated[str, bounds(enum=["auto", "opaque"])] | None = None
    stream: Annotated[bool, bounds(enum=[False])] | None = None
    partial_images: Annotated[int, bounds(enum=[0])] | None = None
    quality: Quality | None = None
    complexity: Effort | None = None
    user: str | None = None
    safety_identifier: str | None = None
    frame_count: int | None = None
    frame_duration_ms: int | None = None
    svg: dict[str, Any] | None = None
    negative_prompt: Annotated[str, bounds(maxLength=PROMPT_LENGTH)] | None = None
    seed: Annotated[int, bounds(minimum=0, maximum=LARGEST_SEED)] | None = None
    steps: Annotated[int, bounds(minimum=1, maximum=MOST_STEPS)] | None = None
    guidance: Annotated[float, bounds(minimum=0, maximum=MOST_GUIDANCE)] | None = None


class CreateImages(ImageOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make 1–4 pictures from a prompt. `size` is WIDTHxHEIGHT in pixels or "auto"; `model` one of `GET /models`.

    Without `response_format` each picture comes as an address and in base64. `negative_prompt`, `seed`, `steps` and
    `guidance` are ours (`extra_body` in the official clients). What other services make of `quality`, `complexity`, `style`,
    `moderation`, `user` and `safety_identifier` has no meaning here: they are read, and change nothing.
    """

    style: Literal["vivid", "natural"] | None = None
    moderation: Literal["low", "auto"] | None = None


class EditImages(ImageOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change a picture by an instruction, 1–4 times. `image` is a file (PNG, JPEG or WebP, at most 10 MB and 25 megapixels).

    `mask` is a PNG file of its size, at most 4 MB: what is transparent in it may change, all else stays. `size` is
    WIDTHxHEIGHT in pixels, or "auto", the picture's own shape; with a mask it is the picture's own. The other fields are
    those of `POST /images/generations`; `input_fidelity` is read, and changes nothing.
    """

    # Files: here the SHA-256 of their bytes, so that a request is the same one whatever its boundary is.
    image: Annotated[str, bounds(format="binary")]
    mask: Annotated[str, bounds(format="binary")] | None = None
    input_fidelity: Literal["high", "low"] | None = None


def check_model(wanted: ImageOptions, model: str) -> None:
    """Raises NotFound for another model than the one that does it here."""
    if wanted.model not in {None, model}:
        raise NotFound(f"There is no such model for this here. It is {model}.", details={"field": "model"})


def generation_of(wanted: ImageOptions) -> CreateGeneration:
    """The same request in our words, still without a client_id and a source. Raises Invalid."""
    for field, (values, why) in _TAKEN.items():
        if getattr(wanted, field) not in values:
            raise Invalid.field(field, why)
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
