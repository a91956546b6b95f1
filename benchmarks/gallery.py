"""The gallery of somebody with 100,000 pictures: each page, filter and count in SQL, words at two sizes, a zip of a thousand
files, and the page itself while it is scrolled through ten months.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from benchmarks.report import Measurement
from chatserver import ids
from chatserver.archives import ArchiveFile, open_archive
from chatserver.database import Database, Transaction, load_queries, time_bounds
from chatserver.gallery import service as gallery
from chatserver.gallery.filters import UTC_ZONE, GalleryFilters
from chatserver.generations import history
from chatserver.runtime import paths
from chatserver.storage.filesystem import FolderStorage
from chatserver.users import request_identity, tokens
from tests.support import browser as browsers
from tests.support import postgres
from tests.support import product as products
from tests.support.people import make_session, make_user, run_sql

FEW, MANY = 10_000, 100_000
ROUNDS = 15
MOST_MS = 50.0
# "Flat" is what the noise of these machines allows to be told from it; two milliseconds are noise here.
FLAT, NOISE_MS = 1.3, 2.0
FILES, FILE_BYTES = 1_000, 300_000
MOST_MEMORY = 20_000_000
MOST_NODES = 800
LONG_TASK_MS = 50

_MESSAGE = """
INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, client_id, seq)
VALUES ($1, $2, $3, 'user', 'Ada', 'image', 'boats', 'c', 1)
"""
# One every five minutes, a year's worth; every fourth prompt has a harbour, every five-thousandth a giraffe.
_GENERATIONS = """
INSERT INTO generations (id, message_id, session_id, user_id, kind, number, status, prompt, style, seed, width, height,
                         provider, model, finished_at)
SELECT uuidv7(-n * interval '5 minutes'), $1, $2, $3, CASE n % 20 WHEN 0 THEN 'video' ELSE 'image' END, n, 'done',
       CASE n % 4 WHEN 0 THEN 'a harbour at night with many boats and quiet lights' ELSE 'a red boat under a wide sky' END
       || CASE WHEN n % 5000 = 7 THEN ' and a giraffe' ELSE '' END || ', number ' || n,
       (ARRAY['anime', 'oil', 'photo'])[1 + n % 4], n, CASE n % 3 WHEN 0 THEN 512 ELSE 768 END,
       CASE n % 5 WHEN 0 THEN 768 ELSE 512 END, 'sketch', 'Sketch', now()
  FROM generate_series(1, $4::int) n
"""
_ASSETS = """
INSERT INTO assets (id, session_id, user_id, generation_id, kind, status, content_type, width, height, bytes, sha256,
                    filename, storage_key, thumbnail_key, placeholder)
SELECT id, session_id, user_id, id, kind, 'stored', 'image/png', width, height, 1000, repeat('0', 64), 'boat.png',
       id || '.png', id || '.webp', repeat('x', 300)
  FROM generations WHERE session_id = $1
