"""Bundles our scripts and stylesheets at the start, so that a page needs one request for each.

There is no build step: the sources are small modules that browsers could load as they are. The linker knows only the
forms that we use (`import { a, b as c } from "./x.js"`, `import "./x.js"`, `export const|function|class name`) and
refuses every other one when the server starts.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

_CSS_IMPORT = re.compile(r'@import url\("([^"]+)"\) layer\(([\w-]+)\);')
_CSS_COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)
_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.[^"]+)";?$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function\*?|const|class) (\w+)", re.MULTILINE)
_UNKNOWN = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
# A text between backticks, and what is computed within it.
_TEMPLATE, _COMPUTED = re.compile(r"`[^`]*`"), re.compile(r"\$\{[^{}]*\}")
_JS_COMMENT = re.compile(r"^\s*(?://.*|/\*\*[\s\S]*?\*/)\n", re.MULTILINE)
# At the end of a line of code. A text with these slashes in it has its closing quote behind them.
_TRAILING_COMMENT = re.compile(r"[ \t]+// [^\"'`\n]*$", re.MULTILINE)


def stylesheet(path: Path) -> str:
    """The text of a stylesheet with its `@import url("…") layer(…);` lines replaced by the files."""

    def inline(match: re.Match[str]) -> str:
        return f"@layer {match[2]} {{\n{_text(path.parent / match[1])}\n}}"

    return _CSS_COMMENT.sub("", _CSS_IMPORT.sub(inline, _text(path)))


class Scripts:
    """Links scripts. A module that several of them import is read once."""

    def __init__(self) -> None:
        self._modules: dict[Path, _Module] = {}

    def javascript(self, path: Path) -> str:
        """One script of a module and its imports, each once and after its dependencies. Raises ValueError."""
        linker = _Linker(self._modules)
        linker.link(path.resolve(), ())
        return "\n".join(linker.parts)


class _Module(NamedTuple):
    """A module as it is linked: its imports (names, and from where), its other lines without comments and indentation."""

    imports: list[tuple[str, Path]]
    body: str
    exports: list[str]


class _Linker:
    """Modules in the order in which they run; each is the body of a function, so that its names are local to it."""

    def __init__(self, modules: dict[Path, _Module]) -> None:
        self.parts: list[str] = []
        self._modules, self._names = modules, dict[Path, str]()

    def link(self, path: Path, importers: tuple[Path, ...]) -> str:
        """Links a module after its imports; returns the name of the constant that has its exports."""
        if path in importers:
            raise ValueError(f"{path.name} imports itself by way of {', '.join(each.name for each in importers)}")
        if path in self._names:
            return self._names[path]
        if path not in self._modules:
            self._modules[path] = _read(path)
        module = self._modules[path]
        linked = [(names, self.link(imported, (*importers, path))) for names, imported in module.imports]
        lines = [f"const {{{names}}} = {name}" for names, name in linked if names]
        name = self._names[path] = f"module{len(self._names)}"
        returned = [f"return {{ {', '.join(module.exports)} }}"] if module.exports else []
        body = "\n".join([*lines, module.body, *returned])
        self.parts.append(f"const {name} = (() => {{\n{body}\n}})();")
        return name


def _read(path: Path) -> _Module:
    text = _text(path)
    imports = [
        (match[1].replace(" as ", ": ") if match[1] else "", Path(os.path.normpath(path.parent / match[2])))
        for match in _IMPORT.finditer(text)
    ]
    exports = [match[2] for match in _EXPORT.finditer(text)]
    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub("", text))
    _refuse_unknown(path, body)
    _refuse_long_texts(path, body)
    code = _TRAILING_COMMENT.sub("", _JS_COMMENT.sub("", body))
    return _Module(imports, _INDENT.sub("", code).strip(), exports)


def _refuse_unknown(path: Path, body: str) -> None:
    unknown = _UNKNOWN.search(body)
    if unknown:
        raise ValueError(f"{path.name} has a form that the linker does not know: {unknown[0]}")


def _refuse_long_texts(path: Path, body: str) -> None:
    """Lines lose their indentation, which would be part of a text that goes on over several."""
    for text in _TEMPLATE.findall(body):
        if "\n" in _COMPUTED.sub("", text):
            raise ValueError(f"{path.name} has a text of several lines: {text}")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
