"""Runs the named scenarios of the whole product, or all, and only prints what they measured."""

import sys

from benchmarks import report, whole

if __name__ == "__main__":
    print(f"whole: {report.machine()}", flush=True)
    whole.run_named(sys.argv[1:] or whole.SCENARIOS)
