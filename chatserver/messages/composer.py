"""What the composer offers, prepared for its template, which only loops over it.

A choice that the session's plan does not allow stays visible and disabled; where an offered plan allows it, it names the
first such plan.
"""

from collections.abc import Sequence

from msgspec import Struct

from chatserver.plans.models import Plan
from chatserver.sessions.models import Session

STYLES = ("photo", "watercolour", "oil", "ink", "pixel", "poster", "neon")
RATIOS = ((1, 1), (3, 2), (2, 3), (4, 3), (3, 4), (16, 9), (9, 16))
MOST_COUNT = 4
_ICON = 20  # the side of a ratio's icon, of which the rectangle's longer side takes 15
_RECTANGLE = 15
_ALONE = "Message, or /image to make a picture"
_AMONG = "Message, or @assistant to ask, /image to make a picture"
_BRIEF = "Message, or @assistant to ask"


class SettingChoice(Struct, frozen=True, kw_only=True):
    """One radio button. `plan` names the plan that allows it; `badge` too, at the first choice that needs that plan."""

    value: str
    label: str
    checked: bool
    disabled: bool = False
    title: str = ""
    plan: str = ""
    badge: str = ""


class RatioChoice(Struct, frozen=True, kw_only=True):
    """An aspect ratio such as "3:2", with the rectangle of its icon in a box of 20 × 20."""

    value: str
    checked: bool
    x: float
    y: float
    width: float
    height: float


class Composer(Struct, frozen=True, kw_only=True):
    """The composer of one session. `add_time_url` is None for guests: only the owner can extend the session."""

    plan_name: str
    max_count: int
    members: int
    can_improve: bool
    placeholder: str
    alone: str
    among: str
    brief: str
    styles: tuple[SettingChoice, ...]
    ratios: tuple[RatioChoice, ...]
    sizes: tuple[SettingChoice, ...]
    counts: tuple[SettingChoice, ...]
    add_time_url: str | None


def prepare(session: Session, plan: Plan, offered: Sequence[Plan], viewer_id: str, *, can_improve: bool) -> Composer:
    """The composer of a session on `plan`, for one of its members; `offered` are the plans on offer, in their order."""
    return Composer(
        plan_name=plan.name,
        max_count=plan.max_count,
        members=len(session.members),
        can_improve=can_improve,
        placeholder=_AMONG if len(session.members) > 1 else _ALONE,
        alone=_ALONE,
        among=_AMONG,
        brief=_BRIEF,
        styles=_styles(),
        ratios=tuple(_ratio(across, down) for across, down in RATIOS),
        sizes=_sizes(plan, offered),
        counts=_counts(plan, offered),
        add_time_url=f"/plans?session={session.id}" if session.owner_id == viewer_id else None,
    )


def _styles() -> tuple[SettingChoice, ...]:
    none = SettingChoice(value="", label="No style", checked=True)
    return (none, *(SettingChoice(value=style, label=style.capitalize(), checked=False) for style in STYLES))


def _ratio(across: int, down: int) -> RatioChoice:
    width, height = (_RECTANGLE * side / max(across, down) for side in (across, down))
    return RatioChoice(
        value=f"{across}:{down}",
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
    text = str(size)
    needed = next((each for each in offered if each.max_size >= size), None)
    if size <= plan.max_size or needed is None:
        return SettingChoice(value=text, label=text, checked=size == plan.max_size)
    title = f"{needed.name} makes pictures of up to {size} pixels a side"
    return SettingChoice(
        value=text, label=text, checked=False, disabled=True, title=title, plan=needed.name, badge=needed.name
    )


def _counts(plan: Plan, offered: Sequence[Plan]) -> tuple[SettingChoice, ...]:
    choices: list[SettingChoice] = []
    for count in range(1, MOST_COUNT + 1):
        needed = next((each for each in offered if each.max_count >= count), None)
        badge_shown = needed is not None and any(each.plan == needed.name for each in choices)
        choices.append(_count(count, plan, needed, badge_shown=badge_shown))
    return tuple(choices)


def _count(count: int, plan: Plan, needed: Plan | None, *, badge_shown: bool) -> SettingChoice:
    text = str(count)
    if count <= plan.max_count:
        return SettingChoice(value=text, label=text, checked=count == 1)
    if needed is None:
        return SettingChoice(value=text, label=text, checked=False, disabled=True)
    return SettingChoice(
        value=text,
        label=text,
        checked=False,
        disabled=True,
        title=f"{needed.name} makes up to {needed.max_count} at once",
        plan=needed.name,
        badge="" if badge_shown else needed.name,
    )
