"""The settings of one picture or clip: what a person chose, as it is stored, handed to providers, and told to processes.

One setting is one field here. docs/architecture.md names the other places that a new one touches.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

# A clip's sides at most, in pixels, whatever the plan: more is hours of work.
LARGEST_CLIP = 768


# What is done to a source picture: a variation of it, or an edit that follows the prompt as an instruction.
Change = Literal["variation", "edit"]

# How a larger version comes about: drawn again from the same seed, or enlarged from the finished picture.
Enlargement = Literal["redrawn", "enlarged"]


def styled(prompt: str, style: str | None, before: str | None, after: str | None) -> str:
    """A prompt with the words of its style around it."""
    if style and before is None and after is None:
        return f"{prompt}, {style} style"
    return ", ".join(filter(None, (" ".join(filter(None, (before, prompt))), after)))


class Recipe(Struct, frozen=True, kw_only=True):
    """What to make, with which seed. Sizes in pixels; None leaves a setting to the model.

    `source_asset_id` is the stored picture that this one changes; its bytes travel beside the recipe. `change` is None where
    there is no source. `strength` is the share of the source that a variation may change, 0 to 1. With `masked`,
    only the part of it that the generation's mask marks may change, in whatever way it is made. `enlargement` marks a larger
    version of a finished picture. `style_before`, `style_after` and `style_without` are the words of the style.
    """

    prompt: str
    negative_prompt: str | None = None
    style: str | None = None
    width: int
    height: int
    seed: int
    steps: int | None = None
    guidance: float | None = None
    source_asset_id: str | None = None
    change: Change | None = None
    strength: float | None = None
    masked: bool = False
    enlargement: Enlargement | None = None
    style_before: str | None = None
    style_after: str | None = None
    style_without: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Recipe":
        """The columns of `generations` have the names of the fields."""
        return cls(**{name: row[name] for name in cls.__struct_fields__})

    @property
    def styled_prompt(self) -> str:
        """The whole prompt that is sent: with the words of its style, or with its name where no list has it."""
        return styled(self.prompt, self.style, self.style_before, self.style_after)

    @property
    def styled_negative_prompt(self) -> str | None:
        """All that is to be left out, with what its style leaves out."""
        return ", ".join(filter(None, (self.negative_prompt, self.style_without))) or None