"""
_FAVORITES = """
INSERT INTO favorites (user_id, asset_id, session_id, generation_id)
SELECT user_id, id, session_id, id FROM generations WHERE session_id = $1 AND number % 10 = 0
"""
_FILTERS: dict[str, dict[str, str]] = {
    "everything": {},
    "clips": {"kind": "video"},
    "a style": {"style": "oil"},
    "a model that made none": {"model": "none"},
    "a shape and a size": {"shape": "landscape", "side": "768"},
    "a seed": {"seed": "77"},
    "favourites": {"favorite": "yes"},
    "uploads, of which there are none": {"show": "uploads"},
    "a period": {"since": "2026-03-01", "until": "2026-03-31"},
    "a word that every fourth has": {"q": "harb"},
    "two words that most have": {"q": "boat sky"},
    "a word that twenty have": {"q": "giraffe"},
    "a word that none has": {"q": "zebra"},
    "a word and a style that exclude each other": {"q": "harbour", "style": "oil"},
}
_WORDS = ("harb", "boat sky", "giraffe", "zebra")
# Fast enough that ten months pass, slow enough for each page to come.
_SCROLL = """async (months) => {
  window.long = []
  new PerformanceObserver((list) => long.push(...list.getEntries().map((each) => each.duration)))
    .observe({ type: 'longtask' })
  let most = 0
  const seen = new Set()
  while (seen.size < months) {
    scrollBy(0, 700)
    await new Promise((resolve) => setTimeout(resolve, 60))
    most = Math.max(most, document.querySelectorAll('*').length)
    for (const each of document.querySelectorAll('gallery-picture')) seen.add(each.dataset.day.slice(0, 7))
  }
  return { most, long }
}"""


class Unheard:
    """A publisher for rows that no client reads yet."""

    def publish(self, announcements: list[Any]) -> None: ...


def run() -> list[Measurement]:
    """SQL, then the zip, then the page."""
    return [*asyncio.run(_sql_and_page()), *_zip()]


async def _sql_and_page() -> list[Measurement]:
    async with postgres.running_server() as server:
        url = await server.create_database()
        database = Database(url, load_queries(paths.SQL / "queries"), Unheard(), pool=2)
        await database.connect()
        admin = await asyncpg.connect(server.admin_url_of(url))
        try:
            few, many = [await _person(database, admin, number) for number in (FEW, MANY)]
            await admin.execute("VACUUM ANALYZE")
            found = [*await _pages(database, many), *await _words(database, few, many)]
            found += await _page_in_browser(database, admin, url)
        finally:
            await admin.close()
            await database.close()
        return found


async def _person(database: Database, admin: "asyncpg.Connection", number: int, step: str = "5 minutes") -> str:
    owner = await make_user(database)
    session, message = await make_session(database, owner, "pro"), ids.new()
    await admin.execute(_MESSAGE, message, session, owner)
    await admin.execute(_GENERATIONS.replace("5 minutes", step), message, session, owner, number)
    await admin.execute(_ASSETS, session)
    await admin.execute(_FAVORITES, session)
    return owner


async def _median(
    database: Database, viewer: str, verb: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any
) -> float:
    """Milliseconds inside the transaction."""

    async def timed(tx: Transaction) -> float:
        began = time.perf_counter()
        await verb(tx, *args, **kwargs)
        return (time.perf_counter() - began) * 1000

    return statistics.median([await database.run_as(viewer, timed) for _ in range(ROUNDS)])


async def _pages(database: Database, owner: str) -> list[Measurement]:
    middle = time_bounds.first_id(time_bounds.moment_of(ids.new()).replace(month=6))
    measured = []
    for name, given in _FILTERS.items():
        filters = GalleryFilters.read(given)
        costs = {
            "newest page": await _median(database, owner, gallery.chunk, filters, UTC_ZONE),
            "a page in June": await _median(database, owner, gallery.chunk, filters, UTC_ZONE, before=middle),
            "months": await _median(database, owner, gallery.months, filters, UTC_ZONE, date(2026, 12, 31)),
        }
        worst = max(costs.values())
        words = ", ".join(f"{what} {cost:.1f}" for what, cost in costs.items())
        measured.append(Measurement(f"100,000 pictures: {name}", f"{worst:.1f} ms", "≤ 50 ms", worst <= MOST_MS, words))
    cost = await _median(database, owner, gallery.choices, GalleryFilters())
    measured.append(Measurement("100,000 pictures: what to choose from", f"{cost:.1f} ms", "≤ 50 ms", cost <= MOST_MS))
    return measured


async def _words(database: Database, few: str, many: str) -> list[Measurement]:
    measured = []
    for words in _WORDS:
        filters, query = GalleryFilters(q=words), history.HistoryQuery(q=words, limit=30)
        for where, verb, args in (
            ("gallery", gallery.chunk, (filters, UTC_ZONE)),
            ("history", history.read, (query,)),
        ):
            costs = [await _median(database, person, verb, *args) for person in (few, many)]
            flat = costs[1] <= max(FLAT * costs[0], costs[0] + NOISE_MS)
            measured.append(
                Measurement(
                    f"{where}, the words “{words}”", f"{costs[1]:.1f} ms of 100,000", "flat, ≤ 50 ms",
                    flat and costs[1] <= MOST_MS, f"{costs[0]:.1f} ms of 10,000",
                )
            )  # fmt: skip
    return measured


async def _page_in_browser(database: Database, admin: "asyncpg.Connection", url: str) -> list[Measurement]:
    owner, sign_in = await _person(database, admin, 2_000, "4 hours"), tokens.new()
    statement = (
        "INSERT INTO sign_ins (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')"
    )
    await run_sql(database, statement, ids.new(), owner, tokens.digest(sign_in))
    with tempfile.TemporaryDirectory() as folder:
        async with (
            products.running(Path(folder), "serve", "--role", "web", DATABASE_URL=url) as product,
            browsers.chromium() as browser,
        ):
            context = await browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="UTC")
            await context.add_cookies([{"name": request_identity.COOKIE, "value": sign_in, "url": product.url}])
            page = await context.new_page()
            await page.goto(f"{product.url}/gallery")
            await page.wait_for_selector("gallery-picture")
            found = await page.evaluate(_SCROLL, 10)
    longest = max(found["long"], default=0)
    return [
        Measurement("most DOM nodes over ten months", str(found["most"]), "≤ 800", found["most"] <= MOST_NODES),
        Measurement(
            "longest task while scrolling through them", f"{longest:.0f} ms" if longest else "under 50 ms", "≤ 50 ms",
            longest <= LONG_TASK_MS,
        ),
    ]  # fmt: skip


# The zip is made in a process of its own, whose memory is nobody else's.


def _zip() -> list[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.gallery", folder]
        grown, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        tested = subprocess.run(["unzip", "-tq", f"{folder}/all.zip"], capture_output=True, text=True)
    return [
        Measurement(
            f"a zip of {FILES:,} files of {FILE_BYTES // 1000} kB", f"{int(grown) / 1e6:.1f} MB of memory", "≤ 20 MB",
            int(grown) <= MOST_MEMORY, f"{float(seconds):.1f} s",
        ),
        Measurement(
            "what `unzip -t` says of it", "no errors" if tested.returncode == 0 else tested.stdout.strip()[-60:],
            "no errors", tested.returncode == 0,
        ),
    ]  # fmt: skip


async def _pack(folder: Path) -> None:
    storage = FolderStorage(folder / "files")
    await storage.create()
    files = []
    for number in range(FILES):
        await storage.put(f"a/b/{number}.png", os.urandom(FILE_BYTES), "image/png")
        files.append(ArchiveFile(f"boat-{number}.png", f"a/b/{number}.png", FILE_BYTES))
    process = psutil.Process()
    before = most = process.memory_info().rss
    began = time.perf_counter()
    archive = await open_archive(storage, files)
    with (folder / "all.zip").open("wb") as out:
        async for chunk in archive.chunks():
            out.write(chunk)
            most = max(most, process.memory_info().rss)
    print(most - before, time.perf_counter() - began)
    await storage.close()


if __name__ == "__main__":
    asyncio.run(_pack(Path(sys.argv[1])))
