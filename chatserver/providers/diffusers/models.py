"""The model that DIFFUSERS_MODEL names, looked at without loading it: what is missing, and what people read."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

PACKAGES = ("torch", "diffusers", "transformers")
# What installs them in a checkout.
INSTALL = ".venv/bin/pip install --no-build-isolation --editable '.[diffusers]'"
INDEX = "model_index.json"
# What the hub allows as the name of a model: its owner's and its own.
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
# A part of a pipeline has one of these; with neither it is only half there.
PART_FILES = ("*.json", "*.txt", "*.model")


def missing_packages() -> list[str]:
    """Those of the extra `diffusers` that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def problem(model: str) -> str | None:
    """Why this model cannot be loaded, in a sentence for the operator; None where nothing speaks against it."""
    folder = Path(model).expanduser()
    if not folder.exists():
        return None if HUB_ID.fullmatch(model) else "The folder that DIFFUSERS_MODEL names is not there."
    if not folder.is_dir():
        return "DIFFUSERS_MODEL names a file; it must be the folder of a diffusers pipeline, or a hub id."
    if not (folder / INDEX).is_file():
        return f"The folder that DIFFUSERS_MODEL names holds no {INDEX}, so it is no diffusers pipeline."
    return _incomplete(folder)


def display_name(model: str) -> str:
    """A hub id as it is; of a folder only its own name, because where it lies concerns the operator alone."""
    return Path(model).name if Path(model).expanduser().exists() or not HUB_ID.fullmatch(model) else model


def _incomplete(folder: Path) -> str | None:
    try:
        index = msgspec.json.decode((folder / INDEX).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return f"The {INDEX} that DIFFUSERS_MODEL leads to cannot be read."
    lacking = [part for part in _parts(index) if not _is_there(folder / part)]
    return f"The pipeline that DIFFUSERS_MODEL names lacks: {', '.join(lacking)}." if lacking else None


def _parts(index: dict[str, Any]) -> Iterator[str]:
    """The folders of a pipeline's parts: those that the index gives a library and a class for."""
    for name, value in index.items():
        if isinstance(value, list) and len(value) == 2 and all(isinstance(word, str) for word in value):
            yield name


def _is_there(part: Path) -> bool:
    return any(next(part.glob(pattern), None) for pattern in PART_FILES)
