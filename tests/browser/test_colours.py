"""The twelve colours of people: each name and initial is readable, in light and in dark."""

import pytest

from chatserver.identity.colours import HUES

pytestmark = pytest.mark.browser

# WCAG 2.2, 1.4.3: text of ordinary size.
LEAST_CONTRAST = 4.5
# Draws everybody's initial and name, and reckons the contrast of each from the colours as the screen has them.
CONTRASTS = """(hues) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d')
  const light = (colour) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    const linear = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05
  }
  const contrast = (one, other) => Math.max(light(one), light(other)) / Math.min(light(one), light(other))
  const ground = getComputedStyle(document.documentElement).backgroundColor
  return [...Array(hues).keys()].flatMap((hue) => {
    const avatar = document.createElement('span'), name = document.createElement('strong')
    avatar.className = 'avatar'
    name.className = 'message__author'
    for (const each of [avatar, name]) each.dataset.hue = hue
    document.body.append(avatar, name)
    const [initial, words] = [getComputedStyle(avatar), getComputedStyle(name)]
    return [contrast(initial.color, initial.backgroundColor), contrast(words.color, ground)]
  })
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_persons_colour_can_be_read(product, browser, scheme) -> None:
    context = await browser.new_context(color_scheme=scheme)
    page = await context.new_page()
    await page.goto(f"{product.url}/offline")
    contrasts = await page.evaluate(CONTRASTS, HUES)
    print(f"{scheme}: the least contrast of {len(contrasts)} is {min(contrasts):.2f}")
    await context.close()
    assert len(contrasts) == 2 * HUES
    assert min(contrasts) >= LEAST_CONTRAST
