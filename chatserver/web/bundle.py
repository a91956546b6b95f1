"""Draws a stylesheet's imports together, so that a page needs one request for it."""

import re
from pathlib import Path

_IMPORT = re.compile(r'@import url\("([^"]+)"\) layer\(([\w-]+)\);')


def stylesheet(path: Path) -> str:
    """The text of a stylesheet with its `@import url("…") layer(…);` lines replaced by the files."""

    def inline(match: re.Match[str]) -> str:
        return f"@layer {match[2]} {{\n{(path.parent / match[1]).read_text()}\n}}"

    return _IMPORT.sub(inline, path.read_text())


def javascript(path: Path) -> str:
    """The text of a module."""
    return path.read_text()
