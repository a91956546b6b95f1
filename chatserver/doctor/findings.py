"""What the doctor found: one line for each check. No line holds a secret."""

from typing import Literal

from msgspec import Struct

Status = Literal["ok", "warning", "failure"]


class Finding(Struct, frozen=True):
    """The result of one check: what was checked, its status, a sentence, and (`mend`) what repairs it."""

    name: str
    status: Status
    message: str
    mend: str = ""


def ok(name: str, message: str) -> Finding:
    return Finding(name, "ok", message)


def warning(name: str, message: str, mend: str) -> Finding:
    return Finding(name, "warning", message, mend)


def failure(name: str, message: str, mend: str) -> Finding:
    return Finding(name, "failure", message, mend)
