"""A thousand tabs that come back at once after a restart: in one session, and two in each of five hundred.

Each of them missed two messages and is served when it has the last of them. Meanwhile `/healthz` is asked.
"""

import asyncio
import statistics
import threading
import time
import urllib.request

from benchmarks.report import Measurement
from benchmarks.whole.connect import CROWD, talk
from benchmarks.whole.installation import Installation
from benchmarks.whole.tabs import Opened, Tab, address_of

TABS, PEOPLE, ROUNDS = 1000, 200, 3
GOAL_SECONDS, GOAL_HEALTH = 1.5, 0.1


async def measure(installation: Installation) -> list[Measurement]:
    """Both storms, several times each, each time on a new process."""
    rows = []
    for name, tabs in (("one session", await _together(installation)), ("500 sessions", await _apart(installation))):
        rows += await _storms(installation, name, tabs)
    return rows


async def _together(installation: Installation) -> list[Tab]:
    people = [await installation.person(f"Ada {number}") for number in range(PEOPLE)]
    session_id = await installation.session(people[0], *people[1:])
    newest, last = await talk(people[0], session_id, 6)
    return [Tab(session_id, people[n % PEOPLE].token, newest - 2, last.encode()) for n in range(TABS)]


async def _apart(installation: Installation) -> list[Tab]:
    tabs = []
    for number in range(TABS // 2):
        pair = [await installation.person(f"{name} {number}") for name in ("Grace", "Joan")]
        session_id = await installation.session(*pair)
        newest, last = await talk(pair[0], session_id, 3)
        tabs += [Tab(session_id, person.token, newest - 2, last.encode()) for person in pair]
    # The second tabs of all sessions come after the first ones.
    return tabs[::2] + tabs[1::2]


async def _storms(installation: Installation, name: str, tabs: list[Tab]) -> list[Measurement]:
    lasts, slowest, refused, web_cpu, postgres_cpu = [], [], 0, [], []
    for number in range(ROUNDS):
        async with installation.web(f"storm-{name}-{number}".replace(" ", "-"), **CROWD) as web:
            await asyncio.sleep(1)
            opened, before = Opened(), installation.cpu(web)
            with _Health(web.url) as health:
                found = await asyncio.to_thread(opened.open, address_of(web.url), tabs, TABS)
            used = installation.cpu(web) - before
            opened.close()
            await asyncio.sleep(0.5)
        lasts.append(max(found.seconds))
        slowest.append(max(health.seconds))
        refused += found.refused
        web_cpu.append(used.web / TABS * 1e3)
        postgres_cpu.append(used.postgres / TABS * 1e3)
    last, health_ = statistics.median(lasts), statistics.median(slowest)
    cpu = f"CPU a tab: {statistics.median(web_cpu):.2f} ms web, {statistics.median(postgres_cpu):.2f} ms Postgres"
    kind = f"1,000 tabs come back, {name}"
    return [
        Measurement(f"{kind}: the last is served", f"{last:.2f} s", f"≤ {GOAL_SECONDS} s", last <= GOAL_SECONDS, cpu),
        Measurement(f"{kind}: refused", f"{refused} of {ROUNDS * TABS:,}", "0", refused == 0),
        Measurement(f"{kind}: slowest `/healthz`", f"{health_ * 1e3:.0f} ms", "≤ 100 ms", health_ <= GOAL_HEALTH),
    ]


class _Health:
    """Asks `/healthz` for the length of a block, one question after the other; `seconds` each took."""

    def __init__(self, url: str) -> None:
        self.seconds: list[float] = []
        self._url, self._ended = f"{url}/healthz", threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "_Health":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.02):
            began = time.monotonic()
            with urllib.request.urlopen(self._url, timeout=30) as answer:
                assert answer.status == 200
            self.seconds.append(time.monotonic() - began)
