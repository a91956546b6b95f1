"""What the eye sees of the focus and of a choice: pictures of an element before and after, compared by their contrast.

Styles alone do not tell: an outline may be there and be covered, cut off, or of the colour of what is behind it.
"""

import io
from typing import Any

import numpy
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import Page

# WCAG 2.2, 1.4.11 and 2.4.13: the change has three times the contrast.
LEAST_CONTRAST = 3.0
# Pixels around an element in which its outline may be.
MARGIN = 6
# Of each side's length: a ring of one pixel has all of it, and rounded corners lack a little.
LEAST_RING = 0.7
# No page has more places than this.
MOST_STOPS = 250

# Notes the element that has the focus; gives its kind, and the boxes around which its ring may be drawn.
_ARRIVE = """(margin) => {
  const each = document.activeElement
  if (!each || each === document.body || each.dataset.focusSeen === 'again') return null
  const kind = (one) => [one.localName, one.type ?? '', one.classList[0] ?? '', one.dataset.action ?? ''].join(' ')
  const around = [each, each.closest('label'), each.closest('.composer__box, .session-card')].filter(Boolean)
  const boxes = around.map((one) => one.getBoundingClientRect()).filter((box) => box.width > 1 && box.height > 1)
    .map(({ x, y, width, height }) => [x, y, width, height])
  const name = each.getAttribute('aria-label') || each.textContent.trim().slice(0, 40) || each.name || each.id
  window.focusStops ??= new Set()
  const again = focusStops.has(each)
  focusStops.add(each)
  return { kind: kind(each), name, boxes, again, skipped: each.localName === 'video' }
}"""
_LEAVE = "document.activeElement.blur()"


async def walk(page: Page, seen: set[str]) -> list[str]:
    """Presses Tab from the top of a page or dialog; the kinds of element whose focus cannot be seen, each once.

    `seen` holds the kinds that were looked at before, and gets those of this page.
    """
    wrong: list[str] = []
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        place = await page.evaluate(_ARRIVE, MARGIN)
        if place is None or place["again"]:
            return wrong
        if place["kind"] in seen or place["skipped"]:
            continue
        seen.add(place["kind"])
        if not await _is_seen(page, place["boxes"]):
            wrong.append(f"{place['kind']} ({place['name']}): its focus cannot be seen")
    raise AssertionError(f"Tab never came to an end after {MOST_STOPS} places.")


async def _is_seen(page: Page, boxes: list[list[float]]) -> bool:
    clip = _clip(page, boxes)
    focused = await _look(page, clip)
    await page.evaluate(_LEAVE)
    changed = contrast(focused, await _look(page, clip)) >= LEAST_CONTRAST
    return any(_has_ring(changed, (x - clip["x"], y - clip["y"], wide, high)) for x, y, wide, high in boxes)


def _clip(page: Page, boxes: list[list[float]]) -> Any:
    """The part of the view that has these boxes and what is drawn around them, in whole pixels."""
    assert page.viewport_size is not None
    left, top = (max(0, round(min(box[axis] for box in boxes)) - 2 * MARGIN) for axis in (0, 1))
    right, bottom = (
        min(page.viewport_size[side], round(max(box[axis] + box[axis + 2] for box in boxes)) + 2 * MARGIN)
        for axis, side in ((0, "width"), (1, "height"))
    )
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def _has_ring(changed: NDArray[Any], box: tuple[float, float, float, float]) -> bool:
    """Whether a line has changed along the sides of a box that are in view (two at least, unless it fills the view)."""
    height, width = changed.shape
    x, y, wide, high = (round(value) for value in box)
    columns = slice(max(x, 0), min(x + wide, width))
    rows = slice(max(y, 0), min(y + high, height))
    sides = [
        changed[edge - MARGIN : edge + MARGIN, columns].any(axis=0)
        for edge in (y, y + high)
        if MARGIN <= edge <= height - MARGIN
    ]
    sides += [
        changed[rows, edge - MARGIN : edge + MARGIN].any(axis=1)
        for edge in (x, x + wide)
        if MARGIN <= edge <= width - MARGIN
    ]
    return bool(sides) and sum(side.size > 0 and side.mean() >= LEAST_RING for side in sides) >= min(2, len(sides))


async def looks_the_same(page: Page, element: Any, change: str) -> bool:
    """Whether an element is drawn alike after `change`, the body of a function of it: no part has enough contrast."""
    await element.scroll_into_view_if_needed()
    box = await element.bounding_box()
    sides = [box[name] for name in ("x", "y", "width", "height")]
    clip = _clip(page, [sides])
    before = await _look(page, clip)
    await element.evaluate(f"(element) => {{ {change} }}")
    changed = contrast(before, await _look(page, clip)) >= LEAST_CONTRAST
    # At least what a line of two pixels along the longer side would be.
    return bool(changed.sum() < 2 * max(sides[2:]))


async def _look(page: Page, clip: Any) -> NDArray[Any]:
    """The relative luminance of each pixel of a part of the view."""
    picture = await page.screenshot(animations="disabled", caret="hide", scale="css", clip=clip)
    with Image.open(io.BytesIO(picture)) as image:
        values = numpy.asarray(image.convert("RGB"))
    return _LINEAR[values] @ numpy.array([0.2126, 0.7152, 0.0722])


def contrast(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """The WCAG contrast of each pixel of a picture with that of another."""
    ratio: NDArray[Any] = (numpy.maximum(one, other) + 0.05) / (numpy.minimum(one, other) + 0.05)
    return ratio


_VALUES = numpy.arange(256) / 255
_LINEAR = numpy.where(_VALUES <= 0.04045, _VALUES / 12.92, ((_VALUES + 0.055) / 1.055) ** 2.4)
