"""The colours of people, and the accents of sessions: everything in them is readable, in light and in dark."""

import pytest

from chatserver.identity.colours import HUES
from chatserver.web.filters import ACCENT_DEGREES

pytestmark = pytest.mark.browser

# WCAG 2.2, 1.4.3: text of ordinary size.
LEAST_CONTRAST = 4.5
# Of the outline of what has the focus (1.4.11).
LEAST_CONTRAST_OF_LINES = 3.0
ACCENTS = 360 // ACCENT_DEGREES
# How contrast is computed: from the colours as the screen has them.
_CONTRAST = """
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
"""
# Draws everybody's initial and name.
CONTRASTS = f"""(hues) => {{{_CONTRAST}
  const ground = getComputedStyle(document.documentElement).backgroundColor
  return [...Array(hues).keys()].flatMap((hue) => {{
    const avatar = document.createElement('span'), name = document.createElement('strong')
    avatar.className = 'avatar'
    name.className = 'message__author'
    for (const each of [avatar, name]) each.dataset.hue = hue
    document.body.append(avatar, name)
    const [initial, words] = [getComputedStyle(avatar), getComputedStyle(name)]
    return [contrast(initial.color, initial.backgroundColor), contrast(words.color, ground)]
  }})
}}"""

# The contrast of each pair of words or a line and their ground, over all accents and over the same hues as ACCENT.
CONTRASTS_OF_ACCENTS = f"""([pairs, accents]) => {{{_CONTRAST}
  const root = document.documentElement
  const sample = document.body.appendChild(document.createElement('i'))
  const colour = (name) => {{
    sample.style.color = `var(--color-${{name}})`
    return getComputedStyle(sample).color
  }}
  const measure = (found, name) => pairs.forEach(([one, other]) => found.push([`${{one}} on ${{other}}, ${{name}}`,
    contrast(colour(one), colour(other))]))
  const found = []
  for (let accent = 0; accent < accents; accent++) {{
    root.dataset.accent = accent
    measure(found, `accent ${{accent}}`)
    delete root.dataset.accent
    root.style.setProperty('--accent-hue', accent * 360 / accents)
    measure(found, `ACCENT ${{accent * 360 / accents}}`)
    root.style.removeProperty('--accent-hue')
  }}
  return found
}}"""
WORDS = (
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    *(("accent-text", ground) for ground in ("canvas", "raised", "sunken", "hover", "accent-soft")),
    *(("text-muted", ground) for ground in ("canvas", "raised", "sunken", "hover", "selected")),
    *(("text-faint", ground) for ground in ("canvas", "raised", "sunken")),
    ("text", "accent-soft"),
)
LINES = (("focus", "canvas"), ("focus", "raised"), ("focus", "sunken"), ("border", "canvas"), ("border", "raised"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_accent_can_be_read(product, browser, scheme) -> None:
    context = await browser.new_context(color_scheme=scheme)
    page = await context.new_page()
    await page.goto(f"{product.url}/offline")
    for pairs, least in ((WORDS, LEAST_CONTRAST), (LINES, LEAST_CONTRAST_OF_LINES)):
        found = await page.evaluate(CONTRASTS_OF_ACCENTS, [pairs, ACCENTS])
        assert len(found) == 2 * ACCENTS * len(pairs)
        assert len({contrast for _, contrast in found}) > ACCENTS  # the accents differ
        print(f"{scheme}: the least contrast is {min(contrast for _, contrast in found):.2f}")
        assert not [each for each in found if each[1] < least]
    await context.close()


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
