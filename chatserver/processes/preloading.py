"""Imports the modules that libraries would import late, for processes that can open no file once they are confined."""

import importlib
import pkgutil
from collections.abc import Collection
from contextlib import suppress
from types import ModuleType


def import_all(package: ModuleType, *, but: Collection[str] = ()) -> None:
    """Imports every module of a package that can be imported here, except those named in `but`."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in but:
            with suppress(ImportError):
                importlib.import_module(f"{package.__name__}.{module.name}")
