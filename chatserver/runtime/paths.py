"""The folders of files that are not Python: beside the package in a checkout, inside it in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "_data"

ROOT = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
STATIC = ROOT / "static"
TEMPLATES = ROOT / "templates"
SQL = ROOT / "sql"
