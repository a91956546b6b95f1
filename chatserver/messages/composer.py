"""What the composer offers, prepared for its template, which only loops over it.

A choice that the session's plan does not allow stays in sight: where an offered plan allows it, it names the first such
plan, and leads the owner to it.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from chatserver.plans.models import Plan
from chatserver.providers.recipe import LARGEST_CLIP, Change
from chatserver.sessions.models import Session
from chatserver.styles.models import Style

RATIOS = ((1, 1), (3, 2), (2, 3), (4, 3), (3, 4), (16, 9), (9, 16))
MOST_COUNT = 4

_ICON = 20  # the side of a ratio's icon, of which the rectangle's longer side takes 15
_RECTANGLE = 15
_ALONE = "Message, or /image to make a picture"
_AMONG = "Message, or @assistant to ask, /image to make a picture"
_BRIEF = "Message, or @assistant to ask"


class SettingChoice(Struct, frozen=True, kw_only=True):
    """One radio button. `chip` is what the chip shows while it is chosen; `plan` names the plan that allows it.

    `picture` is the static file that shows a style, or `sample` the address of one that the
    operator added. A size `beyond_clips` is offered for pictures only.
    """

    value: str
    label: str
    chip: str
    checked: bool
    disabled: bool = False
    title: str = ""
    plan: str = ""
    picture: str = ""
    sample: str = ""
    beyond_clips: bool = False


class RatioChoice(Struct, frozen=True, kw_only=True):
    """An aspect ratio such as "3:2", with the rectangle of its icon in a box of 20 × 20."""

    value: str
    chip: str
    checked: bool
    x: float
    y: float
    width: float
    height: float
    disabled: bool = False


class Composer(Struct, frozen=True, kw_only=True):
    """The composer of one session. `offers` are by kind what a larger plan gives in an hour; `refusals` say by change
    why nothing here makes it, None where something does, and `source_refusal` why nothing here starts from a picture.

    `plans_url` is None for guests, who get no offers: only the owner can extend the session.
    """

    plan_name: str
    max_count: int
    members: int
    can_improve: bool
    refusals: Mapping[Change, str | None]
    source_refusal: str | None
    placeholder: str
    alone: str
    among: str
    brief: str
    size: str
    styles: tuple[SettingChoice, ...]
    ratios: tuple[RatioChoice, ...]
    sizes: tuple[SettingChoice, ...]
    counts: tuple[SettingChoice, ...]
    offers: tuple[tuple[str, str], ...]
    plans_url: str | None

    @property
    def refused(self) -> list[Change]:
        """The changes that nothing here makes."""
        return [change for change, why in self.refusals.items() if why]


def prepare(
    session: Session,
    plan: Plan,
    offered: Sequence[Plan],
    viewer_id: str,
    *,
    can_improve: bool,
    styles: Sequence[Style] = (),
    change_refusals: Mapping[Change, str | None],
) -> Composer:
    """The composer of a session on `plan`, for one of its members; `offered` are the plans on offer, in their order,
    and `styles` the operator's.

    `change_refusals` say by change why nothing here makes it, None where something does.
    """
    reasons = list(change_refusals.values())
    owner = session.owner_id == viewer_id
    return Composer(
        plan_name=plan.name,
        max_count=plan.max_count,
        members=len(session.members),
        can_improve=can_improve,
        refusals=change_refusals,
        source_refusal=reasons[0] if all(reasons) else None,
        placeholder=_AMONG if len(session.members) > 1 else _ALONE,
        alone=_ALONE,
        among=_AMONG,
        brief=_BRIEF,
        size=str(plan.max_size),
        styles=_styles(styles),
        ratios=tuple(_ratio(across, down) for across, down in RATIOS),
        sizes=_sizes(plan, offered),
        counts=tuple(_count(count, plan, offered) for count in range(1, MOST_COUNT + 1)),
        offers=_offers(plan, offered) if owner else (),
        plans_url=f"/plans?session={session.id}" if owner else None,
    )


def _styles(styles: Sequence[Style]) -> tuple[SettingChoice, ...]:
    none = SettingChoice(value="", label="No style", chip="Style", checked=True, picture="styles/none.webp")
    return (none, *map(_style, styles))


def _style(style: Style) -> SettingChoice:
    label = style.name[:1].upper() + style.name[1:]
    return SettingChoice(
        value=style.name,
        label=label,
        chip=label,
        checked=False,
        picture=f"styles/{style.name}.webp",
        sample=f"/style-samples/{style.digest}.webp" if style.digest else "",
    )


def _ratio(across: int, down: int) -> RatioChoice:
    width, height = (_RECTANGLE * side / max(across, down) for side in (across, down))
    return RatioChoice(
        value=f"{across}:{down}",
        chip=f"{across}:{down}",
        checked=(across, down) == RATIOS[0],
        x=(_ICON - width) / 2,
        y=(_ICON - height) / 2,
        width=width,
        height=height,
    )


def _sizes(plan: Plan, offered: Sequence[Plan]) -> tuple[SettingChoice, ...]:
    # The session's own plan may have been withdrawn from the offer since it was bought.
    sizes = sorted({plan.max_size, *(each.max_size for each in offered)})
    return tuple(_size(size, plan, offered) for size in sizes)


def _size(size: int, plan: Plan, offered: Sequence[Plan]) -> SettingChoice:
    needed = _first(offered, lambda each: each.max_size >= size) if size > plan.max_size else None
    return SettingChoice(
        value=str(size),
        label=str(size),
        chip=str(size),
        checked=size == plan.max_size,
        disabled=needed is not None,
        title=f"{needed.name} makes pictures of up to {size} pixels a side" if needed else "",
        plan=needed.name if needed else "",
        beyond_clips=size > LARGEST_CLIP,
    )


def _count(count: int, plan: Plan, offered: Sequence[Plan]) -> SettingChoice:
    needed = _first(offered, lambda each: each.max_count >= count) if count > plan.max_count else None
    return SettingChoice(
        value=str(count),
        label=str(count),
        chip=f"×{count}",
        checked=count == 1,
        disabled=count > plan.max_count,
        title=f"{needed.name} makes up to {needed.max_count} at once" if needed else "",
        plan=needed.name if needed else "",
    )


def _offers(plan: Plan, offered: Sequence[Plan]) -> tuple[tuple[str, str], ...]:
    """By kind, the first offered plan that gives more of it in an hour."""
    pictures = _first(offered, lambda each: each.image_credits_per_hour > plan.image_credits_per_hour)
    clips = _first(offered, lambda each: each.video_credits_per_hour > plan.video_credits_per_hour)
    offers = []
    if pictures:
        offers.append(("image", f"{pictures.name} gives {pictures.image_credits_per_hour} an hour"))
    if clips:
        offers.append(("video", f"{clips.name} gives {clips.video_credits_per_hour} an hour"))
    return tuple(offers)


def _first(plans: Sequence[Plan], allows: Callable[[Plan], bool]) -> Plan | None:
    return next((plan for plan in plans if allows(plan)), None)
