"""Outcomes from words in a prompt, to try by hand what the tests script: "a cat [loading 3] [queue 3] [steps 12]"."""

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

_WORD = re.compile(r"\[([a-z]+)(?: ([\w.-]+))?\]")


def said(prompt: str) -> dict[str, str]:
    """The words of a prompt with their arguments."""
    return dict(_WORD.findall(prompt))


def front(words: dict[str, str], provider: str) -> Outcome:
    """What the call itself gets: a refusal, a wait, a queue."""
    if "fail" in words:
        headers = {"Retry-After": words["wait"]} if "wait" in words else {}
        return Fail(int(words["fail"]), headers=headers)
    main = _main(words, provider)
    return Loading(float(words["loading"]), then=main) if "loading" in words else main


def file(words: dict[str, str]) -> Outcome | None:
    """What the finished file gets: bytes that are wrong, late or without end."""
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
    if "bomb" in words:
        return Raw(pictures.pixel_bomb(), "image/png")
    return next((faults[word] for word in words if word in faults), None)


def _main(words: dict[str, str], provider: str) -> Outcome:
    steps = int(words.get("steps", 0))
    if provider == "fal-ai":
        places = range(int(words.get("queue", 0)), -1, -1)
        error = "The prompt was flagged by the safety checker" if "refuse" in words else None
        return Queue(tuple(places), steps, error=error, stuck="stuck" in words, nsfw="nsfw" in words)
    if provider == "replicate" and steps:
        return Prediction(polls=steps)
    return Task() if provider == "wavespeed" else Ok(float(words.get("slow", 0)))
