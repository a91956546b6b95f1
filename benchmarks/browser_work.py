"""What the chat page asks of the browser that shows it: CPU of Chromium's renderer, and of what draws (in software here).

A picture that waits, one that is being made, and a reply that is written, each in a session of its own.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import psutil
from playwright.async_api import Page

from benchmarks.chat_page import open_house, somebody
from benchmarks.report import Measurement
from benchmarks.servers.clock_model import running
from tests.support.browser import LIVE, TEXT

SECONDS = 10
_CARD = "generation-card[id^=generation_]"
_STREAMING = 'chat-message[data-status="streaming"]'

Scenario = Callable[[Page], Awaitable[None]]


def run() -> list[Measurement]:
    """Each scenario in a product and a browser of its own."""
    return asyncio.run(_run())


async def _run() -> list[Measurement]:
    results = []
    async with running("prose_model") as url:
        chat = {"CHAT_BASE_URL": url, "CHAT_MODEL": "prose"}
        for name, scenario, settings in (
            ("nothing happens", _nothing, {}),
            ("a picture waits", _asks_for_a_picture, {"SKETCH_PACE": "300"}),
            ("a picture is made", _asks_for_a_picture, {"SKETCH_PACE": "12"}),
            ("a reply of 20 tokens a second is written", _asks_for_a_reply, chat),
        ):
            results.append(await _measure(name, scenario, settings))
            print(f"  {results[-1].row()}", flush=True)
    return results


async def _measure(name: str, scenario: Scenario, settings: dict[str, str]) -> Measurement:
    async with open_house(**settings) as (product, browser):
        _, session, cookies = await somebody(product, browser)
        context = await browser.new_context(storage_state=cookies)
        page = await context.new_page()
        await page.goto(f"{product.url}/sessions/{session['id']}")
        await page.wait_for_selector(LIVE, state="attached")
        await scenario(page)
        await page.wait_for_timeout(1_000)
        before = _cpu_seconds()
        await page.wait_for_timeout(SECONDS * 1_000)
        used = {kind: (seconds - before.get(kind, 0)) / SECONDS * 1e3 for kind, seconds in _cpu_seconds().items()}
        await context.close()
    return Measurement(
        f"{name}: the renderer",
        f"{used['renderer']:.0f} ms a second",
        "–",
        None,
        f"drawing in software {used['gpu-process']:.0f} ms",
    )


async def _nothing(_: Page) -> None: ...


async def _asks_for_a_picture(page: Page) -> None:
    await page.click('.composer__mode[data-mode="image"]')
    await _says(page, "a lighthouse in a storm")
    await page.wait_for_selector(_CARD)


async def _asks_for_a_reply(page: Page) -> None:
    await _says(page, f"{20 * (SECONDS + 5)} 50")
    await page.wait_for_selector(_STREAMING)


async def _says(page: Page, text: str) -> None:
    await page.fill(TEXT, text)
    await page.press(TEXT, "Enter")


def _cpu_seconds() -> dict[str, float]:
    """CPU of the browser's processes so far, by kind."""
    seconds: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            types = [each.removeprefix("--type=") for each in process.cmdline() if each.startswith("--type=")]
            times = process.cpu_times()
            for kind in types[:1]:
                seconds[kind] = seconds.get(kind, 0) + times.user + times.system
    return seconds
