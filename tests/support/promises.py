"""Names the promises of docs/reliability.md in pytest's output: which of P1–P18 this run showed, by how many tests."""

import re
from collections import Counter, defaultdict

import pytest

PROMISES = range(1, 19)
_NUMBERS = re.compile(r"(?<=_)p(\d+)(?=_)")


def promises_of(name: str) -> list[int]:
    """The promises that a test is named for: `test_p7_p8_a_worker…` shows P7 and P8."""
    prefix = re.match(r"test(_p\d+)+_", name)
    return [int(number) for number in _NUMBERS.findall(prefix[0])] if prefix else []


class Summary:
    """Counts the outcomes of tests that are named for a promise, and tells them at the end of the run."""

    def __init__(self) -> None:
        self._outcomes: dict[int, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # Only the call of a test shows something; before and after it, only what went wrong counts.
        if report.when == "call" or not report.passed:
            for number in promises_of(report.location[2].rpartition(".")[2]):
                self._outcomes[number][report.outcome] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._outcomes:
            return
        terminalreporter.section("promises")
        for number in sorted(self._outcomes):
            told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self._outcomes[number].items()))
            terminalreporter.line(f"P{number}: {told}")
        if missing := [f"P{number}" for number in PROMISES if number not in self._outcomes]:
            terminalreporter.line(f"not in this run: {', '.join(missing)}")
