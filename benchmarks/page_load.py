"""The chat page in Chromium: how long until one can write, how long it blocks, how much it moves.

A session with twenty messages is opened with an empty cache (no file, no service worker), then with a full one; an empty
session and one with 120 pictures are opened in turn, so that their ratio is of one run. Medians of the runs.
"""

import asyncio
import statistics
from typing import Any

from playwright.async_api import Browser, Page

from benchmarks.chat_page import open_house, set_plan, somebody
from benchmarks.report import Measurement
from tests.support.browser import LIVE
from tests.support.page_traffic import measured

RUNS = 7
MESSAGES = 20
BATCHES, BATCH = 30, 4
MOST_NODES = 1_500
# What the noise of these machines allows to be told from "as fast".
AS_FAST = 1.2
_OBSERVE = """
  window.timings = { usable: 0, live: 0, blocked: 0, moved: 0, painted: 0 }
  // Elements of a page are upgraded in the moment in which they are defined: from then on the composer answers.
  customElements.whenDefined('message-composer').then(() => { timings.usable = performance.now() })
  const sum = (type, add) => {
    new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({ type, buffered: true })
  }
  sum('longtask', ({ duration }) => { timings.blocked += Math.max(duration - 50, 0) })
  sum('layout-shift', ({ value, hadRecentInput }) => { if (!hadRecentInput) timings.moved += value })
  sum('largest-contentful-paint', ({ startTime }) => { timings.painted = startTime })
"""


def run() -> list[Measurement]:
    """Both loads."""
    results = asyncio.run(_run())
    for each in results:
        print(f"  {each.row()}", flush=True)
    return results


async def _run() -> list[Measurement]:
    async with open_house() as (product, browser):
        person, session, cookies = await somebody(product, browser)
        for number in range(MESSAGES // 2):
            body = {"client_id": f"number-{number}", "text": f"What can I do here? ({number})"}
            await person.call("POST", f"/sessions/{session['id']}/messages", body)
        address = f"{product.url}/sessions/{session['id']}"
        loads = [await _load(browser, cookies, address) for _ in range(RUNS)]
    first, again = ([load[index] for load in loads] for index in (0, 1))
    return [
        *_judge("first load", first, 400.0),
        *_judge("second load", again, 400.0),
        *_weigh(loads[-1]),
        *await _long_session(),
    ]


async def _long_session() -> list[Measurement]:
    """The first load of a session with 120 pictures beside that of an empty one."""
    async with open_house() as (product, browser):
        await set_plan(product, "pro", images=BATCHES * BATCH)
        person, empty, cookies = await somebody(product, browser)
        full = await person.buys("pro")
        room = await person.joins(full)
        for number in range(BATCHES):
            await room.sees_ended(await room.generates(f"a harbour at dusk, {number}", count=BATCH))
        await room.leaves()
        loads: dict[str, list[dict[str, Any]]] = {empty["id"]: [], full["id"]: []}
        for _ in range(RUNS):
            for session_id, timed in loads.items():
                timed.append((await _load(browser, cookies, f"{product.url}/sessions/{session_id}"))[0])
    name = f"{BATCHES * BATCH} pictures"
    nodes = max(load["nodes"] for load in loads[full["id"]])
    none, many = (statistics.median(load["usable"] for load in loads[each["id"]]) for each in (empty, full))
    return [
        Measurement(f"{name}: nodes at first", str(nodes), f"≤ {MOST_NODES}", nodes <= MOST_NODES),
        Measurement(
            f"{name}: composer usable",
            f"{many:.0f} ms",
            f"≤ {AS_FAST} × an empty session",
            many <= AS_FAST * none,
            f"empty session {none:.0f} ms ({many / none:.2f} × it)",
        ),
        *_judge(name, loads[full["id"]], 400.0)[1:],
    ]


async def _load(browser: Browser, cookies: Any, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    context = await browser.new_context(storage_state=cookies, service_workers="block")
    await context.add_init_script(_OBSERVE)
    page = await context.new_page()
    first = await _timed(page, lambda: page.goto(address))
    again = await _timed(page, page.reload)
    await context.close()
    return first, again


async def _timed(page: Page, load: Any) -> dict[str, Any]:
    wire = await measured(page, load)
    await page.wait_for_selector(LIVE, state="attached")
    timings: dict[str, Any] = await page.evaluate("timings")
    nodes = await page.locator("*").count()
    return {**timings, "nodes": nodes, "wire": wire}


def _judge(name: str, loads: list[dict[str, Any]], goal: float) -> list[Measurement]:
    usable, blocked, moved, painted = (
        statistics.median(load[key] for load in loads) for key in ("usable", "blocked", "moved", "painted")
    )
    return [
        Measurement(
            f"{name}: composer usable",
            f"{usable:.0f} ms",
            f"≤ {goal:.0f} ms",
            usable <= goal,
            f"largest paint {painted:.0f} ms",
        ),
        Measurement(f"{name}: blocking time", f"{blocked:.0f} ms", "0 ms", blocked == 0),
        Measurement(f"{name}: layout shift", f"{moved:.3f}", "0 (under 0.01)", moved < 0.01),
    ]


def _weigh(loads: tuple[dict[str, Any], dict[str, Any]]) -> list[Measurement]:
    first, again = loads[0]["wire"], loads[1]["wire"]
    script, beyond = first.of("Script"), again.total - again.of("Document")
    count = len(first.requests)
    return [
        Measurement("first load: requests", str(count), "≤ 12", count <= 12),
        Measurement("first load: on the wire", f"{first.total / 1000:.1f} kB", "≤ 100 kB", first.total <= 100_000),
        Measurement("first load: JavaScript", f"{script / 1000:.1f} kB", "≤ 40 kB", script <= 40_000),
        Measurement("second load: beyond the page", f"{beyond / 1000:.1f} kB", "≤ 5 kB", beyond <= 5_000),
    ]
