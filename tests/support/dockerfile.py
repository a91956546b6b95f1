"""The Dockerfile, read as far as tests need it: the instructions of its last stage."""

import json
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def instructions() -> list[tuple[str, str]]:
    """(word, what follows) of the stage that is run, continued lines put together."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]
    last = max(index for index, (word, _) in enumerate(pairs) if word == "FROM")
    return pairs[last:]


def value_of(word: str) -> str:
    """What follows the only instruction of that name."""
    [value] = [rest for each, rest in instructions() if each == word]
    return value


def environment() -> dict[str, str]:
    """What the image sets for every process in it, except where programs are looked for."""
    pairs = dict(part.split("=", 1) for part in shlex.split(value_of("ENV")))
    del pairs["PATH"]
    return pairs


def health_check() -> list[str]:
    """The program and its arguments."""
    command: list[str] = json.loads(value_of("HEALTHCHECK").partition("CMD ")[2])
    return command
