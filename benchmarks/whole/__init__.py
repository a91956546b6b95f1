"""The whole product, measured from outside: real processes, sign-in, rights, Postgres, drawing.

A scenario is a module of this package with

    async def measure(installation: Installation) -> list[Measurement]

whose name is listed in SCENARIOS. It gets an `Installation` (`installation.py`): a durable Postgres, one web process, people
who are signed in with sessions of their own (`installation.person()`, `installation.session(person, guests)`), and

- `installation.cpu()`: the CPU seconds of the web process, its child processes, Postgres and this process, until now; the
  difference of two is what lies between them;
- `installation.web(…)`: another web process, with settings of its own, for the length of a block;
- `installation.counted()`: another web process, whose statements and round trips to Postgres are counted on the wire;
- `floor.transactions(installation, …)`: the bare asyncpg transactions that a scenario is compared with, in the same run.

Measure the floor and the product in turn, several times, and compare their medians: absolute times are not stable.
`python -m benchmarks whole` runs all of them and writes docs/performance.md; `python -m benchmarks.whole message` runs the
named ones and only prints.
"""

import importlib
from collections.abc import Sequence

import uvloop

from benchmarks.report import Measurement
from benchmarks.whole.installation import opened

SCENARIOS = ("message", "delivery", "connect", "storm", "http_generation")


def run() -> list[Measurement]:
    """All scenarios."""
    return run_named(SCENARIOS)


def run_named(names: Sequence[str]) -> list[Measurement]:
    """The named scenarios, each with an installation of its own."""
    return [each for name in names for each in uvloop.run(_measure(name))]


async def _measure(name: str) -> list[Measurement]:
    scenario = importlib.import_module(f"benchmarks.whole.{name}")
    async with opened() as installation:
        measurements: list[Measurement] = await scenario.measure(installation)
    for each in measurements:
        print(f"  {each.row()}", flush=True)
    return measurements
