"""Hugging Face on loopback: the hub, the router with its providers, the assistant and the file hosts, all scriptable.

`Emulator().start()` runs it in a thread; `script("text-to-image", [Loading(3), Ok()])` decides what the next calls get,
and directives in a prompt ("a cat [loading 3] [queue 3] [steps 12]") do the same by hand. By hand: `python -m
tests.emulators.huggingface --port 9900` prints the environment to set.
"""

from tests.emulators.huggingface.chat import Stream, Strict
from tests.emulators.huggingface.jobs import At, Embedded, Prediction, Queue, Task
from tests.emulators.huggingface.outcomes import (
    ABSENT,
    Cut,
    Endless,
    Fail,
    Hang,
    Held,
    Json,
    Loading,
    Ok,
    Outcome,
    Raw,
    Reset,
    Silence,
    Slow,
    Trickle,
)
from tests.emulators.huggingface.server import Emulator

__all__ = [
    "ABSENT",
    "At",
    "Cut",
    "Embedded",
    "Emulator",
    "Endless",
    "Fail",
    "Hang",
    "Held",
    "Json",
    "Loading",
    "Ok",
    "Outcome",
    "Prediction",
    "Queue",
    "Raw",
    "Reset",
    "Silence",
    "Slow",
    "Stream",
    "Strict",
    "Task",
    "Trickle",
]
