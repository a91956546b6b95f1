"""Outcomes from directives in a prompt, to try by hand what tests script: "a cat [loading 3] [queue 3] [steps 12]"."""

import re

from tests.emulators.huggingface import pictures
from tests.emulators.huggingface.jobs import Prediction, Queue, Task
from tests.emulators.huggingface.outcomes import (
    HTML,
    Cut,
    Endless,
    Fail,
    Loading,
    Ok,
    Outcome,
    Raw,
    Reset,
    Silence,
    Trickle,
)

_DIRECTIVE = re.compile(r"\[([a-z]+)(?: ([\w.-]+))?\]")


def parse(prompt: str) -> dict[str, str]:
    """The directives of a prompt with their arguments."""
    return dict(_DIRECTIVE.findall(prompt))


def call_outcome(directives: dict[str, str], provider: str) -> Outcome:
    """The outcome of the call itself: a refusal, a wait, a queue."""
    if "fail" in directives:
        headers = {"Retry-After": directives["wait"]} if "wait" in directives else {}
        return Fail(int(directives["fail"]), headers=headers)
    main = _main(directives, provider)
    return Loading(float(directives["loading"]), then=main) if "loading" in directives else main


def file_outcome(directives: dict[str, str]) -> Outcome | None:
    """The outcome of fetching the finished file: wrong, late or endless bytes; None for the file itself."""
    faults = {
        "cut": Cut(),
        "half": Cut("half"),
        "html": Raw(HTML.encode(), "text/html"),
        "reset": Reset(),
        "silence": Silence(),
        "trickle": Trickle(),
        "endless": Endless(),
        "large": Endless(megabytes=200),
        "empty": Raw(b"", "image/png"),
    }
    if "bomb" in directives:
        return Raw(pictures.pixel_bomb(), "image/png")
    return next((faults[word] for word in directives if word in faults), None)


def _main(directives: dict[str, str], provider: str) -> Outcome:
    steps = int(directives.get("steps", 0))
    if provider == "fal-ai":
        places = range(int(directives.get("queue", 0)), -1, -1)
        error = "The prompt was flagged by the safety checker" if "refuse" in directives else None
        return Queue(tuple(places), steps, error=error, stuck="stuck" in directives, nsfw="nsfw" in directives)
    if provider == "replicate" and steps:
        return Prediction(polls=steps)
    return Task() if provider == "wavespeed" else Ok(float(directives.get("slow", 0)))
