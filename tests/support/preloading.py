"""Libraries of our own in C that a product loads before the system's."""

import shutil
import subprocess
from pathlib import Path

import pytest


def compiled(source: str, folder: Path) -> str:
    """The path of a library made from a file beside this one; skips where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip(f"NOT TESTED, {source}: there is no C compiler (Debian's packages `gcc` and `libc6-dev`)")
    library = folder / Path(source).with_suffix(".so").name
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", library, Path(__file__).parent / source, "-ldl"]
    subprocess.run(command, check=True)
    return str(library)
