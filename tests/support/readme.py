"""The README's table of settings, made from `Config` itself. `python -m tests.support.readme` writes it."""

import dataclasses
from pathlib import Path

from chatserver.config import Config

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN = "<!-- settings: made by `python -m tests.support.readme`, checked by the tests -->\n"
END = "<!-- /settings -->"


def table() -> str:
    """Every setting with its default and its sentence, as Markdown."""
    rows = ["| Setting | Default | What it is |", "|---|---|---|"]
    for field in dataclasses.fields(Config):
        default = field.default
        shown = ", ".join(default) if isinstance(default, tuple) else "no" if default is False else str(default)
        names = " or ".join(f"`{name}`" for name in (field.name.upper(), *field.metadata["names"]))
        rows.append(f"| {names} | {f'`{shown}`' if shown else ''} | {field.metadata['sentence']} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """The README's text with the table as it should be."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END, 1)[1]


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
