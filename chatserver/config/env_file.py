"""The file `.env`: settings as data, read by every command, below the variables of the environment.

`load` is called once by the command line, before anything reads a setting. The file lies in the working folder, or
where ENV_FILE says; an empty ENV_FILE reads none. The syntax is python-dotenv's, without its expansion of variables.
"""

import io
import os
import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from chatserver.errors import ConfigurationError

VARIABLE = "ENV_FILE"
DEFAULT = ".env"

_SINGLE_QUOTED = re.compile(r"=\s*'")
# An unclosed quotation mark makes the following lines part of the value.
_SWALLOWED_LINE = re.compile(r"\n\s*(?:export\s+)?[A-Z][A-Z0-9_]*\s*=")


@dataclass(frozen=True)
class Entry:
    """One line `NAME=value`, by its number from 1."""

    name: str
    value: str
    line: int


@dataclass(frozen=True)
class EnvFile:
    """A file that was read. `lines` has each name with the number of the line that set it in the environment."""

    path: Path
    lines: dict[str, int]

    def origin(self, name: str) -> str | None:
        """Where a variable came from, such as `.env:3`; None where not from this file."""
        return f"{self.path}:{self.lines[name]}" if name in self.lines else None


def load(environ: MutableMapping[str, str] | None = None) -> EnvFile:
    """Adds the file's settings to the environment, except those that are set already, even to an empty value.

    Raises ConfigurationError where the file cannot be read, or for its first invalid line.
    """
    environ = os.environ if environ is None else environ
    path = environ.get(VARIABLE, DEFAULT)
    text = _read(Path(path), required=VARIABLE in environ) if path else ""
    # The last of several lines with one name counts, as for a shell.
    entries = {entry.name: entry for entry in parse(text, path) if entry.name not in environ}
    # Encoded like every variable: as UTF-8, decoded by the locale.
    environ.update({name: os.fsdecode(entry.value.encode()) for name, entry in entries.items()})
    return EnvFile(Path(path), {name: entry.line for name, entry in entries.items()})


def parse(text: str, path: str = DEFAULT) -> list[Entry]:
    """Every setting of a file's text. Raises ConfigurationError with the number of a line that cannot be parsed."""
    bindings = parse_stream(io.StringIO(text))
    return [_entry(binding, path) for binding in bindings if binding.error or binding.key is not None]


def _read(path: Path, *, required: bool) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if required:
            raise ConfigurationError(f"{VARIABLE} names {path}, which does not exist.") from None
        return ""
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text. Save it as UTF-8.") from None


def _entry(binding: Binding, path: str) -> Entry:
    source = binding.original.string
    # The parser's line number is that of the first empty line before the entry.
    line = binding.original.line + source[: len(source) - len(source.lstrip())].count("\n")
    problem = _problem(binding)
    if problem:
        # Neither the line nor its value is repeated: it may hold a password.
        raise ConfigurationError(f"{path}, line {line}: {problem}")
    assert binding.key is not None and binding.value is not None
    return Entry(binding.key, binding.value, line)


def _problem(binding: Binding) -> str | None:
    if binding.error or binding.key is None:
        return "this is not NAME=value, or a quotation mark in it is not closed."
    if binding.value is None:
        return f"{binding.key} has no value; write {binding.key}=value."
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", binding.key):
        return "the name before = is not made of letters, digits and underscores."
    if "\0" in binding.value:
        return f"the value of {binding.key} holds a NUL character."
    if _SWALLOWED_LINE.search(binding.value):
        return f"the quotation mark of {binding.key} is not closed in its line."
    if "${" in binding.value and not _SINGLE_QUOTED.search(binding.original.string):
        return f"{binding.key} holds ${{…}}, which is not expanded here: write the value itself, or 'single quotes'."
    return None
