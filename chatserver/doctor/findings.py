"""What the doctor found: one line for each thing looked at. No line ever holds a secret."""

from typing import Literal

from msgspec import Struct

Status = Literal["ok", "warning", "failure"]


class Finding(Struct, frozen=True):
    """One thing, how it is, and what mends it where it is not well."""

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
