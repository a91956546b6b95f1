"""The landing page's proofs: the real page while it does what the landing page says, in light and in dark.

Made only when asked for (`make screenshots`), like the README's pictures; written to static/pictures.
"""

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser, Page, expect

from chatserver.generations import examples
from chatserver.runtime import paths
from tests.support import ports
from tests.support import product as products
from tests.support.browser import WIDE, signed_in, visiting
from tests.support.examples import save
from tests.support.story import sign_up

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),
    pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="made by `make screenshots`"),
]

LOOKS = ("light", "dark")
# Of the picture on the landing page, in CSS pixels; and the page of which it is a part.
SHOWN = (560, 350)
ROOM = {"width": 672, "height": 600}
TOP = {"x": 0, "y": 0, "width": 672, "height": 420}
MOST_BYTES = 25_000
DOCS = Path(__file__).parents[2] / "docs" / "images"
MOST_LANDING_BYTES = 90_000
PACE_SECONDS = "12"
# Ada has a page open for each picture.
MANY_SOCKETS = {"SOCKETS_PER_USER": "20"}
WIDE_PICTURE = {"width": 768, "height": 512}
HALF_WAY = """() => {
  const card = document.querySelector('generation-card[data-status="rendering"]')
  return card?.querySelector('[data-slot="preview"]').naturalWidth && card.querySelector('[data-slot="bar"]').value >= 0.4
}"""


async def test_landing_screenshots(database_url, browser, tmp_path) -> None:
    port = ports.reserve()
    product = await products.start(
        tmp_path, port=port, DATABASE_URL=database_url, SKETCH_PACE=PACE_SECONDS, **MANY_SOCKETS
    )
    try:
        ada, bob, eike = [await sign_up(product, name) for name in ("Ada", "Bob", "Eike")]
        session = await ada.buys("pro", "Pictures for the hallway")
        code = await ada.invites(session, guests_may_generate=True)
        chats = [await ada.joins(session)]
        for guest in (bob, eike):
            await guest.accepts(code)
            chats.append(await guest.joins(session))
        async with contextlib.AsyncExitStack() as visitors:

            async def pages(viewport: dict[str, int], **settings: Any) -> dict[str, Page]:
                opened = {}
                for look in LOOKS:
                    visitor = await visitors.enter_async_context(
                        signed_in(browser, ada, viewport=viewport, color_scheme=look, **settings)
                    )
                    visitor.announce("")  # the server is killed under it
                    opened[look] = await visitor.open_session(session)
                return opened

            await chats[1].says("Two pictures for the hallway? Something warm.")
            await chats[2].says("A **harbour** would be lovely.")
            await chats[0].says("Then a harbour it is. Watch!")
            for look, page in (await pages(ROOM)).items():
                await expect(page.locator("chat-message")).to_have_count(3)
                await shoot(page, "proof-guests", look, TOP)
            closer, near = await pages(WIDE, device_scale_factor=2), await pages(ROOM)
            made = await chats[0].generates(examples.FIRST.prompt, count=1, seed=examples.FIRST.seed, **WIDE_PICTURE)
            for look, page in closer.items():
                await shoot_ring(page, look)
            for page in near.values():
                await page.wait_for_function(HALF_WAY, timeout=120_000)
            await product.kill()
            for look, page in near.items():
                await expect(page.locator(".connection")).to_have_attribute("data-state", "reconnecting")
                await page.locator("generation-card").last.evaluate(
                    "(each) => each.closest('chat-message').scrollIntoView()"
                )
                await shoot(page, "proof-stages", look, TOP)
            await product.start_again()
            async with visiting(product, browser):
                again = await ada.joins(session)
                await again.sees_ended(made, patience=150)
                await again.leaves()
        for chat in chats:
            await chat.leaves()
        await shoot_landing(product, browser)
    finally:
        await product.kill()


async def shoot_landing(product: products.Product, browser: Browser) -> None:
    """The landing page itself, for the README. It has the proofs of the last run: the product has read its files."""
    for look in LOOKS:
        async with visiting(product, browser, color_scheme=look, reduced_motion="reduce") as visitor:
            page = await visitor.open("/")
            await page.wait_for_load_state("networkidle")
            picture = Image.open(io.BytesIO(await page.screenshot(caret="hide"))).convert("RGB")
            save(picture, DOCS / f"landing-{look}.webp", MOST_LANDING_BYTES)


async def shoot(page: Page, name: str, look: str, clip: Any = None) -> None:
    shot = await page.screenshot(animations="disabled", caret="hide", clip=clip)
    picture = Image.open(io.BytesIO(shot)).convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS)
    save(picture, paths.STATIC / examples.FOLDER / f"{name}-{look}.webp", MOST_BYTES)


async def shoot_ring(page: Page, look: str) -> None:
    """The credits, from close by, down to where the next words begin: none are cut."""
    column = await page.locator("#details").bounding_box()
    ring = await page.locator('#details credit-balance[data-kind="image"]').bounding_box()
    term = await page.locator("#details .term").bounding_box()
    assert column is not None
    assert ring is not None
    assert term is not None
    top = max(ring["y"] - 16, 0)
    height = min(term["y"] - top, SHOWN[1] / 2)
    width = height * SHOWN[0] / SHOWN[1]
    left = column["x"] + (column["width"] - width) / 2
    await shoot(page, "proof-credits", look, {"x": left, "y": top, "width": width, "height": height})
