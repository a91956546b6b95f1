"""Runs the named topics, or all, prints each number beside its goal, and writes the tables of docs/performance.md.

A topic is a module of this folder with `run() -> list[Measurement]`; its name is listed in TOPICS.
"""

import importlib
import sys

from benchmarks import report

TOPICS = (
    "whole",
    "hub",
    "across_processes",
    "provider_overhead",
    "token_streams",
    "replies",
    "page_load",
    "lighthouse",
    "press_to_queued",
    "browser_work",
    "accepted_generations",
    "start_up",
    "growth",
    "gallery",
    "figures",
    "abuse",
    "provenance",
)


def main(names: list[str]) -> int:
    unknown = set(names) - set(TOPICS)
    if unknown:
        print(f"There is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(TOPICS)}.")
        return 2
    for topic in names or TOPICS:
        print(f"{topic}: {report.machine()}", flush=True)
        measurements = importlib.import_module(f"benchmarks.{topic}").run()
        report.write({topic: measurements})
        print()
    print(f"Written to {report.PAGE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
