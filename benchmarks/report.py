"""Prints measurements beside their goals, and writes them into docs/performance.md between two marks."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_HEAD = "| scenario | measured | goal | | beside |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Measurement:
    """One number. `goal` is "≤ 2.0 × floor"; `holds` is None where nothing can be said; `beside` what others took."""

    scenario: str
    measured: str
    goal: str
    holds: bool | None
    beside: str = ""

    def row(self) -> str:
        verdict = {True: "yes", False: "**no**", None: "–"}[self.holds]
        return f"| {self.scenario} | {self.measured} | {self.goal} | {verdict} | {self.beside} |"


def machine() -> str:
    """When and where this was measured."""
    model = next((line.partition(": ")[2] for line in _cpu_info() if line.startswith("model name")), platform.machine())
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {model.strip()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {load:.1f}"
    )


def _cpu_info() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def write(topics: dict[str, Sequence[Measurement]]) -> None:
    """Puts the tables of these topics in the page's place for them; those of other topics stay."""
    text = PAGE.read_text() if PAGE.exists() else "# Performance\n"
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    kept, _, after = rest.partition(END)
    tables = _tables(kept)
    for topic, measurements in topics.items():
        tables[topic] = "\n".join([f"Measured {machine()}.", "", _HEAD, *(each.row() for each in measurements)])
    body = "\n\n".join(f"### {topic}\n\n{table}" for topic, table in tables.items())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(f"{before}{BEGIN}\n{body}\n{END}{after}")


def _tables(text: str) -> dict[str, str]:
    _, *parts = text.split("### ")
    return {part.partition("\n")[0].strip(): part.partition("\n")[2].strip() for part in parts}
