"""The story in the browsers of other makers: Firefox (Gecko) and WebKitGTK, as Debian ships them."""

import asyncio
import contextlib
import io
import uuid
from pathlib import Path

import pytest
from PIL import Image

from tests.support.product import Product
from tests.support.webdriver import (
    ENTER,
    FIREFOX,
    SCREEN,
    WEBKIT,
    OtherBrowser,
    Tab,
    firefox,
    missing,
    type_into,
    until,
    webkit,
)

# Three makers' browsers at once are more than a small machine draws.
pytestmark = [pytest.mark.browser, pytest.mark.alone]

LIVE = "document.querySelector('.connection')?.dataset.state === 'live'"
DONE = """document.querySelectorAll('generation-card[id^=generation_][data-status="done"]').length"""
DRAWN = "[...document.querySelectorAll('generation-card img.tile__picture')].filter((each) => each.naturalWidth).length"
ANSWERED = """document.querySelector('chat-message[data-author-kind="assistant"][data-status="done"]') !== null"""
PHONE_WIDTH = 390
# Within which a page has followed a change of its size, on a busy machine.
SETTLED_SECONDS = 10.0
_FAULTS = """(() => {
  const stream = document.querySelector('[data-slot=scroll]'), root = document.documentElement
  const composer = document.querySelector('message-composer').getBoundingClientRect()
  const below = stream.scrollHeight - stream.scrollTop - stream.clientHeight
  return [
    root.scrollWidth > root.clientWidth && `the page is ${root.scrollWidth} px wide of ${root.clientWidth}`,
    stream.scrollWidth > stream.clientWidth && `the stream is ${stream.scrollWidth} px wide of ${stream.clientWidth}`,
    below >= 2 && `the stream is ${below} px from its end`,
    (composer.height < 40 || composer.bottom > innerHeight + 1) && `the composer is cut at ${composer.bottom}`,
  ].filter(Boolean)
})()"""


async def test_the_story_in_firefox(product, tmp_path) -> None:
    if absent := missing(FIREFOX):
        pytest.skip(f"{absent} is absent: .ci/system-packages installs it as root on Debian")
    async with firefox(tmp_path / "profile") as browser:
        tab = await _story(product, browser)
        # Its downloads need no answer: the file is on the disk.
        await tab.click(".downloads__main")
        await _is_downloaded(tmp_path / "profile/downloads")
        assert not browser.complaints


async def test_the_story_in_webkit(product, tmp_path) -> None:
    if absent := missing(WEBKIT, SCREEN):
        pytest.skip(f"{absent} is absent: .ci/system-packages installs it as root on Debian")
    async with webkit(tmp_path / "home") as browser:
        await _story(product, browser)


async def _story(product: Product, browser: OtherBrowser) -> Tab:
    """Signs up, buys, talks, has a picture made, reloads, opens a second tab and a narrow one; the first tab at its end."""
    tab = await browser.open(f"{product.url}/sign-up")
    await type_into(tab, "[name=name]", "Ada")
    await type_into(tab, "[name=email]", f"ada-{uuid.uuid4().hex[:8]}@example.org")
    await type_into(tab, "[name=password]", "Ada likes green tea")
    await tab.click("main form button[type=submit]")
    await until(tab, "location.pathname === '/plans'")
    await tab.click("main form button[type=submit]")
    await until(tab, f"location.pathname.startsWith('/sessions/') && {LIVE}")
    address = await tab.evaluate("location.href")

    await type_into(tab, "#composer-text", f"hello{ENTER}")
    await until(tab, ANSWERED)
    await tab.click('.composer__mode[data-mode="image"]')
    await _opens_over_the_stream(tab)
    await type_into(tab, "#composer-text", f"a glowing red sunset over the sea{ENTER}")
    await until(tab, f"{DONE} === 1 && {DRAWN} === 1")
    await _has_the_accent_of_its_picture(tab)

    await tab.reload()
    await until(tab, f"{LIVE} && {DONE} === 1 && {DRAWN} === 1 && {ANSWERED}")
    await _is_laid_out(tab)

    other = await browser.open(address)
    await until(other, f"{LIVE} && {DONE} === 1")
    await type_into(other, "#composer-text", f"from the other tab{ENTER}")
    await until(tab, "document.querySelector('[data-slot=messages]').textContent.includes('from the other tab')")

    await tab.resize(PHONE_WIDTH, 844)
    await until(tab, f"innerWidth <= {PHONE_WIDTH + 60}")
    await _is_laid_out(tab)
    return tab


async def _opens_over_the_stream(tab: Tab) -> None:
    """The choices of a setting are a popover beside its chip, inside of the view."""
    await tab.click('[data-setting="ratio"]')
    box = await until(
        tab,
        """(() => {
          const open = document.querySelector('#setting-ratio:popover-open')
          if (!open) return null
          const { left, top, right, bottom } = open.getBoundingClientRect()
          const chip = document.querySelector('[data-setting="ratio"]').getBoundingClientRect()
          return { inside: left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight,
                   near: Math.abs(chip.top - bottom) < 40 && left <= chip.right && right >= chip.left }
        })()""",
    )
    assert box == {"inside": True, "near": True}
    await tab.click('#setting-ratio label:has(input[value="1:1"])')
    await until(tab, "document.querySelector(':popover-open') === null")


async def _has_the_accent_of_its_picture(tab: Tab) -> None:
    accents = await tab.evaluate(
        "[document.documentElement, document.querySelector('generation-card[data-accent]')].map((e) => e?.dataset.accent)"
    )
    assert accents[0] == accents[1] is not None


async def _is_laid_out(tab: Tab) -> None:
    """Nothing is wider than the page, the stream is at its end, and the composer is in view."""
    faults = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_SECONDS):
            while (faults := await tab.evaluate(_FAULTS)) != []:
                await asyncio.sleep(0.05)
    assert faults == []


async def _is_downloaded(folder: Path) -> None:
    async with asyncio.timeout(30):
        while not (files := list(folder.glob("*.png"))) or not files[0].stat().st_size or list(folder.glob("*.part")):
            await asyncio.sleep(0.05)
    with Image.open(io.BytesIO(files[0].read_bytes())) as picture:
        picture.load()
        assert picture.format == "PNG"
