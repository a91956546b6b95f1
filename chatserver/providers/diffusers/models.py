"""Checks of DIFFUSERS_MODEL that load nothing: whether the pipeline is complete, and its name as shown to people."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

PACKAGES = ("torch", "diffusers", "transformers")
# The command that installs them in a checkout.
INSTALL = ".venv/bin/pip install --no-build-isolation --editable '.[diffusers]'"
INDEX = "model_index.json"
# Pipelines that need a picture and an instruction, and pipelines that take both; by their class or their hub id.
ONLY_EDITS = re.compile(r"pix-?2-?pix|image-?edit|ledits", re.I)
ALSO_EDITS = re.compile(r"kontext|flux-?\.?2", re.I)
# The form of a hub id: owner/name.
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
# A component of a pipeline has at least one of these; without any of them the copy is incomplete.
COMPONENT_FILES = ("*.json", "*.txt", "*.model")


def missing_packages() -> list[str]:
    """The packages of the extra `diffusers` that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def problem(model: str) -> str | None:
    """Why this model cannot be loaded, in a sentence for the operator; None where no problem is found."""
    folder = Path(model).expanduser()
    if not folder.exists():
        return None if HUB_ID.fullmatch(model) else "The folder that DIFFUSERS_MODEL names is not there."
    if not folder.is_dir():
        return "DIFFUSERS_MODEL names a file; it must be the folder of a diffusers pipeline, or a hub id."
    if not (folder / INDEX).is_file():
        return f"The folder that DIFFUSERS_MODEL names holds no {INDEX}, so it is no diffusers pipeline."
    return _incomplete(folder)


def tasks(model: str) -> frozenset[str]:
    """What a pipeline does: a new picture (`image`), a `variation` of one, an `edit` by an instruction.

    Of a folder its index says so; of a hub id, which may not be here yet, its name.
    """
    name = _pipeline_class(Path(model).expanduser()) or model
    if ONLY_EDITS.search(name):
        return frozenset({"edit"})
    # These make new pictures, too, and take a source only together with an instruction.
    return frozenset({"image", "edit"}) if ALSO_EDITS.search(name) else frozenset({"image", "variation"})


def _pipeline_class(folder: Path) -> str:
    """The class that the index of a pipeline's folder names; empty where there is none."""
    try:
        name = msgspec.json.decode((folder / INDEX).read_bytes(), type=dict[str, Any]).get("_class_name")
    except (OSError, msgspec.MsgspecError):
        return ""
    return name if isinstance(name, str) else ""


def display_name(model: str) -> str:
    """A hub id unchanged; of a folder only its last part, because its path is for the operator alone."""
    return Path(model).name if Path(model).expanduser().exists() or not HUB_ID.fullmatch(model) else model


def _incomplete(folder: Path) -> str | None:
    try:
        index = msgspec.json.decode((folder / INDEX).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return f"The {INDEX} that DIFFUSERS_MODEL leads to cannot be read."
    lacking = [name for name in _components(index) if not _is_there(folder / name)]
    return f"The pipeline that DIFFUSERS_MODEL names lacks: {', '.join(lacking)}." if lacking else None


def _components(index: dict[str, Any]) -> Iterator[str]:
    """The folder names of the components: the entries of the index with a library and a class."""
    for name, value in index.items():
        if isinstance(value, list) and len(value) == 2 and all(isinstance(word, str) for word in value):
            yield name


def _is_there(component: Path) -> bool:
    return any(next(component.glob(pattern), None) for pattern in COMPONENT_FILES)
