"""axe on a page as people have it: light and dark, wide and as a phone; and nothing wider than the smallest phone."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

from tests.support.browser import PHONE, WIDE

SMALLEST = {"width": 320, "height": 640}
# What a theme changes is colours; what a width changes is everything.
_LOOKS = (
    ("light", WIDE, None),
    ("light", PHONE, None),
    ("dark", WIDE, "color-contrast"),
    ("dark", PHONE, "color-contrast"),
)
_TRANSITIONS = """Promise.all(document.getAnimations().filter((each) => each.timeline === document.timeline)
  .map((each) => each.finished.catch(() => {})))"""
_RUN = """async (rule) => {
  const only = rule ? { runOnly: { type: 'rule', values: [rule] } } : {}
  const { violations } = await axe.run(document, { resultTypes: ['violations'], iframes: false, ...only })
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, any, all }) =>
    `${id} (${help}): ${target.join(' ')} ${[...any, ...all].map((each) => each.message).join('; ')}`))
}"""
# The innermost elements that stick out, where the page as a whole is too wide.
_TOO_WIDE = """() => {
  const most = document.documentElement.clientWidth
  if (document.documentElement.scrollWidth <= most) return []
  const wide = [...document.querySelectorAll('body *')].filter((each) => each.getBoundingClientRect().right > most + 1)
  const inner = wide.filter((each) => !wide.some((other) => each !== other && each.contains(other)))
  return inner.map((each) => `${Math.round(each.getBoundingClientRect().right)} px: ${each.outerHTML.slice(0, 120)}`)
}"""


async def complaints_about(page: Page, where: str) -> list[str]:
    """Every violation in every look, each in one line that says where; the page keeps its state."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    found: list[str] = []
    for scheme, size, rule in _LOOKS:
        await _look(page, scheme, size)
        violations = await page.evaluate(_RUN, rule)
        found += [f"{where}, {scheme}, {size['width']} px: {violation}" for violation in violations]
    await _look(page, "light", SMALLEST)
    found += [f"{where}: too wide at {SMALLEST['width']} px: {each}" for each in await page.evaluate(_TOO_WIDE)]
    await _look(page, "light", WIDE)
    return found


async def _look(page: Page, scheme: Any, size: Any) -> None:
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    # A transition that began with the change of theme would be caught in between.
    # What follows a scroll bar is no transition, and never ends.
    await page.evaluate(_TRANSITIONS)
